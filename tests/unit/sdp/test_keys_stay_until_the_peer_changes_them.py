"""Refresh, hold, codec changes and forks leave our key as it is; another key of the peer's is followed."""

from collections.abc import Callable

import pytest

from softswitch.sdp.crypto import CryptoLine
from softswitch.sdp.description import SessionDescription
from softswitch.sdp.negotiate import Capabilities, Negotiation
from softswitch.sdp.protection import Encryption, OwnKeys, Sdes

Build = Callable[..., str]
CM, GCM = "AES_CM_128_HMAC_SHA1_80", "AEAD_AES_256_GCM"


@pytest.fixture
def us() -> Negotiation:
    """A session that offers encryption; its keys are counted from 1 on."""
    made = iter(range(1, 100))
    own = OwnKeys(lambda count: bytes([next(made)]) * count)
    return Negotiation(Capabilities(encryption=Encryption("offer")), "192.0.2.1", 20_000, session_id=7, own=own)


def line(letter: str, tag: int = 1, suite: str = CM) -> str:
    return f"a=crypto:{CryptoLine(tag, suite, letter.encode() * (30 if suite == CM else 44)).text()}"


def keys(us: Negotiation) -> tuple[str, bytes, bytes]:
    """Suite, and the first octet of our key and of theirs."""
    assert us.agreement is not None and isinstance(us.agreement.protection, Sdes)
    agreed = us.agreement.protection
    return agreed.suite, agreed.ours[:1], agreed.theirs[:1]


def test_a_refresh_after_our_answer_repeats_it_word_by_word(us: Negotiation, describe: Build) -> None:
    _, said = us.answer(describe(f"m=audio 4000 RTP/SAVP 0|{line('a', 5)}"))
    assert us.repeat() == said
    us.accept(describe(f"m=audio 4000 RTP/SAVP 0|{line('a', 5)}"))
    assert keys(us) == (CM, b"\1", b"a")


def test_a_refresh_after_our_offer_repeats_it_word_by_word(us: Negotiation, describe: Build) -> None:
    said = us.offer()
    us.accept(describe(f"m=audio 4000 RTP/AVP 0|{line('a', 2, GCM)}"))
    assert us.repeat() == said
    us.accept(describe(f"m=audio 4000 RTP/AVP 0|{line('a', 2, GCM)}"))
    assert keys(us) == (GCM, b"\2", b"a")


@pytest.mark.parametrize("profile", ["RTP/AVP", "RTP/SAVP"])
def test_our_hold_offers_the_suite_that_is_in_use_with_our_key(us: Negotiation, describe: Build, profile: str) -> None:
    us.answer(describe(f"m=audio 4000 {profile} 0|{line('a', 5)}"))
    [medium] = SessionDescription.parse(us.offer("sendonly")).media
    assert medium.protocol == profile and medium.direction == "sendonly"
    assert list(medium.all_attributes("crypto")) == [CryptoLine(5, CM, b"\1" * 30).text()]
    us.accept(describe(f"m=audio 4000 {profile} 0|a=recvonly|{line('a', 5)}"))
    assert keys(us) == (CM, b"\1", b"a")


def test_a_call_that_is_plain_stays_plain_when_we_hold(us: Negotiation, describe: Build) -> None:
    us.offer()
    us.accept(describe("m=audio 4000 RTP/AVP 0"))
    assert "crypto" not in us.offer("sendonly")


def test_the_peer_holds_and_resumes_with_its_key(us: Negotiation, describe: Build) -> None:
    for direction in ("sendrecv", "sendonly", "sendrecv"):
        _, said = us.answer(describe(f"m=audio 4000 RTP/SAVP 0|a={direction}|{line('a')}"))
        assert keys(us) == (CM, b"\1", b"a")
        assert CryptoLine(1, CM, b"\1" * 30).text() in said


def test_another_key_of_the_peer_is_followed_and_ours_stays(us: Negotiation, describe: Build) -> None:
    us.answer(describe(f"m=audio 4000 RTP/SAVP 0|{line('a')}"))
    us.answer(describe(f"m=audio 4000 RTP/SAVP 0|{line('b')}"))
    assert keys(us) == (CM, b"\1", b"b")


def test_another_key_from_another_address_is_somebody_else_and_gets_another_key(
    us: Negotiation, describe: Build
) -> None:
    us.answer(describe(f"m=audio 4000 RTP/SAVP 0|{line('a')}"))
    us.answer(describe(f"m=audio 4002 RTP/SAVP 0|{line('b')}"))
    assert keys(us) == (CM, b"\2", b"b")
    us.answer(describe(f"m=audio 4004 RTP/SAVP 0|{line('b')}"))
    assert keys(us) == (CM, b"\2", b"b"), "the same key from elsewhere is the same peer"


def test_another_suite_has_another_key(us: Negotiation, describe: Build) -> None:
    us.answer(describe(f"m=audio 4000 RTP/SAVP 0|{line('a')}"))
    us.answer(describe(f"m=audio 4000 RTP/SAVP 0|{line('b', 1, GCM)}"))
    assert keys(us) == (GCM, b"\2", b"b")
    us.answer(describe(f"m=audio 4000 RTP/SAVP 0|{line('a')}"))
    assert keys(us) == (CM, b"\1", b"a")


def test_each_fork_is_heard_with_its_own_key(us: Negotiation, describe: Build) -> None:
    us.offer()
    us.accept(describe(f"m=audio 4000 RTP/AVP 0|{line('a')}"))
    us.accept(describe(f"m=audio 5000 RTP/AVP 0|{line('b', 2, GCM)}"))
    assert keys(us) == (GCM, b"\2", b"b")
    us.accept(describe("m=audio 6000 RTP/AVP 0"))
    assert us.agreement is not None and us.agreement.protection is None
    us.accept(describe(f"m=audio 4000 RTP/AVP 0|{line('c')}"))
    assert keys(us) == (CM, b"\1", b"c")


def test_a_fork_answers_after_another_has_made_an_offer(us: Negotiation, describe: Build) -> None:
    us.offer()
    us.accept(describe(f"m=audio 4000 RTP/AVP 0|{line('a')}"))
    us.answer(describe(f"m=audio 4000 RTP/AVP 8|{line('a')}"))
    us.reopen()
    us.accept(describe(f"m=audio 5000 RTP/AVP 0|{line('b')}"))
    assert keys(us) == (CM, b"\1", b"b")


def test_a_peer_may_begin_and_end_encryption_in_mid_call(us: Negotiation, describe: Build) -> None:
    us.answer(describe("m=audio 4000 RTP/AVP 0"))
    us.answer(describe(f"m=audio 4000 RTP/AVP 0|{line('a')}"))
    assert keys(us) == (CM, b"\1", b"a")
    us.answer(describe("m=audio 4000 RTP/AVP 0"))
    assert us.agreement is not None and us.agreement.protection is None


def test_a_late_offer_has_our_keys_and_the_ack_theirs(us: Negotiation, describe: Build) -> None:
    assert us.offer().count("a=crypto:") == 2
    us.accept(describe(f"m=audio 4000 RTP/AVP 0|{line('a')}"))
    assert keys(us) == (CM, b"\1", b"a")
