"""Occupied, reserved, not ours: each says what, where, and what to do."""

import errno

import pytest

from softswitch.net.address import bind_error


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EADDRINUSE, "is already in use; stop the other program or choose another address with --sip"),
        (errno.EACCES, "is reserved for the system's own programs; choose a port above 1023 with --sip"),
        (errno.EADDRNOTAVAIL, "is not an address of this machine; choose one that `ip address` shows with --sip"),
        (errno.EAFNOSUPPORT, "cannot be used: strange; choose another with --sip"),
    ],
)
def test_an_address_that_cannot_be_bound_is_a_sentence(number: int, words: str) -> None:
    error = bind_error("UDP", ("127.0.0.1", 5060), "--sip", OSError(number, "strange"))
    assert str(error) == f"UDP 127.0.0.1:5060 {words}"
