"""The switch calls a baresip: each hears the other, and who hangs up is told."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.live.asterisk.conftest import CallCommand
from tests.live.peers.baresip import NUMBER, SAYS_HZ, Baresip
from tests.live.peers.free_ports import LOOPBACK

SoftswitchCall = Callable[..., CallCommand]
KEYS = "1234567890*#"


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_call_by_uri_is_heard_and_held(baresip: Baresip, softswitch_call: SoftswitchCall, transport: str) -> None:
    mark = baresip.expect_call()
    command = softswitch_call(f"{baresip.uri};transport={transport}", "--dial", "602")
    baresip.wait_event("CALL_ESTABLISHED", since=mark)
    baresip.wait_tone(1004)
    baresip.hold()
    baresip.wait_quiet()
    baresip.resume()
    baresip.wait_tone(1004)
    baresip.hang_up()
    record = command.finish()
    assert (record["status"], record["outcome"], record["ended_by"]) == (0, "answered", "callee")


def test_what_it_says_is_heard(baresip: Baresip, softswitch_call: SoftswitchCall) -> None:
    mark = baresip.expect_call()
    command = softswitch_call(baresip.uri, "--dial", "600")
    baresip.wait_event("CALL_ESTABLISHED", since=mark)
    baresip.wait_tone(SAYS_HZ)
    command.process.terminate()
    baresip.wait_event("CALL_CLOSED", since=mark)
    assert command.finish()["ended_by"] == "switch"


def test_keys_by_info_reach_it_once(baresip: Baresip, softswitch_call: SoftswitchCall, tmp_path: Path) -> None:
    entry = f"{{name: phone, host: {LOOPBACK}, port: {baresip.port}, number_format: as_dialled, dtmf: info}}"
    (tmp_path / "carriers.yaml").write_text(f"- {entry}\n", encoding="utf-8")
    (tmp_path / "softswitch.yaml").write_text("carriers: carriers.yaml\n", encoding="utf-8")
    mark = baresip.expect_call()
    command = softswitch_call(NUMBER, "--dial", "603", "--config", str(tmp_path / "softswitch.yaml"))
    assert baresip.wait_keys(len(KEYS), since=mark, seconds=30) == KEYS
    assert command.finish()["outcome"] == "answered"
