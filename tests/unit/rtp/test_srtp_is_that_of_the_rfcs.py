"""Our SRTP against the examples of RFC 3711 and RFC 7714, and against the same written anew out of AES and HMAC."""

import random
import struct

import pytest

from softswitch.errors import LocalError
from softswitch.rtp.srtp import PROFILES, SrtpReceiver, SrtpSender
from tests.live.peers.srtp_by_the_book import AUTHENTICATION, ENCRYPTION, SALTING, SUITES, Book, derive, keystream

SECRETS = {suite: random.Random(suite).randbytes(key + salt) for suite, (key, salt, _) in SUITES.items()}
#: Where a stream begins: near the end of the numbers, so that it rolls over, and anywhere.
STARTS = (0, 1, 32_768, 65_000, 65_535)


def packet(index: int, ssrc: int = 0xCAFEBABE) -> bytes:
    header = struct.pack("!HHII", 0x8000, index & 0xFFFF, index * 160 & 0xFFFFFFFF, ssrc)
    return header + random.Random(index).randbytes(160)


def test_the_book_has_the_session_keys_of_rfc_3711_appendix_b_3() -> None:
    key, salt = bytes.fromhex("E1F97A0D3E018BE0D64FA32C06DE4139"), bytes.fromhex("0EC675AD498AFEEBB6960B3AABE6")
    assert derive(key, salt, ENCRYPTION, 16).hex().upper() == "C61E7A93744F39EE10734AFE3FF7A087"
    assert derive(key, salt, SALTING, 14).hex().upper() == "30CBBC08863D8C85D49DB34A9AE1"
    authentication = derive(key, salt, AUTHENTICATION, 94).hex().upper()
    assert authentication.startswith("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4")


def test_the_book_has_the_key_stream_of_rfc_3711_appendix_b_2() -> None:
    key = bytes.fromhex("2B7E151628AED2A6ABF7158809CF4F3C")
    counter = 0xF0F1F2F3F4F5F6F7F8F9FAFBFCFD0000
    assert keystream(key, counter, 32).hex().upper() == (
        "E03EAD0935C95E80E166B16DD92B4EB4D23513162B02D0F72A43A2FE4A5F97AB"
    )


@pytest.mark.parametrize(
    ("key", "encrypted"),
    [
        (
            "000102030405060708090a0b0c0d0e0f",
            "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd5"
            "0d294e6f42a5f47a51c7d19b36de3adf8833899d7f27beb16a9152cf765ee439"
            "0cce",
        ),
        (
            "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
            "8040f17b8041f8d35501a0b232b1de78a822fe12ef9f78fa332e33aab1801238"
            "9a58e2f3b50b2a0276ffae0f1ba63799b87b7aa3db36dfffd6b0f9bb7878d7a7"
            "6c13",
        ),
    ],
)
def test_the_book_has_the_packets_of_rfc_7714_section_16(key: str, encrypted: str) -> None:
    book = Book("AEAD_AES_128_GCM" if len(key) == 32 else "AEAD_AES_256_GCM", bytes(len(key) // 2 + 12))
    book.key, book.salt = bytes.fromhex(key), bytes.fromhex("51756964207072 6f2071756f".replace(" ", ""))
    plain = bytes.fromhex("8040f17b8041f8d35501a0b2") + b"Gallia est omnis divisa in partes tres"
    assert book.protect(plain).hex() == encrypted


def test_a_packet_of_libsrtp_s_own_validation() -> None:
    secret = bytes.fromhex("e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6")
    plain = bytes.fromhex("800f1234decafbadcafebabe" + "ab" * 16)
    encrypted = "800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb"
    sent = SrtpSender("AES_CM_128_HMAC_SHA1_80", secret).protect(plain)
    assert sent is not None and sent.hex() == encrypted


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("suite", PROFILES)
def test_what_we_encrypt_is_what_the_book_says(suite: str, start: int) -> None:
    sender, book = SrtpSender(suite, SECRETS[suite]), Book(suite, SECRETS[suite])
    for index in range(start, start + 1200):
        assert sender.protect(packet(index)) == book.protect(packet(index))


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("suite", PROFILES)
def test_what_the_book_encrypts_is_opened(suite: str, start: int) -> None:
    receiver, book = SrtpReceiver(suite, SECRETS[suite]), Book(suite, SECRETS[suite])
    for index in range(start, start + 1200):
        assert receiver.unprotect(book.protect(packet(index))) == packet(index)
    assert (receiver.forged, receiver.replayed) == (0, 0)


@pytest.mark.parametrize("suite", PROFILES)
def test_rtcp_is_encrypted_and_opened_on_the_same_port(suite: str) -> None:
    sender, receiver = SrtpSender(suite, SECRETS[suite]), SrtpReceiver(suite, SECRETS[suite])
    report = bytes.fromhex("80c90001cafebabe") + bytes(24)
    encrypted = sender.protect_rtcp(report)
    assert encrypted is not None and report not in encrypted and encrypted[8:32] != report[8:]
    assert receiver.unprotect(encrypted) == report
    assert receiver.unprotect(encrypted) is None
    assert (receiver.forged, receiver.replayed) == (0, 1)


@pytest.mark.parametrize("suite", PROFILES)
@pytest.mark.parametrize("wrong", [b"", b"short", bytes(64)])
def test_a_key_of_another_length_is_our_own_fault(suite: str, wrong: bytes) -> None:
    for kind in (SrtpSender, SrtpReceiver):
        with pytest.raises(LocalError):
            kind(suite, wrong)


def test_a_suite_that_nobody_knows_is_our_own_fault() -> None:
    with pytest.raises(LocalError):
        SrtpSender("NULL", bytes(30))
