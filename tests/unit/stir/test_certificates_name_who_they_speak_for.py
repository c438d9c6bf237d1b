"""TNAuthList (RFC 8226 section 9), and what may stand in a file or an answer instead of a certificate."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from softswitch.sip.tn_authority import MAX_CHAIN_BYTES, MAX_INTERMEDIATES, Anchors, Chain, TnAuthList
from tests.unit.stir.conftest import NUMBER, PROVIDER, RANGE, World, certificate, pem


def test_codes_numbers_and_ranges_are_read() -> None:
    assert TnAuthList.read(PROVIDER) == TnAuthList(providers=("709D",))
    assert TnAuthList.read(NUMBER) == TnAuthList(numbers=frozenset({"12155551212"}))
    assert TnAuthList.read(RANGE) == TnAuthList(ranges=(("12155551210", 10),))
    both = b"\x30" + bytes([NUMBER[1] + RANGE[1]]) + NUMBER[2:] + RANGE[2:]
    assert TnAuthList.read(both) == TnAuthList((), frozenset({"12155551212"}), (("12155551210", 10),))


@pytest.mark.parametrize(
    ("number", "covered"),
    [
        ("12155551210", True),
        ("12155551219", True),
        ("12155551220", False),
        ("12155551209", False),
        ("012155551210", False),
        ("*98", False),
        ("", False),
    ],
)
def test_a_range_has_a_first_and_a_last_number(number: str, covered: bool) -> None:
    assert TnAuthList.read(RANGE).covers(number) is covered


@pytest.mark.parametrize(
    "der",
    [
        b"",
        b"\x30",
        b"\x30\x80\x00\x00",
        b"\x30\x05\xa0",
        b"\x31\x00",
        PROVIDER + b"\x00\x00",
        b"\x30\x04\xa3\x02\x16\x00",
        b"\x30\x0b\xa1\x09\x30\x07\x16\x02ab\x02\x01\x0a",
        b"\x30\x84\xff\xff\xff\xff",
    ],
)
def test_what_is_no_list_is_refused(der: bytes) -> None:
    with pytest.raises(ValueError):
        TnAuthList.read(der)


@given(st.binary(max_size=64) | st.binary(max_size=20).map(lambda tail: RANGE[:-3] + tail))
def test_any_bytes_are_a_list_or_a_value_error(der: bytes) -> None:
    try:
        TnAuthList.read(der).covers("12155551212")
    except ValueError:
        pass


def test_files_that_hold_something_else_are_sentences(world: World) -> None:
    other = ec.generate_private_key(ec.SECP384R1())
    wrong_curve = certificate("x", other, "Issuer", world.key)
    for data, words in (
        (b"", "no certificate"),
        (b"\xff" * 100, "no certificate"),
        (pem(world.leaf)[:200], "no certificate"),
        (b"x" * (MAX_CHAIN_BYTES + 1), "longer"),
        (pem(*[world.leaf] * (MAX_INTERMEDIATES + 2)), "more than"),
        (pem(wrong_curve), "P-256"),
        (pem(certificate("x", world.key, "Issuer", world.key, numbers=b"\x30\x05")), "TNAuthList"),
    ):
        with pytest.raises(ValueError, match=words):
            Chain.read(data)
    with pytest.raises(ValueError, match="no certificate"):
        Anchors.read(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
