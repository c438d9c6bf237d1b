"""A running switch, a call, and the commands that look at it: up, over, refused, and what nobody may see of it."""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.live.peers.free_ports import free_port
from tests.live.peers.switch import SwitchProcess

SECRET = "0123456789abcdef0123456789abcdef"
CREDENTIALS = f'Authorization: Digest username="alice", realm="r", nonce="n", uri="sip:x", response="{SECRET}"'


def test_a_call_that_is_up_stands_in_the_list_and_one_that_is_over_does_not(
    switch: SwitchProcess, phone: Any, command: Any, call_of: Any
) -> None:
    caller = phone(switch, "list-1@test")
    caller.calls("700")
    shown = command(switch, "calls")
    assert shown.returncode == 0, shown.stderr
    assert max(len(line) for line in shown.stdout.splitlines()) <= 80
    row = next(line for line in shown.stdout.splitlines() if "alice → 700" in line)
    assert re.search(r"\bin +alice → 700 +up +PCMU +AI receptionist", row), row
    rows = json.loads(command(switch, "calls", "--json").stdout)["calls"]
    mine = next(one for one in rows if one["from"] == "alice")
    assert (mine["to"], mine["state"], mine["direction"]) == ("700", "up", "inbound")
    assert mine["ai"]["flow"] == "receptionist" and [leg["kind"] for leg in mine["legs"]] == ["phone", "AI"]
    assert {leg["levels"] for leg in mine["legs"]} == {None}, "levels are measured though nobody looks"
    sounding = command(switch, "calls", "--sound").stdout
    assert max(len(line) for line in sounding.splitlines()) <= 80
    assert re.search(rf"{mine['id'][:8]} +alice +PCMU +from +0.0 ms +0.0 %", sounding), sounding
    assert re.search(r"^ +to +█+░*$", sounding, re.MULTILINE), f"the AI is speaking:\n{sounding}"
    seen = command(switch, "calls", "show", mine["id"][:10])
    assert seen.returncode == 0 and "up, for" in seen.stdout
    caller.hangs_up()
    assert call_of(switch, mine["id"])["state"] == "over"
    assert mine["id"][:8] not in command(switch, "calls").stdout


def test_a_call_that_is_over_is_drawn_by_any_of_its_names(
    switch: SwitchProcess, phone: Any, command: Any, call_of: Any
) -> None:
    caller = phone(switch, "drawn-1@test")
    caller.calls("600")
    caller.say("INFO", cseq=2, kind="application/dtmf-relay", body="Signal=7\r\nDuration=160\r\n")
    caller.hears(200, "INFO")
    call_of(switch, "drawn-1@test", lambda call: any(one["what"] == "keys" for one in call["moments"]))
    caller.say("BYE", cseq=3)
    caller.hears(200, "BYE")
    call = call_of(switch, "drawn-1@test")
    for name in (call["id"], call["id"][:9], "drawn-1@test"):
        for columns in (80, 120):
            shown = command(switch, "calls", "show", name, columns=columns)
            assert shown.returncode == 0, shown.stderr
            assert max(len(line) for line in shown.stdout.splitlines()) <= columns
            titles = re.findall(r"[^↻] (INVITE|100 Trying|200 OK|ACK|INFO|BYE) ", shown.stdout)
            assert titles == ["INVITE", "100 Trying", "200 OK", "ACK", "INFO", "200 OK", "BYE", "200 OK"]
            assert "◆ 1 key by info" in shown.stdout and "◆ answered" in shown.stdout
    whole = command(switch, "calls", "show", call["id"], "--text").stdout
    assert "Signal=*" in whole and "Signal=7" not in whole + json.dumps(call)
    assert call["record"]["dtmf"] == "*"


