"""Start, readiness, draining, stopping, and what is said when it cannot start: exit statuses and sentences."""

import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.live.peers.rtp_probe import RtpProbe
from tests.live.peers.sipp import Sipp
from tests.live.peers.switch import SwitchProcess


def _refusal(*options: str) -> subprocess.CompletedProcess[str]:
    """Run a switch that cannot start; return its status and what it wrote."""
    command = [str(Path(sys.executable).parent / "softswitch"), "run", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_sipp_as_it_comes_can_call_600(sipp: Sipp) -> None:
    """The first thing anybody tries: sipp -sn uac -s 600."""
    sipp.start("uac", "-d", "300", "-r", "10", number="600", calls=20).finish()


def test_health_and_metrics_are_served(switch: SwitchProcess) -> None:
    assert switch.get("/healthz")[0] == 200
    assert switch.get("/readyz")[0] == 200
    assert "softswitch_calls_active" in switch.metrics()


def test_an_occupied_sip_port_is_a_sentence(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as occupied:
        occupied.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{occupied.getsockname()[1]}"
        refused = _refusal("--sip", address, "--http", "127.0.0.1:0", "--data", str(tmp_path))
    assert refused.returncode == 2
    assert address in refused.stderr
    assert "Traceback" not in refused.stderr + refused.stdout


def test_an_occupied_http_port_and_a_data_folder_that_is_none_are_sentences(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as occupied:
        address = f"127.0.0.1:{occupied.getsockname()[1]}"
        refused = _refusal("--sip", "127.0.0.1:0", "--http", address, "--data", str(tmp_path))
    words = f"HTTP {address} is already in use; stop the other program or choose another address with --http"
    assert (refused.returncode, refused.stderr) == (2, f"softswitch: {words}\n")
    (tmp_path / "file").touch()
    refused = _refusal("--sip", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data", str(tmp_path / "file"))
    assert refused.returncode == 2
    assert re.fullmatch(
        r"softswitch: call records cannot be written to .*; choose another folder with --data\n", refused.stderr
    )


def test_a_broken_configuration_is_refused_with_file_and_line(tmp_path: Path) -> None:
    file = tmp_path / "softswitch.yaml"
    file.write_text("sip:\n  listen: 127.0.0.1:0\nrtp:\n  prots: 20000-29999\n")
    refused = _refusal("--config", str(file), "--data", str(tmp_path))
    assert refused.returncode == 2
    assert f"{file}:4" in refused.stderr
    assert "prots" in refused.stderr
    assert "Traceback" not in refused.stderr + refused.stdout


def test_a_broken_dialplan_is_refused_with_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "softswitch.yaml").write_text("dialplans: plan.yaml\n")
    (tmp_path / "plan.yaml").write_text("rules:\n  - number: 600\n    steps:\n      - anwser\n")
    refused = _refusal("--config", str(tmp_path / "softswitch.yaml"), "--data", str(tmp_path))
    assert refused.returncode == 2
    assert re.search(r"plan\.yaml:4.*anwser", refused.stderr.replace("\n", " "))


def test_sigterm_lets_a_running_call_finish_and_takes_no_new_one(
    switch_with: Callable[..., SwitchProcess], sipp_against: Callable[[SwitchProcess], Sipp], probe: RtpProbe
) -> None:
    switch = switch_with()
    sipp = sipp_against(switch)
    running = sipp.start("600-echo", "-d", "3000", number="600", rtp_port=probe.port)
    probe.talk_to(running.media_address())
    switch.terminate()
    deadline = time.monotonic() + 5
    while switch.get("/readyz")[0] != 503:
        assert time.monotonic() < deadline, "still ready after SIGTERM"
        time.sleep(0.05)
    late = sipp.run("605-busy", number="605")
    assert "SIP/2.0 503" in late.messages
    running.finish()
    assert switch.process.wait(10) == 0


def test_a_second_sigterm_hangs_up_at_once(
    switch_with: Callable[..., SwitchProcess], sipp_against: Callable[[SwitchProcess], Sipp], probe: RtpProbe
) -> None:
    """602 never ends by itself: the BYE that this scenario waits for is the switch saying goodbye."""
    switch = switch_with()
    running = sipp_against(switch).start("601-prompt", number="602", rtp_port=probe.port)
    probe.talk_to(running.media_address())
    stopped = time.monotonic()
    switch.terminate()
    time.sleep(0.3)
    switch.terminate()
    running.finish()
    assert switch.process.wait(10) == 0
    assert time.monotonic() - stopped < 6
    assert "asked a second time to stop: 1 are hung up" in switch.output
    assert switch.output.rstrip().endswith("stopped")
