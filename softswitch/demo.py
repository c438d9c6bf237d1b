"""`softswitch demo`: a real call over SIP and RTP on this machine, and a verdict on it.

A scripted caller with a synthesised voice calls the receptionist, says what it wants, interrupts the next question with
its number, confirms with a key, and is said goodbye to. Two user agents, two sets of sockets: nothing is short-cut.
"""

import asyncio
import audioop
import json
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from softswitch import clock
from softswitch.app import App
from softswitch.apps.phone import NotHeard, Phone
from softswitch.audio import wav
from softswitch.audio.frame import Frame
from softswitch.call.bridge import Bridge
from softswitch.call.leg import Answered, Ended, LegEvent, LegState
from softswitch.call.news import CallEnded
from softswitch.call.record import CallRecord
from softswitch.catalog import Catalog
from softswitch.config import Settings
from softswitch.conversation import events as ev
from softswitch.errors import ResourceError
from softswitch.legs.signalling import Placement
from softswitch.legs.sip_leg import SipLeg
from softswitch.legs.user_agent import UserAgent
from softswitch.legs.user_agent_settings import UserAgentSettings
from softswitch.net import loop
from softswitch.net.rtp_socket import RtpPorts
from softswitch.sip.uri import Uri

NUMBER = "700"
WANTED = "support"
SPOKEN_NUMBER = "four two seven one"
DIGITS = "4271"
#: A caller interrupts when he knows what is wanted: this far into the question.
INTERRUPT_AFTER = 0.9
#: The receptionist has said all she wanted when she is silent for this long; her sentences are closer together.
DONE_SPEAKING = 0.8
CALLER_PORTS = (32000, 32099)


@dataclass(slots=True)
class Show:
    """What the call came to, as seen from the caller's end."""

    console: Console
    answers: list[tuple[str, float]] = field(default_factory=list)
    stopped_after: float | None = None
    first_sound: float | None = None
    faults: list[str] = field(default_factory=list)
    record: CallRecord | None = None
    tape: list[tuple[Frame, Frame]] = field(default_factory=list)
    began: float = 0.0

    def tell(self, who: str, text: str, note: str = "") -> None:
        """Print one line of the dialogue."""
        style = {"caller": "cyan", "switch": "green"}.get(who, "dim")
        at = clock.now() - self.began
        tail = f"  [dim]{note}[/dim]" if note else ""
        self.console.print(f"[dim]{at:6.2f} s[/dim]  [{style}]{who:>6}[/{style}]  {text}{tail}", highlight=False)

    def expect(self, true: bool, otherwise: str) -> None:
        """Note a fault unless `true`."""
        if not true:
            self.faults.append(otherwise)


def run(settings: Settings, catalog: Catalog, *, as_json: bool, recording: Path | None = None) -> int:
    """Make the call; return 0 if everything in it was as expected, else 1.

    recording: where to write what the caller heard and said, as stereo sound. Raises ResourceError if it cannot be.
    """
    with tempfile.TemporaryDirectory(prefix="softswitch-demo-") as folder:
        own = settings.model_copy(
            update={
                "sip": settings.sip.model_copy(update={"listen": ("127.0.0.1", 0)}),
                "http": settings.http.model_copy(update={"enabled": False}),
                "data": Path(folder),
            }
        )
        console = Console(stderr=as_json)
        show = loop.run(_demo(own, catalog, console))
    if recording is not None:
        _write(recording, show.tape)
        console.print(f"Listen to it: {recording} (left: the caller, right: the switch)", highlight=False)
    if as_json:
        print(json.dumps(_as_json(show), ensure_ascii=False, indent=2))  # noqa: T201 - this is what was asked for
    else:
        _summary(show)
    return 1 if show.faults else 0


