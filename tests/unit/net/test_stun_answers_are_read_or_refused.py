"""STUN as RFC 8489 writes it: the vectors of RFC 5769, the old attribute, and any bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.errors import RemoteError
from softswitch.net import stun

TRANSACTION = bytes.fromhex("b7e7a701bc34d686fa87dfae")
#: RFC 5769 section 2.2: a response over IPv4, with SOFTWARE, MESSAGE-INTEGRITY and FINGERPRINT.
IPV4 = bytes.fromhex(
    "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a643"
    "000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96"
)
#: RFC 5769 section 2.3: the same over IPv6.
IPV6 = bytes.fromhex(
    "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000140002a1470113a9faa5d3f179bc25f4b5"
    "bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c"
)


def message(kind: int, *attributes: bytes) -> bytes:
    body = b"".join(attributes)
    return kind.to_bytes(2, "big") + len(body).to_bytes(2, "big") + bytes.fromhex("2112a442") + TRANSACTION + body


def attribute(number: int, value: bytes) -> bytes:
    return number.to_bytes(2, "big") + len(value).to_bytes(2, "big") + value + bytes(-len(value) % 4)


def test_the_vectors_of_rfc_5769_are_read() -> None:
    assert stun.read(IPV4) == stun.Answer(TRANSACTION, ("192.0.2.1", 32853))
    assert stun.read(IPV6) == stun.Answer(TRANSACTION, ("2001:db8:1234:5678:11:2233:4455:6677", 32853))


def test_a_request_is_twenty_octets() -> None:
    assert stun.request(TRANSACTION) == bytes.fromhex("000100002112a442") + TRANSACTION
    assert stun.is_stun(stun.request(TRANSACTION))


def test_the_old_attribute_serves_where_the_new_one_is_missing() -> None:
    old = attribute(0x0001, bytes.fromhex("0001138cc0000207"))
    assert stun.read(message(0x0101, old)).address == ("192.0.2.7", 5004)
    new = attribute(0x0020, bytes.fromhex("0001a147e112a643"))
    assert stun.read(message(0x0101, old, new)).address == ("192.0.2.1", 32853)


def test_a_server_of_rfc_3489_is_understood() -> None:
    also = [attribute(number, bytes.fromhex("0001138cc0000209")) for number in (0x0004, 0x0005)]
    assert stun.read(message(0x0101, attribute(0x0001, bytes.fromhex("0001138cc0000207")), *also)).address


def test_a_refusal_is_told_in_words() -> None:
    answer = stun.read(message(0x0111, attribute(0x0009, b"\0\0\x04\x01Unauthorized")))
    assert (answer.address, answer.error) == (None, "it refused: 401 Unauthorized")
    assert stun.read(message(0x0111)).error == "it refused and did not say why"


def test_what_must_be_understood_and_is_not_is_a_failure() -> None:
    answer = stun.read(message(0x0101, attribute(0x0020, bytes.fromhex("0001a147e112a643")), attribute(0x7001, b"")))
    assert (answer.address, answer.error) == (None, "it needs attribute 0x7001 to be understood")
    ignored = attribute(0x8001, b"any")
    assert stun.read(message(0x0101, attribute(0x0020, bytes.fromhex("0001a147e112a643")), ignored)).address


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0\1\0\0",
        b"INVITE sip:x@y SIP/2.0\r\n\r\n",
        stun.request(TRANSACTION),  # a question is not an answer
        message(0x0101, attribute(0x0020, bytes.fromhex("0003a147e112a643"))),  # family 3
        message(0x0101, attribute(0x0020, b"")),
        message(0x0101, attribute(0x0020, bytes.fromhex("0001a147e112"))),  # cut
        message(0x0101, attribute(0x0001, bytes.fromhex("00010000c0000207"))),  # port 0
        message(0x0101, b"\x00\x20\x00\x08\x00\x01"),
        message(0x0101, b"\x00\x20\x00\x08")[:-2] + b"\xff\xff",
        message(0x0101, attribute(0x0020, bytes.fromhex("0001a147e112a643"))) + b"more",
    ],
)
def test_what_is_no_answer_is_refused(data: bytes) -> None:
    with pytest.raises(RemoteError):
        stun.read(data)


@given(st.binary(max_size=80))
def test_any_bytes_are_an_answer_or_an_error(data: bytes) -> None:
    for one in (data, message(0x0101, data), message(0x0111, data)):
        try:
            stun.read(one)
        except RemoteError as error:
            assert error.kind == "bad_stun"
