"""However many phases are served, the histogram keeps its size."""

from softswitch.net.ticker import Lateness


def test_lateness_is_counted_in_bounded_bins() -> None:
    lateness = Lateness()
    assert lateness.percentile(0.99) == 0.0
    for index in range(1000):
        lateness.observe(0.05 if index < 985 else 700.0)
    assert len(lateness.counts) == len(Lateness.BOUNDS_MS) + 1
    assert (lateness.count, lateness.max_ms) == (1000, 700.0)
    assert lateness.counts[0] == 985
    assert lateness.counts[-1] == 15
    assert lateness.percentile(0.5) == 0.1
    assert lateness.percentile(0.99) == 700.0


def test_a_value_on_a_bound_belongs_below_it() -> None:
    lateness = Lateness()
    lateness.observe(1.0)
    assert lateness.counts[Lateness.BOUNDS_MS.index(1.0)] == 1