async def _demo(settings: Settings, catalog: Catalog, console: Console) -> Show:
    show = Show(console)
    async with AsyncExitStack() as stack:
        app = await stack.enter_async_context(App(settings, catalog))
        console.print(f"The switch listens on {app.addresses.sip[0]}:{app.addresses.sip[1]}; a caller dials {NUMBER}.")
        await app.engines.warm()
        lines = {text: await _spoken(app, text) for text in (WANTED, SPOKEN_NUMBER)}
        agent = await _caller_agent(stack)
        watcher = asyncio.create_task(_watch(app, show), name="watch")
        show.began = clock.now()
        try:
            async with asyncio.timeout(90):
                await _call(app, agent, show, lines)
                await watcher
        except NotHeard as error:
            show.faults.append(str(error))
        except TimeoutError:
            show.faults.append("the call did not end within 90 s")
        finally:
            watcher.cancel()
            await asyncio.gather(watcher, return_exceptions=True)
            await app.release()
    _judge(show)
    return show


async def _caller_agent(stack: AsyncExitStack) -> UserAgent:
    """Return a second user agent with sockets of its own: the caller's telephone."""
    ports = RtpPorts("127.0.0.1", *CALLER_PORTS)
    stack.callback(ports.close)
    agent = UserAgent(UserAgentSettings(agent="softswitch-demo-caller"), ports, _nobody_calls)
    await agent.listen("127.0.0.1", 0)
    stack.push_async_callback(agent.close)
    return agent


def _nobody_calls(_inbound: object, _make: object) -> None:
    """The caller's telephone is not called by anybody."""


async def _spoken(app: App, text: str) -> Sequence[Frame]:
    async def once() -> AsyncIterator[str]:
        yield text

    return [frame async for frame in app.engines.voice.speak(once())]


async def _call(app: App, agent: UserAgent, show: Show, lines: dict[str, Sequence[Frame]]) -> None:
    """Play the caller's part."""
    host, port = app.addresses.sip
    placement = Placement(Uri.parse(f"sip:{NUMBER}@{host}:{port}"), "1001", "udp", host, port, ("PCMU",))
    phone, over = Phone(tape=show.tape), asyncio.Event()
    up: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    def happened(_leg: object, event: LegEvent) -> None:
        match event:
            case Answered() if not up.done():
                up.set_result(clock.now())
            case Ended(cause=cause):
                over.set()
                if not up.done():
                    up.set_exception(NotHeard(f"the call was not answered: {cause}"))
            case _:
                pass

    leg = agent.place("caller", placement, happened)
    answered_at = await up
    seat = app.ticker.join(Bridge(leg, phone).tick)
    try:
        await _talk(leg, phone, show, lines, answered_at)
        await over.wait()
    finally:
        seat.leave()
        if leg.state is not LegState.ENDED:
            leg.hang_up()


async def _talk(leg: SipLeg, phone: Phone, show: Show, lines: dict[str, Sequence[Frame]], answered_at: float) -> None:
    show.first_sound = await phone.voice(after=answered_at - 1.0) - answered_at
    await phone.silence(DONE_SPEAKING)

    async def answered_after(asked: float, what: str) -> None:
        show.answers.append((what, await phone.voice(after=asked) - asked))

    show.tell("caller", f"“{WANTED}”")
    phone.say(lines[WANTED])
    await answered_after(await phone.said(), f"“{WANTED}”")

    await asyncio.sleep(INTERRUPT_AFTER)
    show.tell("caller", f"“{SPOKEN_NUMBER}”", "interrupts")
    began = clock.now()
    phone.say(lines[SPOKEN_NUMBER])
    spoken = asyncio.create_task(phone.said(), name="caller speaks")
    show.stopped_after = await phone.quiet_from(began) - began
    await answered_after(await spoken, f"“{SPOKEN_NUMBER}”")
    await phone.silence(DONE_SPEAKING)

    show.tell("caller", "presses 1")
    pressed = clock.now()
    leg.send_dtmf("1")
    await answered_after(pressed, "key 1")


