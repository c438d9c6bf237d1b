"""Holds, keys, comfort noise and pauses: what a telephone hears of it has no step, and noise is noise."""

import asyncio
import math
import re
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from softswitch.call.dialplan import Dialplan, load_rules
from softswitch.document import parse
from tests.live.peers.heard import level_dbm0
from tests.live.peers.raw_phone import RawPhone
from tests.live.peers.rtp_probe import RtpProbe

Play = Callable[..., None]
PEAK = 8000
CN_SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio {port} RTP/AVP 0 13\r\na=rtpmap:13 CN/8000\r\n"
)


def sine(hz: int, seconds: float) -> bytes:
    samples = PEAK * np.sin(2 * np.pi * hz * np.arange(round(seconds * 8000)) / 8000 + 1.0)
    return samples.astype("<i2").tobytes()


def splatter_db(sound: np.ndarray) -> float:
    """Return the most that any 10 ms have above 2 kHz, against a full tone of low pitch: a hard cut makes -20 dB."""
    window = np.hanning(80)
    full = np.sum(np.abs(np.fft.rfft(PEAK * np.sin(2 * np.pi * 500 * np.arange(80) / 8000) * window)) ** 2)
    pieces = np.lib.stride_tricks.sliding_window_view(sound, 80)[::20] * window
    return 10 * math.log10(float((np.abs(np.fft.rfft(pieces, axis=1))[:, 20:] ** 2).sum(axis=1).max()) / full)


@asynccontextmanager
async def connected(rig: Any) -> AsyncIterator[tuple[RawPhone, RawPhone]]:
    """Let alice call bob over number 200."""
    with ExitStack() as stack:
        alice, bob = (RawPhone(rig, stack.enter_context(RtpProbe()), name) for name in ("alice", "bob"))
        rules = load_rules(parse(Path("p.yaml"), f"rules: [{{number: 200, steps: [dial: '{bob.uri}']}}]"))
        rig.switchboard.script = replace(rig.switchboard.script, dialplan=Dialplan(rules))
        try:
            alice.call("200")
            await bob.rings()
            bob.reply(200, sdp=True)
            await alice.told(200)
            yield alice, bob
            alice.hang_up()
            await bob.asked("BYE")
            await rig.nothing_left()
        finally:
            await alice.close()
            await bob.close()


def test_hold_and_resume_have_no_click(play: Play) -> None:
    async def story(rig: Any) -> None:
        async with connected(rig) as (alice, bob):
            bob.probe.say(sine(431, 6))
            alice.probe.say(sine(377, 6))
            await asyncio.sleep(0.4)
            ((call, _),) = rig.switchboard.calls()
            for held in (True, False, True, False):
                rig.switchboard.hold(call.id, held)
                await asyncio.sleep(0.43)
            await asyncio.sleep(0.2)
            for phone, hz in ((alice, 431), (bob, 377)):
                sound = phone.probe.heard.part(0.2, 2.2)
                frames = sound[: len(sound) // 160 * 160].reshape(-1, 160)
                quiet = sum(level_dbm0(frame) < -50 for frame in frames)
                assert phone is bob or quiet == 0 or quiet > 10
                assert abs(phone.probe.heard.tone(2.0, 2.2).hz - hz) < 8
                assert splatter_db(sound) < -28, phone.name

    play(story)


def test_comfort_noise_of_a_peer_is_heard_as_noise(play: Play) -> None:
    """It says that its silence is -50 dBov, and sends nothing for a second."""

    async def story(rig: Any) -> None:
        async with connected(rig) as (alice, bob):
            bob.probe.say(sine(431, 0.5))
            await asyncio.to_thread(bob.probe.wait_said)
            remote, header = bob.probe._remote, bob.probe.last_sent[:12]
            sequence, timestamp = (int.from_bytes(header[2:4]) + 1, int.from_bytes(header[4:8]) + 160)
            bob.probe.silent = True
            noise = bytes((0x80, 13)) + (sequence & 0xFFFF).to_bytes(2) + (timestamp & 0xFFFFFFFF).to_bytes(4)
            bob.probe.talk_to(remote)
            bob.probe.send_raw(noise + header[8:12] + bytes((50,)))
            await asyncio.sleep(1.0)
            samples = alice.probe.heard.samples
            assert level_dbm0(samples[-4000:]) == pytest.approx(6.18 - 50, abs=1.5)
            assert splatter_db(samples[1600:]) < -28

    play(story)


@pytest.mark.parametrize("silence", ["packets", "comfort_noise", "nothing"])
def test_silence_is_sent_as_configured(play: Play, silence: str) -> None:
    async def story(rig: Any) -> None:
        rig.user_agent._settings = replace(
            rig.user_agent._settings, silence=silence, comfort_noise=silence == "comfort_noise"
        )
        with RtpProbe() as probe:
            rig.peer.send(rig.peer.request("INVITE", "602", body=CN_SDP.format(port=probe.port)))
            answer = await rig.peer.response(183)
            said = answer.body.decode()
            assert ("CN/8000" in said) is (silence == "comfort_noise")
            (port,) = re.findall(r"^m=audio (\d+) ", said, re.MULTILINE)
            probe.talk_to(("127.0.0.1", int(port)))
            await asyncio.sleep(1.0)
            heard = probe.heard
            noise = [packet for packet in heard.packets if packet.payload_type == 13]
            sound = [packet for packet in heard.packets if packet.payload_type == 0]
            wanted = {"packets": (0, 45, 55), "comfort_noise": (2, 8, 14), "nothing": (0, 8, 14)}[silence]
            assert len(noise) == wanted[0] and wanted[1] <= len(sound) <= wanted[2]
            stamps = [(packet.arrived, packet.timestamp) for packet in heard.packets]
            drift = [(at - stamps[0][0]) * 8000 - (stamp - stamps[0][1]) % (1 << 32) for at, stamp in stamps]
            assert max(map(abs, drift)) < 160, "the clock runs on"
            rig.peer.send(rig.peer.request("CANCEL", "602", body="", branch="call-1"))
            for call, _ in rig.switchboard.calls():
                rig.switchboard.hang_up(call.id)
            await rig.peer.response(300)

    play(story)
