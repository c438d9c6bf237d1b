"""Peers and switches for the live tests: real processes and real sockets, on loopback.

A peer that is missing makes its tests fail with the command that installs it. `SOFTSWITCH_TESTS_WITHOUT=sipp` (names
separated by commas) leaves the tests of a peer out on purpose.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.live.peers.asterisk import Asterisk, running_asterisk
from tests.live.peers.rtp_probe import RtpProbe
from tests.live.peers.scenario import SWITCHES, Runner, Variant
from tests.live.peers.sipp import Sipp, SippResult
from tests.live.peers.sipsak import Sipsak
from tests.live.peers.switch import SwitchProcess, running_switch

HERE = Path(__file__).parent
#: Tests whose fixtures talk to a peer belong to it, without a mark of their own.
PEER_FIXTURES = {
    "sipp": "sipp",
    "scenario_results": "sipp",
    "sipp_against": "sipp",
    "asterisk_of_the_session": "asterisk",
    "telephones_of_the_session": "asterisk",
    "phones": "sipp",
    "kamailio": "kamailio",
    "kamailio_sha256": "kamailio",
    "phones_behind": "sipp",
    "baresip_of_the_session": "baresip",
    "tls_asterisk": "asterisk",
    "strict_asterisk": "asterisk",
    "tls_baresip": "baresip",
    "sipsak_against": "sipsak",
    "pyvoip": "pyvoip",
    "tshark": "tshark",
}
#: SIPp waits far more than it works: so many at once keep two cores busy and no timer waiting.
SCENARIOS_AT_ONCE = 12


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the live tests, leave out what the run was told to, and put the scenarios first and the slow ones last."""
    without = {name for name in os.environ.get("SOFTSWITCH_TESTS_WITHOUT", "").replace(",", " ").split() if name}
    kept, left_out = [], []
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("live")
            for fixture in getattr(item, "fixturenames", ()):
                if peer := PEER_FIXTURES.get(fixture):
                    item.add_marker(peer)
        (left_out if any(mark.name in without for mark in item.iter_markers()) else kept).append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
    items[:] = sorted(kept, key=lambda item: item.get_closest_marker("slow") is not None)


@pytest.fixture(scope="session")
def switch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SwitchProcess]:
    """One switch with the demo dialplan, for every test that leaves it as it was."""
    with running_switch(tmp_path_factory.mktemp("switch")) as running:
        yield running


@pytest.fixture
def switch_with(tmp_path: Path) -> Iterator[Callable[..., SwitchProcess]]:
    """A function that starts a switch with options of its own; all are stopped, and looked at, when the test ends."""
    started: list[Any] = []

    def start(*options: str, environment: Mapping[str, str] | None = None) -> SwitchProcess:
        folder = tmp_path / f"switch-{len(started)}"
        folder.mkdir()
        context = running_switch(folder, options=options, number=len(started) + 1, environment=environment)
        started.append(context)
        return context.__enter__()

    yield start
    for context in reversed(started):
        context.__exit__(None, None, None)


@pytest.fixture(scope="session")
def asterisk_of_the_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asterisk]:
    """One Asterisk, for every test that leaves it as it was."""
    with running_asterisk(tmp_path_factory.mktemp("asterisk") / "carrier") as running:
        yield running


@pytest.fixture
def asterisk(asterisk_of_the_session: Asterisk) -> Iterator[Asterisk]:
    """The Asterisk of the session, without calls before and after."""
    yield asterisk_of_the_session
    asterisk_of_the_session.hang_up_all()


@pytest.fixture
def sipp(switch: SwitchProcess, tmp_path: Path) -> Iterator[Sipp]:
    """SIPp, against the switch of the session."""
    peer = Sipp(switch.address, tmp_path)
    yield peer
    peer.close()


@pytest.fixture
def sipp_against(tmp_path: Path) -> Iterator[Callable[[SwitchProcess], Sipp]]:
    """A function that points SIPp at a switch of the test's own."""
    peers: list[Sipp] = []

    def against(switch: SwitchProcess) -> Sipp:
        peers.append(Sipp(switch.address, tmp_path / f"sipp-{len(peers)}"))
        return peers[-1]

    yield against
    for peer in peers:
        peer.close()


@pytest.fixture
def sipsak_against() -> Callable[[SwitchProcess], Sipsak]:
    """A function that points sipsak at a switch."""
    return lambda switch: Sipsak(switch.address)


@pytest.fixture
def probe() -> Iterator[RtpProbe]:
    """A telephone's sound, on a port of its own."""
    with RtpProbe() as running:
        yield running


@pytest.fixture(scope="session")
def scenario_results(
    request: pytest.FixtureRequest, switch: SwitchProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[SippResult]]]:
    """Every scenario that this run selected, started side by side, the longest first: name to how it ended."""
    wanted: list[Variant] = [
        variant
        for item in request.session.items
        if isinstance(item, pytest.Function) and isinstance(variant := _variant_of(item), Variant)
    ]
    with ExitStack() as stack:
        switches = {"": switch}
        for number, name in enumerate(sorted({variant.switch for variant in wanted} - {""})):
            # Numbers that hardly any switch of a single test has, so that their ports are others.
            context = running_switch(
                tmp_path_factory.mktemp("switch"), options=("--config", str(SWITCHES / name)), number=number + 6
            )
            switches[name] = stack.enter_context(context)
        runner = Runner(tmp_path_factory.mktemp("scenarios"), switches.__getitem__)
        with ThreadPoolExecutor(SCENARIOS_AT_ONCE) as pool:
            longest_first = sorted(wanted, key=lambda variant: -variant.seconds)
            yield {str(variant): pool.submit(runner.run, variant) for variant in longest_first}
            pool.shutdown(wait=False, cancel_futures=True)
            runner.close()


def _variant_of(item: pytest.Function) -> Any:
    callspec = getattr(item, "callspec", None)
    return callspec.params.get("variant") if callspec else None
