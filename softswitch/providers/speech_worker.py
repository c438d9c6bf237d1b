"""A speech engine in a process of its own: `python -m softswitch.providers.speech_worker stt|tts FD`.

It reads messages from the socket with that descriptor, answers on it, and ends when the switch does (end of file). It
imports as little as it can: every megabyte here is one for each worker.
"""

import json
import mmap
import os
import select
import signal
import socket
import sys
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final

from softswitch.providers import messages as m
from softswitch.providers import telephone_model
from softswitch.providers.messages import Message, Unpacker, pack
from softswitch.providers.vocabulary import vocabulary

#: Grammars kept ready after their calls: a switch has a few questions, asked again in every call.
MAX_IDLE_DECODERS: Final = 16
#: A partial result is looked for after so much sound: five times a second, a tenth of a millisecond each.
PARTIAL_BYTES: Final = 8000 * 2 // 5
#: Speech that fits a grammar badly was something else: mean acoustic score of a frame, logarithm to base 1.0001.
#: Both limits were set on 200 answers in ten voices over G.711, of which they keep all that were right.
MIN_MEAN_SCORE: Final = -50.0
#: The worst pause between words: where it is below, words were spoken that the grammar does not have.
MIN_PAUSE_SCORE: Final = -32.0
_READ_BYTES: Final = 65536


