"""The recogniser inside a worker: pocketsphinx with a grammar for each expected answer.

Theory of operation. A decoder can hear one utterance at a time, so each utterance takes one to itself and gives it
back. With only the words of its grammar a decoder is made in some 20 ms and costs 7 MiB, so decoders are kept
by grammar: a switch has a few questions, asked again in every call. What is learned of a caller, his cepstral mean,
goes with the stream and not with the decoder.
"""

import audioop
import json
import math
import mmap
import os
from collections.abc import Iterator
from typing import Any, Final

from softswitch.providers import messages as m
from softswitch.providers import telephone_model
from softswitch.providers.messages import Message
from softswitch.providers.vocabulary import PHONE_MARK, vocabulary
from softswitch.providers.wire import Answers

#: Grammars kept ready after their calls, 7 MiB each.
MAX_IDLE_DECODERS: Final = 5
#: Utterances heard at once: what one core can decode in real time, with some room.
MAX_UTTERANCES: Final = 32
#: A partial result is looked for after so much sound: five times a second, a tenth of a millisecond each.
PARTIAL_BYTES: Final = telephone_model.TELEPHONE_HZ * 2 // 5
#: The price of each word: against digits that are heard where there are none.
WORD_INSERTION: Final = 0.01
#: Words that fit worse than this were something else: of right answers it costs one or two in a hundred, and takes a
#: third of the other speech that came past the grammar's own way out.
MIN_CONFIDENCE: Final = 0.42
#: Mean score of a pause below which words were spoken in it, and frames of 10 ms beyond which a word was several.
MIN_PAUSE_SCORE: Final = -45.0
MAX_WORD_FRAMES: Final = 80
#: The first sound of a caller, from which his level is estimated: what was kept from before, and his first word.
LEVEL_BYTES: Final = telephone_model.TELEPHONE_HZ * 2 * 7 // 10
_LEVEL_STEP: Final = 320
_FAINTEST_DBM0, _LOUDEST_DBM0 = -40.0, -5.0
#: 0 dBm0 in decibels of our samples: 3.17 dB under a full-scale sine (G.711).
_ZERO_DBM0_DB: Final = 20.0 * math.log10(32767 / math.sqrt(2)) - 3.17


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
        if word.startswith(PHONE_MARK):
            yield word.removeprefix(PHONE_MARK).upper()
            return
        wanted, at = word.encode(), self._first(word.encode())
        while at < len(self._map):
            end = self._end(at)
            entry, _, phones = self._map[at:end].partition(b" ")
            if entry.partition(b"(")[0] != wanted:
                return
            yield phones.decode().strip()
            at = end + 1

    def _first(self, word: bytes) -> int:
        """Return where the first entry stands that is not before `word`: the file is in order of bytes."""
        low, high = 0, len(self._map)
        while low < high:
            start = self._map.rfind(b"\n", 0, (low + high) // 2) + 1
            end = self._end(start)
            if self._map[start:end].partition(b" ")[0].partition(b"(")[0] < word:
                low = end + 1
            else:
                high = start
        return low

    def _end(self, at: int) -> int:
        end = self._map.find(b"\n", at)
        return end if end >= 0 else len(self._map)


class Ear:
    """One stream of the recogniser: at most one utterance at a time."""

    __slots__ = ("bytes_since", "decoder", "first", "grammar", "heard_by", "mean", "number", "partial")

    def __init__(self) -> None:
        self.grammar = ""
        self.mean = ""
        self.first = b""
        self.decoder: Any = None
        self.heard_by = ""
        self.number = 0
        self.partial = ""
        self.bytes_since = 0


class Recogniser:
    """Answers the messages of every stream, in the order in which they come."""

    def __init__(self, wire: Answers) -> None:
        import pocketsphinx

        self._wire = wire
        self._make = pocketsphinx.Decoder
        model = pocketsphinx.get_model_path("en-us")
        self._acoustic = os.path.join(model, "en-us")
        with open(os.path.join(self._acoustic, "feat.params")) as file:
            self._features = telephone_model.features(file.read())
        self._adaptation = telephone_model.adaptation()
        self._words = Pronunciations(os.path.join(model, "cmudict-en-us.dict"))
        self._ears: dict[int, Ear] = {}
        self._idle: dict[str, list[Any]] = {}
        self._idle_count = 0
        self._busy = 0

    @property
    def greeting(self) -> bytes:
        """What the switch is told when all is ready."""
        return b""

    def handle(self, message: Message) -> None:
        """Take one message. An engine's fault is one utterance's, never the worker's."""
        ear = self._ears.get(message.stream)
        try:
            self._handle(message, ear)
        except (LookupError, RuntimeError, ValueError, OSError) as error:
            if ear is None:
                return
            if ear.decoder is not None:
                ear.decoder = None
                self._busy -= 1
            if message.kind != m.EXPECT:  # the utterance that needs the grammar will fail, and say so
                failed = {"utterance": ear.number, "reason": str(error)}
                self._wire.send(m.FAILED, message.stream, json.dumps(failed).encode())

    def _handle(self, message: Message, ear: Ear | None) -> None:
        if message.kind == m.EXPECT:
            self._expect(message.stream, message.payload.decode())
        elif ear is None:
            return
        elif message.kind == m.CLOSE:
            del self._ears[message.stream]
            self._abandon(ear)
        elif message.kind == m.START:
            self._start(ear, int(message.payload))
        elif message.kind == m.SOUND and ear.decoder is not None:
            self._sound(message.stream, ear, message.payload)
        elif message.kind == m.FINISH:
            self._finish(message.stream, ear)

    def _expect(self, stream: int, grammar: str) -> None:
        ear = self._ears.setdefault(stream, Ear())
        ear.grammar = grammar
        if not self._idle.get(grammar):  # made now, while the question is still being asked
            self._put_back(grammar, self._decoder(grammar))

    def _start(self, ear: Ear, number: int) -> None:
        self._abandon(ear)
        ear.number, ear.partial, ear.bytes_since = number, "", 0
        if self._busy >= MAX_UTTERANCES:
            raise RuntimeError(f"{MAX_UTTERANCES} callers speak at once; give `speech` more workers")
        ready = self._idle.get(ear.grammar)
        if ready:
            decoder = ready.pop()
            self._idle_count -= 1
        else:
            decoder = self._decoder(ear.grammar)
        self._busy += 1
        ear.decoder, ear.heard_by, ear.first = decoder, ear.grammar, b""
        if ear.mean:
            decoder.set_cmn(ear.mean)
        decoder.start_utt()

    def _sound(self, stream: int, ear: Ear, pcm: bytes) -> None:
        if not ear.mean:
            ear.first += pcm
            if len(ear.first) < LEVEL_BYTES:
                return
            pcm = self._know(ear)
        ear.decoder.process_raw(pcm)
        ear.bytes_since += len(pcm)
        if ear.bytes_since >= PARTIAL_BYTES:
            ear.bytes_since = 0
            text = _text(ear.decoder)
            if text and text != ear.partial:
                ear.partial = text
                self._tell(stream, ear.number, text, final=False, confidence=None)

    def _know(self, ear: Ear) -> bytes:
        """Estimate a new caller's cepstral mean from his first sound; return that sound."""
        ear.mean = telephone_model.cepstral_mean(speech_level(ear.first))
        ear.decoder.set_cmn(ear.mean)
        first, ear.first = ear.first, b""
        return first

    def _finish(self, stream: int, ear: Ear) -> None:
        decoder = ear.decoder
        if decoder is None:
            return  # it failed, and that was told
        if ear.first:
            decoder.process_raw(self._know(ear))
        decoder.end_utt()
        text = _text(decoder)
        confidence = _confidence(decoder) if text else 0.0
        if confidence < MIN_CONFIDENCE:
            text = ""
        self._tell(stream, ear.number, text, final=True, confidence=confidence if text else None)
        if text:
            ear.mean = decoder.get_cmn()
        self._release(ear)

    def _tell(self, stream: int, number: int, text: str, *, final: bool, confidence: float | None) -> None:
        heard = {"utterance": number, "text": text, "final": final, "confidence": confidence}
        self._wire.send(m.HEARD, stream, json.dumps(heard).encode())

    def _abandon(self, ear: Ear) -> None:
        if ear.decoder is not None:
            ear.decoder.end_utt()
            self._release(ear)

    def _release(self, ear: Ear) -> None:
        decoder, ear.decoder = ear.decoder, None
        self._busy -= 1
        self._put_back(ear.heard_by, decoder)

    def _put_back(self, grammar: str, decoder: Any) -> None:
        while self._idle_count >= MAX_IDLE_DECODERS:
            oldest = next(iter(self._idle))
            self._idle_count -= len(self._idle.pop(oldest))
        # Taken out and put in again: the grammar used last stands last.
        self._idle[grammar] = [*self._idle.pop(grammar, []), decoder]
        self._idle_count += 1

    def _decoder(self, grammar: str) -> Any:
        """Make a decoder for one grammar."""
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
        files = [_in_memory(text) for text in ("".join(lines), self._adaptation, self._features)]
        dictionary, adaptation, features = (f"/proc/self/fd/{file}" for file in files)
        try:
            decoder = self._make(
                hmm=self._acoustic,
                lm=None,
                dict=dictionary,
                mllr=adaptation,
                featparams=features,
                samprate=telephone_model.TELEPHONE_HZ,
                wip=WORD_INSERTION,
                bestpath=False,  # a search of half a second after a long number, for little
                loglevel="FATAL",
            )
        finally:
            for file in files:
                os.close(file)
        decoder.add_jsgf_string("a", grammar)
        decoder.activate_search("a")
        return decoder


def _text(decoder: Any) -> str:
    """Return the words heard so far; empty where they were something else."""
    found = decoder.hyp()
    if found is None:
        return ""
    words: list[str] = found.hypstr.split()
    return "" if any(word.startswith(PHONE_MARK) for word in words) else " ".join(words)


def _confidence(decoder: Any) -> float:
    """Return how well the words fit the sound: 1 at best, from the mean acoustic score of a frame; 0: not at all."""
    log = decoder.logmath.log
    frames = score = 0
    for segment in decoder.seg():
        length, own = segment.end_frame - segment.start_frame + 1, log(segment.ascore)
        if length <= 0 or segment.word.startswith("("):
            continue
        if segment.word.startswith(("<", "[")):
            if own / length < MIN_PAUSE_SCORE:
                return 0.0
            continue
        if length > MAX_WORD_FRAMES:
            return 0.0
        frames += length
        score += own
    return round(min(1.0, max(0.0, 1.0 + score / frames / 100.0)), 3) if frames else 0.0


def speech_level(pcm: bytes) -> float:
    """Return the level of speech in dBm0, pauses not counted, within what telephones carry."""
    levels = [audioop.rms(pcm[at : at + _LEVEL_STEP], 2) for at in range(0, len(pcm), _LEVEL_STEP)]
    loudest = max(levels, default=0)
    spoken = [level * level for level in levels if level * 10 > loudest] or [1]
    dbm0 = 10.0 * math.log10(max(1.0, sum(spoken) / len(spoken))) - _ZERO_DBM0_DB
    return min(_LOUDEST_DBM0, max(_FAINTEST_DBM0, dbm0))


def _in_memory(text: str) -> int:
    descriptor = os.memfd_create("words")
    os.write(descriptor, text.encode())
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
