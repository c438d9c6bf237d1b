"""The synthesiser inside a worker: eSpeak NG by callback, every piece on its way while the next one is made."""

import audioop
import ctypes
import json
import math
import os
from typing import Any, Final

from softswitch.providers import messages as m
from softswitch.providers.downsample import Downsampler
from softswitch.providers.messages import Message
from softswitch.providers.wire import Answers

#: Level of speech while it lasts, and its place on our scale: 0 dBm0 is 3.17 dB under a full-scale sine (G.711).
LEVEL_DBM0: Final = -18.0
_ZERO_DBM0_RMS: Final = 32767 / math.sqrt(2) / 10 ** (3.17 / 20)
#: Digits are spoken in every language: a voice is measured on these before it is heard.
_SAMPLE: Final = b"1 2 3 4 5 6 7 8 9 0"
#: Parts of speech quieter than this, beside the loudest 20 ms, are pauses.
_PAUSE: Final = 0.1
#: No voice needs more; one that seems to is broken, and would only be made loud.
MAX_GAIN: Final = 4.0
#: Voices whose level is remembered.
MAX_VOICES: Final = 64

# eSpeak NG, speak_lib.h.
_SYNCHRONOUS: Final = 2
_NO_EXIT: Final = 0x8000
_UTF8: Final = 1
_RATE: Final = 1
_BUFFER_MS: Final = 20


class Synthesiser:
    """Speaks one text after another."""

    def __init__(self, wire: Answers) -> None:
        self._wire = wire
        self._library = library = ctypes.CDLL(_library_path())
        library.espeak_Initialize.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_int]
        library.espeak_Synth.argtypes = [
            *(ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int),
            *(ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p),
        ]
        made = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
        self._rate_hz = library.espeak_Initialize(_SYNCHRONOUS, _BUFFER_MS, _data_path().encode(), _NO_EXIT)
        if self._rate_hz <= 0:
            raise RuntimeError("eSpeak NG did not start")
        self._callback = made(self._made)
        library.espeak_SetSynthCallback(self._callback)
        self._gains: dict[str, float] = {}
        self._sample: list[bytes] | None = None
        self._stream = 0
        self._stopped = False
        self._down = Downsampler(self._rate_hz)

    @property
    def greeting(self) -> bytes:
        """What the switch is told when all is ready."""
        return b""

    def handle(self, message: Message) -> None:
        """Take one message."""
        if message.kind != m.SPEAK or self._wire.closed(message.stream):
            return
        try:
            self._speak(message.stream, **json.loads(message.payload))
        except (RuntimeError, ValueError, TypeError) as error:
            self._wire.send(m.FAILED, message.stream, str(error).encode())

    def _speak(self, stream: int, *, text: str, voice: str, words_a_minute: int) -> None:
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise RuntimeError(f"eSpeak NG has no voice {voice}")
        self._library.espeak_SetParameter(_RATE, words_a_minute, 0)
        self._down = Downsampler(self._rate_hz, self._gain(voice))
        self._stream, self._stopped = stream, False
        self._synthesise(text.encode().replace(b"\0", b" "))
        if not self._stopped:
            self._wire.send(m.SAMPLES, stream, self._down.finish())
            self._wire.send(m.DONE, stream)

    def _synthesise(self, text: bytes) -> None:
        status = self._library.espeak_Synth(text, len(text) + 1, 0, 1, 0, _UTF8, None, None)
        if status != 0 and not self._stopped:
            raise RuntimeError(f"eSpeak NG failed with status {status}")

    def _made(self, samples: Any, count: int, _events: Any) -> int:
        """Take sound from eSpeak NG; 1 asks it to stop here."""
        if samples and count > 0:
            pcm = ctypes.string_at(samples, count * 2)
            if self._sample is not None:
                self._sample.append(pcm)
                return 0
            self._stopped = not self._pass_on(self._down.feed(pcm))
        return 1 if self._stopped else 0

    def _pass_on(self, frames: bytes) -> bool:
        """Send frames; False when nobody wants more of them. An exception would be lost in the library."""
        try:
            if frames:
                self._wire.send(m.SAMPLES, self._stream, frames)
            return not self._wire.closed(self._stream)
        except (EOFError, OSError):
            return False  # the switch is gone, which whoever reads the next message finds out

    def _gain(self, voice: str) -> float:
        """Return what brings the voice that is set now to the level of speech."""
        gain = self._gains.get(voice)
        if gain is None:
            self._sample = []
            try:
                self._synthesise(_SAMPLE)
                gain = gain_for(b"".join(self._sample), self._rate_hz)
            finally:
                self._sample = None
            if len(self._gains) >= MAX_VOICES:
                self._gains.clear()
            self._gains[voice] = gain
        return gain


def gain_for(pcm: bytes, rate_hz: int) -> float:
    """Return the factor that brings speech to `LEVEL_DBM0`, pauses not counted; 1 for silence."""
    size = rate_hz // 50 * 2
    levels = [audioop.rms(pcm[at : at + size], 2) for at in range(0, len(pcm) - size + 1, size)]
    loudest = max(levels, default=0)
    if loudest == 0:
        return 1.0
    spoken = [level * level for level in levels if level > loudest * _PAUSE]
    wanted = _ZERO_DBM0_RMS * 10 ** (LEVEL_DBM0 / 20)
    return min(MAX_GAIN, wanted / math.sqrt(sum(spoken) / len(spoken)))


def _library_path() -> str:
    import espeakng_loader

    return str(espeakng_loader.get_library_path())


def _data_path() -> str:
    import espeakng_loader

    path = str(espeakng_loader.get_data_path())
    if not os.path.isdir(path):
        raise RuntimeError(f"eSpeak NG has no data in {path}")
    return path
