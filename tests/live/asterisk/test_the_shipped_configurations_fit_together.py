"""docker/asterisk/ and the entry `asterisk` of carriers.yaml, as they are shipped but for addresses and password."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.live.asterisk.conftest import CallCommand
from tests.live.peers.asterisk import PASSWORD, running_asterisk
from tests.live.peers.free_ports import LOOPBACK
from tests.live.peers.switch import ROOT, running_switch

pytestmark = pytest.mark.asterisk

SHIPPED = ROOT / "docker" / "asterisk"


def with_shipped(name: str, text: str) -> str:
    """Append what is shipped to a file of the tests' own; only the shipped endpoint knows us by our address."""
    shipped = SHIPPED / name
    if not shipped.exists():
        return text
    text = text.replace(f"match = {LOOPBACK}", "match = 127.0.0.9")
    return text + shipped.read_text(encoding="utf-8").replace("192.0.2.10", LOOPBACK).replace("change-me", PASSWORD)


def shipped_entry(port: int) -> str:
    """Return the entry of carriers.yaml without its comment signs, at this port."""
    found = re.search(r"^#- name: asterisk\n(?:#  .*\n)+", (ROOT / "carriers.yaml").read_text("utf-8"), re.MULTILINE)
    assert found is not None
    entry = re.sub(r"^#", "", found.group(), flags=re.MULTILINE)
    return entry.replace("192.0.2.10", LOOPBACK).replace("port: 5060", f"port: {port}")


def test_the_shipped_configurations_fit_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, softswitch_call: Callable[..., CallCommand]
) -> None:
    monkeypatch.setenv("ASTERISK_PASSWORD", PASSWORD)
    config = tmp_path / "softswitch.yaml"
    config.write_text("carriers: carriers.yaml\n", encoding="utf-8")
    with running_asterisk(tmp_path / "carrier", with_shipped) as asterisk:
        tmp_path.joinpath("carriers.yaml").write_text(shipped_entry(asterisk.port), encoding="utf-8")
        with running_switch(tmp_path, options=("--config", str(config)), number=4):
            assert "sip:softswitch@" in asterisk.wait_contact("softswitch")
            asterisk.wait_command("pjsip show contacts", "softswitch/.*Avail")
            # A phone dials 600, in the context that is shipped.
            phone = asterisk.call("Local/600@to-softswitch/n", endpoint="", then="tone")
            phone.wait_tone(440)
            phone.hang_up()
            # And the line that the README has one try.
            since = asterisk.mark()
            command = softswitch_call("199", "--carrier", "asterisk", "--dial", "602", "--config", str(config))
            call = asterisk.wait_call("199", since=since)
            call.wait_up()
            call.hang_up()
            assert command.finish()["outcome"] == "answered"
            asterisk.hang_up_all()
