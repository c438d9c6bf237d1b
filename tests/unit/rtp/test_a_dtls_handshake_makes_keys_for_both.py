"""Two handshakes against each other, in virtual time: keys that fit, certificates that do not, junk, silence."""

import datetime
import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softswitch.rtp.dtls import HANDSHAKE_SECONDS, MAX_DATAGRAM_BYTES, MAX_DATAGRAMS, Handshake, Identity, _datagrams
from softswitch.rtp.srtp import PROFILES, SrtpReceiver, SrtpSender

WALL = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
ALICE, BOB, MALLORY = Identity(wall=WALL), Identity(wall=WALL), Identity(wall=WALL)
ALL = tuple(PROFILES)
HASHES = ["sha-1", "sha-224", "sha-256", "sha-384", "sha-512"]


def of(identity: Identity, *names: str) -> list[tuple[str, bytes]]:
    return [(name, identity.digest(name)) for name in names or ("sha-256",)]


def alice(**how: Any) -> Handshake:
    """The one who begins."""
    return Handshake(ALICE, **{"active": True, "suites": ALL, "expected": of(BOB), "now": 0.0, **how})


def bob(**how: Any) -> Handshake:
    return Handshake(BOB, **{"active": False, "suites": ALL, "expected": of(ALICE), "now": 0.0, **how})


def shake(one: Handshake, other: Handshake, *, now: float = 0.0) -> None:
    """Carry datagrams until nobody says anything more."""
    while True:
        to_other, to_one = one.drain(), other.drain()
        if not to_other and not to_one:
            return
        for data in to_other:
            other.receive(data, now=now)
        for data in to_one:
            one.receive(data, now=now)


@pytest.mark.parametrize("suite", ALL)
def test_both_come_to_the_keys_of_each_other(suite: str) -> None:
    one, other = alice(suites=[suite]), bob()
    shake(one, other)
    assert one.keys and other.keys and one.over and other.over
    assert (one.keys.suite, one.keys.ours, one.keys.theirs) == (suite, other.keys.theirs, other.keys.ours)
    assert one.keys.ours != one.keys.theirs
    packet = b"\x80\0\0\1" + bytes(168)
    sealed = SrtpSender(suite, one.keys.ours).protect(packet)
    assert sealed and SrtpReceiver(suite, other.keys.theirs).unprotect(sealed) == packet
    assert one.next_timer() is None and other.next_timer() is None


def test_the_suite_is_the_first_of_the_server_that_the_client_has_too() -> None:
    one, other = alice(suites=ALL), bob(suites=["AEAD_AES_128_GCM", "AES_CM_128_HMAC_SHA1_32"])
    shake(one, other)
    assert one.keys and one.keys.suite == "AEAD_AES_128_GCM"


@pytest.mark.parametrize("name", HASHES)
def test_every_hash_proves_the_certificate(name: str) -> None:
    one, other = alice(expected=of(BOB, name)), bob(expected=of(ALICE, name))
    shake(one, other)
    assert one.keys and other.keys


@pytest.mark.parametrize(
    ("expected", "good"),
    [
        (of(BOB, "sha-256", "sha-1"), True),
        (of(MALLORY) + of(BOB), True),
        ([*of(MALLORY, "sha-256"), *of(BOB, "sha-1")], False),  # the weaker hash does not count beside a stronger one
        (of(MALLORY), False),
        ([("md5", b"x" * 16)], False),
        ([], False),
    ],
)
def test_whoever_has_another_certificate_gets_no_keys(expected: Sequence[tuple[str, bytes]], good: bool) -> None:
    one, other = alice(expected=expected), bob()
    shake(one, other)
    assert (one.keys is not None) == good
    if not good:
        assert one.failed == "the certificate of the peer has another fingerprint than its session description says"
        assert one.over and one.next_timer() is None


def test_somebody_in_the_middle_gets_no_keys_from_either() -> None:
    to_alice = Handshake(MALLORY, active=False, suites=ALL, expected=of(ALICE), now=0.0)
    to_bob = Handshake(MALLORY, active=True, suites=ALL, expected=of(BOB), now=0.0)
    one, other = alice(), bob()
    shake(one, to_alice)
    shake(to_bob, other)
    assert one.keys is None and other.keys is None and "fingerprint" in one.failed and "fingerprint" in other.failed


def test_nothing_in_common_is_said_in_words() -> None:
    one, other = alice(suites=["AEAD_AES_128_GCM"]), bob(suites=["AES_CM_128_HMAC_SHA1_80"])
    shake(one, other)
    assert one.keys is None and other.keys is None
    assert one.failed == "the peer has no SRTP suite in common with us"


def test_a_peer_that_says_nothing_is_given_up() -> None:
    for made in (alice(), bob()):
        made.handle_timer(now=HANDSHAKE_SECONDS - 0.01)
        assert not made.over and made.next_timer() is not None
        made.handle_timer(now=HANDSHAKE_SECONDS)
        assert made.failed == "the peer said nothing at all"
        assert made.next_timer() is None


def test_a_peer_that_stops_in_the_middle_is_given_up() -> None:
    one, other = alice(), bob()
    for data in one.drain():
        other.receive(data, now=0.0)
    other.handle_timer(now=HANDSHAKE_SECONDS)
    assert other.failed == "it did not come to an end in time"


