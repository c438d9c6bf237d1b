"""Whose turn is it? Voice activity, transcripts, keys and what we are saying go in; decisions come out. Pure.

Theory of operation. The driver tells the machine of every 20 ms it heard (`hear`), of transcripts, of keys, and of its
own voice (`voice_started`, `voice_stopped`). Silence inside an utterance is counted in frames, not read off a clock, so
that a stalled loop never cuts a caller off. An utterance opens on a few voiced frames and closes after a patience that
depends on what is expected and on what the latest partial transcript already holds; its final transcript is the turn.
While our voice plays, an utterance counts only once enough of it was voiced: then the voice pauses, and is dropped as
soon as there are words, or goes on where it stood if there are none. Every `StopVoice` is followed by a `StartReply`,
sooner or later, whatever the caller does: that is what keeps a conversation from hanging.
"""

import enum
from dataclasses import dataclass
from typing import Final, Literal

from softswitch.audio.frame import FRAME_MS, FRAME_SECONDS
from softswitch.conversation.policy import Reason, Utterance
from softswitch.conversation.ports import Expectation, Transcript
from softswitch.conversation.words import digits, is_complete, normalise

#: Keys pressed ahead of the question they answer; a person types a menu path and a number, a stuck key types for ever.
MAX_EARLY_KEYS: Final = 32


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """How turns are taken. Milliseconds are rounded down to frames.

    onset_ms, onset_window_ms: so much voice within that window opens an utterance. barge_in_ms, barge_in_window_ms: so
    much interrupts us; a click is under it, the shortest word is over it. min_speech_ms: less than this is a click.
    barge_in: `off`, `pause` (the voice goes on if no words come), `stop` (it never goes on).
    match_ms: patience after a complete answer. phrase_ms: after none yet. full_ms: after as many digits as can come;
    not zero, because partial transcripts guess ahead while the last digit is still being said. enough_digits_ms,
    few_digits_ms: between groups of digits. free_ms: in free speech. key_echo_ms: sound after a key that is its
    tone. final_timeout: seconds a recogniser has for its final transcript. key_timeout: between two keys.
    resolve_timeout: seconds an interruption may stay undecided. max_answer_ms, max_digits_ms, max_free_ms: of one
    utterance, by what is expected; then the caller is interrupted.
    """

    onset_ms: int = 60
    onset_window_ms: int = 100
    barge_in: Literal["off", "pause", "stop"] = "pause"
    barge_in_ms: int = 140
    barge_in_window_ms: int = 240
    min_speech_ms: int = 100
    match_ms: int = 220
    phrase_ms: int = 460
    full_ms: int = 200
    enough_digits_ms: int = 800
    few_digits_ms: int = 1300
    free_ms: int = 800
    key_echo_ms: int = 160
    final_timeout: float = 3.0
    key_timeout: float = 3.0
    resolve_timeout: float = 2.0
    max_answer_ms: int = 8_000
    max_digits_ms: int = 25_000
    max_free_ms: int = 60_000


@dataclass(frozen=True, slots=True)
class StartUtterance:
    """Let the recogniser hear from now on, the sound kept from before included. `began`: the first voiced frame."""

    utterance: int
    began: float


@dataclass(frozen=True, slots=True)
class EndUtterance:
    """Tell the recogniser that the utterance is over. `wanted` False: its transcript will not be used."""

    utterance: int
    speech_end: float
    wanted: bool


@dataclass(frozen=True, slots=True)
class PauseVoice:
    """Silence our voice but keep what it has to say: somebody interrupts. `began`: his first voiced frame."""

    began: float


@dataclass(frozen=True, slots=True)
class ResumeVoice:
    """Go on speaking where it was paused: nothing was said."""


@dataclass(frozen=True, slots=True)
class StopVoice:
    """Drop our voice and the reply it belongs to. `paused`: it was silent already."""

    by: Literal["speech", "key"]
    began: float
    paused: bool


@dataclass(frozen=True, slots=True)
class StartReply:
    """The caller's turn is over: reply to it. Times are those of the ledger."""

    heard: Utterance
    speech_end: float
    end_of_turn: float
    final_transcript: float


Output = StartUtterance | EndUtterance | PauseVoice | ResumeVoice | StopVoice | StartReply


class _Voice(enum.Enum):
    OFF = 0
    ON = 1
    PAUSED = 2


