"""Media time-outs: one for who was never heard, one for who was; reports (RTCP) say that a silent one is there."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from softswitch.call.cause import Cause
from softswitch.legs.rtp_media import Patience
from softswitch.rtp.packet import HEADER
from softswitch.rtp.rtcp import Description, ReceiverReport, compound, parse

Play = Callable[..., None]
REPORT = compound([ReceiverReport(7), Description(7, "x")])


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Sockets of an even port and the odd one above it."""
    for even in range(43000, 43998, 2):
        sound, reports = socket.socket(type=socket.SOCK_DGRAM), socket.socket(type=socket.SOCK_DGRAM)
        try:
            sound.bind(("127.0.0.1", even))
            reports.bind(("127.0.0.1", even + 1))
        except OSError:
            sound.close()
            reports.close()
            continue
        sound.setblocking(False)
        reports.setblocking(False)
        with sound, reports:
            yield sound, reports
        return
    pytest.fail("no pair of ports is free")


async def up(rig: Any, port: int) -> tuple[str, Any, int]:
    """Return our tag, the leg, and the port of its sound."""
    peer = rig.peer
    peer.send(peer.request("INVITE", body=peer.sdp(port=port)))
    answer = await peer.response()
    peer.send(peer.request("ACK", to_tag=answer.to.tag))
    [leg] = set(rig.user_agent._dialogs.values())
    return answer.to.tag, leg, leg.media._socket.port


def speak(pair: tuple[socket.socket, socket.socket], there: int) -> None:
    for number in range(5):
        pair[0].sendto(HEADER.pack(0x8000, number, number * 160, 7) + bytes(160), ("127.0.0.1", there))


def test_who_was_never_heard_has_less_time(play: Play, pair: Any) -> None:
    async def story(rig: Any) -> None:
        _, leg, there = await up(rig, pair[0].getsockname()[1])
        leg.media._patience = Patience(0.5, 60.0)
        for _ in range(4):  # reports are no excuse for sound that never came
            pair[1].sendto(REPORT, ("127.0.0.1", there + 1))
            await asyncio.sleep(0.4)
        rig.peer.reply(await rig.peer.asked("BYE"), 200)
        await rig.nothing_left()
        assert rig.records[0].cause == str(Cause.MEDIA_TIMEOUT)

    play(story)


def test_who_was_heard_and_stopped_is_given_up_later(play: Play, pair: Any) -> None:
    async def story(rig: Any) -> None:
        _, leg, there = await up(rig, pair[0].getsockname()[1])
        leg.media._patience = Patience(0.1, 1.5)
        speak(pair, there)
        await asyncio.sleep(1.3)
        assert rig.switchboard.active == 1
        rig.peer.reply(await rig.peer.asked("BYE"), 200)
        await rig.nothing_left()

    play(story)


def test_who_is_silent_and_reports_stays_and_is_told_how_it_was_heard(play: Play, pair: Any) -> None:
    async def story(rig: Any) -> None:
        tag, leg, there = await up(rig, pair[0].getsockname()[1])
        leg.media._patience = Patience(0.1, 1.5)
        speak(pair, there)
        for _ in range(10):
            pair[1].sendto(REPORT, ("127.0.0.1", there + 1))
            await asyncio.sleep(0.4)
        assert rig.switchboard.active == 1
        # By then the first report has come, to the odd port, and says that five packets were heard.
        said = parse(pair[1].recv(1500))
        assert said[0].blocks[0].ssrc == 7 and said[0].blocks[0].highest == 4  # type: ignore[union-attr]
        await rig.peer.hang_up(tag)

    play(story)
