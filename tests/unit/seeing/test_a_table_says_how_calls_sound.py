"""`softswitch calls --watch` on a terminal of 80 columns: two rows for each leg, and nothing where nothing is known."""

from typing import Any

import pytest

from softswitch.calls_view import print_calls


def quality(mos: float | None, **more: float) -> dict[str, Any]:
    return {"packets": 600, "lost": 0, "late": 0, "jitter_ms": 0.4, "loss_percent": 0.0, "mos": mos} | more


CALL = {
    "id": "5070025bcafe0000",
    "seconds": 12.3,
    "direction": "inbound",
    "from": "alice",
    "to": "00498030123456",
    "state": "up",
    "codec": "PCMU",
    "legs": [
        {
            "kind": "user",
            "name": "alice of the long name [bold]",
            "state": "up",
            "codec": "PCMU",
            "subject": True,
            "quality": {"received": quality(3.21, loss_percent=12.3), "sent": quality(4.4), "round_trip_ms": 3.0},
            "levels": {"received": -18.0, "sent": -100.0},
        },
        {
            "kind": "carrier",
            "number": "00498030123456",
            "state": "up",
            "codec": "PCMA",
            "quality": {"received": quality(4.4), "sent": quality(None), "round_trip_ms": None},
            "levels": None,
        },
        {"kind": "AI", "name": "receptionist", "state": "up", "codec": "", "quality": None, "levels": None},
    ],
}


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("COLUMNS", "80")

    def show(*calls: dict[str, Any], sound: bool = True) -> list[str]:
        print_calls(calls, sound=sound)
        return capsys.readouterr().out.splitlines()

    return show


def test_each_way_of_each_leg_has_a_row(shown: Any) -> None:
    lines = shown(CALL)
    assert max(map(len, lines)) <= 80
    place = next(number for number, line in enumerate(lines) if "MOS" in line)
    rows = [line.split() for line in lines[place + 2 :]]
    assert rows[0][-6:] == ["0.4", "ms", "12.3", "%", "3.2", "████████░░░░"]
    assert rows[1] == ["to", "0.4", "ms", "0.0", "%", "4.4", "░" * 12]
    assert rows[2] == ["5070025b", "00498030123456", "PCMA", "from", "0.4", "ms", "0.0", "%", "4.4"]
    assert rows[3] == ["to"], "what the far end does not say is left out"
    assert len(rows) == 4
    assert "[bold]" in "".join(lines) or "…" in lines[place + 2], "names are no markup"


def test_without_sound_there_is_one_table(shown: Any) -> None:
    assert not any("MOS" in line for line in shown(CALL, sound=False))
    assert shown() == ["No call is up."]
