"""One line in calls.jsonl for each call, whichever way it went, and what it says is what happened."""

from collections.abc import Callable

import pytest

from tests.live.peers.rtp_probe import RtpProbe
from tests.live.peers.sipp import Sipp
from tests.live.peers.switch import SwitchProcess

#: Scenario, SIPp options, number, and of its record: outcome, final status, who ended it.
CALLS = (
    ("600-echo", ("-d", "600"), "600", "answered", 200, "caller"),
    ("601-prompt", (), "601", "answered", 200, "switch"),
    ("no-common-codec", (), "602", "failed", 488, "switch"),
    ("605-busy", (), "605", "busy", 486, "switch"),
    ("606-ringing-cancelled", (), "606", "cancelled", 487, "caller"),
    ("699-not-found", (), "699", "failed", 404, "switch"),
)


def test_every_call_has_its_record(
    switch_with: Callable[..., SwitchProcess], sipp_against: Callable[[SwitchProcess], Sipp], probe: RtpProbe
) -> None:
    switch = switch_with()
    sipp = sipp_against(switch)
    runs = [
        sipp.start(scenario, *options, number=number, rtp_port=probe.port) for scenario, options, number, *_ in CALLS
    ]
    for run in runs:
        run.finish()
    for _, _, number, outcome, code, ended_by in CALLS:
        record = switch.wait_record(to=number)
        assert (record["direction"], record["from"]) == ("inbound", "sipp")
        assert (record["outcome"], record["sip_code"], record["ended_by"]) == (outcome, code, ended_by), number
        if outcome == "answered":
            assert record["codec"] == "PCMU"
            assert record["started_at"] <= record["answered_at"] <= record["ended_at"]
        else:
            assert record["answered_at"] is None
            assert record["duration_ms"] == 0


def test_an_answered_call_says_how_it_sounded(
    switch_with: Callable[..., SwitchProcess], sipp_against: Callable[[SwitchProcess], Sipp], probe: RtpProbe
) -> None:
    switch = switch_with()
    run = sipp_against(switch).start("600-echo", "-d", "2000", number="600", rtp_port=probe.port)
    probe.talk_to(run.media_address())
    probe.press("42#")
    run.finish()
    record = switch.wait_record(to="600")
    assert record["dtmf"] == "42#"
    assert record["duration_ms"] == pytest.approx(2000, abs=500)
    assert record["quality"]["received"]["packets"] == pytest.approx(100, abs=25)
    assert record["quality"]["received"]["lost"] == 0
    assert record["quality"]["sent"]["packets"] == pytest.approx(len(probe.heard.packets), abs=5)
