"""`make fuzz` finds a fault that is there, the same for the same seed; each target takes a few mutants at each run."""

import pytest

from tests.fuzz.fuzz import find
from tests.fuzz.targets import TARGETS, Target

#: Every parser that bytes from outside lead to; a new one needs a target.
MUTANTS = 60


def touchy(data: bytes) -> None:
    if b"Content-Length: 5" in data:
        raise ValueError("as a parser with a fault would")


def test_a_fault_is_found_and_found_again() -> None:
    first = find(Target([b"Content-Length: 4\r\n\r\nabcd"], touchy), 1, 5000, hang=0)
    assert first is not None and b"Content-Length: 5" in first[0] and "as a parser with a fault would" in first[1]
    assert find(Target([b"Content-Length: 4\r\n\r\nabcd"], touchy), 1, 5000, hang=0) == first


@pytest.mark.parametrize("name", TARGETS)
def test_each_target_takes_its_examples_and_mutants_of_them(name: str) -> None:
    for seed in TARGETS[name].seeds:
        TARGETS[name].feed(seed)
    assert find(TARGETS[name], 7, MUTANTS, hang=0) is None
