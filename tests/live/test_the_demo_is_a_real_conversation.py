"""`softswitch demo` ends well only if the call was what it should be, and can be listened to."""

import audioop
import json
import subprocess
import sys
import wave
from pathlib import Path

import pytest

pytestmark = pytest.mark.live


def loud_seconds(pcm: bytes) -> float:
    """Return for how long there is sound above -40 dBFS."""
    pieces = (pcm[at : at + 320] for at in range(0, len(pcm) - 319, 320))
    return sum(0.02 for piece in pieces if audioop.rms(piece, 2) > 327)


def test_the_demo_is_a_real_conversation(tmp_path: Path) -> None:
    sound = tmp_path / "demo.wav"
    command = [str(Path(sys.executable).parent / "softswitch"), "demo", "--json", "--record", str(sound)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    said = json.loads(done.stdout)
    assert said["ok"] and not said["faults"]
    record = said["record"]
    assert record["variables"]["department"] == "support" and record["dtmf"] == "1"
    assert [turn["interrupted"] for turn in record["turns"]].count(True) == 1
    assert said["first_sound_ms"] is not None and len(said["answers"]) == 3
    with wave.open(str(sound)) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, 8000)
        both = file.readframes(file.getnframes())
    caller, switch = audioop.tomono(both, 2, 1, 0), audioop.tomono(both, 2, 0, 1)
    assert 0.8 < loud_seconds(caller) < 5 < loud_seconds(switch), "both sides are heard, the switch for longer"


def test_the_demo_says_what_was_wrong_and_ends_with_1(tmp_path: Path) -> None:
    """A recogniser that hears nothing is the surest way to a call that is not as expected."""
    script = (
        "import sys; from softswitch.providers import registry, scripted;"
        "registry.STT['pocketsphinx'] = lambda workers: scripted.ScriptedSpeechToText();"
        "sys.argv = ['softswitch', 'demo', '--json']; from softswitch.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=110,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 1, f"{done.stdout}\n{done.stderr}"
    said = json.loads(done.stdout)
    assert not said["ok"] and any("support" in fault for fault in said["faults"])
