"""Everything anybody can ask the switch to do, and the one stream of what happened.

REST, WebSocket, campaigns, the command line and the AI's tools call these methods and watch this stream. The
switchboard owns the calls: it gives each `Call` its inputs, carries out its commands on legs and voices, and arms one
timer for each. It decides nothing about a call and knows no protocol: what makes a leg is plugged in by `app.py`.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pydantic

from softswitch import clock
from softswitch.audio.frame import Frame
from softswitch.call import commands
from softswitch.call.attempt import Ask
from softswitch.call.call import Call, CallId, Step
from softswitch.call.cause import Cause, from_status
from softswitch.call.commands import TransferFinished
from softswitch.call.consent import Consent
from softswitch.call.dialplan import Dialplan
from softswitch.call.leg import EarlyMedia, Ended, Leg, LegEvent, LegId, LegSink, ReferRequested, sound_of
from softswitch.call.news import CallEnded, CallStarted, QualityMeasured
from softswitch.call.offer import Offer
from softswitch.call.patch import Patch, Ticks
from softswitch.call.record import CallRecord, Parties, TurnRecord
from softswitch.call.referral import join, refer
from softswitch.call.stage import US, Agents, Phones, Stage
from softswitch.call.story import History, Told
from softswitch.call.tally import Tally
from softswitch.call.taping import Deck, NoDeck, Taping
from softswitch.call.transfer import Mode, Transfer
from softswitch.errors import ResourceError
from softswitch.events import Event, EventStream, Rounds, Subscription

log = logging.getLogger("softswitch.calls")


@dataclass(frozen=True, slots=True)
class Script:
    """What a call goes by: the dialplan, and those who know the flows and the sounds that its steps name.

    A call keeps the one it began with: what its steps name may be no more in the next.
    """

    dialplan: Dialplan
    agents: Agents
    sounds: Callable[[str], Sequence[Frame]]


@dataclass(slots=True)
class _Live:
    """A call that is up, and everything of it that the switchboard must give back."""

    call: Call
    parties: Parties
    dialplan: Dialplan
    stage: Stage = field(init=False)
    timer: asyncio.TimerHandle | None = None
    timer_at: float | None = None
    transfer: asyncio.Future[TransferFinished] | None = None
    records: bool = False
    pumping: bool = False
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """What one switch takes on. max_calls: beyond it 503. max_call_seconds: no call lives longer.

    recent_calls: how many that are over are remembered.
    """

    max_calls: int = 2000
    max_call_seconds: float = 4 * 3600.0
    recent_calls: int = 1000


class Switchboard:
    """The one command surface."""

    def __init__(
        self,
        *,
        dialplan: Dialplan,
        phones: Phones,
        agents: Agents,
        sounds: Callable[[str], Sequence[Frame]],
        ticks: Ticks,
        on_record: Callable[[CallRecord], None],
        limits: Limits,
        deck: Deck | None = None,
        token: clock.Token = clock.token,
        now: Callable[[], float] = clock.now,
    ) -> None:
        """sounds: frames of a sound file by name; raises ResourceError. on_record: keeps a finished call's record.

        deck: writes recordings; None: there are none. `tally` counts the calls that are over, by direction, outcome
        and carrier, and how long answers took; `history` remembers the last of them. `script`, `limits` and
        `record_all` may be replaced at any time: calls that begin from then on go by them.
        """
        self.script = Script(dialplan, agents, sounds)
        self.limits = limits
        self.draining = False
        self.tally = Tally()
        self.history = History()
        self._phones = phones
        self._ticks = ticks
        self._on_record = on_record
        self.record_all = False
        self._deck: Deck = deck or NoDeck()
        self._token = token
        self._now = now
        self._calls: dict[CallId, _Live] = {}
        self._moved: dict[LegId, _Live] = {}  # legs that are on another call than the one they were made for
        self._events = EventStream()
        self._rounds = Rounds(self._sounding, self._measure, lambda: self._events.watched)
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def dialplan(self) -> Dialplan:
        """The dialplan that calls from now on go by."""
        return self.script.dialplan

    # Commands ----------------------------------------------------------------------------------------------------

    def offered(self, offer: Offer, make: Callable[[LegSink], Leg]) -> None:
        """Take an inbound call. `make` gives its leg, which reports to the sink it is given.

        Never raises: a call that cannot be served is refused.
        """
        refusal = offer.refusal
        if offer.replaces and refusal is None:
            refusal = self._take_over(offer, make)
            if refusal is None:
                return
        rule = self.script.dialplan.match(offer.query(clock.wall()))
        steps: Sequence[Step] = rule.steps if rule else ()
        live = self._start(offer.leg, offer.parties, steps)
        stage, call = live.stage, live.call
        stage.hops, stage.signed, stage.onward = offer.hops - 1, offer.signed, offer.onward
        stage.who = stage.rights[offer.leg] = offer.who
        call.variables.update(offer.marks())
        call.story.meet(offer.leg, offer.kind, offer.user or offer.carrier, offer.caller, now=call.now)
        stage.patch.legs[offer.leg] = make(partial(self._leg_reported, live))
        refusal = refusal or self._refusal(offer.number, found=rule is not None)
        now = self._now()
        if refusal is not None:
            live.call.hang_up(refusal, now=now)
        else:
            if rule is not None and rule.strip:
                live.call.variables["to"] = offer.number[rule.strip :]
            live.call.offered(now=now)
        self._pump(live)

    def dial(self, target: str, steps: Sequence[Step], *, caller_id: str = "", carrier: str = "") -> CallId:
        """Place a call and run `steps` on it once it is answered; its record says what came of it."""
        leg = f"{self._token()}-0"
        live = self._start(leg, Parties("outbound", caller_id, target, carrier), steps)
        live.call.placed(target, caller_id, now=self._now())
        self._pump(live)
        return live.call.id

    def hang_up(self, call: CallId, cause: Cause = Cause.NORMAL) -> bool:
        """End a call; False where there is none."""
        live = self._calls.get(call)
        if live is None:
            return False
        live.call.hang_up(cause, now=self._now())
        self._pump(live)
        return True

    def hold(self, call: CallId, held: bool, leg: LegId = "") -> bool:
        """Put the far end of a leg (empty: the subject) on hold, or take it back; False where there is no such call."""
        live = self._calls.get(call)
        if live is None:
            return False
        live.call.hold(leg, held, now=self._now())
        self._pump(live)
        return True

    def transfer(
        self, call: CallId, *targets: str, mode: Mode = "bridge", by: LegId = "", **how: Any
    ) -> asyncio.Future[TransferFinished]:
        """Let a party of a call talk with the first of `targets` (numbers, SIP URIs) who answers; awaits how it ends.

        by: the leg that gives its partner away; without it the subject is transferred, and whoever talks with it
        leaves. how: `seconds`, `carrier`, `caller_id`, `music`, as the dialplan step has them. Where nobody is reached
        everything goes on as it was. Raises ResourceError with a sentence where it cannot even begin.
        """
        live = self._calls.get(call)
        if live is None:
            raise ResourceError(f"there is no call {call}")
        try:
            step = Transfer(to=targets, mode=mode, **how)
        except pydantic.ValidationError as error:
            wrong = error.errors()[0]
            where = ".".join(str(part) for part in wrong["loc"])
            raise ResourceError(f"no such transfer is possible: {where}: {wrong['msg']}") from error
        done: asyncio.Future[TransferFinished] = asyncio.get_running_loop().create_future()
        before, live.transfer = live.transfer, done
        refusal = live.call.transfer(
            (step,), Ask(", ".join(targets), mode, by, behalf="" if by else US), now=self._now()
        )
        if refusal is not None:
            live.transfer = before
            raise ResourceError(refusal.detail)
        self._pump(live)
        return done

    def record(self, call: CallId, do: commands.Recording) -> Taping:
        """Begin, pause, resume or stop the recording of a call, or refuse it for good; return how it stands then.

        Raises ResourceError with a sentence where there is no such call, or it cannot be done.
        """
        live = self._calls.get(call)
        refusal = f"there is no call {call}" if live is None else live.stage.taping.do(do, now=self._now())
        if live is None or refusal:
            raise ResourceError(refusal)
        return live.stage.taping

    def taping(self, call: CallId) -> Taping | None:
        """Return how the recording of a call stands; None where there is no such call."""
        live = self._calls.get(call)
        return live.stage.taping if live is not None else None

    def calls(self) -> Iterator[tuple[Call, Parties]]:
        """Yield the calls that are up or being set up."""
        for live in list(self._calls.values()):
            yield live.call, live.parties

    def legs(self, call: CallId) -> Mapping[LegId, Leg]:
        """Return the legs that a call has now."""
        live = self._calls.get(call)
        return live.stage.patch.legs if live is not None else {}

    def note(self, call: CallId, what: str, detail: str = "") -> None:
        """Write a moment into the story of a call."""
        live = self._calls.get(call)
        if live is not None:
            live.call.story.note("", what, detail, now=self._now())

    def watch(self) -> Subscription:
        """Watch everything that happens from now on."""
        self._rounds.start()
        return self._events.watch()

    def report(self, call: CallId, what: Any) -> None:
        """Put something that happened on a call into the stream: a leg event, a remark of the conversation."""
        if self._events.watched:
            self._events.put(Event(call, self._now(), what))

    def call_of(self, leg: LegId) -> CallId:
        """Return the call that a leg was moved to, empty where it is on the one that it was made for."""
        moved = self._moved.get(leg)
        return moved.call.id if moved is not None else ""

    def turn_finished(self, call: CallId, turn: TurnRecord) -> None:
        """Keep a turn for the call's record."""
        live = self._calls.get(call)
        if live is not None:
            live.call.turn_finished(turn)

    async def drain(self, seconds: float) -> None:
        """Take no new calls, let those that are up finish within `seconds`, then end them."""
        self.draining = True
        try:
            await asyncio.wait_for(self._idle.wait(), seconds)
        except TimeoutError:
            for call in list(self._calls):
                self.hang_up(call, Cause.SHUTTING_DOWN)

    @property
    def active(self) -> int:
        """Calls that are up or being set up."""
        return len(self._calls)

    # Transfers that parties ask for ----------------------------------------------------------------------------------

    def _take_over(self, offer: Offer, make: Callable[[LegSink], Leg]) -> Cause | None:
        """Let an inbound call have the place of a leg (RFC 3891); return why it cannot, None where it has."""
        live = self._live_with(offer.replaces)
        refusal = from_status(481) if live is None else live.call.no_replacement(offer.replaces)
        if live is None or refusal is not None:
            return refusal
        live.stage.rights[offer.leg] = offer.who
        live.call.story.meet(offer.leg, offer.kind, offer.user or offer.carrier, offer.caller, now=self._now())
        live.stage.patch.legs[offer.leg] = make(partial(self._leg_reported, live))
        live.call.story.meet(offer.leg, offer.kind, offer.user or offer.carrier, offer.caller, now=self._now())
        live.call.take_over(offer.leg, offer.replaces, offer.caller, now=self._now())
        self._pump(live)
        return None

    def _referred(self, live: _Live, leg: Leg, asked: ReferRequested) -> None:
        """Do what a REFER asks for, or say why not."""
        try:
            if asked.replaces_leg:
                refusal = self._join(live, leg, asked.replaces_leg)
            else:
                refusal = refer(live.stage, leg, asked, live.dialplan, wall=clock.wall(), now=self._now())
        except Exception:  # whatever it is, it is this call's alone
            log.exception("%s the call failed at a transfer", live.call.id)
            self._fail(live)
            refusal = Cause.INTERNAL
        if refusal is not None:
            log.info("%s a transfer was refused: %s", live.call.id, refusal.detail or refusal.words)
            live.call.story.note(leg.id, "transfer refused", refusal.detail or refusal.words, now=self._now())
            leg.refer_progress(refusal.sip)

    def _join(self, live: _Live, leg: Leg, old: LegId) -> Cause | None:
        """Let the partner of `leg` have the place of another leg of the same telephone: the attended transfer."""
        there = self._live_with(old)
        if there is None or there is live:
            return from_status(481).because("there is no such call to be transferred to")
        moved = join(live.stage, leg, there.stage, old, now=self._now())
        if isinstance(moved, Cause):
            return moved
        self._moved[moved] = there
        self._pump(there)
        return None

    def _live_with(self, leg: LegId) -> _Live | None:
        return next((live for live in self._calls.values() if leg in live.stage.patch.legs), None)

    def _sounding(self) -> Iterator[tuple[CallId, Leg]]:
        for live in self._calls.values():
            for leg in live.stage.patch.legs.values():
                yield live.call.id, leg

    def _measure(self, one: tuple[CallId, Leg]) -> None:
        call, leg = one
        sound = sound_of(leg) if call in self._calls else None
        if sound is not None and sound.codec:
            self.report(call, QualityMeasured(leg.id, sound.codec, sound.received, sound.sent, sound.round_trip_ms))

    # Carrying out ------------------------------------------------------------------------------------------------

    def _start(self, leg: LegId, parties: Parties, steps: Sequence[Step]) -> _Live:
        id = self._token()
        call = Call(
            id,
            leg,
            steps,
            parties,
            wall=clock.wall(),
            now=self._now(),
            hard_limit=self.limits.max_call_seconds,
        )
        live = _Live(call, parties, self.script.dialplan)
        live.records = self.record_all and not any(isinstance(step, Consent) for step in steps)
        live.stage = Stage(
            call,
            Patch(leg, self._ticks, partial(self._tick, live)),
            phones=self._phones,
            agents=self.script.agents,
            sounds=self.script.sounds,
            sink=partial(self._leg_reported, live),
            on_voice_end=partial(self._voice_ended, live),
            deck=self._deck,
            report=partial(self.report, id),
            now=self._now,
        )
        self._calls[id] = live
        self._idle.clear()
        self.report(id, CallStarted(parties.direction, parties.from_, parties.to))
        return live

    def _refusal(self, number: str, *, found: bool) -> Cause | None:
        if self.draining:
            return Cause.SHUTTING_DOWN.because("the switch is being stopped, and takes no more calls")
        if len(self._calls) > (most := self.limits.max_calls):
            return Cause.CONGESTION.because(f"the switch carries {most} calls already, and limits.max_calls is {most}")
        if found:
            return None
        words = f"no rule of the dialplan takes {number} from this caller: ask `softswitch route-test {number}`"
        return Cause.NOT_FOUND.because(words)

    def _leg_reported(self, live: _Live, leg: Leg, event: LegEvent) -> None:
        now = self._now()
        live = self._moved.get(leg.id, live)
        if isinstance(event, Ended):
            self._moved.pop(leg.id, None)
            live.stage.patch.drop(leg)
            if leg.id == live.call.origin:
                live.call.media = event.media
        elif isinstance(event, EarlyMedia):
            live.stage.patch.wait(leg)
        self.report(live.call.id, event)
        live.call.leg_happened(leg.id, event, now=now)
        if live.records and live.call.answered_at is not None:
            live.records = False
            live.stage.taping.do("start", now=now)
        if isinstance(event, ReferRequested):
            self._referred(live, leg, event)
        self._pump(live)

    def _pump(self, live: _Live) -> None:
        """Carry out everything the call asks for, then arm its timer. Legs may report meanwhile: one pump at a time."""
        if live.pumping:
            return
        live.pumping = True
        try:
            outputs = live.call.drain()
            while outputs:
                for output in outputs:
                    try:
                        self._carry_out(live, output)
                    except Exception:  # whatever it is, it ends this call alone, and ends it
                        log.exception("%s the call failed at %s", live.call.id, type(output).__name__)
                        self._fail(live)
                outputs = live.call.drain()
        finally:
            live.pumping = False
        self._arm(live)

    def _fail(self, live: _Live) -> None:
        if not live.failed:  # once: to end it may be what fails
            live.failed = True
            live.call.hang_up(Cause.INTERNAL, now=self._now())

    def _tick(self, live: _Live, tick: Callable[[float], None], now: float) -> None:
        try:
            tick(now)
        except Exception:  # the clock logs it and takes the seat away: nobody would be heard any more
            self._fail(live)
            asyncio.get_running_loop().call_soon(self._pump, live)
            raise

    def _arm(self, live: _Live) -> None:
        at = live.call.next_timer()
        if at == live.timer_at:
            return
        if live.timer is not None:
            live.timer.cancel()
            live.timer = None
        live.timer_at = at
        if at is not None:
            loop = asyncio.get_running_loop()
            live.timer = loop.call_later(max(0.0, at - self._now()), self._timer_fired, live)

    def _timer_fired(self, live: _Live) -> None:
        live.timer, live.timer_at = None, None
        live.call.handle_timer(now=self._now())
        self._pump(live)

    def _carry_out(self, live: _Live, output: commands.Output) -> None:
        if isinstance(output, commands.CallFinished):
            self._finish(live, output.record)
        elif isinstance(output, commands.News):
            live.call.story.told(output, now=self._now())
            self.report(live.call.id, output)
            if isinstance(output, TransferFinished):
                self.tally.transferred(output)
                done, live.transfer = live.transfer, None
                if done is not None and not done.done():  # whoever waited for it may be gone
                    done.set_result(output)
        else:
            live.stage.carry_out(output)

    def _voice_ended(self, live: _Live, number: int) -> None:
        # Called from inside a tick: what follows may replace the bridge, so it waits until the tick is over.
        asyncio.get_running_loop().call_soon(self._voice_finished, live, number)

    def _voice_finished(self, live: _Live, number: int) -> None:
        live.call.voice_finished(number, now=self._now())
        self._pump(live)

    def _finish(self, live: _Live, record: CallRecord) -> None:
        del self._calls[live.call.id]
        recorded = live.stage.recorded
        live.stage.close()
        self.tally.add(record)
        self.history.add(Told(record, live.call.story), keep=self.limits.recent_calls)
        if not self._calls:
            self._idle.set()
        taping = live.stage.taping
        record.recordings = taping.done
        # What came of a recording is known when its file is: the record waits for it, and tells the truth.
        taping.finish(recorded, partial(self._file, record), now=self._now())

    def _file(self, record: CallRecord) -> None:
        self._on_record(record)
        self.report(record.id, CallEnded(record))
