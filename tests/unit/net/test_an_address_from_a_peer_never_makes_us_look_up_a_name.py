"""Only IP literals and real ports pass; anything else is refused before it meets a socket."""

import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softswitch.net.address import family, sendable, show


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", socket.AF_INET),
        ("255.255.255.255", socket.AF_INET),
        ("::1", socket.AF_INET6),
        ("fe80::1%lo", socket.AF_INET6),
        ("fe80::1%example.com", None),
        ("fe80::1%", None),
        ("::ffff:10.0.0.1", socket.AF_INET6),
        ("example.com", None),
        ("localhost", None),
        ("127.1", None),
        ("127.0.0.1 ", None),
        ("127.0.0.1\0", None),
        ("[::1]", None),
        ("", None),
        ("ünicode", None),
    ],
)
def test_only_ip_literals_have_a_family(host: str, expected: socket.AddressFamily | None) -> None:
    assert family(host) is expected


@settings(max_examples=40)
@given(st.text(max_size=40))
def test_no_text_raises(host: str) -> None:
    family(host)


@pytest.mark.parametrize(("port", "expected"), [(0, False), (1, True), (65535, True), (65536, False), (-1, False)])
def test_a_port_is_between_1_and_65535(port: int, expected: bool) -> None:
    assert sendable(("127.0.0.1", port)) is expected


def test_an_ipv6_address_is_shown_in_brackets() -> None:
    assert show(("::1", 5060)) == "[::1]:5060"
    assert show(("127.0.0.1", 5060)) == "127.0.0.1:5060"
