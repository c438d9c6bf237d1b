"""SIGHUP and `softswitch reload`: other files for the next calls, the old ones for those that are up."""

import http.client
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.live.peers.rtp_probe import RtpProbe
from tests.live.peers.sipp import Sipp
from tests.live.peers.switch import SwitchProcess

RULES = """
rules:
  - number: 600
    steps: [answer, {wait: 1.5}, {play: welcome.wav}, hangup]
"""
OTHER_RULES = """
rules:
  - number: 605
    steps: [{reject: 486}]
"""


class Files:
    """The configuration of one switch."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.main = folder / "softswitch.yaml"
        self.write("softswitch.yaml", "dialplans: plan.yaml\ncarriers: carriers.yaml\n")
        self.write("carriers.yaml", "[]\n")
        self.write("plan.yaml", RULES)

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def ask(switch: SwitchProcess, *options: str) -> subprocess.CompletedProcess[str]:
    """Run `softswitch reload` against a switch."""
    command = [str(Path(sys.executable).parent / "softswitch"), "reload", "--http", f"127.0.0.1:{switch.http_port}"]
    return subprocess.run([*command, *options], capture_output=True, text=True, timeout=30, check=False)


def last(switch: SwitchProcess) -> dict[str, Any] | None:
    report: dict[str, Any] | None = json.loads(switch.get("/v1/reload")[1])["reload"]
    return report


def wait_reload(switch: SwitchProcess, before: dict[str, Any] | None) -> dict[str, Any]:
    deadline = time.monotonic() + 10
    while (report := last(switch)) is None or report == before:
        assert time.monotonic() < deadline, "nothing was reloaded"
        time.sleep(0.02)
    return report


def test_a_call_keeps_what_it_began_with_and_the_next_one_has_the_new(
    files: Files,
    switch_with: Callable[..., SwitchProcess],
    sipp_against: Callable[[SwitchProcess], Sipp],
    probe: RtpProbe,
) -> None:
    switch = switch_with("--config", str(files.main))
    assert last(switch) is None
    sipp = sipp_against(switch)
    # The sound is played after the reload, whose files neither have the rule nor name the sound.
    running = sipp.start("601-prompt", number="600", rtp_port=probe.port)
    probe.talk_to(running.media_address())
    files.write("plan.yaml", OTHER_RULES)
    switch.process.send_signal(signal.SIGHUP)
    report = wait_reload(switch, None)
    assert report["outcome"] == "changed"
    assert set(report["changes"]) >= {"rules added: 605", "rules removed: 600"}
    assert sipp.run("605-busy", number="605").passed
    assert "SIP/2.0 404" in sipp.run("699-not-found", number="600").messages
    running.finish()
    assert probe.heard.speech_seconds() > 2.0
    assert switch.wait_record(to="600", outcome="answered")["ended_by"] == "switch"


def test_broken_files_are_refused_and_told_with_file_and_line(
    files: Files, switch_with: Callable[..., SwitchProcess], sipp_against: Callable[[SwitchProcess], Sipp]
) -> None:
    files.write("plan.yaml", OTHER_RULES)
    switch = switch_with("--config", str(files.main))
    files.write("plan.yaml", OTHER_RULES.replace("{reject: 486}", "anwser"))
    files.write("carriers.yaml", "- name: office\n  hots: 192.0.2.1\n")
    refused = ask(switch)
    assert refused.returncode == 1
    printed = refused.stdout.replace("\n", " ")
    assert f"{files.folder}/plan.yaml:4" in printed and "anwser" in printed
    assert f"{files.folder}/carriers.yaml:2" in printed and "hots" in printed
    assert f"reload refused: {files.folder}/plan.yaml:4" in switch.output
    metrics = switch.metrics()
    assert metrics['softswitch_reloads_total{outcome="refused"}'] == metrics["softswitch_reload_refused"] == 1
    assert sipp_against(switch).run("605-busy", number="605").passed, "the old dialplan is not in force any more"
    files.write("plan.yaml", OTHER_RULES)
    files.write("carriers.yaml", "[]\n")
    done = ask(switch, "--json")
    assert (done.returncode, json.loads(done.stdout)["outcome"]) == (0, "unchanged")
    assert switch.metrics()["softswitch_reload_refused"] == 0


def test_what_needs_a_restart_is_named_and_the_rest_is_done(
    files: Files, switch_with: Callable[..., SwitchProcess]
) -> None:
    switch = switch_with("--config", str(files.main))
    files.write(
        "softswitch.yaml",
        "dialplans: plan.yaml\ncarriers: carriers.yaml\nrtp: {quiet_seconds: 3}\nspeech: {workers: 2}\n"
        "limits: {max_calls: 5, drain_seconds: 1}\nobservability: {level: debug}\n",
    )
    done = ask(switch)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert {"rtp.quiet_seconds needs a restart", "limits.max_calls is 5", "observability.level is debug"} <= {*lines}
    # Of the command line, and so the same as before, whatever the file says.
    assert "speech.workers needs a restart" in lines and not any("sip.listen" in line for line in lines)


def test_only_this_machine_may_ask(files: Files, switch_with: Callable[..., SwitchProcess]) -> None:
    switch = switch_with("--config", str(files.main))
    for header in ("Origin", "X-Forwarded-For", "Forwarded", "Via"):
        connection = http.client.HTTPConnection("127.0.0.1", switch.http_port, timeout=5)
        connection.request("POST", "/v1/reload", headers={header: "https://example.com"})
        assert connection.getresponse().status == 403
        connection.close()
    assert last(switch) is None


def test_a_switch_that_is_not_there_is_a_sentence() -> None:
    command = [str(Path(sys.executable).parent / "softswitch"), "reload", "--http", "127.0.0.1:9"]
    nobody = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert nobody.returncode == 1 and "no switch answers at 127.0.0.1:9" in nobody.stderr


def test_a_stopping_switch_refuses(
    files: Files,
    switch_with: Callable[..., SwitchProcess],
    sipp_against: Callable[[SwitchProcess], Sipp],
    probe: RtpProbe,
) -> None:
    switch = switch_with("--config", str(files.main))
    running = sipp_against(switch).start("601-prompt", number="600", rtp_port=probe.port)
    probe.talk_to(running.media_address())
    switch.terminate()
    while switch.get("/readyz")[0] != 503:
        time.sleep(0.02)
    refused = ask(switch)
    assert refused.returncode == 1 and "the switch is stopping" in refused.stdout
    running.finish()
    assert switch.process.wait(10) == 0
