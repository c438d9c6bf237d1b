"""Merged, looping, foreign and surplus requests (RFC 3261 section 8.2), and whatever is over the limit."""

from collections.abc import Callable

import pytest

from softswitch.clock import seeded_token
from softswitch.sip.admission import CoreSettings
from softswitch.sip.core import AckReceived, CancelReceived, RequestReceived, SipCore, TransactionFailed, Transmit
from softswitch.sip.flow import Flow

FLOW = Flow("UDP", ("192.0.2.2", 5060), ("192.0.2.1", 5060))
Say = Callable[..., list[str]]


def request(method: str, *lines: str, branch: str = "z9hG4bK1", uri: str = "sip:600@192.0.2.2", to: str = "") -> bytes:
    head = [
        f"{method} {uri} SIP/2.0",
        f"Via: SIP/2.0/UDP 192.0.2.1:5060;branch={branch};rport",
        "From: <sip:alice@192.0.2.1>;tag=a",
        f"To: <sip:600@192.0.2.2>{to}",
        "Call-ID: one@192.0.2.1",
        f"CSeq: 1 {method}",
        "Contact: <sip:alice@192.0.2.1:5060>",
        *lines,
    ]
    return ("\r\n".join(head) + "\r\n\r\n").encode()


class Switch:
    def __init__(self, **settings: object) -> None:
        self.core = SipCore(CoreSettings(**settings), token=seeded_token(1))
        self.events: list[object] = []

    def gets(self, data: bytes, *, now: float = 0.0) -> list[bytes]:
        """Return what is sent in answer."""
        self.core.receive(data, FLOW, now=now)
        outputs = self.core.drain()
        self.events += [output for output in outputs if not isinstance(output, Transmit)]
        return [output.data for output in outputs if isinstance(output, Transmit)]

    def up(self, kind: type) -> list[object]:
        return [event for event in self.events if isinstance(event, kind)]


def status(data: bytes) -> int:
    return int(data.split(b" ", 2)[1])


def header(data: bytes, name: str) -> str | None:
    for line in data.decode().split("\r\n"):
        if line.lower().startswith(name.lower() + ":"):
            return line.split(":", 1)[1].strip()
    return None


def test_an_invite_gets_100_before_any_user_is_asked() -> None:
    switch = Switch()
    [answer] = switch.gets(request("INVITE"))
    assert status(answer) == 100
    assert len(switch.up(RequestReceived)) == 1
    assert switch.gets(request("INVITE"), now=0.5) == [answer]
    assert len(switch.up(RequestReceived)) == 1


def test_a_merged_request_gets_482() -> None:
    switch = Switch()
    switch.gets(request("INVITE", branch="z9hG4bKa"))
    [answer] = switch.gets(request("INVITE", branch="z9hG4bKb"))
    assert status(answer) == 482
    assert "tag=" in (header(answer, "To") or "")
    assert len(switch.up(RequestReceived)) == 1


def test_the_same_request_inside_a_dialog_is_not_merged() -> None:
    switch = Switch()
    switch.gets(request("INVITE", branch="z9hG4bKa", to=";tag=b"))
    switch.gets(request("INVITE", branch="z9hG4bKb", to=";tag=b"))
    assert len(switch.up(RequestReceived)) == 2


@pytest.mark.parametrize(
    ("method", "to", "answer"),
    [("INVITE", "", 483), ("BYE", "", 483), ("OPTIONS", "", None), ("BYE", ";tag=b", None), ("ACK", "", None)],
)
def test_max_forwards_zero_stops_a_new_call_only(method: str, to: str, answer: int | None) -> None:
    switch = Switch()
    answers = switch.gets(request(method, "Max-Forwards: 0", to=to))
    assert [status(data) for data in answers] == ([] if answer is None else [answer])
    assert len(switch.up(RequestReceived if method != "ACK" else AckReceived)) == (answer is None)


def test_a_known_method_that_is_not_allowed_gets_405_with_allow() -> None:
    [answer] = Switch().gets(request("SUBSCRIBE"))
    assert status(answer) == 405
    assert header(answer, "Allow") == "INVITE, ACK, CANCEL, BYE, OPTIONS"


