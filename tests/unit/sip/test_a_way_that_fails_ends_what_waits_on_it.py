import pytest

from softswitch.clock import seeded_token
from softswitch.sip.admission import CoreSettings
from softswitch.sip.core import ResponseReceived, SipCore, TransactionFailed, Transmit
from softswitch.sip.flow import Flow
from softswitch.sip.message import Headers, Request
from softswitch.sip.parser import parse_message
from softswitch.sip.uri import Uri

TCP = Flow("TCP", ("192.0.2.1", 5060), ("192.0.2.2", 5060))
BACK = Flow("TCP", ("192.0.2.2", 5060), ("192.0.2.1", 40000), 3)
UDP = Flow("UDP", ("192.0.2.1", 5060), ("192.0.2.2", 5060))


def core() -> SipCore:
    return SipCore(CoreSettings(), token=seeded_token(1))


def request(method: str) -> Request:
    pairs = [("Max-Forwards", "70"), ("From", "<sip:a@a>;tag=a"), ("To", "<sip:b@b>"), ("Call-ID", method)]
    pairs += [("CSeq", f"1 {method}"), ("Contact", "<sip:a@a>")]
    return Request(method, Uri.of("b", "b"), Headers(pairs))


@pytest.mark.parametrize("flow", [TCP, UDP])
def test_requests_that_wait_on_it_fail_at_once(flow: Flow) -> None:
    alice = core()
    keys = [alice.send_request(request(method), flow, now=0.0) for method in ("INVITE", "OPTIONS")]
    elsewhere = alice.send_request(request("BYE"), flow._replace(remote=("192.0.2.9", 5060)), now=0.0)
    alice.drain()
    alice.transport_failed(flow, now=0.1)
    assert alice.drain() == [TransactionFailed(key, "transport") for key in keys]
    assert list(alice._clients) == [elsewhere]
    alice.transport_failed(flow, now=0.2)
    assert alice.drain() == []


def test_a_server_is_told_once_and_stays() -> None:
    bob = core()
    copy = request("INVITE")
    copy.headers.prepend("Via", "SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK1")
    bob.receive(bytes(copy), BACK, now=0.0)
    key = bob.drain()[-1].key
    bob.transport_failed(BACK, now=0.1)
    assert bob.drain() == [TransactionFailed(key, "transport")]
    bob.transport_failed(BACK, now=0.2)
    assert bob.drain() == [] and len(bob) == 1

    # the caller comes back by another connection: its answers go there
    again = BACK._replace(remote=("192.0.2.1", 40001), connection=4)
    bob.receive(bytes(copy), again, now=0.3)
    assert [output.flow for output in bob.drain()] == [again]


def test_over_tcp_nothing_is_sent_twice_and_nothing_lingers_but_the_2xx() -> None:
    alice, bob = core(), core()
    alice.send_request(request("INVITE"), TCP, now=0.0)
    alice.send_request(request("OPTIONS"), TCP, now=0.0)
    sent = alice.drain()
    for moment in range(1, 30):
        alice.handle_timer(now=float(moment))
    assert alice.drain() == []
    for output in sent:
        bob.receive(output.data, BACK, now=30.0)
    for output in bob.drain():
        if not isinstance(output, Transmit):
            bob.send_response(output.key, output.request.reply(200, to_tag="b"), now=30.0)
    assert [key[-1] for key in bob._servers] == ["INVITE"]
    for output in bob.drain():
        alice.receive(output.data, TCP, now=30.0)
    assert len([output for output in alice.drain() if isinstance(output, ResponseReceived)]) == 2
    assert [key[-1] for key in alice._clients] == ["INVITE"]


def test_strays_and_misrouted_responses_are_dropped_and_counted() -> None:
    alice = core()
    alice.send_request(request("OPTIONS"), UDP, now=0.0)
    sent = parse_message(alice.drain()[0].data)
    stray = sent.reply(200, to_tag="b")
    stray.headers.replace_first("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKother")
    alice.receive(bytes(stray), UDP, now=0.1)
    surplus = sent.reply(200, to_tag="b")
    surplus.headers.add("Via", "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKx")
    alice.receive(bytes(surplus), UDP, now=0.1)
    assert alice.bad == {"stray_response": 1, "surplus_via": 1}
    assert not [output for output in alice.drain() if isinstance(output, ResponseReceived)]
    alice.receive(bytes(sent.reply(200, to_tag="b")), UDP, now=0.2)
    assert [type(output) for output in alice.drain()] == [ResponseReceived]


def test_our_via_asks_for_the_way_back() -> None:
    alice = SipCore(CoreSettings(sent_by=("2001:db8::1", 5062)), token=seeded_token(1))
    alice.send_request(request("OPTIONS"), UDP, now=0.0)
    via = parse_message(alice.drain()[0].data).via
    assert (via.host, via.port, via.rport) == ("2001:db8::1", 5062, 0)
    assert via.branch is not None and via.branch.startswith("z9hG4bK")
