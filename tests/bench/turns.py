"""How long a caller waits for the receptionist, and how soon she falls silent: measured at the caller's end.

    python tests/bench/turns.py --calls 20 --at-once 4

Callers in this process, the switch in another. Each says what it wants, interrupts the next question with its number,
and confirms with a key. A turn is counted from the caller's last voiced frame to the first voiced frame of the reply.
"""

import argparse
import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from switch import percentile, start_switch

from softswitch import clock
from softswitch.apps.phone import NotHeard, Phone
from softswitch.audio.frame import Frame
from softswitch.audio.vad import VoiceDetector
from softswitch.call.bridge import Bridge
from softswitch.call.leg import Answered, Ended, LegState
from softswitch.legs.signalling import Placement
from softswitch.legs.user_agent import UserAgent, UserAgentSettings
from softswitch.net import loop
from softswitch.net.rtp_socket import RtpPorts
from softswitch.net.ticker import Ticker
from softswitch.providers.espeak import EspeakTextToSpeech
from softswitch.sip.uri import Uri

WANTED, NUMBER = "support", "four two seven one"
Figures = dict[str, list[float]]


async def spoken(voice: EspeakTextToSpeech, text: str) -> tuple[list[Frame], float]:
    """Return the frames of a text, cut at its last voiced one, and how long after its begin it is first voiced."""

    async def once() -> AsyncIterator[str]:
        yield text

    frames = [frame async for frame in voice.speak(once())]
    detector = VoiceDetector()
    voiced = [index for index, frame in enumerate(frames) if detector.voiced(frame.pcm)]
    return frames[: voiced[-1] + 1], voiced[0] * 0.02


async def call(agent: UserAgent, ticker: Ticker, number: int, sip: tuple[str, int], lines: dict, out: Figures) -> None:
    """Make one call and note its figures."""
    host, port = sip
    placement = Placement(Uri.parse(f"sip:700@{host}:{port}"), "1001", "udp", host, port, ("PCMU",))
    phone, over, up = Phone(), asyncio.Event(), asyncio.get_running_loop().create_future()

    def happened(_leg: object, event: object) -> None:
        if isinstance(event, Answered) and not up.done():
            up.set_result(clock.now())
        elif isinstance(event, Ended):
            over.set()

    leg = agent.place(f"caller-{number}", placement, happened)
    answered = await asyncio.wait_for(up, 10)
    seat = ticker.join(Bridge(leg, phone).tick)
    try:
        out["answer to first sound"].append(await phone.voice(after=answered - 1.0) - answered)
        await phone.silence(0.8)
        await turn(phone, lines[WANTED][0], "phrase", out)
        await asyncio.sleep(0.9)
        frames, first_voiced = lines[NUMBER]
        began = clock.now() + first_voiced
        phone.say(frames)
        said = asyncio.create_task(phone.said(), name="speaks")
        out["interruption to silence"].append(await phone.quiet_from(began) - began)
        ended = await said
        out["digits, after an interruption"].append(await phone.voice(after=ended) - ended)
        await phone.silence(0.8)
        pressed = clock.now()
        leg.send_dtmf("1")
        out["key"].append(await phone.voice(after=pressed) - pressed)
        await asyncio.wait_for(over.wait(), 15)
    finally:
        seat.leave()
        if leg.state is not LegState.ENDED:
            leg.hang_up()


async def turn(phone: Phone, frames: Sequence[Frame], what: str, out: Figures) -> None:
    """Say something, and note how long the reply took."""
    phone.say(frames)
    ended = await phone.said()
    out[what].append(await phone.voice(after=ended) - ended)


async def callers(sip: tuple[str, int], calls: int, at_once: int) -> tuple[Figures, int]:
    """Make all the calls; return the figures and how many went wrong."""
    names = ("answer to first sound", "phrase", "digits, after an interruption", "key", "interruption to silence")
    out: Figures = {name: [] for name in names}
    ports, ticker, voice = RtpPorts("127.0.0.1", 31000, 31999), Ticker(), EspeakTextToSpeech()
    agent = UserAgent(UserAgentSettings(agent="bench"), ports, lambda _inbound, _make: None)
    await agent.listen("127.0.0.1", 0)
    ticker.start()
    voice.start()
    await voice.warm()
    lines = {text: await spoken(voice, text) for text in (WANTED, NUMBER)}
    room, wrong = asyncio.Semaphore(at_once), 0

    async def one(number: int) -> None:
        nonlocal wrong
        async with room:
            await asyncio.sleep(0.137 * (number % at_once))
            try:
                await call(agent, ticker, number, sip, lines, out)
            except (NotHeard, TimeoutError):
                wrong += 1

    await asyncio.gather(*(one(number) for number in range(calls)))
    await voice.close()
    await agent.close()
    ticker.close()
    ports.close()
    return out, wrong


def main() -> None:
    """Print p50, p95 and maximum of each figure, then the switch's own breakdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--at-once", type=int, default=4)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        process, sip, _ready = start_switch(folder)
        try:
            far, wrong = loop.run(callers(sip, given.calls, given.at_once))
        finally:
            process.terminate()
            process.wait(20)
        records = [json.loads(line) for line in Path(folder, "calls.jsonl").read_text().splitlines()]
    right = sum(record["variables"].get("customer") == "4271" for record in records)
    print(f"{given.calls} calls, {given.at_once} at once; {wrong} went wrong; the number was understood in {right}")
    print(f"{'at the caller, ms':34} {'n':>4} {'p50':>6} {'p95':>6} {'max':>6}")
    for name, seconds in far.items():
        row(name, [1000 * value for value in seconds])
    print(f"{'in the switch, spoken answers, ms':34}")
    turns = [
        turn["latency"] for record in records for turn in record["turns"] if turn["heard"] and turn["heard"] != "1"
    ]
    for stage in ("end_of_turn", "recognition", "policy", "synthesis", "first_packet", "total"):
        row(f"  {stage}", [turn[stage] for turn in turns if stage in turn])


def row(name: str, values: list[float]) -> None:
    """Print one figure."""
    if values:
        figures = f"{percentile(values, 0.5):6.0f} {percentile(values, 0.95):6.0f} {max(values):6.0f}"
        print(f"{name:34} {len(values):4} {figures}")


if __name__ == "__main__":
    main()
