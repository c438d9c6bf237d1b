"""Hours of drift and loss, in virtual time: no click on a tone, and no memory that grows."""

import gc
import sys

import pytest

from tests.unit.legs.line import Line, click, steady, talk

HOUR = 180_000  # ticks


@pytest.mark.parametrize("ppm", [200.0, -200.0])
def test_half_an_hour_of_drift_either_way_has_no_click(ppm: float) -> None:
    line = Line()
    talk(line, steady(ppm), range(HOUR // 2))
    jitter = line.stream._jitter
    assert (jitter.skipped_frames if ppm > 0 else jitter.grown) >= 15, "or the peer was not followed"
    assert line.empty <= 3 and jitter.late == 0
    assert line.stream.stats.delay_ms <= 90
    assert click(line.samples(5)) < 0.2


def held_bytes(*roots: object) -> int:
    """Return the memory that objects reach, without classes, modules and functions."""
    seen: dict[int, object] = {}
    waiting = list(roots)
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or isinstance(thing, type) or type(thing).__name__ in ("module", "function"):
            continue
        seen[id(thing)] = thing
        waiting += gc.get_referents(thing)
    return sum(sys.getsizeof(thing) for thing in seen.values())


def test_an_hour_of_drift_and_loss_leaves_nothing_behind() -> None:
    line, held = Line(), []
    packets = steady(200.0, loss=0.02)
    for part in range(6):
        talk(line, packets, range(part * HOUR // 6, (part + 1) * HOUR // 6))
        line.heard.clear()
        held.append(held_bytes(line.stream, line.ear))
    assert line.ear.concealed > 3000 and line.stream.stats.lost > 3000
    assert max(held[1:]) - held[0] < 4096, held
    assert max(held) < 60 * 1024, "a leg is to take no more than 60 KiB in all"