class Wire:
    """The socket to the switch."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._unpacker = Unpacker()
        self._waiting: deque[Message] = deque()

    def send(self, kind: int, stream: int, payload: bytes = b"") -> None:
        """Send a message; waits when the switch does not read, which stops this worker and nobody else."""
        self._socket.sendall(pack(kind, stream, payload))

    def next(self) -> Message:
        """Return the next message; EOFError when the switch is gone."""
        while not self._waiting:
            self._receive()
        return self._waiting.popleft()

    def closed(self, stream: int) -> bool:
        """Return whether a CLOSE for this stream has come meanwhile; other messages stay in line."""
        while select.select([self._socket], [], [], 0)[0]:
            self._receive()
        return any(message.kind == m.CLOSE and message.stream == stream for message in self._waiting)

    def _receive(self) -> None:
        data = self._socket.recv(_READ_BYTES)
        if not data:
            raise EOFError
        self._waiting.extend(self._unpacker.feed(data))


class Pronunciations:
    """The recogniser's dictionary on disk, looked up word by word: in memory it would be the largest thing here."""

    def __init__(self, path: str) -> None:
        with open(path, "rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._known: dict[str, list[str]] = {}

    def of(self, word: str) -> list[str]:
        """Return how a word is pronounced, in phones; empty when nobody wrote it down."""
        known = self._known.get(word)
        if known is None:
            known = self._known[word] = list(self._find(word))
        return known

    def _find(self, word: str) -> Iterator[str]:
        number = 1
        while True:
            entry = word if number == 1 else f"{word}({number})"
            at = self._map.find(f"\n{entry} ".encode())
            if at < 0:
                return
            end = self._map.find(b"\n", at + 1)
            yield self._map[at + 2 + len(entry.encode()) : end].decode().strip()
            number += 1


class Ear:
    """One stream of the recogniser: at most one utterance at a time."""

    __slots__ = ("bytes_since", "decoder", "grammar", "number", "partial")

    def __init__(self) -> None:
        self.grammar = ""
        self.decoder: Any = None
        self.number = 0
        self.partial = ""
        self.bytes_since = 0


class Recogniser:
    """pocketsphinx with a grammar for each expected answer; each utterance has a decoder to itself."""

    def __init__(self, wire: Wire) -> None:
        import pocketsphinx

        self._wire = wire
        self._make = pocketsphinx.Decoder
        model = pocketsphinx.get_model_path("en-us")
        self._acoustic = os.path.join(model, "en-us")
        with open(os.path.join(self._acoustic, "feat.params")) as file:
            self._features = file.read()
        self._words = Pronunciations(os.path.join(model, "cmudict-en-us.dict"))
        self._ears: dict[int, Ear] = {}
        self._idle: dict[str, list[Any]] = {}
        self._idle_count = 0

    def serve(self) -> None:
        """Handle messages until the switch is gone."""
        self._wire.send(m.READY, 0)
        while True:
            message = self._wire.next()
            ear = self._ears.get(message.stream)
            try:
                self._handle(message, ear)
            except Exception as error:  # an engine's fault is one utterance's, not the worker's
                if ear is not None:
                    ear.decoder = None
                self._wire.send(m.FAILED, message.stream, f"{type(error).__name__}: {error}".encode())

    def _handle(self, message: Message, ear: Ear | None) -> None:
        if message.kind == m.EXPECT:
            grammar = message.payload.decode()
            ear = self._ears.setdefault(message.stream, Ear())
            ear.grammar = grammar
            if grammar and not self._idle.get(grammar):
                self._put_back(grammar, self._decoder(grammar))
        elif message.kind == m.CLOSE:
            self._ears.pop(message.stream, None)
            if ear is not None:
                self._abandon(ear)
        elif ear is None:
            return
        elif message.kind == m.START:
            self._start(ear, int(message.payload))
        elif message.kind == m.SOUND and ear.decoder is not None:
            self._sound(message.stream, ear, message.payload)
        elif message.kind == m.FINISH:
            self._finish(message.stream, ear)

    def _start(self, ear: Ear, number: int) -> None:
        self._abandon(ear)
        ready = self._idle.get(ear.grammar)
        if ready:
            ear.decoder = ready.pop()
            self._idle_count -= 1
        else:
            ear.decoder = self._decoder(ear.grammar)
        ear.number, ear.partial, ear.bytes_since = number, "", 0
        ear.decoder.start_utt()

    def _sound(self, stream: int, ear: Ear, pcm: bytes) -> None:
        ear.decoder.process_raw(pcm)
        ear.bytes_since += len(pcm)
        if ear.bytes_since >= PARTIAL_BYTES:
            ear.bytes_since = 0
            found = ear.decoder.hyp()
            text = found.hypstr if found is not None else ""
            if text and text != ear.partial:
                ear.partial = text
                self._tell(stream, ear.number, text, final=False, confidence=None)

    def _finish(self, stream: int, ear: Ear) -> None:
        decoder = ear.decoder
        if decoder is None:
            self._wire.send(m.FAILED, stream, b"the utterance had failed before it ended")
            return
        decoder.end_utt()
        found = decoder.hyp()
        text = found.hypstr if found is not None else ""
        confidence = self._confidence(decoder, pauses="<d>" not in ear.grammar) if text else 0.0
        self._tell(stream, ear.number, text if confidence > 0 else "", final=True, confidence=confidence or None)
        ear.decoder = None
        self._put_back(ear.grammar, decoder)

    def _tell(self, stream: int, number: int, text: str, *, final: bool, confidence: float | None) -> None:
        heard = {"utterance": number, "text": text, "final": final, "confidence": confidence}
        self._wire.send(m.HEARD, stream, json.dumps(heard).encode())

    def _confidence(self, decoder: Any, *, pauses: bool) -> float:
        """Return 0 for speech that was something else, more the better the words fit, 1 at best.

        pauses: judge them too; not in numbers, which are dictated with a breath in between, and read back anyhow.
        """
        log = decoder.logmath.log
        frames = score = 0
        for segment in decoder.seg():
            length = segment.end_frame - segment.start_frame + 1
            if segment.end_frame < 0 or segment.word == "(NULL)":
                continue
            own = log(segment.ascore)
            if segment.word.startswith("<"):
                if pauses and own / length < MIN_PAUSE_SCORE:
                    return 0.0
                continue
            frames += length
            score += own
        mean = score / frames if frames else MIN_MEAN_SCORE
        return 0.0 if mean <= MIN_MEAN_SCORE else round(min(1.0, 1.0 + mean / 100.0), 3)

    def _decoder(self, grammar: str) -> Any:
        """Make a decoder for one grammar: its words only, so it is small, and ready in some milliseconds."""
        words = vocabulary(grammar)
        unknown = [word for word in words if not self._words.of(word)]
        if unknown:
            raise LookupError(f"nobody has written down how to pronounce: {', '.join(unknown)}")
        lines = [
            f"{word if number == 0 else f'{word}({number + 1})'} {phones}\n"
            for word in words
            for number, phones in enumerate(self._words.of(word))
        ]
        # The decoder reads files only; these three are so small and so many that they are files in memory.
        texts = ("".join(lines), telephone_model.adaptation(), telephone_model.features(self._features))
        files = [_in_memory(text) for text in texts]
        dictionary, adaptation, features = (f"/proc/self/fd/{file}" for file in files)
        try:
            decoder = self._make(
                hmm=self._acoustic,
                lm=None,
                dict=dictionary,
                mllr=adaptation,
                featparams=features,
                samprate=telephone_model.TELEPHONE_HZ,
                bestpath=False,
                loglevel="FATAL",
            )
        finally:
            for file in files:
                os.close(file)
        decoder.add_jsgf_string("a", grammar)
        decoder.activate_search("a")
        return decoder

    def _abandon(self, ear: Ear) -> None:
        decoder, ear.decoder = ear.decoder, None
        if decoder is not None:
            decoder.end_utt()
            self._put_back(ear.grammar, decoder)

    def _put_back(self, grammar: str, decoder: Any) -> None:
        if self._idle_count >= MAX_IDLE_DECODERS:
            oldest = next(iter(self._idle))
            self._idle_count -= len(self._idle.pop(oldest))
        self._idle.setdefault(grammar, []).append(decoder)
        self._idle_count += 1


def _in_memory(text: str) -> int:
    descriptor = os.memfd_create("words")
    os.write(descriptor, text.encode())
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


class Synthesiser:
    """eSpeak NG by callback: every 20 ms piece is on its way while the next one is made."""

    def __init__(self, wire: Wire) -> None:
        import ctypes

        import espeakng_loader

        self._wire = wire
        self._string_at = ctypes.string_at
        self._library = library = ctypes.CDLL(espeakng_loader.get_library_path())
        made = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
        library.espeak_Initialize.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_int]
        library.espeak_Synth.argtypes = [
            *(ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int),
            *(ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p),
        ]
        synchronous, no_exit = 2, 0x8000
        self._rate_hz = library.espeak_Initialize(synchronous, 20, espeakng_loader.get_data_path().encode(), no_exit)
        if self._rate_hz <= 0:
            raise RuntimeError("eSpeak NG did not start")
        self._callback = made(self._made)
        library.espeak_SetSynthCallback(self._callback)
        self._stream = 0
        self._stopped = False

    def serve(self) -> None:
        """Handle messages until the switch is gone."""
        self._wire.send(m.READY, 0, str(self._rate_hz).encode())
        while True:
            message = self._wire.next()
            if message.kind == m.SPEAK:
                self._speak(message)

    def _speak(self, message: Message) -> None:
        if self._wire.closed(message.stream):
            return
        wanted = json.loads(message.payload)
        self._stream, self._stopped = message.stream, False
        library = self._library
        if library.espeak_SetVoiceByName(wanted["voice"].encode()) != 0:
            self._wire.send(m.FAILED, message.stream, f"eSpeak NG has no voice {wanted['voice']}".encode())
            return
        rate, utf8 = 1, 1
        library.espeak_SetParameter(rate, int(wanted["words_a_minute"]), 0)
        text = wanted["text"].encode().replace(b"\0", b" ")
        status = library.espeak_Synth(text, len(text) + 1, 0, 1, 0, utf8, None, None)
        if self._stopped:
            return
        if status == 0:
            self._wire.send(m.DONE, message.stream)
        else:
            self._wire.send(m.FAILED, message.stream, f"eSpeak NG failed with status {status}".encode())

    def _made(self, samples: Any, count: int, _events: Any) -> int:
        if samples and count > 0:
            self._wire.send(m.SAMPLES, self._stream, self._string_at(samples, count * 2))
        if self._wire.closed(self._stream):
            self._stopped = True
            return 1  # asks eSpeak NG to stop here
        return 0


def main() -> None:
    """Serve until the switch closes its end."""
    kind, descriptor = sys.argv[1], int(sys.argv[2])
    # Ctrl-C at a terminal reaches the whole group; the switch decides when its workers end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    engines: dict[str, Callable[[Wire], Any]] = {"stt": Recogniser, "tts": Synthesiser}
    wire = Wire(descriptor)
    try:
        engines[kind](wire).serve()
    except (EOFError, ConnectionError):
        return


if __name__ == "__main__":
    main()
