"""A real telephone over TLS: it believes our authority, calls us, and is called."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.live.peers.baresip import NUMBER, SAYS_HZ, Baresip, running_baresip
from tests.live.peers.switch import ROOT
from tests.live.tls.conftest import Files, TlsAsterisk, TlsSwitch

Start = Callable[..., TlsSwitch]


def test_it_calls_us_over_tls(tls_baresip: Baresip, tls_switch: Start) -> None:
    switch = tls_switch()
    mark = tls_baresip.dial(f"sip:602@127.0.0.1:{switch.port};transport=tls")
    tls_baresip.wait_event("CALL_ESTABLISHED", since=mark)
    tls_baresip.wait_tone(1004)
    tls_baresip.hang_up()
    tls_baresip.wait_event("CALL_CLOSED", since=mark)
    assert switch.process.wait_record(to="602")["outcome"] == "answered"
    assert f"Contact: <sip:softswitch@127.0.0.1:{switch.port};transport=tls>" in tls_baresip.log


def test_it_registers_over_tls_and_calls_go_both_ways_by_that_connection(
    files: Files, tls_asterisk: TlsAsterisk, tls_switch: Start, tmp_path: Path
) -> None:
    switch = tls_switch()
    address = f"127.0.0.1:{switch.port}"
    account = f"<sip:alice@{address};transport=tls>;auth_pass=open-sesame;regint=60;answermode=auto"
    with running_baresip(tmp_path / "alice", files.of_phone(), account) as phone:
        phone.wait_event("REGISTER_OK", since=0)
        mark = phone.expect_call()
        call = tls_asterisk.asterisk.call(f"sip:101@{switch.process.address}", caller="4955640")
        call.wait_up()
        call.wait_tone(SAYS_HZ)
        call.hang_up()
        phone.wait_event("CALL_CLOSED", since=mark)
        assert switch.process.wait_record(**{"from": "4955640"})["outcome"] == "answered"
        mark = phone.dial(f"sip:602@{address};transport=tls")
        phone.wait_event("CALL_ESTABLISHED", since=mark)
        phone.wait_tone(1004)
        phone.hang_up()
        phone.wait_event("CALL_CLOSED", since=mark)
    events = switch.counts("sip_socket_events_total")
    assert events['softswitch_sip_socket_events_total{event="tls_accepted"}'] == 1
    assert not [key for key in events if "tls_opened" in key]


def test_it_is_called_over_tls_as_a_carrier(tls_baresip: Baresip, files: Files, tls_switch: Start) -> None:
    entry = (
        f"- {{name: acme, host: localhost, port: {tls_baresip.port + 1}, transport: tls, tls_ca: {files.ca},"
        " number_format: as_dialled, health_seconds: 0}\n"
    )
    switch = tls_switch(entry)
    record = called(tls_baresip, switch, NUMBER, "--carrier", "acme")
    assert (record["outcome"], record["carrier"]) == ("answered", "acme")


def test_it_is_called_by_its_address_over_tls(tls_baresip: Baresip, files: Files, tls_switch: Start) -> None:
    switch = tls_switch(more=f"    ca: {files.ca}\n")
    target = f"sip:{NUMBER}@localhost:{tls_baresip.port + 1};transport=tls"
    assert called(tls_baresip, switch, target)["outcome"] == "answered"


def test_it_is_not_called_where_it_proves_nothing(tls_baresip: Baresip, tls_switch: Start) -> None:
    switch = tls_switch()  # believes the authorities of the system alone
    target = f"sip:{NUMBER}@localhost:{tls_baresip.port + 1};transport=tls"
    record = called(tls_baresip, switch, target)
    assert record["outcome"] == "failed"
    assert "signed by CN=Carriers' authority, whom nobody here trusts" in str(record["verdict"]), record


def called(phone: Baresip, switch: TlsSwitch, target: str, *options: str) -> dict[str, Any]:
    """Run `softswitch call` with the configuration of a switch; return the record it prints."""
    phone.expect_call()
    program = Path(sys.executable).parent / "softswitch"
    files = ["--config", str(switch.config / "softswitch.yaml"), "--data", str(switch.config / "data")]
    command = [str(program), "call", target, *options, "--json", *files]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert result.stdout, result.stderr
    record: dict[str, Any] = json.loads(result.stdout)
    return record
