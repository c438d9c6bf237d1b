"""Every SIP status becomes a cause that keeps the status, and the outcome that follows from it is the field's."""

import pytest

from softswitch.call.cause import Cause, from_status
from softswitch.call.record import outcome_of


@pytest.mark.parametrize("status", range(300, 700))
def test_every_status_has_a_cause_that_keeps_it(status: int) -> None:
    cause = from_status(status)
    assert cause.sip == status and 1 <= cause.q850 <= 127 and cause.words


@pytest.mark.parametrize(
    ("status", "q850"), [(404, 1), (486, 17), (600, 17), (480, 20), (603, 21), (410, 22), (484, 28), (408, 102)]
)
def test_the_numbers_are_those_of_rfc_3398(status: int, q850: int) -> None:
    assert from_status(status).q850 == q850


@pytest.mark.parametrize(
    ("cause", "answered", "by_caller", "outcome"),
    [
        (Cause.NORMAL, True, True, "answered"),
        (Cause.MEDIA_TIMEOUT, True, False, "answered"),
        (Cause.CANCELLED, False, True, "cancelled"),
        (from_status(486), False, False, "busy"),
        (from_status(480), False, False, "no_answer"),
        (from_status(603), False, False, "rejected"),
        (from_status(403), False, False, "rejected"),
        (from_status(404), False, False, "failed"),
        (from_status(503), False, False, "failed"),
    ],
)
def test_outcomes(cause: Cause, answered: bool, by_caller: bool, outcome: str) -> None:
    assert outcome_of(cause, answered=answered, by_caller=by_caller) == outcome