def test_our_first_word_is_said_again_until_something_is_heard() -> None:
    one, other = alice(), bob()
    [hello] = one.drain()  # lost: the peer has not read our answer yet
    times = []
    while (at := one.next_timer()) is not None and at < 0.9:
        one.handle_timer(now=at)
        assert one.drain() == [hello]
        times.append(at)
    assert times == [0.05, 0.15, 0.35, 0.65]
    other.receive(hello, now=0.7)
    other.receive(hello, now=0.7)  # the copy costs nothing
    shake(one, other, now=0.7)
    assert one.keys and other.keys


def test_once_it_is_answered_the_first_word_is_not_repeated() -> None:
    one, other = alice(), bob()
    [hello] = one.drain()
    one.receive(b"\x15\xfe\xfd\0\1" + bytes(6) + b"\0\x1a" + bytes(26), now=0.01)  # of a handshake before this one
    one.handle_timer(now=0.05)
    assert one.drain() == [hello]
    other.receive(hello, now=0.06)
    one.receive(other.drain()[0], now=0.07)
    assert one.drain() != []
    one.handle_timer(now=0.5)
    assert one.drain() == []


def test_who_waits_repeats_nothing() -> None:
    other = bob()
    other.handle_timer(now=0.5)
    assert other.drain() == []


def test_two_who_both_wait_never_begin() -> None:
    assert bob().drain() == [] and alice(active=False).drain() == []


def test_two_who_both_begin_come_to_nothing_in_time() -> None:
    one, other = alice(), bob(active=True)
    shake(one, other)
    for made in (one, other):
        made.handle_timer(now=HANDSHAKE_SECONDS)
        assert made.failed and made.keys is None


def test_datagrams_are_small_and_hold_whole_records() -> None:
    one, other = alice(), bob()
    seen = []
    for _ in range(6):
        for sender, receiver in ((one, other), (other, one)):
            for data in sender.drain():
                seen.append(data)
                receiver.receive(data, now=0.0)
    assert one.keys and all(len(data) <= MAX_DATAGRAM_BYTES for data in seen)
    records = [b"\x16\xfe\xfd" + bytes(8) + size.to_bytes(2, "big") + bytes(size) for size in (700, 300, 900, 50, 1100)]
    assert _datagrams(b"".join(records)) == [records[0] + records[1], records[2] + records[3], records[4]]


def test_copies_and_old_datagrams_do_no_harm() -> None:
    one, other = alice(), bob()
    heard: list[tuple[Handshake, bytes]] = []
    for _ in range(6):
        for sender, receiver in ((one, other), (other, one)):
            for data in sender.drain():
                heard.append((receiver, data))
                for _ in range(2):
                    receiver.receive(data, now=0.0)
    keys = one.keys, other.keys
    assert keys[0] and keys[1]
    for receiver, data in heard:
        receiver.receive(data, now=1.0)
    assert (one.keys, other.keys) == keys and not one.failed and not other.failed


def test_a_flood_is_not_read_to_its_end() -> None:
    made, [hello] = bob(), alice().drain()
    for _ in range(10 * MAX_DATAGRAMS):
        made.receive(hello, now=0.0)
        made.receive(b"\x17\xfe\xfd\0\5" + bytes(6) + b"\0\x20" + bytes(32), now=0.0)  # of a key nobody has yet
    assert made._received == MAX_DATAGRAMS
    assert sum(len(data) for data in made.drain()) <= MAX_DATAGRAMS * MAX_DATAGRAM_BYTES


def test_no_key_is_ever_printed() -> None:
    one, other = alice(), bob()
    shake(one, other)
    assert one.keys and repr(one.keys) == f"Keys({one.keys.suite})" and one.keys.ours.hex() not in repr(one)


RECORDS = st.builds(
    lambda kind, version, epoch, body: bytes([kind]) + version + epoch + bytes(6) + len(body).to_bytes(2, "big") + body,
    st.integers(0, 255),
    st.sampled_from([b"\xfe\xff", b"\xfe\xfd", b"\xfe\xfc", b"\3\3"]),
    st.sampled_from([b"\0\0", b"\0\1"]),
    st.binary(max_size=80),
)


@settings(max_examples=60, deadline=None)
@given(st.booleans(), st.lists(st.binary(max_size=100) | RECORDS, max_size=6), st.integers(0, 2**31))
def test_any_bytes_leave_it_open_or_failed(active: bool, junk: list[bytes], seed: int) -> None:
    made = alice() if active else bob()
    for data in junk:
        made.receive(data, now=0.0)
    other = bob() if active else alice()
    source = random.Random(seed)
    for data in made.drain() + other.drain():  # true flights, with a few bits turned
        changed = bytearray(data)
        for _ in range(source.randrange(1, 4)):
            changed[source.randrange(len(changed))] ^= 1 << source.randrange(8)
        made.receive(bytes(changed), now=0.0)
        other.receive(bytes(changed), now=0.0)
    made.handle_timer(now=HANDSHAKE_SECONDS + 1)
    assert made.over and made.keys is None and made.failed
