"""The offer of a session refresh is our last description word by word (RFC 4028 section 7.4, RFC 3264 section 8)."""

from collections.abc import Callable

from softswitch.sdp.negotiate import Negotiation

Build = Callable[..., str]


def test_after_an_answer_of_ours_the_refresh_repeats_it(us: Negotiation, describe: Build) -> None:
    _, said = us.answer(
        describe("m=audio 4000 RTP/AVP 8 0 96|a=rtpmap:96 telephone-event/8000", "m=video 4002 RTP/AVP 99")
    )
    assert us.repeat() == said


def test_after_an_offer_of_ours_the_refresh_repeats_it(us: Negotiation, describe: Build) -> None:
    said = us.offer()
    us.accept(describe("m=audio 4000 RTP/AVP 0"))
    assert us.repeat() == said


def test_the_answer_to_a_refresh_is_taken(us: Negotiation, describe: Build) -> None:
    us.answer(describe("m=audio 4000 RTP/AVP 8"))
    us.repeat()
    agreement = us.accept(describe("m=audio 4010 RTP/AVP 8"))
    assert agreement.remote == ("192.0.2.7", 4010)
    assert agreement.codec == "PCMA"
    assert not agreement.held


def test_whoever_holds_us_is_asked_for_sound_and_still_holds_us(us: Negotiation, describe: Build) -> None:
    """Our answer to a hold said recvonly; said again as an offer, it would be our wish."""
    _, said = us.answer(describe("m=audio 4000 RTP/AVP 0|a=sendonly"))
    assert "a=recvonly" in said
    refresh = us.repeat()
    assert "a=sendrecv" in refresh and "a=recvonly" not in refresh
    assert us.accept(describe("m=audio 4000 RTP/AVP 0|a=sendonly")).held


def test_before_anything_was_said_it_is_the_first_offer(us: Negotiation) -> None:
    assert us.repeat() == us.offer()