def test_what_is_refused_before_there_is_a_call_is_seen_too(switch: SwitchProcess, phone: Any, command: Any) -> None:
    asker = phone(switch, "never-a-call@test")
    asker.say("PUBLISH", number="600", extra=CREDENTIALS)
    asker.hears(405, "PUBLISH")
    shown = command(switch, "calls", "show", "never-a-call@test")
    assert "messages of never-a-call@test, which never became a call" in shown.stdout
    assert " PUBLISH " in shown.stdout and " 405 " in shown.stdout


def test_an_unknown_call_and_no_switch_are_sentences(switch: SwitchProcess, command: Any) -> None:
    shown = command(switch, "calls", "show", "nobody/knows this?")
    assert shown.returncode == 1 and "no call nobody/knows this? is up" in shown.stderr
    switch_that_is_not = type("Nobody", (), {"http_port": free_port()})
    for arguments in (("calls",), ("calls", "show", "x")):
        shown = command(switch_that_is_not, *arguments)
        assert shown.returncode == 1
        assert "no switch answers at 127.0.0.1:" in shown.stderr and "Traceback" not in shown.stderr


def test_wireshark_reads_every_message_and_no_secret(
    switch: SwitchProcess, phone: Any, command: Any, call_of: Any, tshark: Any, tmp_path: Path
) -> None:
    before = time.time()
    caller = phone(switch, "captured-1@test")
    caller.calls("605", 486, extra=CREDENTIALS)
    call = call_of(switch, "captured-1@test")
    file = tmp_path / "call.pcap"
    assert command(switch, "calls", "show", "captured-1@test", "--pcap", str(file)).returncode == 0
    names = ("sip.Call-ID", "sip.Method", "sip.Status-Code", "ip.src", "udp.srcport", "frame.time_epoch")
    # A busy machine may have sent one of them again.
    read = list({(one[1], one[2]): one for one in tshark.fields(file, *names)}.values())
    assert [one[0] for one in read] == ["captured-1@test"] * 4
    assert [one[1] or one[2] for one in read] == ["INVITE", "100", "486", "ACK"]
    host, _, port = caller.at.rpartition(":")
    assert [one[3:5] for one in read] == [
        [host, port],
        ["127.0.0.1", str(switch.sip_port)],
        ["127.0.0.1", str(switch.sip_port)],
        [host, port],
    ]
    assert all(before - 1 <= float(one[5]) <= time.time() + 1 for one in read)
    bad = "_ws.malformed or ip.checksum.status == 0 or udp.checksum.status == 0 or udp.length.bad"
    assert tshark.fields(file, "frame.number", only=bad) == []
    secret = (SECRET.encode(), SECRET.encode().hex().encode())
    assert not any(one in file.read_bytes() for one in secret) and SECRET not in tshark.text(file)
    everything = json.dumps(call) + command(switch, "calls", "show", call["id"], "--text").stdout
    assert (
        SECRET not in everything and 'response="****' in command(switch, "calls", "show", call["id"], "--text").stdout
    )
    assert SECRET not in switch.output


def test_wireshark_reads_what_came_over_tcp(
    switch: SwitchProcess, sipp: Any, tshark: Any, command: Callable[..., Any], tmp_path: Path
) -> None:
    result = sipp.run("605-busy", "-t", "t1", number="605")
    assert result.passed, result
    record = switch.wait_record(to="605", outcome="busy")
    ids = [json.loads(line)["id"] for line in (switch.data / "calls.jsonl").read_text().splitlines()]
    file = tmp_path / "call.pcap"
    assert command(switch, "calls", "show", ids[-1], "--pcap", str(file)).returncode == 0, record
    read = tshark.fields(file, "tcp.srcport", "sip.Method", "sip.Status-Code")
    assert [one[1] or one[2] for one in read] == ["INVITE", "100", "486", "ACK"]
    assert all(one[0] for one in read)
    bad = "_ws.malformed or tcp.checksum.status == 0 or tcp.analysis.lost_segment or tcp.analysis.out_of_order"
    assert tshark.fields(file, "frame.number", only=bad) == []
