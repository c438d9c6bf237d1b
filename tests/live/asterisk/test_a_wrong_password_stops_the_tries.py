"""A wrong password: one try with it, a state that says so, and no more."""

import signal
import time
from pathlib import Path

import pytest

from tests.live.asterisk.conftest import run_with_trunks
from tests.live.peers.asterisk import PASSWORD, WRONG_PASSWORD, running_asterisk

pytestmark = pytest.mark.asterisk

TRUNKS = """
- {name: md5, username: '49301001', register: true}
- {name: sha256, username: '49301002', register: true}
"""
#: Who hammers would have tried again by then.
LOOK_SECONDS = 4.0


def test_a_wrong_password_stops_the_tries(tmp_path: Path) -> None:
    with (
        running_asterisk(tmp_path / "carrier") as asterisk,
        run_with_trunks(tmp_path / "switch", asterisk, TRUNKS, password=WRONG_PASSWORD, number=5) as switch,
    ):
        asterisk.wait_log("REGISTER sip:", more_than=3)
        time.sleep(LOOK_SECONDS)
        trunks = {trunk["name"]: trunk for trunk in switch.trunks()}
        for name in ("md5", "sha256"):
            assert trunks[name]["state"] == "refused"
            assert "password" in trunks[name]["last_error"]
            assert 6 * 3600 - 60 < trunks[name]["retry_in"] <= 6.6 * 3600
            assert switch.metrics()[f'softswitch_registrations{{carrier="{name}",state="refused"}}'] == 1
        assert asterisk.count_log("REGISTER sip:") == 4, "for each, one without credentials and one with them"
        switch.process.send_signal(signal.SIGHUP)
        asterisk.wait_log("REGISTER sip:", more_than=7)
        time.sleep(LOOK_SECONDS)
        assert asterisk.count_log("REGISTER sip:") == 8, "who reloads wants it tried once more, and no oftener"
        assert {trunk["state"] for trunk in switch.trunks()} == {"refused"}
        output = switch.output
    assert "reload: md5 registers once more" in output and "reload: sha256 registers once more" in output
    assert WRONG_PASSWORD not in output and PASSWORD not in output
