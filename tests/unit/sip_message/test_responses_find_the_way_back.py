"""received and rport are stamped as RFC 3261 18.2.1 and RFC 3581 say, and the response goes where they point."""

from collections.abc import Callable

import pytest

from softswitch.sip.flow import Flow
from softswitch.sip.message import Request
from softswitch.sip.parser import parse_message
from softswitch.sip.return_path import response_target, stamp_received

LOCAL = ("192.0.2.9", 5060)


@pytest.mark.parametrize(
    ("via", "source", "stamp", "target"),
    [
        ("192.0.2.1:5062;rport;branch=z9hG4bK1", ("192.0.2.1", 5062), "received=192.0.2.1", ("192.0.2.1", 5062)),
        ("10.0.0.5:5060;branch=z9hG4bK1;rport", ("198.51.100.7", 40000), "rport=40000", ("198.51.100.7", 40000)),
        ("10.0.0.5:5070;branch=z9hG4bK1", ("198.51.100.7", 40000), "received=198.51.100.7", ("198.51.100.7", 5070)),
        ("198.51.100.7;branch=z9hG4bK1", ("198.51.100.7", 40000), None, ("198.51.100.7", 5060)),
        ("phone.example;branch=z9hG4bK1;rport", ("2001:db8::7", 5060), "received=[2001:db8::7]", ("2001:db8::7", 5060)),
        ("10.0.0.5;maddr=203.0.113.1;branch=z9hG4bK1", ("198.51.100.7", 1), "received", ("198.51.100.7", 5060)),
    ],
)
def test_over_udp(
    invite: Callable[..., bytes], via: str, source: tuple[str, int], stamp: str | None, target: tuple[str, int]
) -> None:
    request = parse_message(invite(f"Via: SIP/2.0/UDP {via}", without=("Via",)))
    assert isinstance(request, Request)
    flow = Flow("UDP", LOCAL, source)
    stamp_received(request, flow)
    top = request.headers.get("Via") or ""
    assert stamp in top if stamp else "received" not in top and "rport" not in top
    assert response_target(request.reply(200), flow).remote == target


def test_over_tcp_it_goes_back_by_the_same_connection(invite: Callable[..., bytes]) -> None:
    request = parse_message(invite("Via: SIP/2.0/TCP 10.0.0.5:5070;branch=z9hG4bK1", without=("Via",)))
    assert isinstance(request, Request)
    flow = Flow("TCP", LOCAL, ("198.51.100.7", 40000), 7)
    assert response_target(request, flow) == flow
