"""A caller in virtual time: 20 ms at a time he speaks, is silent, presses keys, and hears what the agent says."""

import asyncio
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from softswitch import document
from softswitch.audio.frame import FRAME_BYTES, Frame
from softswitch.call.leg import Ended, Leg, LegEvent
from softswitch.conversation import turns as tt
from softswitch.conversation.agent_leg import AgentLeg
from softswitch.conversation.events import Event, Said, TurnFinished
from softswitch.conversation.flow import FlowPolicy
from softswitch.conversation.flow_check import load_flows
from softswitch.conversation.flow_model import Flow
from softswitch.conversation.policy import Dialogue
from softswitch.providers.scripted import ScriptedSpeechToText, ScriptedTextToSpeech

ROOT = Path(__file__).parents[3]
VOICED = Frame(b"\x00\x10" * (FRAME_BYTES // 2), voiced=True)
QUIET = Frame(bytes(FRAME_BYTES), voiced=False)


class _Pass:
    """Lets the event loop go round once."""

    def __await__(self) -> Generator[None, None, None]:
        yield


class Talk:
    """One conversation with an agent, driven tick by tick."""

    def __init__(self, policy: Any, ears: Any, voice: Any, **options: Any) -> None:
        self.time = 1000.0
        self.loop = asyncio.new_event_loop()
        self.events: list[Event] = []
        self.reports: list[LegEvent] = []
        #: Of every tick: the time, and whether sound of ours was on the line.
        self.line: list[tuple[float, bool]] = []
        self.dialogue = Dialogue("test")
        self.agent = AgentLeg(
            "agent",
            policy,
            ears=ears,
            voice=voice,
            dialogue=self.dialogue,
            sink=self._report,
            on_event=self.events.append,
            now=lambda: self.time,
            **options,
        )

    def _report(self, _leg: Leg, event: LegEvent) -> None:
        self.reports.append(event)

    def do(self, command: Callable[[], None]) -> None:
        """Give the agent a command on its loop, and let its tasks run."""

        async def on_loop() -> None:
            command()
            for _ in range(8):
                await _Pass()

        self.loop.run_until_complete(on_loop())

    def answer(self) -> None:
        self.do(self.agent.answer)

    def tick(self, frame: Frame = QUIET, count: int = 1) -> None:
        for _ in range(count):
            self.time += 0.02

            def exchange() -> None:
                self.agent.give(frame)
                heard = self.agent.take()
                self.line.append((self.time, heard is not None and any(heard.pcm)))

            self.do(exchange)

    def speak(self, milliseconds: int) -> None:
        self.tick(VOICED, milliseconds // 20)

    def quiet(self, milliseconds: int) -> None:
        self.tick(QUIET, milliseconds // 20)

    def key(self, digits: str) -> None:
        for digit in digits:
            self.do(lambda digit=digit: self.agent.key(digit))
            self.tick()

    def until(self, reached: Callable[[], bool], seconds: float = 60.0) -> None:
        """Stay silent until something has happened."""
        for _ in range(int(seconds * 50)):
            if reached():
                return
            self.tick()
        raise AssertionError(f"it has not happened within {seconds} s; said so far: {self.said}")

    def until_said(self, words: str, seconds: float = 60.0) -> None:
        self.until(lambda: words in self.said, seconds)

    def until_ended(self, seconds: float = 120.0) -> Ended:
        self.until(lambda: bool(self.ended), seconds)
        return self.ended[0]

    @property
    def said(self) -> str:
        return " | ".join(event.text for event in self.of(Said))

    @property
    def turns(self) -> list[TurnFinished]:
        return self.of(TurnFinished)

    @property
    def ended(self) -> list[Ended]:
        return [event for event in self.reports if isinstance(event, Ended)]

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def sounding(self, seconds: float) -> bool:
        """Return whether our voice was on the line in the last so many seconds."""
        return any(sound for at, sound in self.line if at > self.time - seconds)

    def close(self) -> None:
        self.do(self.agent.hang_up)
        self.tick(count=3)
        left = asyncio.all_tasks(self.loop)
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()
        assert not left, f"tasks outlive the call: {left}"


@pytest.fixture(scope="session")
def flow() -> Callable[[str], Flow]:
    """Reads the only flow of a piece of YAML."""

    def read(text: str) -> Flow:
        return next(iter(load_flows(document.parse(Path("test.yaml"), text)).values()))

    return read


@pytest.fixture
def receptionist() -> Flow:
    return load_flows(document.load(ROOT / "dialplans" / "receptionist.yaml"))["receptionist"]


@pytest.fixture
def talk(receptionist: Flow) -> Iterator[Callable[..., Talk]]:
    """Makes a conversation: with the receptionist, and with a recogniser that hears `script`, unless told otherwise."""
    made: list[Talk] = []

    def make(
        script: Any = (),
        *,
        flow: Flow | None = None,
        policy: Any = None,
        ears: Any = None,
        voice: Any = None,
        **more: Any,
    ) -> Talk:
        ears = ears if ears is not None else ScriptedSpeechToText(script, partial_ms=100)
        voice = voice if voice is not None else ScriptedTextToSpeech(word_ms=180)
        made.append(Talk(policy or FlowPolicy(flow or receptionist), ears, voice, **more))
        return made[-1]

    yield make
    for conversation in made:
        conversation.close()


class Ears:
    """Drives a bare turn-taker, 20 ms at a time."""

    def __init__(self, settings: tt.TurnSettings | None = None) -> None:
        self.machine = tt.TurnTaker(settings)
        self.time = 0.0
        self.outputs: list[tuple[float, tt.Output]] = []

    def tick(self, voiced: bool = False, count: int = 1) -> None:
        for _ in range(count):
            self.time += 0.02
            timer = self.machine.next_timer()
            if timer is not None and self.time >= timer:
                self.machine.handle_timer(now=self.time)
            self.machine.hear(voiced, now=self.time)
            self.collect()

    def collect(self) -> None:
        self.outputs.extend((self.time, output) for output in self.machine.drain())

    def speak(self, milliseconds: int) -> None:
        self.tick(True, milliseconds // 20)

    def quiet(self, milliseconds: int) -> None:
        self.tick(False, milliseconds // 20)

    def of(self, kind: type[Any]) -> list[Any]:
        return [output for _, output in self.outputs if isinstance(output, kind)]

    def when(self, kind: type[Any]) -> float:
        """Return when the first output of a kind came, in milliseconds."""
        return next(round(at * 1000) for at, output in self.outputs if isinstance(output, kind))

    @property
    def open(self) -> int:
        """Return the number of the utterance begun last."""
        return int(self.of(tt.StartUtterance)[-1].utterance)


@pytest.fixture(scope="session")
def ears() -> Callable[..., Ears]:
    return Ears
