"""Asterisk is killed, or stops, and comes back without knowing us: calls end, trunks come back by themselves."""

from pathlib import Path

import pytest

from tests.live.asterisk.conftest import run_with_trunks
from tests.live.peers.asterisk import running_asterisk

pytestmark = pytest.mark.asterisk

TRUNKS = """
- {name: md5, username: '49301001', register: true, expires: 5, health_seconds: 1}
- {name: tcp, username: '49301003', register: true, transport: tcp, health_seconds: 1}
"""
#: A call over media that went silent lasts 4 s more (see `trunk_options`), a registration for 5 s.
BACK_SECONDS = 20.0


@pytest.mark.parametrize("kill", [True, False], ids=["killed", "stopped"])
def test_trunks_outlive_a_restart_of_asterisk(tmp_path: Path, kill: bool) -> None:
    with (
        running_asterisk(tmp_path / "carrier") as asterisk,
        run_with_trunks(tmp_path / "switch", asterisk, TRUNKS, number=6) as switch,
    ):
        for account in ("49301001", "49301003"):
            asterisk.wait_contact(account)
        since = asterisk.mark()
        # One leg that came in by itself, and two that the switch bridges.
        alone = asterisk.call("602", endpoint="49301001", caller="4955001")
        bridged = asterisk.call(f"sip:931602@{switch.address}", then="tone", caller="4955002")
        far = asterisk.wait_call("1602", since=since)
        alone.wait_tone(1004)
        bridged.wait_tone(440)
        far.wait_tone(440)

        asterisk.restart(kill=kill, forget=True, down=1.0)
        for caller in ("4955001", "4955002"):
            record = switch.wait_record(**{"from": caller}, seconds=BACK_SECONDS)
            assert record["outcome"] == "answered"
        assert switch.metrics()["softswitch_calls_active"] == 0
        for account in ("49301001", "49301003"):
            asterisk.wait_contact(account, seconds=BACK_SECONDS)
            again = asterisk.call("602", endpoint=account)
            again.wait_tone(1004)
        since = asterisk.mark()
        asterisk.call(f"sip:931602@{switch.address}", then="tone", variables={"HZ": "620"})
        asterisk.wait_call("1602", since=since).wait_tone(620)
        asterisk.hang_up_all()

        switch.terminate()
        for account in ("49301001", "49301003"):
            asterisk.wait_contact(account, there=False)
