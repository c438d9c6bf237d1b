"""Keys by INFO: both forms in, once however they come, and out to a peer that wants them so."""

from collections.abc import Callable
from typing import Any

import pytest

from softswitch.call.steps import HangUp, SendDigits

Play = Callable[..., None]
RELAY = "application/dtmf-relay"
PLAIN = "application/dtmf"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (RELAY, "Signal=5\r\nDuration=160\r\n"),
        (RELAY, "Signal= 5 \nDuration = 160"),
        (RELAY, "Duration=100\r\nsignal=5\r\n"),
        (PLAIN, "5"),
        (PLAIN, " 5\r\n"),
        (PLAIN, "Signal=5"),
    ],
)
def test_a_key_is_read_in_every_form(play: Play, kind: str, body: str) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        tag = await peer.up("607")
        for cseq in range(2, 6):
            peer.send(peer.request("INFO", "607", cseq=cseq, to_tag=tag, body=body, content_type=kind))
            assert (await peer.response(method="INFO")).status == 200
        peer.reply(await peer.asked("BYE"), 200)
        await rig.nothing_left()
        assert rig.records[0].dtmf == "5555"

    play(story)


@pytest.mark.parametrize(("text", "key"), [("10", "*"), ("11", "#"), ("12", "A"), ("*", "*"), ("#", "#"), ("d", "D")])
def test_signs_and_their_numbers_are_one(play: Play, text: str, key: str) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        tag = await peer.up()
        peer.send(peer.request("INFO", cseq=2, to_tag=tag, body=f"Signal={text}", content_type=RELAY))
        assert (await peer.response()).status == 200
        await peer.hang_up(tag)
        await rig.nothing_left()
        assert rig.records[0].dtmf == key

    play(story)


def test_what_is_no_key_is_refused_and_an_empty_info_is_taken(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        tag = await peer.up()
        for cseq, kind, body, status in (
            (2, "text/plain", "hello", 415),
            (3, RELAY, "Signal=99", 415),
            (4, RELAY, "x" * 4000, 415),
            (5, RELAY, "", 200),
        ):
            peer.send(peer.request("INFO", cseq=cseq, to_tag=tag, body=body, content_type=kind))
            assert (await peer.response()).status == status
        await peer.hang_up(tag)
        await rig.nothing_left()
        assert rig.records[0].dtmf == ""

    play(story)


@pytest.mark.parametrize("understood", [RELAY, PLAIN])
def test_keys_go_one_by_one_in_the_form_the_peer_understands(play: Play, understood: str) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        rig.placing = {"dtmf": "info"}
        rig.switchboard.dial(f"sip:x@127.0.0.1:{peer.port}", (SendDigits(digits="1#"), HangUp()))
        invite = await peer.asked("INVITE")
        assert b"telephone-event" not in invite.body
        peer.reply(invite, 200, body=peer.sdp())
        keys = []
        while len(keys) < 2:
            info = await peer.asked("INFO")
            if info.content_type != understood:
                peer.reply(info, 415)
                continue
            keys.append(info.body.decode().partition("\r")[0].removeprefix("Signal="))
            peer.reply(info, 200)
        assert keys == ["1", "#"]
        peer.reply(await peer.asked("BYE"), 200)

    play(story)


def test_a_peer_that_takes_no_info_does_not_stop_the_call(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        rig.placing = {"dtmf": "info"}
        rig.switchboard.dial(f"sip:x@127.0.0.1:{peer.port}", (SendDigits(digits="12"), HangUp()))
        peer.reply(await peer.asked("INVITE"), 200, body=peer.sdp())
        for _ in range(2):
            peer.reply(await peer.asked("INFO"), 501)
        peer.reply(await peer.asked("BYE"), 200)

    play(story)


def test_a_peer_that_does_not_know_the_call_any_more_ends_it(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        rig.placing = {"dtmf": "info"}
        rig.switchboard.dial(f"sip:x@127.0.0.1:{peer.port}", (SendDigits(digits="123"), HangUp()))
        peer.reply(await peer.asked("INVITE"), 200, body=peer.sdp())
        peer.reply(await peer.asked("INFO"), 481)
        peer.reply(await peer.asked("BYE"), 200)
        await rig.nothing_left()
        assert "does not know the call" in rig.records[0].cause

    play(story)