def _frames(milliseconds: int) -> int:
    return max(1, milliseconds // FRAME_MS)


class TurnTaker:
    """The machine of turns of one conversation. `waiting` is true when there is something to drain."""

    def __init__(self, settings: TurnSettings | None = None) -> None:
        self._settings = settings = settings or TurnSettings()
        self._onset = _frames(settings.onset_ms)
        self._onset_mask = (1 << _frames(settings.onset_window_ms)) - 1
        self._barge_in = _frames(settings.barge_in_ms)
        self._window_mask = (1 << _frames(settings.barge_in_window_ms)) - 1
        self._min_speech = _frames(settings.min_speech_ms)
        self._outputs: list[Output] = []
        self._closed = False
        # What we are doing.
        self._voice = _Voice.OFF
        self._interruptible = True
        self._listening = False
        self._timeout = 0.0
        self._silence_by: float | None = None
        self._expectation: Expectation | None = None
        self._grammar: Expectation | None = None
        # What the caller says.
        self._window = 0
        self._muted = 0
        self._talks_on = False
        self._count = 0
        self._open = 0
        self._awaited = 0
        self._frames = self._voiced = self._quiet = 0
        self._patience = self._limit = 1
        self._began = self._last_voiced = self._ended = 0.0
        self._text = ""
        self._barged_in = False
        self._final_by: float | None = None
        self._resolve_by: float | None = None
        # What the caller types.
        self._keys = ""
        self._keys_by: float | None = None
        self._last_key = 0.0
        self._early_keys = ""
        self._surplus_key = ""
        self._surplus_by = 0.0

    @property
    def waiting(self) -> bool:
        """True when `drain` would return something."""
        return bool(self._outputs)

    @property
    def closed(self) -> bool:
        """True after `close`."""
        return self._closed

    def drain(self) -> list[Output]:
        """Return the decisions since the last drain, in order."""
        outputs, self._outputs = self._outputs, []
        return outputs

    # What the agent does -------------------------------------------------------------------------------------------

    def expect(self, expectation: Expectation, *, now: float) -> None:
        """The recogniser was told to expect this from the next utterance on."""
        changed = expectation != self._grammar
        self._expectation = self._grammar = expectation
        if self._open and changed:
            # He went on speaking into the next question: the recogniser must hear him with the new grammar.
            voiced, began = self._voiced, self._began
            self._drop_utterance(now)
            self._begin(began, voiced, now)
        self._measure(now)
        self._type_early_keys(now)

    def listen(self, timeout: float, *, now: float) -> None:
        """Our reply is complete: `timeout` seconds of silence after our voice ended are an answer too."""
        self._listening = True
        self._timeout = timeout
        if self._voice is _Voice.OFF:
            self._silence_by = now + timeout

    def voice_started(self, *, interruptible: bool, now: float) -> None:
        """Our voice is heard from now on, or goes on with a piece that is (not) `interruptible`."""
        if self._voice is _Voice.OFF:
            self._voice = _Voice.ON
            self._silence_by = None
        self._interruptible = interruptible
        self._type_early_keys(now)

    def voice_stopped(self, *, now: float) -> None:
        """Our voice came to its end."""
        if self._voice is _Voice.OFF:
            return
        self._voice = _Voice.OFF
        self._resolve_by = None
        if self._listening:
            self._silence_by = now + self._timeout
        self._type_early_keys(now)

    def postpone(self, seconds: float) -> None:
        """The conversation stood still for so long (hold): every deadline moves."""
        for name in ("_silence_by", "_final_by", "_resolve_by", "_keys_by"):
            moment = getattr(self, name)
            if moment is not None:
                setattr(self, name, moment + seconds)

    def close(self) -> None:
        """The conversation ends: nothing is decided any more."""
        self._closed = True
        self._outputs.clear()
        self._silence_by = self._final_by = self._resolve_by = self._keys_by = None

    # What the caller does ------------------------------------------------------------------------------------------

    def hear(self, voiced: bool, *, now: float) -> None:
        """Hear 20 ms that were voiced or not."""
        if self._muted:
            self._muted -= 1
            voiced = False
        window = self._window = (self._window << 1 | voiced) & self._window_mask
        if not self._open:
            if not window:
                self._talks_on = False
            elif (window & self._onset_mask).bit_count() >= self._onset and self._may_begin():
                oldest = (window & self._onset_mask).bit_length() - 1
                self._begin(now - oldest * FRAME_SECONDS, window.bit_count(), now)
            return
        self._frames += 1
        if voiced:
            self._voiced += 1
            self._quiet = 0
            self._last_voiced = now
            if self._voice is _Voice.ON and window.bit_count() >= self._barge_in and self._may_barge_in():
                self._interrupt(now)
            if self._frames >= self._limit:
                self._talks_on = True
                self._end(now)
        else:
            self._quiet += 1
            if self._quiet >= self._patience:
                self._end(now)

    def transcript(self, heard: Transcript, *, now: float) -> None:
        """The recogniser heard something; late words of utterances that are settled are dropped."""
        if self._closed or not heard.utterance or heard.utterance not in (self._open, self._awaited):
            return
        text = normalise(heard.text)
        if heard.final:
            if heard.utterance == self._open:
                self._end(now, wanted=False)
            self._settle("speech" if text else "no_match", text, heard.confidence, now)
            return
        if heard.utterance != self._open:
            return
        self._text = text
        if text and self._voice is _Voice.PAUSED:
            self._stop_voice("speech", self._began)
        self._measure(now)

    def engine_failed(self, utterance: int, *, now: float) -> None:
        """The recogniser will not say what it heard in `utterance`."""
        if self._closed or not utterance or utterance not in (self._open, self._awaited):
            return
        if utterance == self._open:
            self._end(now, wanted=False)
        self._settle("engine_failed", "", None, now)

    def key(self, digit: str, *, now: float) -> None:
        """The caller pressed a key: it stops our voice, and is an answer or a part of one."""
        if self._closed:
            return
        self._muted = _frames(self._settings.key_echo_ms)
        surplus, self._surplus_key = self._surplus_key, ""
        if digit == surplus and now < self._surplus_by:
            return
        expectation = self._expectation
        if expectation is None or (self._voice is not _Voice.OFF and not self._interruptible):
            # The question it answers is not asked yet, or may not be cut short: the key is kept for it.
            self._early_keys = (self._early_keys + digit)[:MAX_EARLY_KEYS]
            return
        spells = expectation.kind == "digits"
        if self._open and spells and digit == expectation.terminator and not self._keys:
            self._end(now)  # "one two three four", then the hash key: the key only says that he is done
            return
        self._drop_utterance(now)
        if self._voice is not _Voice.OFF or not self._listening:
            self._stop_voice("key", now)
        self._last_key = now
        if not spells:
            self._answer_keys(digit, now)
        elif digit == expectation.terminator:
            self._answer_keys(self._keys, now)
            self._surplus_key = ""
        elif digit.isdecimal():
            self._keys += digit
            self._keys_by = now + self._settings.key_timeout
            if len(self._keys) >= expectation.max_digits:
                self._answer_keys(self._keys, now)
        else:
            self._keys = ""  # the star key begins the number again
            self._keys_by = now + self._settings.key_timeout

    # Time ----------------------------------------------------------------------------------------------------------

    def next_timer(self) -> float | None:
        """Return when `handle_timer` wants to be called, None while nothing is waited for."""
        due = [moment for moment in (self._final_by, self._resolve_by, self._keys_by) if moment is not None]
        if self._silence_by is not None and self._is_silent():
            due.append(self._silence_by)
        return min(due, default=None)

    def handle_timer(self, *, now: float) -> None:
        """Time has come for whatever was waited for."""
        if self._resolve_by is not None and now >= self._resolve_by:
            # Somebody talks over us and we cannot tell what: he has the floor.
            self._stop_voice("speech", self._began)
        if self._final_by is not None and now >= self._final_by:
            self._settle("engine_failed", "", None, now)
        if self._keys_by is not None and now >= self._keys_by:
            self._answer_keys(self._keys, now)
        if self._silence_by is not None and now >= self._silence_by and self._is_silent():
            self._answer(Utterance("silence"), now, now, now)

    # Inside --------------------------------------------------------------------------------------------------------

    def _is_silent(self) -> bool:
        return self._listening and self._voice is _Voice.OFF and not (self._open or self._awaited or self._keys)

    def _may_begin(self) -> bool:
        if self._closed or self._awaited or self._keys or self._keys_by is not None:
            return False
        # Who was cut off in a monologue must fall silent once before he can interrupt our answer to it.
        return not (self._talks_on and (self._voice is not _Voice.OFF or not self._listening))

    def _may_barge_in(self) -> bool:
        return self._interruptible and not self._barged_in and self._settings.barge_in != "off"

    def _begin(self, began: float, voiced: int, now: float) -> None:
        self._count += 1
        self._open = self._count
        self._began = began
        self._last_voiced = now
        self._frames = self._voiced = voiced
        self._quiet = 0
        self._talks_on = False
        self._text = ""
        self._barged_in = self._voice is _Voice.PAUSED
        self._measure(now)
        self._outputs.append(StartUtterance(self._open, began))

    def _measure(self, now: float) -> None:
        """Work out how much silence ends this utterance, and end it if so much has passed."""
        settings, expectation = self._settings, self._expectation
        kind = expectation.kind if expectation else "free"
        if expectation is None or kind == "free":
            patience, limit = settings.free_ms, settings.max_free_ms
        elif kind == "digits":
            count, limit = len(digits(self._text)), settings.max_digits_ms
            if count >= expectation.max_digits:
                patience = settings.full_ms
            elif count == 0 or count >= expectation.min_digits:
                patience = settings.enough_digits_ms
            else:
                patience = settings.few_digits_ms
        else:
            limit = settings.max_answer_ms
            patience = settings.match_ms if is_complete(expectation, self._text) else settings.phrase_ms
        self._patience, self._limit = _frames(patience), _frames(limit)
        if self._open and self._quiet >= self._patience:
            self._end(now)

    def _end(self, now: float, *, wanted: bool = True) -> None:
        self._outputs.append(EndUtterance(self._open, self._last_voiced, wanted))
        self._awaited, self._open = self._open, 0
        self._ended = now
        self._window = 0
        self._final_by = now + self._settings.final_timeout

    def _drop_utterance(self, now: float) -> None:
        if self._open:
            self._end(now, wanted=False)
        self._awaited = 0
        self._final_by = None

    def _settle(self, reason: Reason, text: str, confidence: float | None, now: float) -> None:
        """The awaited utterance is known: is it an answer, an interruption, or nothing?"""
        self._awaited = 0
        self._final_by = None
        if self._voiced < self._min_speech or self._voice is _Voice.ON:
            pass  # a click, or a sound too short to interrupt us
        elif self._voice is _Voice.PAUSED:
            if reason == "no_match":
                self._voice = _Voice.ON
                self._resolve_by = None
                self._outputs.append(ResumeVoice())
                return
            self._stop_voice("speech", self._began)
            self._answer(Utterance(reason, text, confidence), self._last_voiced, self._ended, now)
            return
        elif self._listening or text:
            self._answer(Utterance(reason, text, confidence), self._last_voiced, self._ended, now)
            return
        if self._silence_by is not None:
            self._silence_by = max(self._silence_by, now + 0.5)

    def _interrupt(self, now: float) -> None:
        self._barged_in = True
        if self._settings.barge_in == "stop":
            self._stop_voice("speech", self._began)
            return
        self._voice = _Voice.PAUSED
        self._resolve_by = now + self._settings.resolve_timeout
        self._outputs.append(PauseVoice(self._began))
        if self._text:
            self._stop_voice("speech", self._began)

    def _stop_voice(self, by: Literal["speech", "key"], began: float) -> None:
        self._outputs.append(StopVoice(by, began, self._voice is _Voice.PAUSED))
        self._voice = _Voice.OFF
        self._resolve_by = None
        self._listening = True

    def _type_early_keys(self, now: float) -> None:
        blocked = self._voice is not _Voice.OFF and not self._interruptible
        while self._early_keys and self._expectation is not None and not blocked:
            digit, self._early_keys = self._early_keys[0], self._early_keys[1:]
            self.key(digit, now=now)

    def _answer_keys(self, keys: str, now: float) -> None:
        self._answer(Utterance("keys", keys), self._last_key, now, now)

    def _answer(self, heard: Utterance, speech_end: float, end_of_turn: float, now: float) -> None:
        expectation = self._expectation
        if expectation is not None and expectation.kind == "digits":
            # Many press the hash key even when the last digit has ended the number: it answers nothing more.
            self._surplus_key, self._surplus_by = expectation.terminator, now + self._settings.key_timeout
        self._listening = False
        self._silence_by = self._keys_by = None
        self._keys = ""
        self._expectation = None
        self._outputs.append(StartReply(heard, speech_end, end_of_turn, now))