def test_an_unknown_method_gets_501() -> None:
    switch = Switch()
    for number in range(50):
        [answer] = switch.gets(request(f"NEW{number}", branch=f"z9hG4bK{number}"))
        assert status(answer) == 501
    # a stranger's inventions do not make our counters grow
    assert set(switch.core.counts) == {("OTHER", 0, "in"), ("OTHER", 501, "out")}


def test_an_unknown_method_stays_501_when_cseq_names_another() -> None:
    switch = Switch()
    [answer] = switch.gets(request("DANCE").replace(b"1 DANCE", b"1 INVITE"))
    assert status(answer) == 501 and header(answer, "Allow") == "INVITE, ACK, CANCEL, BYE, OPTIONS"
    [answer] = switch.gets(request("BYE").replace(b"1 BYE", b"1 INVITE"))
    assert status(answer) == 400 and header(answer, "Allow") is None


@pytest.mark.parametrize(
    ("accept", "answer"),
    [
        ("Accept: text/nobodyKnowsThis", 406),
        ("Accept:", 406),
        ("Accept: application/isup, text/*", 406),
        ("Accept: text/plain, Application/SDP;level=1", 100),
        ("Accept: application/*", 100),
        ("Accept: */*;q=0.1", 100),
    ],
)
def test_an_invite_that_takes_no_session_description_gets_406(accept: str, answer: int) -> None:
    sent = Switch().gets(request("INVITE", accept))[-1]
    assert status(sent) == answer
    assert (header(sent, "Warning") or "").startswith("399 softswitch ") == (answer == 406)


def test_an_unknown_extension_gets_420_with_its_name() -> None:
    [answer] = Switch(supported=("timer",)).gets(request("INVITE", "Require: timer, magic", "Require: more"))
    assert status(answer) == 420
    assert header(answer, "Unsupported") == "magic, more"


def test_an_unknown_scheme_gets_416() -> None:
    [answer] = Switch().gets(request("INVITE", uri="soap.beep://192.0.2.2"))
    assert status(answer) == 416


def test_an_ack_is_never_answered() -> None:
    switch = Switch()
    assert switch.gets(request("ACK", "Require: magic", "Max-Forwards: 0")) == []
    assert switch.gets(request("ACK", uri="soap.beep://x", branch="z9hG4bK2")) == []


def test_over_the_limit_a_new_call_gets_503_with_retry_after() -> None:
    switch = Switch(max_transactions=8)
    for number in range(8):
        data = request("OPTIONS", branch=f"z9hG4bK{number}").replace(b"one@", b"%d@" % number)
        assert switch.gets(data) == []
    [answer] = switch.gets(request("INVITE"))
    assert status(answer) == 503
    assert header(answer, "Retry-After") == "10"
    assert len(switch.core) == 8
    # the ACK of that 503 concerns nobody
    tag = (header(answer, "To") or "").partition(";")[2]
    switch.gets(request("ACK", to=";" + tag))
    assert not switch.up(AckReceived)
    # but a call that is up can still end
    switch.gets(request("BYE", branch="z9hG4bKbye", to=";tag=b"))
    assert switch.up(RequestReceived)[-1].request.method == "BYE"


def test_a_cancel_of_nothing_gets_481() -> None:
    switch = Switch()
    [answer] = switch.gets(request("CANCEL"))
    assert status(answer) == 481
    assert switch.gets(request("CANCEL")) == [answer]


def test_a_cancel_of_an_invite_gets_200_once_it_is_known() -> None:
    switch = Switch()
    switch.gets(request("INVITE"))
    [answer] = switch.gets(request("CANCEL", "Require: magic"))
    assert status(answer) == 200
    assert len(switch.up(CancelReceived)) == 1
    assert switch.gets(request("CANCEL", "Require: magic")) == [answer]
    assert len(switch.up(CancelReceived)) == 1


