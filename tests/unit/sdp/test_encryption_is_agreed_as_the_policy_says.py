"""What each policy offers, takes and refuses; plain peers, peers that must encrypt, and the dialects between them."""

from collections.abc import Callable
from typing import Any

import pytest

from softswitch.errors import RemoteError
from softswitch.sdp.crypto import CryptoLine
from softswitch.sdp.description import SessionDescription
from softswitch.sdp.negotiate import Capabilities, MediaRefused, Negotiation
from softswitch.sdp.protection import Encryption, OwnKeys, Sdes

Build = Callable[..., str]
CM, CM32, GCM = "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32", "AEAD_AES_256_GCM"
THEIRS = b"T" * 30
LINE = f"a=crypto:{CryptoLine(3, CM, THEIRS).text()}"
LINE32 = f"a=crypto:{CryptoLine(1, CM32, b'B' * 30).text()}"
OPEN = LINE + " UNENCRYPTED_SRTP"
PLAIN, CRYPTO, SAVP, BARE = (
    "m=audio 4000 RTP/AVP 0", f"m=audio 4000 RTP/AVP 0|{LINE}", f"m=audio 4000 RTP/SAVP 0|{LINE}",
    "m=audio 4000 RTP/SAVP 0",
)  # fmt: skip


def us(policy: Any, **wishes: Any) -> Negotiation:
    """A session whose own keys are the octet of how many were made before, over and over."""
    made = iter(range(1, 100))
    own = OwnKeys(lambda count: bytes([next(made)]) * count)
    can = Capabilities(encryption=Encryption(policy, **wishes))
    return Negotiation(can, "192.0.2.1", 20_000, session_id=7, own=own)


def lines(description: str) -> list[str]:
    return list(sound(description).all_attributes("crypto"))


def sound(description: str) -> Any:
    return next(medium for medium in SessionDescription.parse(description).media if medium.port)


@pytest.mark.parametrize(
    ("policy", "offer", "verdict"),
    [
        ("none", PLAIN, "plain"), ("none", CRYPTO, "plain"), ("none", SAVP, "sdp_transport"),
        ("none", BARE, "sdp_transport"),
        ("accept", PLAIN, "plain"), ("accept", CRYPTO, "encrypted"), ("accept", SAVP, "encrypted"),
        ("accept", BARE, "sdp_crypto"),
        ("offer", PLAIN, "plain"), ("offer", CRYPTO, "encrypted"), ("offer", SAVP, "encrypted"),
        ("offer", BARE, "sdp_crypto"),
        ("require", PLAIN, "sdp_plain"), ("require", CRYPTO, "encrypted"), ("require", SAVP, "encrypted"),
        ("require", BARE, "sdp_crypto"),
        ("accept", f"m=audio 4000 RTP/SAVPF 0|{LINE}", "encrypted"),
        ("accept", f"m=audio 4000 rtp/savp 0|{LINE}", "encrypted"),
        ("accept", f"m=audio 4000 RTP/AVPF 0|{LINE}", "encrypted"),
        ("accept", f"m=audio 4000 RTP/SAVP 18|{LINE}", "sdp_no_codec"),
        ("accept", f"m=audio 4000 UDP/TLS/RTP/SAVP 0|{LINE}", "sdp_crypto"),
        ("accept", f"m=audio 4000 RTP/SAVP 0|{OPEN}", "sdp_crypto"),
        # What cannot be used leaves a plain line plain.
        ("offer", f"m=audio 4000 RTP/AVP 0|{OPEN}", "plain"),
        ("require", f"m=audio 4000 RTP/AVP 0|{OPEN}", "sdp_plain"),
        ("accept", "m=audio 4000 TCP/RTP/AVP 0", "sdp_transport"),
    ],
)  # fmt: skip
def test_an_offer_is_judged_by_the_policy(describe: Build, policy: str, offer: str, verdict: str) -> None:
    negotiation = us(policy)
    if verdict.startswith("sdp"):
        with pytest.raises(MediaRefused) as refused:
            negotiation.answer(describe(offer))
        assert (refused.value.kind, refused.value.status) == (verdict, 488)
        assert refused.value.header("us").startswith(("302 us ", "305 us "))
        return
    agreement, answer = negotiation.answer(describe(offer))
    assert sound(answer).protocol == sound(describe(offer)).protocol, "the profile is answered in kind"
    if verdict == "plain":
        assert agreement.protection is None and not lines(answer)
    else:
        ours = b"\1" * 30
        assert agreement.protection == Sdes(3, CM, ours, THEIRS)
        assert lines(answer) == [CryptoLine(3, CM, ours).text()]


@pytest.mark.parametrize(
    ("policy", "media", "taken"),
    [
        ("accept", [SAVP, PLAIN], 0), ("accept", [PLAIN, SAVP], 1), ("offer", [PLAIN, CRYPTO], 1),
        ("require", [PLAIN, SAVP], 1), ("none", [SAVP, PLAIN], 1), ("none", [PLAIN, SAVP], 0),
        ("accept", [BARE, PLAIN], 1), ("accept", [f"m=audio 4000 RTP/SAVP 18|{LINE}", PLAIN], 1),
        ("accept", ["m=audio 0 RTP/SAVP 0|" + LINE, PLAIN], 1),
    ],
)  # fmt: skip
def test_of_two_lines_the_encrypted_one_is_taken_where_we_may(
    describe: Build, policy: str, media: list[str], taken: int
) -> None:
    agreement, answer = us(policy).answer(describe(*media))
    answered = SessionDescription.parse(answer).media
    assert [bool(medium.port) for medium in answered] == [index == taken for index in range(2)]
    assert (agreement.protection is not None) == ("a=crypto" in media[taken] and policy != "none")
    assert not [medium for medium in answered if not medium.port and medium.attributes]


