"""A baresip reports on the port of its sound (RFC 5761), plain and encrypted; the record says what it heard."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.peers.baresip import NUMBER, Baresip, running_baresip
from tests.live.peers.switch import SwitchProcess


@pytest.fixture(scope="module", params=["", "dtls_srtp"])
def phone(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, baresip_of_the_session: Baresip
) -> Iterator[Baresip]:
    """A baresip that encrypts, or does not."""
    if not request.param:
        yield baresip_of_the_session
        return
    folder: Path = tmp_path_factory.mktemp("reports")
    with running_baresip(folder / "phone", mediaenc=request.param) as running:
        yield running


def test_both_ways_have_a_score(phone: Baresip, switch: SwitchProcess) -> None:
    before = len(switch.written)
    mark = phone.dial(f"sip:604@{switch.address}")
    phone.wait_event("CALL_ESTABLISHED", since=mark)
    time.sleep(7.0)
    phone.hang_up()
    phone.wait_event("CALL_CLOSED", since=mark)
    quality = switch.wait_record(since=before, **{"from": NUMBER, "to": "604"})["quality"]
    assert quality["sent"]["mos"] is not None, "it has not reported how it hears us"
    assert min(quality["sent"]["mos"], quality["received"]["mos"]) > 4.2
    assert quality["sent"]["loss_percent"] == 0.0 and quality["sent"]["jitter_ms"] < 20
    assert 0 <= quality["round_trip_ms"] < 100
