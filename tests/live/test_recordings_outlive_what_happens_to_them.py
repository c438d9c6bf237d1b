"""Recordings of a running switch: killed in mid-call, on a disk that refuses, encrypted, of an echo and of the AI."""

import io
import json
import os
import resource
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.live.peers.heard import chirp
from tests.live.peers.rtp_probe import RtpProbe
from tests.live.peers.sipp import Sipp
from tests.live.peers.spoken import was_said
from tests.live.peers.switch import SwitchProcess

KEY = "5a" * 32
SwitchWith = Callable[..., SwitchProcess]
Against = Callable[[SwitchProcess], Sipp]


def configured(folder: Path, recording: str) -> str:
    """Write a configuration for the demo dialplan; return its path."""
    path = folder / "softswitch.yaml"
    path.write_text(f"recording: {recording}\n")
    return str(path)


def sides(data: bytes) -> np.ndarray:
    """Return both sides of a recording, read by a reader that is not ours."""
    with wave.open(io.BytesIO(data)) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (2, 8000, 2)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2).T.astype(float)


def place(side: np.ndarray, said: bytes) -> tuple[int, float]:
    """Return at which sample a sound is, and how like it is."""
    sound = np.frombuffer(said, "<i2").astype(float)
    found = np.correlate(side, sound, "valid")
    at = int(np.argmax(found))
    return at, float(found[at] / (np.linalg.norm(sound) * np.linalg.norm(side[at : at + len(sound)]) + 1e-9))


def test_a_process_that_is_killed_leaves_what_was_said(sipp_against: Against, probe: RtpProbe, tmp_path: Path) -> None:
    """Up to the last second; both sides of an echo are the same, in the same place."""
    switch = SwitchProcess(tmp_path, options=("--config", configured(tmp_path, "{all: true}")), number=1)
    switch.wait_ready()
    call = sipp_against(switch).start("600-echo", "-d", "9000", number="600", rtp_port=probe.port)
    probe.talk_to(call.media_address())
    said = chirp(0.8)
    probe.pause(0.5)
    probe.say(said)
    probe.wait_said()
    time.sleep(1.7)
    switch.process.send_signal(signal.SIGKILL)
    switch.process.wait()
    call.stop()
    (part,) = (switch.data / "recordings").rglob("*.wav.part")
    left, right = sides(part.read_bytes())
    at, likeness = place(left, said)
    assert likeness > 0.98 and place(right, said)[0] == at
    assert len(left) >= 8000 * 2


def test_a_disk_that_refuses_ends_the_recording_and_not_the_call(
    switch_with: SwitchWith, sipp_against: Against, probe: RtpProbe, tmp_path: Path
) -> None:
    switch = switch_with("--config", configured(tmp_path, "{all: true}"))
    resource.prlimit(switch.process.pid, resource.RLIMIT_FSIZE, (80_000, 80_000))
    call = sipp_against(switch).start("600-echo", "-d", "4500", number="600", rtp_port=probe.port)
    probe.talk_to(call.media_address())
    said = chirp(0.8)
    probe.pause(3.2)
    probe.say(said)
    call.finish()
    record = switch.wait_record(to="600", outcome="answered")
    (recorded,) = record["recordings"]
    assert (recorded["state"], recorded["why"]) == ("partial", "File too large")
    assert 1.0 < recorded["seconds"] <= 2.5, "80 000 octets hold 2.5 s, and one strip was refused"
    assert sides((switch.data / recorded["path"]).read_bytes()).shape == (2, round(recorded["seconds"] * 8000))
    assert probe.heard.find(said)[1] > 0.98, "the call suffered from its recording"
    assert "the recording is partial" in switch.output
    assert switch.metrics()["softswitch_recordings_failed_total"] == 1