async def _watch(app: App, show: Show) -> None:
    """Print what the switch hears and says, as it happens, until the call is over."""
    async for event in app.switchboard.watch():
        match event.what:
            case ev.Heard(text=text, final=True):
                show.tell("switch", f"[italic]heard “{text}”[/italic]")
            case ev.KeyHeard(digit=digit):
                show.tell("switch", f"[italic]heard key {digit}[/italic]")
            case ev.BargedIn():
                show.tell("switch", "[italic]stops speaking[/italic]")
            case ev.Said(text=text, interrupted=interrupted):
                show.tell("switch", text + (" …" if interrupted else ""))
            case CallEnded(record=record):
                show.record = record
                return
            case _:
                pass


def _judge(show: Show) -> None:
    """Hold the call against what it should have been."""
    record, expect = show.record, show.expect
    if record is None:
        show.faults.append("there is no call record")
        return
    heard = [turn.heard for turn in record.turns]
    expect(record.outcome == "answered", f"the call was {record.outcome}: {record.cause}")
    expect(record.ended_by == "switch", f"the call was ended by the {record.ended_by}, not by the receptionist")
    expect(any(WANTED in text for text in heard), f"“{WANTED}” was not understood; heard: {heard}")
    customer = record.variables.get("customer", "")
    expect(customer == DIGITS, f"the number {DIGITS} was taken for {customer or 'nothing'}")
    expect(any(turn.interrupted for turn in record.turns), "the receptionist was not interrupted")
    expect(record.dtmf == "1", f"key 1 arrived as {record.dtmf or 'nothing'}")
    expect("goodbye" in record.turns[-1].said.lower() if record.turns else False, "nobody said goodbye")
    expect(record.media.received.lost == 0, f"{record.media.received.lost} packets were lost on loopback")


def _summary(show: Show) -> None:
    """Print the table at the end, and the verdict."""
    console, record = show.console, show.record
    if record is not None:
        title = "Turns: milliseconds from the end of the caller's speech to the reply,\nand where they went"
        table = Table(title=title, title_justify="left")
        for name in ("heard", "pause", "words", "policy", "voice", "packet", "total"):
            table.add_column(name, justify="left" if name == "heard" else "right")
        for turn in record.turns:
            if turn.heard:
                stages = ("end_of_turn", "recognition", "policy", "synthesis", "first_packet", "total")
                table.add_row(turn.heard, *(_ms(turn.latency.get(stage)) for stage in stages))
        console.print(table)
    far = Table(title="The same, as the caller heard it", title_justify="left", show_header=False)
    far.add_column()
    far.add_column(justify="right")
    if show.first_sound is not None:
        far.add_row("answer to first sound", f"{show.first_sound * 1000:.0f} ms")
    for what, seconds in show.answers:
        far.add_row(f"{what} to the reply", f"{seconds * 1000:.0f} ms")
    if show.stopped_after is not None:
        far.add_row("interruption to silence", f"{show.stopped_after * 1000:.0f} ms")
    console.print(far)
    if show.faults:
        for fault in show.faults:
            console.print(f"[red]not as expected:[/red] {fault}", highlight=False)
    else:
        console.print("[green]Everything in this call was as expected.[/green]")


def _write(path: Path, tape: Sequence[tuple[Frame, Frame]]) -> None:
    sound = b"".join(
        audioop.add(audioop.tostereo(said.pcm, 2, 1, 0), audioop.tostereo(heard.pcm, 2, 0, 1), 2)
        for said, heard in tape
    )
    try:
        path.write_bytes(wav.header(len(sound), channels=2) + sound)
    except OSError as error:
        raise ResourceError(f"the recording cannot be written to {path}: {error.strerror}") from error


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}"


def _as_json(show: Show) -> dict[str, Any]:
    return {
        "ok": not show.faults,
        "faults": show.faults,
        "first_sound_ms": _whole_ms(show.first_sound),
        "interruption_to_silence_ms": _whole_ms(show.stopped_after),
        "answers": [{"after": what, "ms": _whole_ms(seconds)} for what, seconds in show.answers],
        "record": show.record.as_json() if show.record else None,
    }


def _whole_ms(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)