def test_the_first_suite_that_we_take_is_chosen(describe: Build) -> None:
    offer = f"m=audio 4000 RTP/SAVP 0|a=crypto:9 UNKNOWN inline:xx|{OPEN}|{LINE32}|{LINE}"
    agreement, _ = us("accept").answer(describe(offer))
    assert isinstance(agreement.protection, Sdes)
    assert (agreement.protection.tag, agreement.protection.suite) == (1, CM32)
    agreement, _ = us("accept", suites=(GCM, CM)).answer(describe(offer))
    assert isinstance(agreement.protection, Sdes) and agreement.protection.suite == CM


def test_rtcp_on_the_same_port_is_taken_beside_a_key(describe: Build) -> None:
    _, answer = us("accept").answer(describe(SAVP + "|a=rtcp-mux"))
    assert "a=rtcp-mux\r\n" in answer
    assert "rtcp-mux" not in us("accept").answer(describe(SAVP))[1]


@pytest.mark.parametrize(
    ("policy", "profile", "suites"),
    [
        ("none", "RTP/AVP", []),
        ("accept", "RTP/AVP", []),
        ("offer", "RTP/AVP", [CM, GCM]),
        ("require", "RTP/SAVP", [CM, GCM]),
    ],
)
def test_what_we_offer(policy: str, profile: str, suites: list[str]) -> None:
    medium = sound(us(policy).offer())
    assert medium.protocol == profile
    found = [CryptoLine.parse(value) for value in medium.all_attributes("crypto")]
    assert [(line.tag, line.suite) for line in found] == list(enumerate(suites, 1))
    assert len({line.secret[:16] for line in found}) == len(found), "each line has a key of its own"


def test_suites_that_are_configured_are_offered_in_their_order_and_nothing_else_is_taken(describe: Build) -> None:
    negotiation = us("require", suites=("AEAD_AES_128_GCM", CM32))
    offered = [CryptoLine.parse(value).suite for value in sound(negotiation.offer()).all_attributes("crypto")]
    assert offered == ["AEAD_AES_128_GCM", CM32]
    with pytest.raises(MediaRefused):
        us("require", suites=("AEAD_AES_128_GCM",)).answer(describe(SAVP))


def answer_line(tag: int, suite: str = CM) -> str:
    return f"a=crypto:{CryptoLine(tag, suite, THEIRS if suite == CM else b'G' * 44).text()}"


@pytest.mark.parametrize(
    ("policy", "answer", "verdict"),
    [
        ("none", "RTP/AVP 0", None), ("none", "RTP/SAVP 0", "sdp_transport"),
        ("none", f"RTP/SAVP 0|{answer_line(1)}", "sdp_transport"),
        # A key that nobody asked for is no reason to end a call that is plain.
        ("accept", f"RTP/AVP 0|{answer_line(1)}", None),
        ("offer", "RTP/AVP 0", None), ("offer", f"RTP/AVP 0|{answer_line(1)}", 1),
        ("offer", f"RTP/AVP 0|{answer_line(2, GCM)}", 2),
        ("offer", f"RTP/SAVP 0|{answer_line(1)}", 1), ("offer", "RTP/SAVP 0", "sdp_crypto"),
        # It believes to be encrypted, and by what it says it is not: its sound would be noise.
        ("offer", f"RTP/AVP 0|{LINE32}", "sdp_crypto"), ("offer", f"RTP/AVP 0|{OPEN}", "sdp_crypto"),
        ("require", "RTP/AVP 0", "sdp_plain"), ("require", "RTP/SAVP 0", "sdp_crypto"),
        ("require", f"RTP/SAVP 0|{answer_line(1)}", 1), ("require", f"RTP/AVP 0|{answer_line(1)}", 1),
        # A tag of its own: the suite says which key is meant.
        ("require", f"RTP/SAVP 0|{answer_line(1, GCM)}", 2), ("require", f"RTP/SAVP 0|{answer_line(9)}", 1),
    ],
)  # fmt: skip
def test_an_answer_is_judged_by_what_was_offered(
    describe: Build, policy: str, answer: str, verdict: str | int | None
) -> None:
    negotiation = us(policy)
    negotiation.offer()
    if isinstance(verdict, str):
        with pytest.raises(RemoteError) as refused:
            negotiation.accept(describe(f"m=audio 4000 {answer}"))
        assert refused.value.kind == verdict
        return
    agreed = negotiation.accept(describe(f"m=audio 4000 {answer}")).protection
    if verdict is None:
        assert agreed is None
    else:
        assert isinstance(agreed, Sdes)
        suite = CM if verdict == 1 else GCM
        assert (agreed.tag, agreed.suite, agreed.ours[:1]) == (verdict, suite, bytes([verdict]))
        assert agreed.theirs == (THEIRS if suite == CM else b"G" * 44)
