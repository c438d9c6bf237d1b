"""The stage of one call: carries out its commands on legs and voices.

It decides nothing, and knows no protocol: what makes a leg is given to it. What cannot be carried out is told to the
call as the end of the leg that it was for.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final, Protocol

from softswitch.audio.frame import Frame
from softswitch.call import commands
from softswitch.call.call import Call
from softswitch.call.cause import Cause, from_status
from softswitch.call.leg import Ended, Leg, LegEvent, LegId, LegSink, ReferProgress
from softswitch.call.onward import ALONE, Onward
from softswitch.call.patch import Patch
from softswitch.call.routing import is_uri
from softswitch.call.story import Kind
from softswitch.call.taping import Deck, RecordingFailed, RecordingNews, Taping, in_words
from softswitch.call.user import SCHEME
from softswitch.call.voices import NOBODY, Recorder, Sounds, hold_music, voice_of
from softswitch.call.who import OURSELVES, Who
from softswitch.errors import RemoteError, ResourceError
from softswitch.sip.uri import Uri

log = logging.getLogger("softswitch.calls")

#: How many switches a call may pass before it must be going round in circles (RFC 3261 section 8.1.1.6).
MAX_HOPS = 70
#: Stands for the leg on whose behalf something is done, where an operator wants it.
US: Final = "us"


class Phones(Protocol):
    """Places legs over SIP."""

    def place(
        self,
        leg: LegId,
        target: str,
        *,
        caller_id: str,
        carrier: str,
        sink: LegSink,
        hops: int,
        who: Who,
        headers: tuple[tuple[str, str], ...] = (),
        onward: Onward = ALONE,
    ) -> Leg:
        """Call `target`; raise ResourceError with a sentence where no leg can be made.

        hops: Max-Forwards. who: on whose behalf; it may go no further than that one may. headers: more for the INVITE.
        onward: who passed the call on before.
        """

    def trusts(self, host: str) -> bool:
        """Tell whether the word of whoever speaks from there is believed."""

    def ours(self, host: str) -> bool:
        """Tell whether this is a name of ours, in whose addresses the users are numbers of the dialplan."""

    def written_for(self, carrier: str, number: str) -> str:
        """Return a number in the form that a carrier wants, empty where it cannot be called there."""


class Agents(Protocol):
    """Makes AI legs."""

    def open(self, leg: LegId, call: Call, *, flow: str, text: str, sink: LegSink) -> Leg:
        """Make a leg that follows `flow`, or only says `text`; raise ResourceError where there is none.

        `ring` lets it get ready, `answer` begins the conversation.
        """

    def brief(self, leg: LegId, call: Call, *, caller: str, text: str, sink: LegSink) -> Leg:
        """Make a leg that says who calls and why, and reports `Briefed`; raise ResourceError where there is none."""

    def moved(self, leg: Leg, call: Call) -> None:
        """Let a leg that was made here know that it is on another call now."""


class Stage:
    """Where one call is carried out.

    patch: its legs, and who hears whom. hops: what is left of its Max-Forwards. who: on whose behalf legs are placed.
    onward: the way that the call has come.
    """

    def __init__(
        self,
        call: Call,
        patch: Patch,
        *,
        phones: Phones,
        agents: Agents,
        sounds: Sounds,
        sink: LegSink,
        on_voice_end: Callable[[int], None],
        now: Callable[[], float],
        deck: Deck,
        report: Callable[[RecordingNews], None],
    ) -> None:
        """sink: told by the legs that are made here. on_voice_end: told, in a tick, that what was heard is over.

        deck: writes what is recorded. report: told how that goes.
        """
        self.patch = patch
        # Not by a method of ours: the two would hold each other, and the call with them, until the collector comes.
        self.taping = Taping(call.id, patch, deck, partial(_recording_news, call, now, report))
        self.hops = MAX_HOPS
        self.onward = ALONE
        self.who = OURSELVES
        #: What came of the signature of who calls.
        self.signed = ""
        #: Of the parties that may ask for something, and of the switch itself.
        self.rights: dict[LegId, Who] = {US: OURSELVES}
        self.call = call
        self.phones = phones
        self._agents = agents
        self._sounds = sounds
        self._sink = sink
        self._on_voice_end = on_voice_end
        self._now = now
        self._recorder: Recorder | None = None

    @property
    def recorded(self) -> Sequence[Frame]:
        """What was recorded last."""
        return self._recorder.frames if self._recorder is not None else ()

    def close(self) -> None:
        """Let go of whoever is told of this call, and of what was recorded: it is over, and places no leg any more.

        They hold the call, which holds this stage: all of it would stay until the collector comes round.
        """
        self._sink, self._on_voice_end, self._recorder = _told, _heard, None
        self.patch.close()

    def who_is(self, leg: Leg) -> Who:
        """Return what is known of the far end of a leg."""
        who = self.rights.get(leg.id, Who())
        return replace(who, trusted=who.trusted or self.phones.trusts(leg.far_end.host))

    def give(self, leg: Leg, there: "Stage") -> None:
        """Give a leg to the stage of another call."""
        self.patch.drop(leg)
        there.patch.legs[leg.id] = leg
        party = self.call.story.parties.get(leg.id)
        if party is not None:
            there.call.story.meet(leg.id, party.kind, party.name, party.number, now=self._now())
        there.rights[leg.id] = self.rights.pop(leg.id, Who())
        if self.call.is_ai(leg.id):
            self._agents.moved(leg, there.call)

    def carry_out(self, output: commands.StageCommand) -> None:
        """Carry out one command."""
        legs = self.patch.legs
        match output:
            case commands.HangUpLeg(leg=id, cause=cause):
                self._hang_up(id, cause)
            case commands.Connect(a=id, b=other):
                if id in legs and other in legs:
                    self.patch.talk(legs[other])
            case commands.ReferLeg():
                self._refer(output)
            case commands.PrepareAgent():
                self._prepare_agent(output)
            case commands.Brief():
                self._brief(output)
            case commands.PlaceLeg():
                self._place(output)
            case commands.Suspend() | commands.Resume() | commands.Replace():
                self._move(output)
            case commands.Record(do=do):
                self.taping.do(do, now=self._now())
            case _ if output.leg in legs:
                self._tell(legs[output.leg], output)
            case _:
                pass  # the leg ended while the command was on its way

    def _tell(self, leg: Leg, output: commands.LegCommand) -> None:
        match output:
            case commands.RingLeg():
                leg.ring()
            case commands.OpenEarlyMedia(reliable=reliable):
                leg.progress(reliable)
                self.patch.talk(NOBODY)
            case commands.AnswerLeg():
                leg.answer()
                if leg.id == self.patch.subject:
                    self.patch.talk(self.patch.other)
            case commands.PressKeys(digits=digits, in_sound=in_sound):
                leg.send_dtmf(digits, in_sound=in_sound)
            case commands.HoldLeg(held=held):
                leg.hold(held)
            case commands.PlayHold(by_us=by_us, by_peer=by_peer):
                self.patch.hold(leg, hold_music(self._sounds) if by_us or by_peer else None, by_us=by_us)
            case commands.Hear(source=source, number=number):
                self._hear(source, number)
            case commands.TellProgress(status=status):
                leg.refer_progress(status)

    def _move(self, output: commands.Move) -> None:
        leg = self.patch.legs.get(output.leg)
        match output:
            case _ if leg is None:
                pass  # it ended while the command was on its way
            case commands.Suspend():
                self.patch.suspend(leg)
            case commands.Resume():
                self.patch.resume(leg)
            case commands.Replace(old=old):
                self.patch.replace(leg, old)

    def _hang_up(self, id: LegId, cause: Cause) -> None:
        leg = self.patch.legs.get(id)
        if leg is not None:
            leg.hang_up(cause)
        else:  # it could not be made; the call, if it still counts on it, must not wait for its end
            self._ended(id, cause)

    def _refer(self, output: commands.ReferLeg) -> None:
        leg, other = self.patch.legs.get(output.leg), self.patch.legs.get(output.instead_of)
        if leg is None:
            return  # its end says more
        far_end = leg.far_end
        target = other.far_end.target if other is not None else self._as_uri(output.target, leg)
        reachable = other is not None or not is_uri(output.target) or _host(target) == far_end.host
        if not far_end.target or not target or (output.known_only and not (far_end.refers and reachable)):
            progress = ReferProgress(405, final=True, accepted=False)
            self.call.leg_happened(leg.id, progress, now=self._now())
            return
        replaces = other.far_end.replaces if other is not None else ""
        leg.refer(target, replaces=replaces, referred_by=far_end.here.strip("<>"))

    def _as_uri(self, target: str, leg: Leg) -> str:
        """Return a target as the far end of a leg can call it: a number is one of its carrier's, or of ours."""
        if is_uri(target):
            return target.strip("<>")
        far_end = leg.far_end
        carrier = getattr(leg, "carrier", "")
        number = self.phones.written_for(carrier, target) if carrier else target.removeprefix(SCHEME)
        try:
            known = Uri.parse(far_end.target if carrier else far_end.here.strip("<>"))
        except RemoteError:
            return ""
        return str(Uri.of(number, known.host, known.port)) if number else ""

    def _hear(self, source: commands.Source, number: int) -> None:
        try:
            voice = voice_of(source, self._sounds, self.recorded, on_end=partial(self._on_voice_end, number))
        except ResourceError as error:
            log.error("%s a sound cannot be played: %s", self.call.id, error)
            self.call.hang_up(Cause.INTERNAL, now=self._now())
            return
        if isinstance(voice, Recorder):
            self._recorder = voice
        self.patch.talk(voice)

    def _prepare_agent(self, output: commands.PrepareAgent) -> None:
        self.call.story.meet(output.leg, "AI", output.flow, "", now=self._now())
        try:
            leg = self._agents.open(output.leg, self.call, flow=output.flow, text=output.text, sink=self._sink)
        except ResourceError as error:
            log.error("%s the AI cannot answer: %s", self.call.id, error)
            self._ended(output.leg, Cause.ENGINE_FAILED.because(str(error)))
            return
        self.patch.legs[output.leg] = leg
        leg.ring()

    def _brief(self, output: commands.Brief) -> None:
        listener = self.patch.legs.get(output.leg)
        if listener is None:
            self._ended(output.agent, Cause.NORMAL)
            return
        try:
            agent = self._agents.brief(output.agent, self.call, caller=output.caller, text=output.text, sink=self._sink)
        except ResourceError as error:
            log.error("%s nobody can be briefed: %s", self.call.id, error)
            self._ended(output.agent, Cause.ENGINE_FAILED.because(str(error)))
            return
        self.patch.legs[output.agent] = agent
        self.call.story.meet(output.agent, "AI", "briefing", "", now=self._now())
        self.patch.aside(listener, agent)
        agent.answer()

    def _place(self, output: commands.PlaceLeg) -> None:
        self.call.story.meet(output.leg, "phone", "", output.target, now=self._now())
        if self.hops <= 0:  # a switch that calls itself stops like a proxy (RFC 3261 section 16.3)
            log.error("%s has passed too many switches: does a rule call itself?", self.call.id)
            self._ended(output.leg, from_status(483))
            return
        try:
            leg = self.phones.place(
                output.leg,
                output.target,
                caller_id=output.caller_id,
                carrier=output.carrier,
                sink=self._sink,
                hops=self.hops,
                who=self.rights.get(output.behalf, self.who),
                headers=output.headers,
                onward=self.onward,
            )
        except ResourceError as error:
            log.error("%s the call cannot be placed: %s", self.call.id, error)
            self._ended(output.leg, Cause.NO_ROUTE.because(str(error)))
            return
        self.patch.legs[output.leg] = leg
        self.call.left_by = carrier = getattr(leg, "carrier", "")
        user = getattr(leg, "user", "")
        self.rights[output.leg] = Who(user, carrier)
        if carrier or user:
            kind: Kind = "carrier" if carrier else "user"
            self.call.story.meet(output.leg, kind, carrier or user, output.target, now=self._now())

    def _ended(self, leg: LegId, cause: Cause) -> None:
        self.call.leg_happened(leg, Ended(cause, by_peer=False), now=self._now())


def _host(target: str) -> str:
    try:
        return Uri.parse(target).host
    except RemoteError:
        return ""


def _told(leg: Leg, event: LegEvent) -> None:
    """Do nothing with what a leg of a call says that is over."""


def _heard(number: int) -> None:
    """Do nothing with the end of a voice of a call that is over."""


def _recording_news(
    call: Call, now: Callable[[], float], report: Callable[[RecordingNews], None], news: RecordingNews
) -> None:
    what, detail = in_words(news)
    if isinstance(news, RecordingFailed):
        log.error("%s the recording is %s: %s", call.id, news.recorded.state, news.recorded.why)
    call.story.note("", what, detail, now=now())
    report(news)
