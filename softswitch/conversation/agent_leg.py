"""The AI as a leg of a call: hears with an ear, decides with a turn-taker and a policy, speaks with a mouth.

    give(frame) ─► voice detector ─► TurnTaker ─► StartReply ─► one task: policy.plan ─► synthesis ─► Mouth ─► take()
                └► Ear ─► recogniser ─► transcripts ──┘

Everything in the tick is a direct call. There are two kinds of task, both owned here and both gone before `Ended` is
reported: the ear's reader, and the reply, of which there is at most one. A new turn cancels the reply, nothing else.
Time-outs are looked at in `take`, once a tick, so the conversation stands still while nobody listens to it (hold).
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from math import inf
from typing import Any, Final

from softswitch import clock
from softswitch.audio.frame import TELEPHONE_HZ, Frame
from softswitch.audio.rate import Rate
from softswitch.audio.tones import burst, frames_of
from softswitch.audio.vad import VoiceDetector
from softswitch.call.cause import Cause
from softswitch.call.leg import NOBODY_OUTSIDE, Answered, Ended, FarEnd, LegId, LegSink, LegState
from softswitch.conversation import events as ev
from softswitch.conversation import turns as tt
from softswitch.conversation.ear import Ear
from softswitch.conversation.events import AgentState, Event, Ledger
from softswitch.conversation.memory import remember
from softswitch.conversation.mouth import Mouth, Piece
from softswitch.conversation.policy import Dialogue, Exchange, Policy, Utterance
from softswitch.conversation.ports import Expectation, SpeechToText, TextToSpeech, Transcript
from softswitch.conversation.reply import AgentSettings, EngineKind, Equipment, Reply, Turn
from softswitch.conversation.tools import Toolbox

log = logging.getLogger("softswitch.conversation")

#: Seconds after which `Ended` is reported even if an engine does not let go of what it holds.
_RELEASE_TIMEOUT: Final = 2.0
#: What a caller hears who cannot be spoken to any more, where no other sound is configured: three low beeps.
_BEEPS: Final = tuple(frames_of(3 * (burst(((480, -20.0),), 200) + bytes(3200))))


class AgentLeg:
    """One conversation, as a leg. Methods are called on the event loop; nothing here blocks it."""

    def __init__(
        self,
        id: LegId,
        policy: Policy,
        *,
        ears: SpeechToText | None,
        voice: TextToSpeech,
        dialogue: Dialogue,
        sink: LegSink,
        on_event: Callable[[Event], None] = lambda _event: None,
        tools: Toolbox | None = None,
        sounds: Callable[[str], Sequence[Frame]] | None = None,
        policies: Mapping[str, Policy] | None = None,
        settings: AgentSettings | None = None,
        detector: Callable[[bytes], bool] | None = None,
        now: Callable[[], float] = clock.now,
    ) -> None:
        """ears: None for a leg that only speaks (keys are heard all the same). sounds: frames of a sound file by name.

        policies: where `SwitchMode` leads to. detector: whether 20 ms of sound hold voice, where it does not say.
        """
        self._id = id
        self.dialogue = dialogue
        self._sink = sink
        self._on_event = on_event
        self._settings = settings = settings or AgentSettings()
        self._detector = detector
        self._rate = Rate(TELEPHONE_HZ)
        self._now = now
        self._turns = tt.TurnTaker(settings.turns)
        self._mouth = Mouth(self._piece_started, self._piece_said)
        self._equipment = Equipment(
            policy, policies or {}, voice, self._mouth, tools or Toolbox(), sounds, dialogue, settings, now
        )
        self._ear: Ear | None = None
        if ears is not None:
            self._ear = Ear(ears, language=dialogue.language, on_heard=self._heard, on_failed=self._ear_failed)
        self._state = LegState.NEW
        self._doing = AgentState.IDLE
        self._turn = Turn(0, Utterance("started"), {})
        self._reply: Reply | None = None
        self._reply_task: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._speaking = False
        self._due = inf
        self._tick = 0.0
        self._held_at: float | None = None
        self._interrupted = False
        self._ended: Ended | None = None
        self._end_timer: asyncio.TimerHandle | None = None

    # The leg ---------------------------------------------------------------------------------------------------------

    @property
    def id(self) -> LegId:
        """The leg's name on its call."""
        return self._id

    @property
    def state(self) -> LegState:
        """Where the leg is in its life."""
        return self._state

    @property
    def far_end(self) -> FarEnd:
        """Nobody outside."""
        return NOBODY_OUTSIDE

    @property
    def doing(self) -> AgentState:
        """What the agent is doing."""
        return self._doing

    def prepare(self) -> None:
        """Open the ear and make the greeting, before anybody hears it: the first sound is there at the answer."""
        if self._state in (LegState.NEW, LegState.RINGING) and self._turn.number == 0:
            if self._ear is not None:
                self._spawn(self._ear.run(), "ear")
            self._start_reply(Utterance("started"), {})

    def ring(self) -> None:
        """Get ready: the call will probably be answered soon."""
        if self._state is LegState.NEW:
            self._state = LegState.RINGING
            self.prepare()

    def progress(self, reliable: bool = False) -> None:
        """Do nothing: the agent has nothing to say before the answer."""

    def answer(self) -> None:
        """Begin the conversation."""
        if self._state not in (LegState.NEW, LegState.RINGING):
            return
        self.prepare()
        self._state = LegState.UP
        now = self._now()
        times = self._turn.times
        for name in ("speech_end", "end_of_turn", "final_transcript", *times):
            times[name] = now  # what was made ahead of the answer took the caller no time
        self.emit(ev.SessionStarted(now))
        self.become(AgentState.THINKING)
        self._sink(self, Answered())

    def hold(self, held: bool) -> None:
        """Stand still, or go on: a caller on hold is neither spoken nor listened to."""
        now = self._now()
        if held and self._state is LegState.UP:
            self._state = LegState.HELD
            self._held_at = now
            self._mouth.pause()
        elif not held and self._held_at is not None and self._state is LegState.HELD:
            self._state = LegState.UP
            self._turns.postpone(now - self._held_at)
            if self._reply is not None:
                self._reply.stalled_by += now - self._held_at
            self._held_at = None
            if not self._interrupted:
                self._mouth.resume()
            self._pump()

    def send_dtmf(self, digits: str, *, in_sound: bool = False) -> None:
        """Press keys towards the agent: they are the caller's. It reads none from the sound."""
        for digit in digits:
            self.key(digit)

    def refer(self, target: str, *, replaces: str = "", referred_by: str = "") -> None:
        """Do nothing: an agent cannot be asked to call somebody."""

    def refer_progress(self, status: int) -> None:
        """Do nothing: an agent asks for a transfer by its tools."""

    def hang_up(self, cause: Cause = Cause.NORMAL) -> None:
        """End the conversation; `Ended` follows when the engines have let go."""
        self._end(cause, by_peer=False, reason=cause.words)

    # What it hears and says -------------------------------------------------------------------------------------------

    def give(self, frame: Frame) -> None:
        """Hear 20 ms."""
        ear = self._ear
        if ear is None or self._state is not LegState.UP:
            return
        if frame.rate_hz != TELEPHONE_HZ:
            frame = self._rate.convert(frame)
        voiced = frame.voiced
        if voiced is None:
            voiced = self._detect(frame.pcm)
        ear.push(frame)
        turns = self._turns
        turns.hear(voiced, now=self._now())
        if turns.waiting:
            self._pump()

    def take(self) -> Frame | None:
        """Say the next 20 ms, after whatever is due by now."""
        if self._state is not LegState.UP:
            return None
        now = self._tick = self._now()
        if now >= self._due:
            self._turns.handle_timer(now=now)
            self._pump()
        if self._reply is not None and now >= self._reply.stalled_by:
            self._reply.stalled()
        return self._mouth.take()

    def key(self, digit: str) -> None:
        """Hear a key that the caller pressed."""
        if self._state is not LegState.UP:
            return
        now = self._now()
        self.emit(ev.KeyHeard(now, digit))
        self._turns.key(digit, now=now)
        self._pump()

    def _detect(self, pcm: bytes) -> bool:
        if self._detector is None:
            self._detector = VoiceDetector().voiced
        return self._detector(pcm)

    def _heard(self, transcript: Transcript) -> None:
        if self._state is LegState.ENDED:
            return
        now = self._now()
        if transcript.text or transcript.final:
            self.emit(ev.Heard(now, transcript.text, transcript.final, transcript.confidence))
        self._turns.transcript(transcript, now=now)
        self._pump()

    def _ear_failed(self, utterance: int, reason: str) -> None:
        if self._state is LegState.ENDED:
            return
        now = self._now()
        self.emit(ev.EngineFault(now, "stt", reason, fatal=False))
        self._turns.engine_failed(utterance, now=now)
        self._pump()

    # Carrying out what the turn-taker decides -------------------------------------------------------------------------

    def _pump(self) -> None:
        turns = self._turns
        while turns.waiting:
            for output in turns.drain():
                self._carry_out(output)
        due = turns.next_timer()
        self._due = inf if due is None else due

    def _carry_out(self, output: tt.Output) -> None:
        now = self._now()
        match output:
            case tt.StartUtterance(utterance=utterance, began=began):
                self.emit(ev.SpeechStarted(began, utterance))
                if self._ear is not None:
                    self._ear.start(utterance)
            case tt.EndUtterance(utterance=utterance, speech_end=speech_end):
                self.emit(ev.SpeechEnded(now, utterance, speech_end))
                if self._ear is not None:
                    self._ear.end(utterance)
            case tt.PauseVoice(began=began):
                self._interrupted = True
                self._mouth.pause()
                self.emit(ev.BargedIn(now, began, "speech"))
                self.become(AgentState.LISTENING)
            case tt.ResumeVoice():
                self._interrupted = False
                self._turn.resumed += 1
                self._mouth.resume()
                self.emit(ev.BargeInResolved(now, "resumed"))
                self.become(AgentState.SPEAKING)
            case tt.StopVoice():
                self._stop_voice(output, now)
            case tt.StartReply(heard=heard):
                times = {name: getattr(output, name) for name in ("speech_end", "end_of_turn", "final_transcript")}
                self._start_reply(heard, times)

    def _stop_voice(self, stop: tt.StopVoice, now: float) -> None:
        if self._speaking:
            if not stop.paused:
                self.emit(ev.BargedIn(now, stop.began, stop.by))
            self.emit(ev.BargeInResolved(now, "dropped"))
            self._turn.interrupted = True
        self._drop_reply()
        self._finish_turn(now)
        self.become(AgentState.LISTENING)

    def _start_reply(self, heard: Utterance, times: dict[str, float]) -> None:
        self._drop_reply()
        self._finish_turn(self._now())
        self._turn = turn = Turn(self._turn.number + 1, heard, times)
        remember(self.dialogue, Exchange("caller", heard.text))
        self.become(AgentState.THINKING)
        self._reply = Reply(turn, self._equipment, self)
        self._reply_task = self._spawn(self._reply.run(), f"reply {turn.number}")

    def _drop_reply(self) -> None:
        """Cancel the reply, unless it is the one who calls: that one sees that its turn is finished, and returns."""
        task, self._reply_task, self._reply = self._reply_task, None, None
        if task is not None and task is not asyncio.current_task():
            task.cancel()
        self._mouth.clear()
        self._speaking = self._interrupted = False

    # What the reply asks for ------------------------------------------------------------------------------------------

    def expect(self, expectation: Expectation) -> None:
        """Prepare the ear for an answer that may come as an interruption."""
        if self._ear is not None:
            self._ear.expect(expectation)
        self._turns.expect(expectation, now=self._now())
        self._pump()

    def listen(self, turn: Turn, timeout: float) -> None:
        """End the reply: what the caller does from now on, or does not do once our voice has ended, is his turn."""
        self._turns.listen(timeout, now=self._now())
        self._pump()
        self._mouth.mark(lambda played: self._reply_heard(turn) if played else None)

    def become(self, doing: AgentState) -> None:
        """Do something else from now on."""
        if doing is AgentState.THINKING and self._speaking:
            doing = AgentState.SPEAKING
        if doing is not self._doing and self._state in (LegState.UP, LegState.HELD, LegState.ENDED):
            self._doing = doing
            self.emit(ev.StateChanged(self._now(), doing))

    def emit(self, event: Event) -> None:
        """Tell whoever watches."""
        if self._state is not LegState.ENDED or isinstance(event, ev.StateChanged | ev.SessionEnded):
            self._on_event(event)

    def finish(self, reason: str) -> None:
        """End the conversation of our own accord."""
        self._end(Cause.NORMAL, by_peer=True, reason=reason)

    def fail(self, kind: EngineKind, reason: str) -> None:
        """Tell the caller with a sound that needs no engine that it is over, and end."""
        if self._turns.closed:
            return
        self.emit(ev.EngineFault(self._now(), kind, reason, fatal=True))
        log.error("%s the conversation cannot go on: %s failed", self.dialogue.session, kind)
        self._turns.close()
        self._drop_reply()
        self._due = inf
        if self._state not in (LegState.UP, LegState.HELD):
            self._end(Cause.ENGINE_FAILED, by_peer=True, reason=f"{kind}_failed")
            return
        self.become(AgentState.ENDING)
        self._spawn(self._apologise(f"{kind}_failed"), "apology")

    # What the mouth reports, in the tick ------------------------------------------------------------------------------

    def _piece_started(self, piece: Piece) -> None:
        self._turn.times.setdefault("first_packet", self._tick)
        self._speaking = True
        if self._doing not in (AgentState.ENDING, AgentState.TOOL_RUNNING):
            self.become(AgentState.SPEAKING)
        self._turns.voice_started(interruptible=piece.interruptible, now=self._tick)
        if self._turns.waiting:
            self._pump()

    def _piece_said(self, text: str, cut: bool) -> None:
        if text:
            self._turn.said.append(text)
            remember(self.dialogue, Exchange("agent", text, cut))
            self.emit(ev.Said(self._now(), text, cut))

    def _reply_heard(self, turn: Turn) -> None:
        """The reply was heard to its end."""
        self._speaking = False
        self._finish_turn(self._tick)
        if turn is self._turn:
            self.become(AgentState.LISTENING)
            self._turns.voice_stopped(now=self._tick)
            self._pump()

    def _finish_turn(self, now: float) -> None:
        turn = self._turn
        if turn.finished:
            return
        turn.finished = True
        if self._state not in (LegState.UP, LegState.HELD):
            return  # nobody ever heard it
        said, ledger = " ".join(turn.said), Ledger(**turn.times)
        self.emit(ev.TurnFinished(now, turn.number, turn.heard, said, turn.interrupted, turn.resumed, ledger))

    # The end ----------------------------------------------------------------------------------------------------------

    async def _apologise(self, reason: str) -> None:
        self._mouth.begin("", interruptible=False)
        for frame in self._settings.apology or _BEEPS:
            await self._mouth.put(frame)
        self._mouth.mark(lambda _played: self._end(Cause.ENGINE_FAILED, by_peer=True, reason=reason))

    def _end(self, cause: Cause, *, by_peer: bool, reason: str) -> None:
        if self._state is LegState.ENDED:
            return
        now = self._now()
        was_up = self._state in (LegState.UP, LegState.HELD)
        self._turns.close()
        self._drop_reply()
        self._finish_turn(now)
        self._state = LegState.ENDED
        self._due = inf
        if was_up:
            self.become(AgentState.ENDED)
            self.emit(ev.SessionEnded(now, reason))
        self._ended = Ended(cause, by_peer)
        current = asyncio.current_task()
        for task in self._tasks:
            if task is not current:
                task.cancel()
        loop = asyncio.get_running_loop()
        self._end_timer = loop.call_later(_RELEASE_TIMEOUT, self._report_end)
        if not self._tasks:
            # Later all the same: this may be a tick, in which nobody may take the leg off its bridge.
            loop.call_soon(self._report_end)

    def _report_end(self) -> None:
        ended, self._ended = self._ended, None
        if self._end_timer is not None:
            self._end_timer.cancel()
        if ended is not None:
            self._let_go()
            self._sink(self, ended)

    def _let_go(self) -> None:
        """Be held by no part of this leg: all of it would stay until the collector comes round."""
        self._mouth.close()
        if self._ear is not None:
            self._ear.close()
        self._equipment.tools = Toolbox()

    # Tasks ------------------------------------------------------------------------------------------------------------

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, name=f"{self._id} {name}")
        self._tasks.add(task)
        task.add_done_callback(self._task_done)
        return task

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.error("%s %s failed", self.dialogue.session, task.get_name(), exc_info=error)
            if task.get_name() != f"{self._id} ear":
                self._end(Cause.INTERNAL, by_peer=True, reason="internal error")
        if self._ended is not None and not self._tasks:
            self._report_end()
