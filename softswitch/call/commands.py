"""What a call wants done, as values: the switchboard carries them out on legs and voices."""

from dataclasses import dataclass
from typing import Literal

from softswitch.call.cause import Cause
from softswitch.call.leg import LegId
from softswitch.call.record import CallRecord

#: What can be done with the recording of a call. `refuse`: stop it for good, and take away what there is of it.
Recording = Literal["start", "pause", "resume", "stop", "refuse"]


@dataclass(frozen=True, slots=True)
class EchoSource:
    """The leg hears itself."""


@dataclass(frozen=True, slots=True)
class SilenceSource:
    """The leg hears nothing."""


@dataclass(frozen=True, slots=True)
class ToneSource:
    """The leg hears a sine of `hz` (whole hertz) at `dbm0`."""

    hz: int
    dbm0: float


@dataclass(frozen=True, slots=True)
class CadenceSource:
    """The leg hears a call-progress tone by name: `ringback`, `busy`, `congestion`."""

    name: str


@dataclass(frozen=True, slots=True)
class FileSource:
    """The leg hears a sound file of the media folder."""

    file: str


@dataclass(frozen=True, slots=True)
class RecorderSource:
    """The leg is recorded for up to `seconds`, and hears nothing."""

    seconds: float


@dataclass(frozen=True, slots=True)
class PlaybackSource:
    """The leg hears what was recorded last on this call."""


@dataclass(frozen=True, slots=True)
class HoldSource:
    """The leg hears what is heard on hold."""


Source = (
    EchoSource | SilenceSource | ToneSource | CadenceSource | FileSource | RecorderSource | PlaybackSource | HoldSource
)


@dataclass(frozen=True, slots=True)
class RingLeg:
    """Tell the leg that it rings."""

    leg: LegId


@dataclass(frozen=True, slots=True)
class OpenEarlyMedia:
    """Open sound towards the leg before the answer; reliable: by a response that is acknowledged (RFC 3262)."""

    leg: LegId
    reliable: bool = False


@dataclass(frozen=True, slots=True)
class AnswerLeg:
    """Answer the leg."""

    leg: LegId


@dataclass(frozen=True, slots=True)
class HangUpLeg:
    """End the leg."""

    leg: LegId
    cause: Cause


@dataclass(frozen=True, slots=True)
class PressKeys:
    """Press keys towards the leg's far end; for an agent these are the caller's answer.

    in_sound: their tones are already in the sound that the leg is given.
    """

    leg: LegId
    digits: str
    in_sound: bool = False


@dataclass(frozen=True, slots=True)
class HoldLeg:
    """Put the leg's far end on hold, or take it back."""

    leg: LegId
    held: bool


@dataclass(frozen=True, slots=True)
class PlayHold:
    """Let hold music stand for the sound that a hold takes away; neither: the hold is over.

    by_us: the leg's far end is on hold, hears the music and is not heard. by_peer: the far end put us on hold; whoever
    talks with the leg hears the music as long as the leg sends nothing of its own.
    """

    leg: LegId
    by_us: bool
    by_peer: bool


@dataclass(frozen=True, slots=True)
class Hear:
    """Let the leg hear `source`; `voice_finished(number)` follows when that ends."""

    leg: LegId
    source: Source
    number: int


@dataclass(frozen=True, slots=True)
class Connect:
    """Let two legs hear each other."""

    a: LegId
    b: LegId


@dataclass(frozen=True, slots=True)
class Suspend:
    """Let nobody talk, but keep who did; `leg`, one of them, is the subject now."""

    leg: LegId


@dataclass(frozen=True, slots=True)
class Resume:
    """Let those talk again who did before `Suspend`; `leg` is the subject again."""

    leg: LegId


@dataclass(frozen=True, slots=True)
class Replace:
    """Let `leg` stand where `old` stands."""

    leg: LegId
    old: LegId


@dataclass(frozen=True, slots=True)
class TellProgress:
    """Tell the far end, which asked for a transfer, how that goes: a SIP status."""

    leg: LegId
    status: int


@dataclass(frozen=True, slots=True)
class ReferLeg:
    """Ask the far end of a leg to call `target` itself; `ReferProgress` follows.

    instead_of: the leg of ours whose place it takes there, empty for none. known_only: only a far end that says that it
    takes REFER, and could reach the target.
    """

    leg: LegId
    target: str
    instead_of: LegId = ""
    known_only: bool = False


@dataclass(frozen=True, slots=True)
class PrepareAgent:
    """Make an AI leg that follows `flow`, or that only says `text`, and let it get ready; `AnswerLeg` begins it."""

    leg: LegId
    flow: str
    text: str


@dataclass(frozen=True, slots=True)
class Brief:
    """Make an AI leg that tells the far end of `leg`, unheard by others, who calls and why; `Briefed` follows."""

    agent: LegId
    leg: LegId
    caller: str
    text: str


@dataclass(frozen=True, slots=True)
class PlaceLeg:
    """Call `target` (a number or a SIP URI) over `carrier`; empty carrier: the default one.

    behalf: the leg whose rights it is called with; empty for whoever the call is from. headers: of the INVITE.
    """

    leg: LegId
    target: str
    caller_id: str
    carrier: str
    behalf: LegId = ""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """Begin to record the call, or do something else with its recording; see `taping.py`."""

    do: Recording


@dataclass(frozen=True, slots=True)
class TransferStarted:
    """Somebody is looked for whom a party of the call shall talk with. mode: as in docs/transfer.md."""

    to: str
    mode: str


@dataclass(frozen=True, slots=True)
class TransferFinished:
    """A transfer is over. cause: why nobody was reached, in words; empty where somebody was."""

    to: str
    mode: str
    reached: bool
    cause: str = ""


@dataclass(frozen=True, slots=True)
class CallFinished:
    """Every leg is over; this is what is left of the call."""

    record: CallRecord


#: What concerns one leg that is there.
LegCommand = RingLeg | OpenEarlyMedia | AnswerLeg | PressKeys | HoldLeg | PlayHold | Hear | TellProgress
#: Who stands where.
Move = Suspend | Resume | Replace
#: What the stage of the call carries out.
StageCommand = LegCommand | Move | HangUpLeg | Connect | ReferLeg | PrepareAgent | Brief | PlaceLeg | Record
#: What is told to who watches.
News = TransferStarted | TransferFinished
Output = StageCommand | News | CallFinished
