"""`softswitch calls transfer` and `calls hang-up`: a party is moved, comes back or is let go, and why is said."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from tests.live.peers.switch import SwitchProcess

Command = Callable[..., Any]


def post(switch: SwitchProcess, path: str, body: bytes, **headers: str) -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(f"http://127.0.0.1:{switch.http_port}{path}", body, headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def row(switch: SwitchProcess, id: str) -> dict[str, Any]:
    rows = json.loads(switch.get("/v1/calls")[1])["calls"]
    return next(one for one in rows if one["id"] == id)


def test_a_caller_is_moved_from_the_ai_and_hung_up(
    switch: SwitchProcess, phone: Any, command: Command, call_of: Any
) -> None:
    caller = phone(switch, "moved-1@test")
    caller.calls("700")
    id = call_of(switch, "moved-1@test", lambda call: call["ai"])["id"]
    moved = command(switch, "calls", "transfer", id[:9], f"sip:602@{switch.address}")
    assert (moved.returncode, moved.stdout) == (0, f"Transferred to sip:602@{switch.address}.\n"), moved.stderr
    assert row(switch, id)["ai"] is None and not row(switch, id)["transferred"]
    assert f"sip:602@{switch.address} (up)".replace(" ", "") in "".join(command(switch, "calls").stdout.split())
    ended = command(switch, "calls", "hang-up", "moved-1@test")
    assert (ended.returncode, ended.stdout) == (0, f"The call {id} is ended.\n"), ended.stderr
    assert "BYE" in caller.is_told("BYE")
    record = switch.wait_record(id=id)
    assert record["ended_by"] == "switch" and record["variables"]["transfer_status"] == "answered"
    assert call_of(switch, id)["state"] == "over"
    for words in (["hang-up", id], ["transfer", id, "101"]):
        late = command(switch, "calls", *words)
        assert (late.returncode, late.stdout, late.stderr) == (1, "", f"softswitch: the call {id} is over\n")


def test_who_is_busy_leaves_the_call_as_it_was(
    switch: SwitchProcess, phone: Any, command: Command, call_of: Any
) -> None:
    caller = phone(switch, "busy-1@test")
    caller.calls("700")
    id = call_of(switch, "busy-1@test", lambda call: call["ai"])["id"]
    busy = f"sip:605@{switch.address}"
    moved = command(switch, "calls", "transfer", id, busy)
    assert (moved.returncode, moved.stdout) == (1, f"{busy} was not reached: user busy.\n"), moved.stderr
    assert row(switch, id)["ai"]["flow"] == "receptionist"
    told = json.loads(command(switch, "calls", "transfer", id, busy, "--json").stdout)
    assert told == {"call": id, "to": busy, "mode": "bridge", "reached": False, "cause": "user busy"}
    caller.hangs_up()


def test_the_one_who_was_called_is_moved_and_the_caller_leaves(
    switch: SwitchProcess, phone: Any, command: Command, call_of: Any
) -> None:
    caller = phone(switch, "other-1@test")
    caller.calls("700")
    id = call_of(switch, "other-1@test", lambda call: call["ai"])["id"]
    first, second = f"sip:602@{switch.address}", f"sip:600@{switch.address}"
    assert command(switch, "calls", "transfer", id, first).returncode == 0
    moved = command(switch, "calls", "transfer", id, second, "--other")
    assert moved.returncode == 0, moved.stderr
    caller.is_told("BYE")
    assert row(switch, id)["transferred"]
    shown = "".join(command(switch, "calls", columns=200).stdout.split())
    assert f"{first}with{second}(up)" in shown
    assert command(switch, "calls", "hang-up", id).returncode == 0


def test_what_cannot_be_meant_is_said_and_changes_nothing(
    switch: SwitchProcess, phone: Any, command: Command, call_of: Any
) -> None:
    caller = phone(switch, "meant-1@test")
    caller.calls("600")
    id = call_of(switch, "meant-1@test", lambda call: call["answered"])["id"]
    wrong = command(switch, "calls", "transfer", id, "101", "--mode", "fast")
    assert wrong.returncode == 2 and wrong.stderr.startswith("softswitch: mode: Input should be 'bridge'")
    nobody = command(switch, "calls", "transfer", "nobody", "101")
    assert nobody.returncode == 1 and "no call nobody is up" in nobody.stderr
    path = f"/v1/calls/{id}/transfer"
    for body, words in (
        (b"", "the body is no transfer in JSON"),
        (b"[" * 5000, "the body is no transfer in JSON"),
        (b"[]", "the body is no transfer in JSON"),
        (b"\xff", "the body is no transfer in JSON"),
        (b"{}", "to: "),
        (b'{"to": []}', "to: "),
        (b'{"to": 101, "then": "continue"}', "then: "),
        (b'{"to": 101, "seconds": 1e9}', "seconds: "),
        (b'{"to": 101, "other": "who"}', "other: "),
    ):
        status, said = post(switch, path, body)
        assert status == 400 and said["error"].startswith(words), (body, said)
    status, said = post(switch, "/v1/calls/nobody/transfer", b'{"to": 101}')
    assert status == 404 and "no call nobody is up" in said["error"]
    assert row(switch, id)["state"] == "up"
    caller.hangs_up()


@pytest.mark.parametrize("header", ["Origin", "X-Forwarded-For"])
def test_only_this_machine_orders_it(switch: SwitchProcess, phone: Any, call_of: Any, header: str) -> None:
    caller = phone(switch, f"here-{header}@test")
    caller.calls("600")
    id = call_of(switch, f"here-{header}@test", lambda call: call["answered"])["id"]
    status, said = post(switch, f"/v1/calls/{id}/transfer", b'{"to": 101}', **{header: "192.0.2.1"})
    assert status == 403 and "from this machine alone" in said["error"]
    assert row(switch, id)["state"] == "up"
    caller.hangs_up()
