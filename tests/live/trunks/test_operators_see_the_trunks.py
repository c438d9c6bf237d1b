"""A switch and its carrier, which is another switch: `softswitch trunks`, /v1/trunks, metrics, and calls by command."""

import asyncio
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.peers.dns_server import DnsServer
from tests.live.peers.free_ports import free_port
from tests.live.peers.switch import SwitchProcess

COMMAND = str(Path(sys.executable).parent / "softswitch")
SECRET = "correct-horse-battery"


def softswitch(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the switch, in 80 columns."""
    return subprocess.run(
        [COMMAND, *arguments],
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
        stdin=subprocess.DEVNULL,
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "80", "OFFICE_PASSWORD": SECRET, "http_proxy": "http://192.0.2.1:1"},
    )


@pytest.fixture
def nameserver() -> Iterator[DnsServer]:
    """A name server that runs in a thread of its own."""
    server = DnsServer()
    started, stop = threading.Event(), threading.Event()

    async def serve() -> None:
        async with server:
            started.set()
            while not stop.is_set():  # noqa: ASYNC110 - it is told by another thread
                await asyncio.sleep(0.02)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert started.wait(5)
    yield server
    stop.set()
    thread.join()


def configuration(folder: Path, carriers: str, nameserver: str = "127.0.0.1:9") -> Path:
    folder.mkdir()
    (folder / "carriers.yaml").write_text(carriers)
    file = folder / "softswitch.yaml"
    file.write_text(f"sip: {{nameservers: ['{nameserver}']}}\ncarriers: carriers.yaml\nrtp: {{ports: 27000-27099}}\n")
    return file


def until(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 15
    while not (value := condition()):
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)
    return value


def test_a_running_switch_tells_how_its_carriers_are(
    switch: SwitchProcess, switch_with: Callable[..., SwitchProcess], tmp_path: Path
) -> None:
    carriers = f"""
- {{name: alive, host: 127.0.0.1, port: {switch.sip_port}, health_seconds: 1, max_calls: 30}}
- {{name: dead, host: 127.0.0.1, port: {free_port()}, health_seconds: 1, try_seconds: 0.2}}
"""
    mine = switch_with("--config", str(configuration(tmp_path / "mine", carriers)))

    def states() -> dict[str, str]:
        status, body = mine.get("/v1/trunks")
        assert status == 200
        return {one["name"]: one["state"] for one in json.loads(body)["trunks"]}

    until(lambda: states() == {"alive": "up", "dead": "down"})
    shown = softswitch("trunks", "--http", f"127.0.0.1:{mine.http_port}")
    assert shown.returncode == 0, shown.stderr
    lines = shown.stdout.splitlines()
    assert max(len(line) for line in lines) <= 80
    rows = {line.split()[0]: line for line in lines if line.startswith(("alive", "dead"))}
    assert " up " in rows["alive"] and " ms " in rows["alive"] and "0/30" in rows["alive"]
    assert " down " in rows["dead"] and "127.0.0.1" in rows["dead"]
    data = json.loads(softswitch("trunks", "--http", f"127.0.0.1:{mine.http_port}", "--json").stdout)
    assert [one["name"] for one in data["trunks"]] == ["alive", "dead"]
    assert "gave no answer in 0.2 s" in data["trunks"][1]["last_error"]
    metrics = mine.metrics()
    assert metrics['softswitch_trunk_calls{carrier="alive"}'] == 0.0
    gateway = f'softswitch_gateway_up{{carrier="alive",gateway="127.0.0.1:{switch.sip_port}"}}'
    assert metrics[gateway] == 1.0


def test_no_running_switch_is_a_sentence() -> None:
    shown = softswitch("trunks", "--http", f"127.0.0.1:{free_port()}")
    assert shown.returncode == 1
    assert "no switch answers at 127.0.0.1:" in shown.stderr and "Traceback" not in shown.stderr


def test_the_call_command_calls_over_a_carrier_and_registers_with_none(
    switch: SwitchProcess, tmp_path: Path, nameserver: DnsServer
) -> None:
    nameserver.add("_sip._udp.office.example", "SRV", f"1 1 {switch.sip_port} sbc.example.")
    nameserver.add("sbc.example", "A", "127.0.0.1")
    carriers = """
- name: office
  host: office.example
  username: account7
  password: ${OFFICE_PASSWORD}
  register: true
  number_format: as_dialled
"""
    file = configuration(tmp_path / "mine", carriers, f"127.0.0.1:{nameserver.address[1]}")
    before = switch.metrics().get('softswitch_sip_messages_total{code="0",direction="in",method="REGISTER"}', 0.0)
    called = softswitch("call", "600", "--config", str(file), "--data", str(tmp_path / "data"), "--json")
    record = json.loads(called.stdout)
    assert (called.returncode, record["outcome"], record["carrier"]) == (0, "answered", "office")
    after = switch.metrics().get('softswitch_sip_messages_total{code="0",direction="in",method="REGISTER"}', 0.0)
    assert after == before  # it would draw the carrier's calls away from the switch that runs
    assert SECRET not in called.stdout + called.stderr
    assert nameserver.asked["_sip._udp.office.example SRV"] == 1


def test_a_call_that_finds_no_gateway_says_so_in_words(tmp_path: Path) -> None:
    one, two = free_port(), free_port()
    carriers = f"""
- name: office
  number_format: as_dialled
  try_seconds: 0.3
  gateways: [{{host: 127.0.0.1, port: {one}}}, {{host: 127.0.0.1, port: {two}, priority: 2}}]
"""
    file = configuration(tmp_path / "mine", carriers)
    called = softswitch("call", "600", "--config", str(file), "--data", str(tmp_path / "data"), "--json")
    assert called.returncode == 1
    verdict = json.loads(called.stdout)["verdict"]
    assert verdict.startswith("no gateway of carrier office answered: ")
    assert f"127.0.0.1:{one} " in verdict and f"127.0.0.1:{two} " in verdict
