"""What a peer behind a NAT writes about itself leads nowhere; which of our addresses it gets depends on its side."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from softswitch.errors import ResourceError
from softswitch.legs.nat import hidden, private
from softswitch.legs.reach import Reach
from softswitch.net.sip_socket import SipSockets
from softswitch.sip.dialog import Dialog
from softswitch.sip.flow import Flow
from softswitch.sip.uri import Uri

PUBLIC = ("198.51.100.9", 5060)


@pytest.mark.parametrize(
    ("address", "seen", "expected"),
    [
        ("192.168.1.20", "203.0.113.5", True),
        ("10.0.0.1", "203.0.113.5", True),
        ("100.64.3.4", "203.0.113.5", True),
        ("127.0.0.1", "192.168.1.20", True),
        ("169.254.1.1", "192.168.1.20", True),
        ("0.0.0.0", "203.0.113.5", True),
        ("fd00::1", "2001:db8::1", True),
        ("fe80::1%eth0", "2001:db8::1", True),
        ("::ffff:192.168.1.20", "203.0.113.5", True),
        ("239.1.2.3", "203.0.113.5", True),
        ("255.255.255.255", "203.0.113.5", True),
        ("ff02::1", "2001:db8::1", True),
        ("192.168.1.20", "192.168.7.7", False),
        ("203.0.113.5", "192.168.1.20", False),
        ("203.0.113.5", "203.0.113.5", False),
        ("127.0.0.1", "127.0.0.1", False),
        ("a.host.name", "203.0.113.5", False),
        ("", "203.0.113.5", False),
        ("192.168.1.20", "", False),
    ],
)
def test_an_address_is_hidden_where_its_reach_is_narrower(address: str, seen: str, expected: bool) -> None:
    if seen.startswith("2001:db8") or address.startswith("fd00"):
        # The documentation prefix of IPv6 is private to `ipaddress`; a global one stands for it.
        seen = seen.replace("2001:db8", "2a00:1450")
    assert hidden(address, seen) is expected


def test_private_is_what_has_no_meaning_elsewhere() -> None:
    assert private("192.168.1.1") and private("127.0.0.1") and private("100.100.1.1")
    assert not private("203.0.113.5") and not private("a.name")


class FakeSockets:
    """Sockets that know a way to everywhere but over TCP."""

    def flow_to(self, transport: str, remote: tuple[str, int]) -> Flow:
        if transport != "UDP":
            raise ResourceError("no TCP here")
        return Flow(transport, ("192.168.1.2", 5060), remote)

    def stands(self, flow: Flow) -> bool:
        return flow.connection < 100


def reach(public: tuple[str, int] | None = PUBLIC) -> Reach:
    return Reach(cast(SipSockets, FakeSockets()), "0.0.0.0", public)  # noqa: S104 - nothing is bound


def flow(remote: str, local: str = "192.168.1.2") -> Flow:
    return Flow("UDP", (local, 5060), (remote, 5070))


def test_a_peer_outside_is_given_the_public_address() -> None:
    assert reach().contact(flow("203.0.113.5")) == "<sip:softswitch@198.51.100.9:5060>"
    assert reach().media_host(flow("203.0.113.5")) == "198.51.100.9"


def test_a_peer_on_our_side_is_given_the_local_one() -> None:
    assert reach().contact(flow("192.168.1.77")) == "<sip:softswitch@192.168.1.2:5060>"
    assert reach().media_host(flow("192.168.1.77")) == "192.168.1.2"


def test_a_public_address_of_the_other_family_helps_nobody() -> None:
    assert reach().contact(flow("2a00:1450::1", "fd00::2")) == "<sip:softswitch@[fd00::2]:5060>"


def test_the_public_port_may_differ() -> None:
    assert ":17000>" in reach(("198.51.100.9", 17000)).contact(flow("203.0.113.5"))
    assert ":5060>" in reach(("198.51.100.9", 0)).contact(flow("203.0.113.5"))


def dialog(target: str, routes: tuple[str, ...] = ()) -> Dialog:
    made = SimpleNamespace(routes=routes, next_hop=Uri.parse(target), secure=False)
    return cast(Dialog, cast(Any, made))


@pytest.mark.parametrize(
    ("target", "remote"),
    [
        ("sip:a@192.168.1.20:5062", ("203.0.113.5", 5070)),  # hidden: back by the way it came
        ("sip:a@198.51.100.7:5062", ("198.51.100.7", 5062)),
        ("sip:a@198.51.100.7", ("198.51.100.7", 5060)),
        ("sip:a@some.host", ("203.0.113.5", 5070)),  # a name is not looked up in the middle of a call
        ("sip:a@198.51.100.7;transport=tcp", ("203.0.113.5", 5070)),  # no way there
    ],
)
def test_requests_of_a_dialog_go_where_somebody_is(target: str, remote: tuple[str, int]) -> None:
    assert reach().flow_to(dialog(target), flow("203.0.113.5")).remote == remote


def test_a_connection_that_stands_is_kept_unless_a_proxy_wants_the_dialog() -> None:
    over_tcp = Flow("TCP", ("192.168.1.2", 5060), ("203.0.113.5", 40000), 7)
    assert reach().flow_to(dialog("sip:a@198.51.100.7:5062"), over_tcp) is over_tcp
    proxied = dialog("sip:198.51.100.8;lr", ("<sip:198.51.100.8;lr>",))
    assert reach().flow_to(proxied, over_tcp).remote == ("198.51.100.8", 5060)


def test_a_connection_that_is_gone_is_opened_again_or_the_contact_asked() -> None:
    gone = Flow("TCP", ("192.168.1.2", 5060), ("203.0.113.5", 40000), 100)
    assert reach().flow_to(dialog("sip:a@198.51.100.7:5062"), gone).remote == ("198.51.100.7", 5062)
    assert reach().flow_to(dialog("sip:a@10.0.0.5"), gone) == gone._replace(connection=0)
