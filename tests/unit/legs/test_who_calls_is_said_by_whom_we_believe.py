"""Who calls: as a network we trust or a carrier asserts it, else as From says it; what is broken is passed over."""

import pytest

from softswitch.legs.callers import Callers
from softswitch.legs.signalling import Known
from softswitch.sip.flow import Flow
from softswitch.sip.message import Headers, Request
from softswitch.sip.uri import Uri

TRUSTED, STRANGER = "10.0.0.9", "203.0.113.5"
FLOW = Flow("UDP", ("10.0.0.1", 5060), (TRUSTED, 5060))


def caller(source: str, carrier: str = "", *asserted: str, from_: str = "<sip:1001@x>;tag=1") -> str:
    lines = [("From", from_), ("To", "<sip:600@x>"), ("Max-Forwards", "9")]
    lines += [("P-Asserted-Identity", value) for value in asserted]
    request = Request("INVITE", Uri.parse("sip:600@x"), Headers(lines))
    flow = FLOW._replace(remote=(source, 5060))
    return Callers(("10.0.0.0/8",)).describe("leg", request, flow, Known(carrier), None).caller


@pytest.mark.parametrize(
    ("source", "carrier", "asserted", "expected"),
    [
        (TRUSTED, "", ("<sip:+4930123@x>",), "+4930123"),
        (STRANGER, "office", ("<sip:+4930123@x>",), "+4930123"),
        (STRANGER, "", ("<sip:+4930123@x>",), "1001"),
        (TRUSTED, "", (), "1001"),
        (TRUSTED, "", ("<tel:+49-30-123>",), "+4930123"),
        (TRUSTED, "", ("broken <", "<sip:+4930123@x>"), "+4930123"),
        (TRUSTED, "", ("broken <",), "1001"),
        (TRUSTED, "", ("<sip:x>",), "1001"),
    ],
)
def test_whom_we_believe(source: str, carrier: str, asserted: tuple[str, ...], expected: str) -> None:
    assert caller(source, carrier, *asserted) == expected


def test_a_foreign_scheme_in_from_is_nobody_we_know() -> None:
    assert caller(STRANGER, from_="<tel:+49-30-5>;tag=1") == "+49305"
    assert caller(STRANGER, from_="nonsense <<") == ""


def test_a_long_name_is_cut() -> None:
    assert len(caller(STRANGER, from_=f"<sip:{'9' * 500}@x>;tag=1")) == 128


def test_hops_are_counted_down_from_what_the_invite_says() -> None:
    request = Request("INVITE", Uri.parse("sip:600@x"), Headers([("From", "<sip:a@x>"), ("To", "<sip:b@x>")]))
    assert Callers(()).describe("leg", request, FLOW, Known(""), None).hops == 70
    request.headers.set("Max-Forwards", "255")
    assert Callers(()).describe("leg", request, FLOW, Known(""), None).hops == 70
    request.headers.set("Max-Forwards", "3")
    assert Callers(()).describe("leg", request, FLOW, Known(""), None).hops == 3
