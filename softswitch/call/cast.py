"""The legs of one call, who of them talks with whom, and the commands that make it so."""

from softswitch.call.cause import Cause
from softswitch.call.commands import (
    AnswerLeg,
    Brief,
    Connect,
    HangUpLeg,
    Hear,
    HoldLeg,
    Output,
    PlaceLeg,
    PrepareAgent,
    PressKeys,
    Record,
    Recording,
    ReferLeg,
    Source,
)
from softswitch.call.holds import Holds
from softswitch.call.leg import LegId

#: Seconds after which a leg that was let go, and does not end, is told again.
REPEAT_SECONDS = 60.0


class Cast:
    """The legs of one call. What steps want done is said here; `Call` adds what happens, time, and the end.

    subject: the party that the steps serve. origin: the one they began with; a transfer may put another in its place.
    """

    def __init__(self, id: str, subject: LegId, number: str, flow_ahead: str, *, now: float) -> None:
        """number: of the subject. flow_ahead: the flow that an AI should get ready for; empty for none."""
        self.id = id
        self.subject = self.origin = subject
        self.now = now
        self._flow_ahead = flow_ahead
        self._prepared: LegId | None = None
        self._agent: LegId = ""  # the AI that the subject talks with
        self._other: LegId = ""  # the party that it talks with
        self._holds = Holds()
        self._legs: set[LegId] = {subject}
        #: Those that have stood where the origin stands.
        self._first: set[LegId] = {subject}
        self._legs_made = 0
        self._made: set[LegId] = set()  # those that the steps which run have made
        self._ai: set[LegId] = set()
        self._leaving: dict[LegId, float] = {}  # legs that are let go -> when they are told (again) to end
        self._numbers = {subject: number}
        self._hears = self._heard = 0
        self._behalf: LegId = ""  # whose rights legs are placed with; empty: those of whom the call is from
        self._headers: tuple[tuple[str, str], ...] = ()  # what is added to each INVITE
        self._outputs: list[Output] = []

    def drain(self) -> list[Output]:
        """Return what must be done, in order, and forget it."""
        outputs, self._outputs = self._outputs, []
        return outputs

    def number(self, leg: LegId) -> str:
        """Return the number of a party: what it calls from, or what it was called by; empty where it has none."""
        return self._numbers.get(leg, "")

    def is_ai(self, leg: LegId) -> bool:
        """Tell whether a leg is an AI."""
        return leg in self._ai

    def holds(self, leg: LegId) -> bool:
        """Tell whether a leg's far end has put us on hold."""
        return self._holds.by_peer(leg)

    def is_held(self, leg: LegId) -> bool:
        """Tell whether we have put a leg's far end on hold."""
        return self._holds.by_us(leg)

    # Commands of the steps ---------------------------------------------------------------------------------------

    def answer(self) -> None:
        """Answer the subject."""
        self._outputs.append(AnswerLeg(self.subject))

    def hear(self, source: Source) -> int:
        """Let the subject hear `source`, and return the number that `VoiceFinished` will carry."""
        self._hears += 1
        self._heard = self._hears
        self._agent = self._other = ""
        self._outputs.append(Hear(self.subject, source, self._hears))
        self._play_holds()
        return self._hears

    def press(self, leg: LegId, digits: str, *, in_sound: bool = False) -> None:
        """Press keys towards a leg's far end; in_sound: it is given their tones already."""
        self._outputs.append(PressKeys(leg, digits, in_sound))

    def open_agent(self, *, flow: str = "", text: str = "") -> LegId:
        """Add an AI leg and let the subject talk with it; the one that was prepared, if this is its flow."""
        leg = self._prepared
        if leg is None or not flow or flow != self._flow_ahead or leg not in self._legs:
            leg = self._add_leg(ai=True)
            self._outputs.append(PrepareAgent(leg, flow, text))
        else:
            self._prepared = None
            self._made.add(leg)
        self._outputs.append(AnswerLeg(leg))
        self.connect(leg)
        self._agent, self._other = leg, ""
        self._play_holds()
        if self.subject in self._holds:
            self._outputs.append(HoldLeg(leg, held=True))
        return leg

    def brief(self, leg: LegId, text: str) -> LegId:
        """Let an AI tell `leg`, unheard by the subject, who calls and why, and ask whether it takes the call."""
        agent = self._add_leg(ai=True)
        self._outputs.append(Brief(agent, leg, self.number(self.subject), text))
        return agent

    def place(self, target: str, *, caller_id: str, carrier: str) -> LegId:
        """Add a leg by calling `target`."""
        leg = self._add_leg()
        self._numbers[leg] = user_of(target)
        self._outputs.append(PlaceLeg(leg, target, caller_id, carrier, self._behalf, self._headers))
        return leg

    def connect(self, leg: LegId, *, early: bool = False) -> None:
        """Let the subject and `leg` hear each other; early: it has not answered yet."""
        self._hears += 1
        self._heard = self._hears
        self._agent, self._other = "", leg
        self._outputs.append(Connect(self.subject, leg))
        if self.subject in self._ai and not early:
            self._outputs.append(HoldLeg(self.subject, held=False))
        self._play_holds()

    def refer(self, target: str, *, instead_of: LegId = "", known_only: bool = False) -> None:
        """Ask the subject's far end to call `target` itself; commands.ReferLeg says what the rest means."""
        self._outputs.append(ReferLeg(self.subject, target, instead_of, known_only))

    def record(self, do: Recording) -> None:
        """Begin to record the call, or do something else with its recording."""
        self._outputs.append(Record(do))

    def end_leg(self, leg: LegId, cause: Cause) -> None:
        """End a leg that is not the subject."""
        if leg in self._legs:
            self._outputs.append(HangUpLeg(leg, cause))

    # Inside ------------------------------------------------------------------------------------------------------

    def _prepare_agent(self) -> None:
        """Let the AI make its greeting while the call is still set up: it speaks the moment it is connected."""
        if self._flow_ahead:
            self._prepared = self._add_leg(ai=True)
            self._outputs.append(PrepareAgent(self._prepared, self._flow_ahead, ""))

    def _holds_changed(self, *, of_subject: bool) -> None:
        if of_subject and self._agent in self._legs:
            # Nobody listens: an AI that talks on would be talking to the music.
            self._outputs.append(HoldLeg(self._agent, self.subject in self._holds))
        self._play_holds()

    def _play_holds(self) -> None:
        self._outputs.extend(self._holds.heard(self.subject, self._other, self._legs))

    def _add_leg(self, *, ai: bool = False) -> LegId:
        self._legs_made += 1
        leg = f"{self.id}-{self._legs_made}"
        self._legs.add(leg)
        self._made.add(leg)
        if ai:
            self._ai.add(leg)
        return leg

    def _let_go(self, leg: LegId, cause: Cause) -> None:
        """End a leg that is of no interest any more: what it still says is for nobody."""
        self._leaving[leg] = self.now + REPEAT_SECONDS
        self._outputs.append(HangUpLeg(leg, cause))


def user_of(target: str) -> str:
    """Return the number in a target: itself, the user of a SIP URI, or the name of one of our users."""
    _, scheme, rest = target.partition("sip:")
    return rest.partition("@")[0] if scheme else target.removeprefix("user:")
