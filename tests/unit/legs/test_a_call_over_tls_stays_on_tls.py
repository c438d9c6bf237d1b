"""Where requests of a dialog over TLS go, whom they have to find there, and what our Contact says to its peer."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from softswitch.legs.reach import Reach
from softswitch.legs.reception import wants_sips
from softswitch.legs.signalling import Placement
from softswitch.net.sip_socket import SipSockets
from softswitch.sip.dialog import Dialog
from softswitch.sip.flow import Flow
from softswitch.sip.message import Request
from softswitch.sip.parser import parse_message
from softswitch.sip.uri import Uri


class FakeSockets:
    """Sockets that know a way to everywhere; connections from 100 on are gone."""

    def flow_to(self, transport: str, remote: tuple[str, int]) -> Flow:
        return Flow(transport, ("192.0.2.2", 5061 if transport == "TLS" else 5060), remote)

    def stands(self, flow: Flow) -> bool:
        return flow.connection < 100


REACH = Reach(cast(SipSockets, FakeSockets()), "0.0.0.0", None)  # noqa: S104 - nothing is bound
BEHIND = Reach(cast(SipSockets, FakeSockets()), "0.0.0.0", ("203.0.113.9", 17000))  # noqa: S104
OURS, THEIRS = ("192.0.2.2", 5061), ("198.51.100.7", 5061)
CALLED = Flow("TLS", OURS, THEIRS, 100, "acme.example", "acme")  # by us; the connection is gone
CALLING = Flow("TLS", OURS, ("198.51.100.7", 40000), 7)  # the peer; it stands


def dialog(target: str, *, secure: bool = False, routes: tuple[str, ...] = ()) -> Dialog:
    return cast(Dialog, cast(Any, SimpleNamespace(routes=routes, next_hop=Uri.parse(target), secure=secure)))


@pytest.mark.parametrize(
    ("target", "secure", "transport", "port"),
    [
        ("sip:a@198.51.100.8;transport=tls", False, "TLS", 5061),
        ("sips:a@198.51.100.8", True, "TLS", 5061),
        ("sips:a@198.51.100.8:5071;transport=tcp", True, "TLS", 5071),
        ("sip:a@198.51.100.8", False, "TLS", 5061),  # says nothing: no reason to leave
        ("sip:a@198.51.100.8;transport=udp", False, "UDP", 5060),  # says so
        ("sip:a@198.51.100.8;transport=udp", True, "TLS", 5061),  # and may not
    ],
)
def test_the_next_hop_is_reached_by_tls_unless_it_may_and_does_say_otherwise(
    target: str, secure: bool, transport: str, port: int
) -> None:
    flow = REACH.flow_to(dialog(target, secure=secure), CALLED)
    assert (flow.transport, flow.remote) == (transport, ("198.51.100.8", port))
    if transport == "TLS":  # whoever it is there has to be the one we called
        assert (flow.name, flow.carrier, flow.connection) == ("acme.example", "acme", 0)
    else:
        assert (flow.name, flow.carrier) == ("", "")


def test_a_connection_that_is_lost_is_opened_again_to_the_same_one() -> None:
    assert REACH.flow_to(dialog("sip:a@198.51.100.7:5061;transport=tls"), CALLED) == CALLED._replace(connection=0)


def test_a_connection_that_stands_is_the_way_also_for_a_proxy_at_its_other_end() -> None:
    assert REACH.flow_to(dialog("sip:a@198.51.100.8;transport=tls"), CALLING) is CALLING
    proxied = dialog("sip:198.51.100.7;transport=tls;lr", routes=("<sip:198.51.100.7;transport=tls;lr>",))
    assert REACH.flow_to(proxied, CALLING) is CALLING
    elsewhere = dialog("sip:198.51.100.9;transport=tls;lr", routes=("<sip:198.51.100.9;transport=tls;lr>",))
    flow = REACH.flow_to(elsewhere, CALLING)
    assert (flow.remote, flow.name) == (("198.51.100.9", 5061), "198.51.100.9")  # its Contact is all we know of it


def test_our_contact_says_tls() -> None:
    assert REACH.contact(CALLING) == "<sip:softswitch@192.0.2.2:5061;transport=tls>"
    assert REACH.contact(CALLING, "600", ";line=x") == "<sip:600@192.0.2.2:5061;transport=tls;line=x>"
    assert REACH.contact(CALLING, sips=True) == "<sips:softswitch@192.0.2.2:5061>"
    # a sips: Contact over another transport would be refused when it is called
    assert (
        REACH.contact(CALLING._replace(transport="TCP"), sips=True) == "<sip:softswitch@192.0.2.2:5061;transport=tcp>"
    )


def test_the_port_that_stun_saw_is_not_that_of_tls() -> None:
    assert BEHIND.contact(CALLED) == "<sip:softswitch@203.0.113.9:5061;transport=tls>"


def invite(uri: str, *lines: str, contact: str = "<sip:alice@192.0.2.1>") -> Request:
    head = (
        f"INVITE {uri} SIP/2.0",
        "Via: SIP/2.0/TLS 192.0.2.1;branch=z9hG4bK1",
        "From: <sip:alice@192.0.2.1>;tag=a",
        f"To: <{uri}>",
        "Call-ID: one",
        "CSeq: 1 INVITE",
        f"Contact: {contact}",
        *lines,
        "Content-Length: 0",
    )
    request = parse_message(("\r\n".join(head) + "\r\n\r\n").encode(), stream=True)
    assert isinstance(request, Request)
    return request


@pytest.mark.parametrize(
    ("request_", "sips"),
    [
        (invite("sips:bob@h"), True),
        (invite("sip:bob@h"), False),
        (invite("sip:bob@h", "Record-Route: <sips:p1;lr>, <sip:p2;lr>"), True),
        (invite("sip:bob@h", "Record-Route: <sip:p1;lr>, <sips:p2;lr>"), False),
        (invite("sip:bob@h", contact="<sips:alice@192.0.2.1>"), True),
        (invite("sip:bob@h", "Record-Route: <sip:p1;lr>", contact="<sips:alice@192.0.2.1>"), False),
        (invite("sip:bob@h", "Record-Route: nonsense"), False),
    ],
)
def test_an_answer_has_a_sips_contact_where_section_12_1_1_says(request_: Request, sips: bool) -> None:
    assert wants_sips(request_) is sips


@pytest.mark.parametrize(
    ("uri", "routes", "secure"),
    [
        ("sips:bob@h", (), True),
        ("sip:bob@h;transport=tls", (), False),
        ("sip:bob@h", ("<sips:proxy;lr>",), True),
        ("sip:bob@h", ("<sip:proxy;lr>", "<sips:other;lr>"), False),
    ],
)
def test_our_invite_has_a_sips_contact_where_section_8_1_1_8_says(
    uri: str, routes: tuple[str, ...], secure: bool
) -> None:
    assert Placement(Uri.parse(uri), "", "TLS", "192.0.2.1", 5061, (), routes=routes).secure is secure
