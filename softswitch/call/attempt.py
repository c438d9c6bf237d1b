"""A transfer that is under way: what is tried, and what stands still until it is known what came of it.

Theory of operation. Two parties talk, or one talks with the AI or hears something. Somebody wants one of them, who
stays, to talk with somebody else. What is done for that are steps as of any rule, on a track of their own; they get all
inputs, and the track that was up gets none. What happens to its legs meanwhile is kept for it.

The first time that the one who stays is connected, or lets be heard something (`Call.reached`), the transfer has
succeeded: the old track is closed, its legs are let go. If the steps end the call before that, the transfer has failed
with that cause: their legs are let go, and the old track goes on exactly as it stood.

The one who stays is not always the subject: a caller who transfers whom he called leaves, and the one he called
is the subject then. If the transferor hangs up before it is known what came of it, nobody is there to come back to.
"""

from dataclasses import dataclass, field
from typing import Final

from softswitch.call.cause import Cause
from softswitch.call.leg import EarlyMedia, LegEvent, LegId, Ringing
from softswitch.call.track import Input, LegHappened, Track

#: Transfers of one call, failed ones too: more than people do, and an end to two switches that send a call round.
MAX_TRANSFERS: Final = 32
#: Seconds that a transferor has for its BYE after it was told that all is well (RFC 5589 section 6.1).
RELEASE_SECONDS: Final = 4.0


@dataclass(frozen=True, slots=True)
class Ask:
    """A transfer that somebody wants. to: the target as it is written; mode: how it is reached.

    by: the leg whose partner shall be transferred; empty where somebody else wants it of the subject. told: that leg
    asked by REFER, and is told how it goes. number: what the steps read as `{to}`; empty for `to`. behalf: whose
    rights they have; empty for those of whom the call is from. headers: of every INVITE until somebody is reached.
    """

    to: str
    mode: str
    by: LegId = ""
    told: bool = False
    number: str = ""
    behalf: LegId = ""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Suspended:
    """What stands still, and all that it needs to go on as it was.

    left: seconds that its step still wanted to wait. heard: number of what the subject heard. missed: what happened to
    its legs meanwhile.
    """

    subject: LegId
    agent: LegId
    other: LegId
    heard: int
    track: Track
    left: float | None
    numbers: dict[str, str]
    behalf: LegId
    missed: list[Input] = field(default_factory=list)

    def keep(self, given: Input) -> None:
        """Keep what happened; of a leg that repeats itself once is enough, so nobody can make this grow."""
        kind = type(given.event) if isinstance(given, LegHappened) else None
        for known in self.missed:
            if known == given or (
                isinstance(known, LegHappened)
                and isinstance(given, LegHappened)
                and (known.leg, type(known.event)) == (given.leg, kind)
            ):
                return
        self.missed.append(given)


@dataclass(slots=True)
class Attempt:
    """One transfer. cause: why it has failed, None while it has not. said: what its transferor was told last."""

    ask: Ask
    suspended: Suspended
    cause: Cause | None = None
    said: int = 100

    def news(self, event: LegEvent) -> int:
        """Return the status to tell the transferor after an event of a leg that is being called; 0: nothing new."""
        status = 180 if isinstance(event, Ringing) else 183 if isinstance(event, EarlyMedia) else 0
        if status <= self.said:
            return 0
        self.said = status
        return status
