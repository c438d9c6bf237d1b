"""Each file of sipp-scenarios/, in each way its first comment says to run it: the signalling goes as it describes.

All that were selected run side by side against one switch, so a test here mostly waits for its own.
"""

import re
from concurrent.futures import Future

import pytest

from tests.live.peers.scenario import Variant, first_comment, read_variants
from tests.live.peers.sipp import SCENARIOS, SippResult

FILES = sorted(SCENARIOS.glob("*.xml"))
#: A scenario that may take longer than this is awaited after everything else.
SLOW_SECONDS = 60


def _param(variant: Variant) -> object:
    marks = [pytest.mark.slow] if variant.seconds > SLOW_SECONDS else []
    return pytest.param(variant, id=str(variant), marks=marks)


VARIANTS = [_param(variant) for file in FILES for variant in read_variants(file)]


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_sipp_scenario_passes(variant: Variant, scenario_results: dict[str, Future[SippResult]]) -> None:
    result = scenario_results[str(variant)].result()
    assert result.passed, str(result)


def test_every_file_says_how_it_is_run_and_what_passing_means() -> None:
    assert FILES
    for file in FILES:
        assert "Passing means:" in first_comment(file), f"{file.name} does not say what passing means"
        assert read_variants(file), f"{file.name} has no `run:` line"


@pytest.mark.parametrize(
    "number", ["600", "601", "602", "603", "604", "605", "606", "607", "608", "617", "618", "699", "700"]
)
def test_every_demo_number_has_a_scenario(number: str) -> None:
    assert [file for file in FILES if file.name.startswith(number)]


def test_the_table_of_regressions_names_what_is_there() -> None:
    text = (SCENARIOS / "README.md").read_text(encoding="utf-8")
    scenarios = re.findall(r"`([\w-]+\.xml)`", text)
    tests = re.findall(r"`(tests/[\w/]+(?:\.py|/))`", text)
    assert len(scenarios) > 30 and len(tests) > 5
    assert not [name for name in scenarios if not (SCENARIOS / name).exists()]
    assert not [name for name in tests if not (SCENARIOS.parent / name).exists()]