def test_a_conversation_with_the_ai_is_kept_encrypted(
    switch_with: SwitchWith, sipp_against: Against, probe: RtpProbe, tmp_path: Path
) -> None:
    config = configured(tmp_path, "{all: true, key: '${RECORDING_KEY}'}")
    switch = switch_with("--config", config, environment={"RECORDING_KEY": KEY})
    call = sipp_against(switch).start("700-receptionist", "-d", "4000", number="700", rtp_port=probe.port)
    probe.talk_to(call.media_address())
    said = chirp(0.5)
    probe.pause(3.0)
    probe.say(said)
    call.finish()
    record = switch.wait_record(to="700")
    (recorded,) = record["recordings"]
    assert recorded["state"] == "complete" and recorded["encrypted"]
    assert recorded["seconds"] == pytest.approx(record["duration_ms"] / 1000, abs=0.15)
    assert b"RIFF" not in (switch.data / recorded["path"]).read_bytes()
    out = tmp_path / "out.wav"
    _recordings("export", record["id"][:8], str(out), "--config", config, "--data", str(switch.data))
    left, right = sides(out.read_bytes())
    assert place(left, said)[1] > 0.9 and place(right, said)[1] < 0.5
    assert was_said(right, "Welcome to Softswitch.")
    shown = json.loads(_recordings("--json", "--config", config, "--data", str(switch.data)))
    assert [one["call"] for one in shown["recordings"]] == [record["id"]]


def _recordings(*arguments: str) -> str:
    command = [sys.executable, "-m", "softswitch", "recordings", *arguments]
    return subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=30, env={**os.environ, "RECORDING_KEY": KEY}
    ).stdout


def test_an_operator_pauses_a_recording_for_a_second(
    switch_with: SwitchWith, sipp_against: Against, probe: RtpProbe, tmp_path: Path
) -> None:
    """What is said meanwhile is not in the file, and what is said after it is where it was said."""
    switch = switch_with("--config", configured(tmp_path, "{all: true}"))
    call = sipp_against(switch).start("600-echo", "-d", "5000", number="600", rtp_port=probe.port)
    probe.talk_to(call.media_address())
    first, second, secret = chirp(0.4), chirp(0.4, low_hz=900, high_hz=2900), chirp(0.3, low_hz=2000, high_hz=400)
    probe.pause(0.5)
    probe.say(first)
    probe.wait_said()
    probe.pause(0.2)
    probe.wait_said()
    id = json.loads(switch.get("/v1/calls")[1])["calls"][0]["id"]
    assert _told(switch, id, "pause")["state"] == "paused"
    probe.say(secret)
    probe.pause(0.6)
    probe.wait_said()
    assert _told(switch, id, "resume")["state"] == "on"
    probe.say(second)
    probe.pause(0.2)
    probe.wait_said()
    said = probe.said_moments
    shown = _calls("record", id[:8], "stop", "--http", f"127.0.0.1:{switch.http_port}")
    assert "The recording is off." in shown
    for path, status in ((f"{id}/recording/pause", 409), (f"{id}/recording/sing", 404), ("nobody/recording/stop", 404)):
        with pytest.raises(urllib.error.HTTPError) as refused:
            _post(switch, path)
        assert refused.value.code == status and json.load(refused.value)["error"]
    call.finish()
    (recorded,) = switch.wait_record(to="600")["recordings"]
    assert recorded["state"] == "complete" and 0.85 <= recorded["paused_seconds"] < 1.5
    left, right = sides((switch.data / recorded["path"]).read_bytes())
    (a, like_a), (b, like_b) = place(left, first), place(left, second)
    assert like_a > 0.95 and like_b > 0.95
    assert (b - a) / 8000 == pytest.approx(said[35] - said[0], abs=0.1) and (b - a) % 160 == 0
    assert place(left, secret)[1] < 0.6 and place(right, second)[0] == b


def _told(switch: SwitchProcess, call: str, do: str) -> dict[str, Any]:
    found: dict[str, Any] = _post(switch, f"{call}/recording/{do}")["recording"]
    return found


def _post(switch: SwitchProcess, path: str) -> Any:
    url = f"http://127.0.0.1:{switch.http_port}/v1/calls/{path}"
    with urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=5) as answer:
        return json.load(answer)


def _calls(*arguments: str) -> str:
    command = [sys.executable, "-m", "softswitch", "calls", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout
