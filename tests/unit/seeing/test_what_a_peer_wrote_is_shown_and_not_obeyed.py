"""Reasons, names and agents are written by peers: a terminal must not obey them, nor `rich` read them as markup."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest

from softswitch.call.record import CallRecord
from softswitch.outbound import print_record
from softswitch.trunks_view import print_trunks
from softswitch.users_view import print_registrations

HOSTILE = "busy [/bold] [link=http://x]y \x1b]0;owned\x07\x1b[2J"


def record() -> CallRecord:
    made = CallRecord("a1", "outbound", "", f"sip:{HOSTILE}@b", datetime.datetime.now(datetime.UTC))
    made.verdict = HOSTILE
    made.variables[HOSTILE] = HOSTILE
    return made


SHOWN: dict[str, Callable[[], Any]] = {
    "call": lambda: print_record(record()),
    "trunks": lambda: print_trunks([{"name": "office", "state": "down", "last_error": HOSTILE, "calls": 0}]),
    "registrations": lambda: print_registrations([{"user": "ada", "agent": HOSTILE, "expires_in": 3.0}]),
}


@pytest.mark.parametrize("what", SHOWN)
def test_it_is_shown_and_not_obeyed(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    SHOWN[what]()
    shown = capsys.readouterr().out
    assert "busy" in shown
    assert "\x1b" not in shown and "\x07" not in shown
