"""Forged, changed, repeated and broken packets are dropped and counted; what is authentic is opened all the same."""

import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softswitch.rtp.rtcp import ReceiverReport
from softswitch.rtp.srtp import MAX_PACKET_BYTES, MAX_SOURCES, PROFILES, SrtpReceiver, SrtpSender
from tests.live.peers.srtp_by_the_book import SUITES

SUITE = "AES_CM_128_HMAC_SHA1_80"
SECRET = bytes(range(30))


def secret_of(suite: str) -> bytes:
    key, salt, _ = SUITES[suite]
    return random.Random(suite).randbytes(key + salt)


def packet(index: int, ssrc: int = 1) -> bytes:
    return struct.pack("!HHII", 0x8000, index & 0xFFFF, index * 160 & 0xFFFFFFFF, ssrc) + bytes(160)


def sealed(sender: SrtpSender, index: int, ssrc: int = 1) -> bytes:
    data = sender.protect(packet(index, ssrc))
    assert data is not None
    return data


@pytest.mark.parametrize("suite", PROFILES)
def test_a_packet_changed_in_any_octet_is_dropped(suite: str) -> None:
    sender, receiver = SrtpSender(suite, secret_of(suite)), SrtpReceiver(suite, secret_of(suite))
    data = sealed(sender, 7)
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 0x10
        assert receiver.unprotect(bytes(changed)) is None, f"octet {place}"
    assert receiver.forged + receiver.strange + receiver.replayed == len(data)
    assert receiver.unprotect(data) == packet(7), "none of them has cost the true one its place"


@pytest.mark.parametrize("suite", PROFILES)
def test_another_key_opens_nothing(suite: str) -> None:
    sender, receiver = SrtpSender(suite, bytes(len(secret_of(suite)))), SrtpReceiver(suite, secret_of(suite))
    assert [receiver.unprotect(sealed(sender, index)) for index in range(50)] == [None] * 50
    assert (receiver.forged, receiver.replayed) == (50, 0)


def test_plain_packets_are_not_heard() -> None:
    receiver = SrtpReceiver(SUITE, SECRET)
    assert receiver.unprotect(packet(1)) is None
    assert receiver.forged == 1


def test_a_packet_is_taken_once() -> None:
    sender, receiver = SrtpSender(SUITE, SECRET), SrtpReceiver(SUITE, SECRET)
    data = [sealed(sender, index) for index in range(300)]
    assert all(receiver.unprotect(one) for one in data)
    assert [receiver.unprotect(one) for one in data] == [None] * 300
    assert (receiver.forged, receiver.replayed) == (0, 300)


def test_packets_that_overtake_each_other_are_all_taken() -> None:
    sender, receiver = SrtpSender(SUITE, SECRET), SrtpReceiver(SUITE, SECRET)
    indices = list(range(65_400, 65_700))  # across the end of the sequence numbers
    data = {index: sealed(sender, index) for index in indices}
    order = sorted(indices, key=lambda index: index + random.Random(index).uniform(0, 60))
    assert [receiver.unprotect(data[index]) for index in order] == [packet(index) for index in order]


def test_a_stretch_of_loss_across_the_roll_over_is_no_harm() -> None:
    sender, receiver = SrtpSender(SUITE, SECRET), SrtpReceiver(SUITE, SECRET)
    for start in range(0, 400_000, 25_000):  # half a minute of each eight is heard
        for index in range(start, start + 25_000):
            data = sealed(sender, index)
            if index < start + 1500:
                assert receiver.unprotect(data) == packet(index)


def test_another_source_of_the_peer_begins_its_own_count() -> None:
    sender, receiver = SrtpSender(SUITE, SECRET), SrtpReceiver(SUITE, SECRET)
    for index in range(60_000, 70_000):
        assert receiver.unprotect(sealed(sender, index)) == packet(index)
    assert receiver.unprotect(sealed(sender, 3, ssrc=2)) == packet(3, ssrc=2)
    assert receiver.unprotect(sealed(sender, 70_000)) == packet(70_000), "the first one may come back"


def test_a_peer_cannot_make_us_keep_sources_without_end() -> None:
    sender, receiver = SrtpSender(SUITE, SECRET), SrtpReceiver(SUITE, SECRET)
    for ssrc in range(10 * MAX_SOURCES):
        assert receiver.unprotect(sealed(sender, 1, ssrc)) == packet(1, ssrc)
    assert len(receiver._sources) == MAX_SOURCES


def test_we_never_encrypt_two_packets_alike() -> None:
    sender = SrtpSender(SUITE, SECRET)
    assert sender.protect(packet(5))
    assert sender.protect(packet(5)) is None
    assert sender.failed == 1


def test_what_is_too_long_is_dropped() -> None:
    sender, receiver = SrtpSender(SUITE, SECRET), SrtpReceiver(SUITE, SECRET)
    long = packet(1) + bytes(MAX_PACKET_BYTES)
    assert sender.protect(long) is None and receiver.unprotect(long) is None
    assert (sender.failed, receiver.forged) == (1, 1)


def test_other_protocols_on_the_port_are_no_forgeries() -> None:
    receiver = SrtpReceiver(SUITE, SECRET)
    for data in (b"", b"\0\1\0\0" + bytes(16), b"\x16\xfe\xff" + bytes(20)):
        assert receiver.unprotect(data) is None
    assert (receiver.forged, receiver.strange) == (0, 3)


@pytest.mark.parametrize("suite", PROFILES)
def test_a_master_key_index_is_taken_out_and_must_be_right(suite: str) -> None:
    tag = 0 if suite.startswith("AEAD") else SUITES[suite][2]
    sender, receiver = SrtpSender(suite, secret_of(suite)), SrtpReceiver(suite, secret_of(suite), mki=b"\0\1")
    data = sealed(sender, 1)
    end = len(data) - tag
    assert receiver.unprotect(data[:end] + b"\0\2" + data[end:]) is None
    assert receiver.unprotect(data[:end] + b"\0\1" + data[end:]) == packet(1)
    assert receiver.unprotect(sealed(sender, 2)) == packet(2), "some announce an index and leave it out"
    assert receiver.forged == 1


@settings(deadline=None)
@given(st.sampled_from(sorted(PROFILES)), st.binary(max_size=1700), st.sampled_from([b"", b"\1"]))
def test_any_bytes_are_dropped(suite: str, data: bytes, mki: bytes) -> None:
    receiver = SrtpReceiver(suite, secret_of(suite), mki=mki)
    assert receiver.unprotect(data) is None
    assert receiver.unprotect(b"\x80" + data[1:]) is None


def test_the_sources_of_reports_are_bounded_like_those_of_sound() -> None:
    sender, receiver = SrtpSender(SUITE, SECRET), SrtpReceiver(SUITE, SECRET)
    for ssrc in range(10 * MAX_SOURCES):
        sealed = sender.protect_rtcp(bytes(ReceiverReport(ssrc)))
        opened = receiver.unprotect(sealed or b"") if ssrc % 2 else receiver.unprotect_rtcp(sealed or b"")
        assert opened == bytes(ReceiverReport(ssrc))
    assert len(receiver._sources) == MAX_SOURCES


@pytest.mark.parametrize(
    "data", [b"", b"\x80", bytes(7), bytes(8), b"\x80\xc9" + bytes(40), bytes(MAX_PACKET_BYTES + 1)]
)
def test_what_comes_to_the_port_of_reports_and_is_none_is_dropped(data: bytes) -> None:
    receiver = SrtpReceiver(SUITE, SECRET, mki=b"\1")
    assert receiver.unprotect_rtcp(data) is None
    assert receiver.forged == 0, "no sound was forged"
