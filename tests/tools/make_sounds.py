"""Make the sound files of `media/` again: `python tests/tools/make_sounds.py [FOLDER]`.

The prompt is spoken by eSpeak NG (from espeakng-loader), brought to the telephone band and level; the beep is a sine.
The files are telephone sound: 8000 Hz, 16 bit, mono.
"""

import ctypes
import sys
from collections.abc import Callable
from pathlib import Path

import espeakng_loader
import numpy as np
import numpy.typing as npt

from softswitch.audio import resample, tones, wav
from softswitch.audio.frame import TELEPHONE_HZ
from softswitch.audio.level import rms_at

WELCOME = "Hello! This is the softswitch demonstration. Have a nice day!"
#: Active speech level (ITU-T P.56 in short: RMS without the pauses), usual on telephone networks.
SPEECH_DBM0 = -18.0
#: A frame this far below the loudest (-25 dB) is a pause.
ACTIVE = 10 ** (-25 / 10)
#: No sample above -3 dB of full scale.
PEAK = 32767 * 10 ** (-3 / 20)
BEEP_HZ, BEEP_DBM0, BEEP_MS = 1000, -13.0, 300

Samples = npt.NDArray[np.float64]

_SYNCHRONOUS = 2
_UTF8 = 1
_RATE, _PITCH = 1, 3
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


def opened() -> tuple[Callable[..., bytes], int]:
    """Load the synthesiser; return what speaks, and the rate of the 16-bit sound that it makes."""
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    rate_hz = library.espeak_Initialize(_SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), 0)
    if rate_hz <= 0:
        raise SystemExit("eSpeak NG finds no voices: reinstall espeakng-loader")
    library.espeak_ng_SetRandSeed(ctypes.c_long(1))  # its breath is noise, and shall be the same noise each time
    heard: list[bytes] = []

    def hear(samples: "ctypes._Pointer[ctypes.c_short]", count: int, _events: int) -> int:
        if samples and count > 0:
            heard.append(ctypes.string_at(samples, count * 2))
        return 0

    callback = _CALLBACK(hear)

    def speak(text: str, *, voice: str = "en-us", words_per_minute: int = 160, pitch: int = 50) -> bytes:
        library.espeak_SetSynthCallback(callback)
        if library.espeak_SetVoiceByName(voice.encode()):
            raise SystemExit(f"eSpeak NG has no voice {voice!r}")
        library.espeak_SetParameter(_RATE, words_per_minute, 0)
        library.espeak_SetParameter(_PITCH, pitch, 0)
        heard.clear()
        octets = text.encode()
        library.espeak_Synth(octets, ctypes.c_size_t(len(octets) + 1), 0, 1, 0, _UTF8, None, None)
        return b"".join(heard)

    return speak, rate_hz


def levelled(pcm: bytes) -> bytes:
    """Return telephone speech at `SPEECH_DBM0`, its peaks within `PEAK`."""
    samples = highpassed(np.frombuffer(pcm, dtype="<i2").astype(np.float64))
    powers = np.mean(samples[: len(samples) // 160 * 160].reshape(-1, 160) ** 2, axis=1)
    gain = rms_at(SPEECH_DBM0) / np.sqrt(powers[powers > powers.max() * ACTIVE].mean())
    gain = min(gain, PEAK / np.abs(samples).max())
    return bytes(np.rint(samples * gain).astype("<i2").tobytes())


def highpassed(samples: Samples) -> Samples:
    """Return the sound without what a telephone does not carry below: nothing at 100 Hz, all from 250 Hz on."""
    spectrum = np.fft.rfft(samples)
    hertz = np.fft.rfftfreq(len(samples), 1 / TELEPHONE_HZ)
    spectrum *= np.sin(np.pi / 2 * np.clip((hertz - 100) / 150, 0, 1)) ** 2
    return np.fft.irfft(spectrum, len(samples))


def welcome() -> bytes:
    """Return the prompt of number 601."""
    speak, rate_hz = opened()
    return levelled(resample.resample(speak(WELCOME), rate_hz, TELEPHONE_HZ))


def beep() -> bytes:
    """Return the beep after which a caller is recorded."""
    return tones.burst([(BEEP_HZ, BEEP_DBM0)], BEEP_MS)


def main(folder: Path) -> None:
    """Write every sound file into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, pcm in (("welcome.wav", welcome()), ("beep.wav", beep())):
        wav.write(folder / name, pcm)
        print(f"{folder / name}: {len(pcm) // 16} ms")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[2] / "media")