def test_a_cancel_of_another_request_has_no_effect() -> None:
    switch = Switch()
    switch.gets(request("OPTIONS"))
    [answer] = switch.gets(request("CANCEL"))
    assert status(answer) == 200
    assert not switch.up(CancelReceived)


def test_the_ack_of_a_refusal_is_absorbed() -> None:
    switch = Switch()
    switch.gets(request("INVITE"))
    key = switch.up(RequestReceived)[0].key
    refusal = switch.up(RequestReceived)[0].request.reply(486, to_tag="b")
    assert switch.core.send_response(key, refusal, now=0.0)
    assert len(switch.core.drain()) == 1
    switch.core.handle_timer(now=0.5)
    assert len(switch.core.drain()) == 1
    assert switch.gets(request("ACK", to=";tag=b"), now=0.6) == []
    assert switch.gets(request("ACK", to=";tag=b"), now=0.7) == []
    switch.core.handle_timer(now=2.0)
    assert switch.core.drain() == []
    assert not switch.up(AckReceived)
    switch.core.handle_timer(now=100.0)
    assert len(switch.core) == 0 and switch.core.next_timer() is None


def test_a_default_port_is_a_port() -> None:
    switch = Switch()
    switch.gets(request("INVITE").replace(b"192.0.2.1:5060;branch", b"192.0.2.1;branch"))
    [answer] = switch.gets(request("CANCEL"))
    assert status(answer) == 200 and len(switch.up(CancelReceived)) == 1
    other = request("CANCEL").replace(b"192.0.2.1:5060;branch", b"192.0.2.1:5070;branch")
    assert status(switch.gets(other)[0]) == 481


def test_a_request_that_the_user_never_answers_is_dropped_when_nobody_waits_any_more() -> None:
    switch = Switch()
    switch.gets(request("OPTIONS"))
    key = switch.up(RequestReceived)[0].key
    assert switch.gets(request("OPTIONS"), now=1.0) == []
    switch.core.handle_timer(now=31.9)
    assert switch.core.drain() == []
    switch.core.handle_timer(now=32.0)
    assert switch.core.drain() == [TransactionFailed(key, "timeout")]
    late = switch.up(RequestReceived)[0].request.reply(200, to_tag="b")
    assert not switch.core.send_response(key, late, now=33.0)
    assert switch.core.drain() == [] and switch.core.next_timer() is None


def test_the_ack_of_a_2xx_comes_up_from_an_rfc_2543_phone_too() -> None:
    switch = Switch()
    switch.gets(request("INVITE", branch="old"))
    key, invite = switch.up(RequestReceived)[0].key, switch.up(RequestReceived)[0].request
    switch.core.send_response(key, invite.reply(200, to_tag="b"), now=0.0)
    switch.core.drain()
    switch.gets(request("ACK", branch="old", to=";tag=b"))
    assert len(switch.up(AckReceived)) == 1


@pytest.mark.parametrize("branch", ["", ";branch=1234", ";branch=z9hG4bK"])
def test_an_rfc_2543_phone_is_matched_by_what_its_requests_share(branch: str) -> None:
    def old(method: str, *, to: str = "", number: int = 1) -> bytes:
        data = request(method, to=to).replace(b";branch=z9hG4bK1;rport", branch.encode())
        return data.replace(b"CSeq: 1", b"CSeq: %d" % number)

    switch = Switch()
    [trying] = switch.gets(old("INVITE"))
    assert switch.gets(old("INVITE"), now=0.5) == [trying]
    [answer] = switch.gets(old("CANCEL"), now=0.6)
    assert status(answer) == 200 and len(switch.up(CancelReceived)) == 1
    key, invite = switch.up(RequestReceived)[0].key, switch.up(RequestReceived)[0].request
    switch.core.send_response(key, invite.reply(487, to_tag="b"), now=0.6)
    switch.core.drain()
    switch.gets(old("ACK", to=";tag=b"), now=0.7)
    switch.core.handle_timer(now=3.0)
    assert switch.core.drain() == [] and not switch.up(AckReceived)
    switch.gets(old("INVITE", number=2), now=3.0)
    assert len(switch.up(RequestReceived)) == 2
