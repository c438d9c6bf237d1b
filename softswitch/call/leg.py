"""A party on a call, as `call/` sees it: phone, browser, socket, or the AI itself.

A leg is told what to do by its methods and says what happened to it through one sink of `LegEvent`s, in order. It never
calls back from inside one of its methods with anything but that sink, and never blocks.
"""

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from softswitch.audio.frame import Voice
from softswitch.call.cause import Cause
from softswitch.call.record import NO_MEDIA, MediaReport

LegId = str


class LegState(enum.Enum):
    """Where a leg is in its life."""

    NEW = "new"
    RINGING = "ringing"
    UP = "up"
    HELD = "held"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Ringing:
    """The far end rings."""


@dataclass(frozen=True, slots=True)
class EarlyMedia:
    """The far end sends sound before it answers, or can hear ours (183 with a session description)."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The leg is up: sound flows both ways."""


@dataclass(frozen=True, slots=True)
class Digit:
    """A key was pressed at the far end; reported once, whichever way it came (`rfc4733`, `inband`, `info`)."""

    digit: str
    method: str


@dataclass(frozen=True, slots=True)
class DigitsSent:
    """Everything given to `send_dtmf` so far has been sent."""


@dataclass(frozen=True, slots=True)
class Held:
    """The far end put us on hold, or took us back."""

    held: bool


@dataclass(frozen=True, slots=True)
class ReferRequested:
    """The far end asks that whoever talks with it talk with `target` instead (REFER, RFC 3515).

    target: a SIP URI without headers. replaces: the dialog there that the new call takes the place of, as a value of
    Replaces (RFC 3891); empty for a blind transfer. replaces_leg: the leg of ours that this dialog is, where it is one.
    referred_by: who says he asks (RFC 3892). What comes of it is said by `Leg.refer_progress`.
    """

    target: str
    replaces: str = ""
    replaces_leg: LegId = ""
    referred_by: str = ""


@dataclass(frozen=True, slots=True)
class ReferProgress:
    """What the far end says of the call that `Leg.refer` asked it to make.

    status: a SIP status, of its answer to the REFER where accepted is false, else of the new call. final: nothing more
    will be said; 2xx then means that it talks with the target.
    """

    status: int
    final: bool
    accepted: bool = True


@dataclass(frozen=True, slots=True)
class Briefed:
    """An AI leg has told a person of a call; accepted: whether that one takes it."""

    accepted: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """The leg is over, and all that it owned has been given back. `by_peer`: the far end ended it.

    media: how its sound was, where the leg had any to report. said: how the far end refused, in its own words.
    """

    cause: Cause
    by_peer: bool
    media: MediaReport = NO_MEDIA
    said: str = ""


LegEvent = (
    Ringing | EarlyMedia | Answered | Digit | DigitsSent | Held | ReferRequested | ReferProgress | Briefed | Ended
)
LegSink = Callable[["Leg", LegEvent], None]


@dataclass(frozen=True, slots=True)
class FarEnd:
    """Whom a leg leads to, as its signalling has it; all empty where it leads to nobody outside, as an AI.

    host: where its messages come from. here: the URI by which it finds us. target: its own. replaces: what Replaces
    says to it of our dialog with it (RFC 3891). refers: whether it has said that it takes REFER.
    """

    host: str = ""
    here: str = ""
    target: str = ""
    replaces: str = ""
    refers: bool = False


NOBODY_OUTSIDE: Final = FarEnd()


class Leg(Voice, Protocol):
    """Anything that can be on a call. Commands that make no sense in the present state do nothing."""

    @property
    def id(self) -> LegId: ...
    @property
    def state(self) -> LegState: ...

    @property
    def far_end(self) -> FarEnd:
        """Whom it leads to."""

    def ring(self) -> None:
        """Tell the calling party that it rings (180)."""

    def progress(self, reliable: bool = False) -> None:
        """Open sound towards the calling party before the answer (183 with a session description).

        reliable: by a provisional response that is acknowledged (RFC 3262), where the calling party supports them.
        """

    def answer(self) -> None:
        """Answer the calling party."""

    def hold(self, held: bool) -> None:
        """Put the far end on hold, or take it back."""

    def send_dtmf(self, digits: str, *, in_sound: bool = False) -> None:
        """Press keys towards the far end; `DigitsSent` follows.

        in_sound: their tones are in the sound already that this leg is given, so a leg whose far end reads keys from
        the sound sends nothing more.
        """

    def refer(self, target: str, *, replaces: str = "", referred_by: str = "") -> None:
        """Ask the far end to call `target` (a SIP URI) instead; `ReferProgress` follows until a final one.

        replaces: value of Replaces for that call (RFC 3891). referred_by: URI of who wants it (RFC 3892).
        """

    def refer_progress(self, status: int) -> None:
        """Tell the far end, which asked for a transfer, how that goes: a SIP status, 200 and more is the end of it."""

    def hang_up(self, cause: Cause = Cause.NORMAL) -> None:
        """End the leg, whatever its state: refuse, cancel or release. `Ended` follows, once."""


def sound_of(leg: Leg) -> MediaReport | None:
    """Return how the sound of a leg is so far, None where it can say nothing of it, as an AI."""
    sound = getattr(leg, "sound", None)
    return sound if isinstance(sound, MediaReport) else None
