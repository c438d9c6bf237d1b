"""Service-Route (RFC 3608), Path (RFC 3327), the address we are seen at (RFC 3581), the round trip."""

from typing import Any

import pytest

from softswitch.errors import LocalError
from softswitch.sip.message import Headers, Response


def test_the_routes_are_kept_in_order_and_replaced(make_rig: Any, grants: Any) -> None:
    rig = make_rig()
    rig.otherwise = grants(
        60,
        ("Service-Route", "<sip:a.example;lr>, <sip:b.example;lr>"),
        ("Service-Route", "<sip:c.example;lr>"),
        ("Path", "<sip:edge.example;lr>"),
    )
    status = rig.start().machine.status()
    assert status.service_route == ("<sip:a.example;lr>", "<sip:b.example;lr>", "<sip:c.example;lr>")
    assert status.path == ("<sip:edge.example;lr>",)
    rig.otherwise = grants(60)
    assert rig.run(60).machine.status().service_route == ()


@pytest.mark.parametrize(
    "value",
    ["<sip:a.example;lr", "nonsense", "<tel:+49>", ", ".join(["<sip:a.example;lr>"] * 9), f"<sip:{'a' * 600};lr>"],
)
def test_half_a_route_is_none(make_rig: Any, grants: Any, value: str) -> None:
    rig = make_rig()
    rig.otherwise = grants(60, ("Service-Route", f"<sip:a.example;lr>, {value}"), ("Path", value))
    status = rig.start().machine.status()
    assert (status.state.value, status.service_route, status.path) == ("registered", (), ())


@pytest.mark.parametrize(
    ("via", "seen"),
    [
        ("SIP/2.0/UDP 10.0.0.1:5060;rport=1024;received=203.0.113.5;branch=z9hG4bK1", ("203.0.113.5", 1024)),
        ("SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1", ("10.0.0.1", 5060)),
        ("SIP/2.0/UDP 10.0.0.1:5060;rport=99999;branch=z9hG4bK1", None),
        ("rubbish", None),
        ("SIP/2.0/UDP 10.0.0.1", None),
    ],
)
def test_the_address_we_are_seen_at(make_rig: Any, via: str, seen: Any) -> None:
    rig = make_rig()
    rig.otherwise = lambda request: Response(200, "OK", Headers([("Via", via)]))
    assert rig.start().machine.status().seen == seen


def test_the_round_trip_is_that_of_the_last_request(make_rig: Any, grants: Any) -> None:
    rig = make_rig()
    rig.otherwise = lambda request: None
    rig.start().run(3)
    rig.machine.resent(2, now=rig.now)
    rig.run(0.25)
    rig.machine.response(grants()(rig.last), now=rig.now)
    assert rig.machine.status().round_trip == pytest.approx(0.25)
    rig.otherwise = grants()
    rig.run(3600)
    assert rig.last.cseq.number == 3  # above the one that went out with credentials


def test_an_outbound_proxy_is_a_route(make_rig: Any) -> None:
    rig = make_rig(routes=("<sip:proxy.example;lr>",), headers=(("User-Agent", "switch"),))
    rig.start()
    assert rig.last.headers.all("Route") == ["<sip:proxy.example;lr>"]
    assert rig.last.headers.get("User-Agent") == "switch"


def test_a_request_that_nobody_asked_for_is_our_bug(make_rig: Any) -> None:
    with pytest.raises(LocalError):
        make_rig().machine.request("<sip:alice@192.0.2.1>")
