"""The E-model against what ITU-T G.107, G.109, G.113 and G.114 print."""

import pytest

from softswitch.rtp.emodel import BARE, CONCEALED, IMPAIRMENTS, burst_ratio, impairment_of, mos, rating


def test_the_defaults_give_the_default_rating() -> None:
    """G.107: with all default values R is 93.2; the score of that is 4.41."""
    assert rating(CONCEALED) == pytest.approx(93.2, abs=0.05)
    assert mos(rating(CONCEALED)) == pytest.approx(4.41, abs=0.005)


@pytest.mark.parametrize(("r", "score"), [(90, 4.34), (80, 4.03), (70, 3.60), (60, 3.10), (50, 2.58)])
def test_ratings_have_the_scores_of_the_table(r: float, score: float) -> None:
    """G.107 table B.1."""
    assert mos(r) == pytest.approx(score, abs=0.01)


def test_no_rating_leaves_the_scale() -> None:
    assert (mos(-50.0), mos(0.0), mos(100.0), mos(200.0)) == (1.0, 1.0, 4.5, 4.5)
    assert all(1.0 <= mos(r / 10) <= mos((r + 1) / 10) for r in range(70, 1000))


@pytest.mark.parametrize(
    ("codec", "ie", "bpl"),
    [("PCMU", 0.0, 25.1), ("PCMA", 0.0, 25.1), ("G729", 11.0, 19.0)],
)
def test_codecs_cost_what_the_tables_say(codec: str, ie: float, bpl: float) -> None:
    """G.113 appendix I."""
    assert impairment_of(codec, conceals=True)[:2] == (ie, bpl)
    assert impairment_of("PCMU", conceals=False)[:2] == (0.0, 4.3)


@pytest.mark.parametrize(
    ("loss", "expected"),
    # G.107 equation 7-29 by hand: 95 * loss / (loss + Bpl), off the default.
    [(0, 93.2), (1, 93.2 - 95 / 26.1), (5, 93.2 - 475 / 30.1), (10, 93.2 - 950 / 35.1), (20, 93.2 - 1900 / 45.1)],
)
def test_loss_costs_what_the_equation_says(loss: float, expected: float) -> None:
    assert rating(CONCEALED, loss_percent=loss) == pytest.approx(expected, abs=0.05)


def test_loss_that_clusters_is_heard_more() -> None:
    assert rating(BARE, loss_percent=5, burst=4.0) < rating(BARE, loss_percent=5) < rating(CONCEALED, loss_percent=5)
    assert burst_ratio(100, 100, 900) == 1.0
    assert burst_ratio(100, 20, 900) == pytest.approx(4.5)
    assert burst_ratio(0, 0, 900) == 1.0


def test_delay_is_borne_to_150_ms_and_a_limit_at_400() -> None:
    """G.114: hardly anything up to 150 ms; at 300 many users are dissatisfied (R 70), at 400 nobody is content."""
    at = {delay: rating(CONCEALED, delay_ms=delay) for delay in (0, 100, 150, 200, 300, 400)}
    assert at[0] > at[100] > at[150] > 89
    assert 70 < at[300] < 76
    assert 60 < at[400] < 66


def test_wideband_is_scored_on_its_own_scale() -> None:
    """G.107.1: the best is 129; G.722 at 64 kbit/s costs 13 of it (G.113)."""
    assert rating(IMPAIRMENTS["G722"]) * 1.29 == pytest.approx(116, abs=0.2)
    assert mos(rating(IMPAIRMENTS["G722"])) == pytest.approx(4.34, abs=0.01)
