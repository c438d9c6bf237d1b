"""Whether a call is tried on another gateway, later or never again follows from its cause, for every status."""

import pytest

from softswitch.call.cause import Cause, Next, from_status

FAIL_OVER = {408, 430, 500, 502, 503, 504}
LATER = {401, 402, 407, 480, 486, 487, 491, 600}


@pytest.mark.parametrize("status", range(300, 700))
def test_every_status_has_a_verdict(status: int) -> None:
    verdict = from_status(status).next
    if status in LATER:
        assert verdict is Next.LATER
    elif status in FAIL_OVER:
        assert verdict is Next.FAIL_OVER
    elif 500 <= status < 600 and status not in (501, 505, 513, 555, 580):
        assert verdict is Next.FAIL_OVER, "an unknown 5xx is a 500 (RFC 3261 section 8.1.3.2)"
    else:
        assert verdict is Next.NEVER


@pytest.mark.parametrize("status", [404, 410, 480, 484, 486, 487, 600, 603, 604, 606, 607, 608])
def test_who_was_reached_is_not_rung_again_through_another_gateway(status: int) -> None:
    assert from_status(status).next is not Next.FAIL_OVER


@pytest.mark.parametrize("status", [401, 403, 407])
def test_an_account_that_is_refused_is_not_tried_at_every_gateway(status: int) -> None:
    assert from_status(status).next is not Next.FAIL_OVER


@pytest.mark.parametrize("cause", [Cause.TIMEOUT, Cause.OUT_OF_ORDER], ids=str)
def test_a_gateway_that_fails_is_left_for_the_next(cause: Cause) -> None:
    assert cause.next is Next.FAIL_OVER


@pytest.mark.parametrize("cause", [Cause.BUSY, Cause.NO_ANSWER, Cause.UNAVAILABLE, Cause.CANCELLED], ids=str)
def test_who_is_busy_or_away_may_be_called_later(cause: Cause) -> None:
    assert cause.next is Next.LATER


@pytest.mark.parametrize("cause", [Cause.CONGESTION, Cause.SHUTTING_DOWN, Cause.INTERNAL, Cause.ENGINE_FAILED], ids=str)
def test_our_own_trouble_is_no_reason_for_another_gateway(cause: Cause) -> None:
    assert cause.next is Next.LATER
    assert from_status(cause.sip).next is Next.FAIL_OVER, "from a peer the same status is one"


def test_who_answered_elsewhere_is_left_alone() -> None:
    assert (Cause.ELSEWHERE.q850, Cause.ELSEWHERE.sip) == (26, 487)
    assert Cause.ELSEWHERE.next is Next.NEVER and Cause.REJECTED.next is Next.NEVER


def test_who_picked_up_in_vain_is_not_rung_up_by_another_gateway() -> None:
    """The answer could not be used, but somebody has answered."""
    assert Cause.UNUSABLE.next is Next.NEVER
