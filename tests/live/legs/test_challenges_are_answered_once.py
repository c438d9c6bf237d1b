"""401 and 407 to requests of ours: answered with credentials, given up when they are refused."""

from collections.abc import Callable
from typing import Any

import pytest

from softswitch import clock
from softswitch.call.steps import HangUp, Wait
from softswitch.sip.auth import Credentials, DigestClient

Play = Callable[..., None]
CHALLENGE = 'Digest realm="here", nonce="{nonce}", algorithm={algorithm}, qop="auth"'


def account() -> DigestClient:
    return DigestClient(Credentials("alice", "very secret"), token=clock.token)


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
@pytest.mark.parametrize(
    ("status", "asks", "answers"),
    [(401, "WWW-Authenticate", "Authorization"), (407, "Proxy-Authenticate", "Proxy-Authorization")],
)
def test_an_invite_comes_again_with_credentials(
    play: Play, status: int, asks: str, answers: str, algorithm: str
) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        rig.placing = {"auth": account()}
        rig.switchboard.dial(f"sip:x@127.0.0.1:{peer.port}", (HangUp(),))
        first = await peer.asked("INVITE")
        assert first.headers.get(answers) is None
        peer.reply(first, status, lines=f"{asks}: {CHALLENGE.format(nonce='n1', algorithm=algorithm)}")
        again = await peer.asked("INVITE")
        assert 'username="alice"' in again.headers.get(answers)
        assert (again.cseq.number, again.call_id, again.from_.tag) == (2, first.call_id, first.from_.tag)
        peer.reply(again, 200, body=peer.sdp())
        ack = await peer.asked("ACK")
        assert ack.cseq.number == 2 and ack.headers.get(answers) == again.headers.get(answers)
        bye = await peer.asked("BYE")
        assert bye.headers.get(answers) is not None and bye.cseq.number == 3
        peer.reply(bye, status, lines=f"{asks}: {CHALLENGE.format(nonce='n2', algorithm=algorithm)}, stale=true")
        last = await peer.asked("BYE")
        assert 'nonce="n2"' in last.headers.get(answers) and last.cseq.number == 4
        peer.reply(last, 200)

    play(story)


def test_wrong_credentials_are_given_up(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        rig.placing = {"auth": account()}
        rig.switchboard.dial(f"sip:x@127.0.0.1:{peer.port}", (HangUp(),))
        for number in range(2):
            nonce = f"n{number}"
            asked = await peer.asked("INVITE")
            peer.reply(asked, 401, lines=f"WWW-Authenticate: {CHALLENGE.format(nonce=nonce, algorithm='MD5')}")
        await rig.nothing_left()
        record = rig.records[0]
        assert record.outcome != "answered" and record.sip_code == 401
        with pytest.raises(TimeoutError):
            await peer.asked("INVITE")

    play(story)


def test_who_hangs_up_meanwhile_is_not_called_again(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        rig.placing = {"auth": account()}
        call = rig.switchboard.dial(f"sip:x@127.0.0.1:{peer.port}", (Wait(seconds=9),))
        asked = await peer.asked("INVITE")
        rig.switchboard.hang_up(call)
        peer.reply(asked, 401, lines=f"WWW-Authenticate: {CHALLENGE.format(nonce='n', algorithm='MD5')}")
        await peer.asked("ACK")
        with pytest.raises(TimeoutError):
            await peer.asked("INVITE")

    play(story)
