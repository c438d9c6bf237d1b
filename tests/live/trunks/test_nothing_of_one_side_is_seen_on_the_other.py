"""A call goes through the switch, both sides full of marks of their own: not one of them is seen on the other side.

Addresses, names, Call-ID, tags, products, session descriptions, reasons and every header that is not ours to pass on;
and of the switch itself no address but the one that it is known by, and no version.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Any

import pytest

from softswitch.sip.message import Request, Response
from tests.live.trunks.conftest import FakeGateway, TrunkRig

Play = Callable[..., None]

#: What only the caller's side says. Its number, +4930555123, is all that may go through: it is who calls.
NEAR = (
    "near-call-id", "neartag", "NearPhone", "Nora", "nearhost", "10.77.0.5", "nearsession", "nora-origin",
    "NearSubject", "NearCorp", "near-secret", "near-diverted", "near-history", "near-reason",
    "z9hG4bK-near", "near-label",
)  # fmt: skip
#: What only the called side says.
FAR = (
    "fartag", "FarSwitch", "farhost", "10.88.0.9", "farsession", "far-origin", "FarReason", "far-warning", "far-info",
    "far-label", "far-bye-reason",
)  # fmt: skip
NEAR_SDP = (
    "v=0\r\no=nora-origin 77 88 IN IP4 10.77.0.5\r\ns=nearsession\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 40100 RTP/AVP 0\r\na=label:near-label\r\na=sendrecv\r\n"
)
FAR_SDP = (
    "v=0\r\no=far-origin 55 66 IN IP4 10.88.0.9\r\ns=farsession\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 40200 RTP/AVP 0\r\na=label:far-label\r\na=sendrecv\r\n"
)


class Far(FakeGateway):
    """A gateway that marks everything it says."""

    final = 200

    def reply(self, request: Request, status: int, addr: Any) -> None:
        marks = [
            ("Contact", f"<sip:farhost-user@127.0.0.1:{self.port}>"),
            ("Server", "FarSwitch/9"),
            ("Warning", '399 farhost "far-warning"'),
            ("P-Asserted-Identity", '"far-info" <sip:4989777@farhost.example>'),
            ("X-Far", "far-info"),
        ]
        body = FAR_SDP if request.method == "INVITE" and status in (183, 200) else ""
        reply = request.reply(
            status,
            to_tag="fartag" if status > 100 else None,
            headers=marks,
            body=body.encode(),
            content_type="application/sdp" if body else None,
        )
        reply.reason = "FarReason"
        self.send(bytes(reply), addr)


class Near(FakeGateway):
    """A caller that marks everything it says."""

    def say(self, method: str, rig: TrunkRig, cseq: int, *, to: str = "", body: str = "", extra: str = "") -> None:
        where = f"127.0.0.1:{self.port}"
        kind = "Content-Type: application/sdp\r\n" if body else ""
        self.send(
            (
                f"{method} sip:8030123456@{rig.sip[0]}:{rig.sip[1]} SIP/2.0\r\n"
                f"Via: SIP/2.0/UDP nearhost.example:{self.port};branch=z9hG4bK-near-{method}-{cseq};rport\r\n"
                f"Record-Route: <sip:nearhost.example;lr>\r\nMax-Forwards: 70\r\n"
                f'From: "Nora" <sip:+4930555123@nearhost.example>;tag=neartag\r\n'
                f"To: {to or '<sip:8030123456@nearhost.example>'}\r\nCall-ID: near-call-id@10.77.0.5\r\n"
                f"CSeq: {cseq} {method}\r\nContact: <sip:nora@{where}>\r\nUser-Agent: NearPhone/1.2.3\r\n"
                f"Subject: NearSubject\r\nOrganization: NearCorp\r\nX-Secret: near-secret\r\n"
                f"Diversion: <sip:near-diverted@nearhost.example>\r\n"
                f"History-Info: <sip:near-history@nearhost.example>\r\n"
                f"{extra}{kind}Content-Length: {len(body)}\r\n\r\n{body}"
            ).encode(),
            rig.sip,
        )


def seen(messages: list[Request] | list[Response]) -> str:
    return "\n".join(bytes(message).decode() for message in messages)


def leaks(text: str, marks: tuple[str, ...]) -> list[str]:
    return [mark for mark in marks if mark.lower() in text.lower()]


async def opened(rig: TrunkRig, final: int) -> tuple[Near, Far]:
    far, near = Far(100, 180, final), Near()
    for one in (far, near):
        rig.gateways.append(one)
        await one.open()
    # Who passed the call on before is told where `diversion` says so, of callers who are believed; here it says no.
    await rig.open({"name": "office", "host": "127.0.0.1", "port": far.port, "diversion": "none"})
    return near, far


def test_an_answered_call_shows_nothing_of_either_side(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        near, far = await opened(rig, 200)
        near.say("INVITE", rig, 1, body=NEAR_SDP)
        answer = await near.answered(200)
        to = answer.headers.get("To") or ""
        near.say("ACK", rig, 1, to=to)
        await rig.until(lambda: far.count("ACK"))
        near.say("INVITE", rig, 2, to=to, body=NEAR_SDP.replace("sendrecv", "sendonly"))
        await rig.until(lambda: any(one.status == 200 and one.cseq.number == 2 for one in near.answers))
        near.say("ACK", rig, 2, to=to)
        near.say("BYE", rig, 3, to=to, extra='Reason: Q.850;cause=16;text="near-reason"\r\n')
        await rig.until(lambda: far.count("BYE"))
        await rig.record()
        await asyncio.sleep(0.05)
        there = seen(far.asked)
        # Those of a dialog with a side hold that side's own tags and addresses, and nobody else's.
        here = "\n".join(_without_own(one, NEAR) for one in near.answers)
        assert leaks(there, NEAR) == []
        assert leaks(here, FAR) == []
        assert "+4930555123" in there, "who calls is passed on"
        invite = far.request()
        assert re.fullmatch(r"[0-9a-f]{16}", invite.call_id), "no address stands in our Call-ID"
        assert invite.via.host == "127.0.0.1" and len(invite.headers.all("Via")) == 1
        assert not invite.headers.all("Record-Route") and not invite.headers.all("History-Info")
        assert invite.headers.get("User-Agent") == "test"
        ours = _described(there) | _described(here)
        assert ours <= {"127.0.0.1"}, ours

    play(story)


@pytest.mark.parametrize("status", [404, 486, 503, 603])
def test_a_refused_call_shows_nothing_of_the_other_side(play: Play, status: int) -> None:
    async def story(rig: TrunkRig) -> None:
        near, far = await opened(rig, status)
        near.say("INVITE", rig, 1, body=NEAR_SDP)
        await rig.until(lambda: [one for one in near.answers if one.status >= 300])
        refusal = near.answers[-1]
        near.say("ACK", rig, 1, to=refusal.headers.get("To") or "")
        await rig.record()
        assert leaks(seen(far.asked), NEAR) == []
        assert leaks("\n".join(_without_own(one, NEAR) for one in near.answers), FAR) == []

    play(story)


def test_a_cancelled_call_shows_nothing_of_who_cancelled_it(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        near, far = await opened(rig, 180)
        near.say("INVITE", rig, 1, body=NEAR_SDP)
        await near.answered(180)
        cancel = 'Reason: SIP;cause=487;text="near-reason"\r\n'
        near.send(_cancel(near, rig, cancel), rig.sip)
        await rig.until(lambda: far.count("CANCEL"))
        await rig.record()
        assert leaks(seen(far.asked), NEAR) == []

    play(story)


def test_behind_a_nat_only_the_public_address_is_seen(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        _near, far = await opened(rig, 200)
        # To the test everybody is on loopback; that the far end is outside must be said.
        rig.user_agent.public = ("127.0.0.77", 0)
        rig.user_agent.reach._seen_by = lambda flow: ("127.0.0.77", flow.local[1])  # type: ignore[method-assign]
        rig.dial()
        await rig.record()
        invite = far.request()
        assert invite.via.host == "127.0.0.77"
        assert invite.from_.uri.host == "127.0.0.77" and invite.contacts[0].uri.host == "127.0.0.77"
        assert "127.0.0.1" not in bytes(invite).decode().replace(f"{far.host}:{far.port}", "")
        assert _described(seen(far.asked)) == {"127.0.0.77"}

    play(story)


def test_who_transfers_is_known_to_a_carrier_by_our_address(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        _near, far = await opened(rig, 486)
        ends: list[Any] = []
        rig.trunks.place(
            "leg", "+493012345", caller_id="", carrier="", sink=lambda _leg, event: ends.append(event),
            headers=(("Referred-By", "<sip:nora@nearhost.example:5062;x=near-secret>"),),
        )  # fmt: skip
        await rig.until(lambda: ends)
        assert far.request().headers.get("Referred-By") == "<sip:nora@127.0.0.1>"

    play(story)


def _without_own(message: Response, marks: tuple[str, ...]) -> str:
    """Return an answer without what it has to copy from its request."""
    lines = bytes(message).decode().split("\r\n")
    copied = ("Via:", "From:", "To:", "Call-ID:", "CSeq:", "Record-Route:")
    return "\r\n".join(line for line in lines if not line.startswith(copied))


def _described(text: str) -> set[str]:
    """Return the addresses in our session descriptions."""
    return set(re.findall(r"^(?:o=\S+ \d+ \d+|c=) ?IN IP4 (\S+)", text, re.MULTILINE))


def _cancel(near: Near, rig: TrunkRig, extra: str) -> bytes:
    return (
        f"CANCEL sip:8030123456@{rig.sip[0]}:{rig.sip[1]} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP nearhost.example:{near.port};branch=z9hG4bK-near-INVITE-1;rport\r\nMax-Forwards: 70\r\n"
        f'From: "Nora" <sip:+4930555123@nearhost.example>;tag=neartag\r\nTo: <sip:8030123456@nearhost.example>\r\n'
        f"Call-ID: near-call-id@10.77.0.5\r\nCSeq: 1 CANCEL\r\n{extra}Content-Length: 0\r\n\r\n"
    ).encode()
