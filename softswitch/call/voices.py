"""The voices that a dialplan puts on the other end of a leg: echo, recorder, whoever is on hold.

Tones are in `audio/tones.py`, the player of sound files in `audio/wav.py`; `voice_of` makes whichever a source names.
Each of these is given what it needs when it is made and reports its end through `on_end`, which must not call back
into the bridge: the switchboard defers it to after the tick.
"""

from collections.abc import Callable, Sequence
from typing import Final

from softswitch.audio.frame import SILENCE, TELEPHONE_HZ, Frame, Voice, cut
from softswitch.audio.rate import Rate
from softswitch.audio.splice import spliced
from softswitch.audio.tones import Tone, hold_tone, progress
from softswitch.audio.wav import Player
from softswitch.call import commands
from softswitch.call.bridge import Nobody
from softswitch.errors import ResourceError

#: 30 minutes. Longer recordings belong to the recorder that streams to disk, not into memory.
MAX_RECORDING_FRAMES = 30 * 60 * 50

#: Half a second: a peer that holds us and has music of its own has begun it by then.
HOLD_QUIET_FRAMES = 25

#: What is heard on hold, where the media folder has it; else a quiet tone.
HOLD_SOUND: Final = "hold.wav"
NOBODY: Final = Nobody()

OnEnd = Callable[[], None]
#: Frames of a sound file by its name; raises ResourceError where there is none.
Sounds = Callable[[str], Sequence[Frame]]


class Echo:
    """Says what it heard, in the same tick."""

    __slots__ = ("_heard",)

    def __init__(self) -> None:
        self._heard: Frame | None = None

    def take(self) -> Frame | None:
        """Return the frame heard last, once."""
        heard, self._heard = self._heard, None
        return heard

    def give(self, frame: Frame) -> None:
        """Keep the frame until it is said."""
        self._heard = frame


class OnHold:
    """A party on hold, in the place where it stood in its bridge: as the other one hears it, and as it hears that one.

    by_us: it is on hold, so it hears the music and is not heard. Otherwise it holds the other one, who hears the music
    where the party sends none of its own.
    """

    __slots__ = ("_by_us", "_heard", "_music", "_party", "_quiet")

    def __init__(self, party: Voice, music: Voice, *, by_us: bool) -> None:
        self._party = party
        self._music = music
        self._by_us = by_us
        self._quiet = 0
        self._heard: Frame | None = None  # of the music, last, while the other one hears it

    def take(self) -> Frame | None:
        """Return what the other one hears."""
        frame = self._party.take()  # also where it is thrown away: whatever comes in must be read
        if self._by_us:
            return None
        self._quiet = self._quiet + 1 if frame is None else 0
        if self._quiet > HOLD_QUIET_FRAMES:
            self._heard = self._music.take()
            return self._heard
        heard, self._heard = self._heard, None
        return frame if frame is None or heard is None else spliced(heard, frame)

    def give(self, frame: Frame) -> None:
        """Let the party hear the other one, or the music."""
        self._party.give((self._music.take() or SILENCE) if self._by_us else frame)

    def cut(self) -> None:
        """Tell the party that what it hears next does not follow."""
        cut(self._party)


class Recorder:
    """Hears up to `seconds` of sound and keeps it; says nothing.

    frames: what was heard, in order, one for each tick, so lost packets are there as silence.
    """

    __slots__ = ("_limit", "_on_end", "_rate", "frames")

    def __init__(self, seconds: float, *, on_end: OnEnd | None = None) -> None:
        self.frames: list[Frame] = []
        self._limit = min(round(seconds * 50), MAX_RECORDING_FRAMES)
        self._rate = Rate(TELEPHONE_HZ)
        self._on_end = on_end

    def take(self) -> Frame | None:
        """Say nothing."""
        return None

    def give(self, frame: Frame) -> None:
        """Keep the frame; report the end, once, when the time is up."""
        if len(self.frames) < self._limit:
            self.frames.append(frame if frame.rate_hz == TELEPHONE_HZ else self._rate.convert(frame))
        elif self._on_end is not None:
            on_end, self._on_end = self._on_end, None
            on_end()


def voice_of(source: commands.Source, sounds: Sounds, recorded: Sequence[Frame], *, on_end: OnEnd) -> Voice:
    """Return the voice that a source names; recorded: what was recorded last. Raises ResourceError."""
    match source:
        case commands.EchoSource():
            return Echo()
        case commands.ToneSource(hz=hz, dbm0=dbm0):
            return Tone((hz, dbm0))
        case commands.CadenceSource(name=name):
            return progress(name)
        case commands.FileSource(file=file):
            return Player(sounds(file), on_end=on_end)
        case commands.RecorderSource(seconds=seconds):
            return Recorder(seconds, on_end=on_end)
        case commands.PlaybackSource():
            return Player(recorded, on_end=on_end)
        case commands.HoldSource():
            return hold_music(sounds)
        case commands.SilenceSource():
            return NOBODY


def hold_music(sounds: Sounds) -> Voice:
    """Return what is heard on hold."""
    try:
        return Player(sounds(HOLD_SOUND), repeat=True)
    except ResourceError:  # nobody has put one there
        return hold_tone()
