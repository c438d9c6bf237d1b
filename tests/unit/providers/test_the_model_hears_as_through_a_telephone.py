import math

import pytest

from softswitch.providers import telephone_model as model

WIDEBAND = "-lowerf 130\n-upperf 6800\n-nfilt 25\n-transform dct\n-lifter 22\n"


def cepstra(energies: list[float]) -> list[float]:
    """The front end's own way from log filter energies to 13 liftered cepstra."""
    count = len(energies)
    found = []
    for order in range(13):
        scale = math.sqrt((1.0 if order == 0 else 2.0) / count)
        total = sum(e * math.cos(math.pi * order * (i + 0.5) / count) for i, e in enumerate(energies))
        found.append(scale * total * (1.0 + 11.0 * math.sin(order * math.pi / 22)))
    return found


def matrix() -> list[list[float]]:
    rows = model.adaptation().splitlines()[3:16]
    return [[float(value) for value in row.split()] for row in rows]


@pytest.mark.parametrize("turns", [0.0, 0.5, 1.0, 2.0])
def test_a_smooth_spectrum_is_mapped_to_what_a_telephone_leaves_of_it(turns: float) -> None:
    """A spectrum that 13 cepstra hold in full loses nothing but what lies above the telephone band."""
    order = int(2 * turns)
    whole = [math.cos(math.pi * order * (i + 0.5) / 25) for i in range(25)]
    mapped = [sum(a * c for a, c in zip(row, cepstra(whole), strict=True)) for row in matrix()]
    assert mapped == pytest.approx(cepstra(whole[: model.FILTERS]), abs=1e-3)


def test_only_the_filters_change_in_the_features() -> None:
    changed = dict(line.split() for line in model.features(WIDEBAND).splitlines())
    assert changed == {
        "-lowerf": "130",
        "-upperf": f"{model.highest_hz():.2f}",
        "-nfilt": str(model.FILTERS),
        "-transform": "dct",
        "-lifter": "22",
    }


def test_a_louder_caller_begins_with_a_higher_mean_and_the_same_shape() -> None:
    faint, loud = ([float(value) for value in model.cepstral_mean(level).split(",")] for level in (-30.0, -10.0))
    assert len(faint) == 13
    assert loud[0] - faint[0] == pytest.approx(10.0)
    assert loud[1:] == faint[1:]


def test_the_highest_filter_ends_below_half_the_rate() -> None:
    assert 3400 < model.highest_hz() < model.TELEPHONE_HZ / 2


def test_the_file_has_one_class_and_three_streams_of_thirteen() -> None:
    lines = model.adaptation().splitlines()
    assert lines[:3] == ["1", "3", "13"]
    assert len(lines) == 2 + 3 * (1 + 13 + 2)
