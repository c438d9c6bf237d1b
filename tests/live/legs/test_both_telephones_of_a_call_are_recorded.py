"""Two telephones over RTP: each on its own side of the recording, also after a hold, in the place where it spoke."""

import asyncio
import wave
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from softswitch.apps.recordings import Recordings, RecordingSettings
from softswitch.call.dialplan import Dialplan, load_rules
from softswitch.document import parse
from tests.live.peers.heard import chirp
from tests.live.peers.raw_phone import RawPhone
from tests.live.peers.rtp_probe import RtpProbe


def _place(side: np.ndarray, said: bytes) -> tuple[int, float]:
    sound = np.frombuffer(said, "<i2").astype(float)
    found = np.correlate(side, sound, "valid")
    at = int(np.argmax(found))
    return at, float(found[at] / (np.linalg.norm(sound) * np.linalg.norm(side[at : at + len(sound)]) + 1e-9))


def test_each_is_on_its_side_and_a_hold_moves_neither(play: Callable[..., None], tmp_path: Path) -> None:
    rising, falling, last = chirp(0.4), chirp(0.4, low_hz=3000, high_hz=400), chirp(0.4, low_hz=1000, high_hz=2000)
    moments: dict[str, float] = {}

    async def story(rig: Any) -> None:
        deck = Recordings(RecordingSettings(tmp_path / "recordings", tmp_path))
        rig.switchboard._deck = deck
        with RtpProbe() as left, RtpProbe() as right:
            alice, bob = RawPhone(rig, left, "alice"), RawPhone(rig, right, "bob")
            steps = f"rules: [{{number: 200, steps: [record_call, dial: '{bob.uri}']}}]"
            rules = load_rules(parse(Path("p.yaml"), steps))
            rig.switchboard.script = replace(rig.switchboard.script, dialplan=Dialplan(rules))
            alice.call("200")
            await bob.rings()
            bob.reply(200, sdp=True)
            await alice.told(200)
            await asyncio.sleep(0.3)
            left.say(rising)
            right.pause(0.1)
            right.say(falling)
            await asyncio.sleep(0.8)
            alice.offer("sendonly")
            await asyncio.sleep(0.6)
            alice.offer("sendrecv")
            await asyncio.sleep(0.3)
            left.say(last)
            right.say(last)
            await asyncio.sleep(0.8)
            alice.hang_up()
            await bob.asked("BYE")
            await rig.nothing_left()
            moments.update(a=left.said_at, b=right.said_at, a2=left.said_moments[20], b2=right.said_moments[20])
            await deck.close()
            await alice.close()
            await bob.close()
        (record,) = rig.records
        assert [one.state for one in record.recordings] == ["complete"]
        with wave.open(str(tmp_path / record.recording)) as file:
            sound = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2).T.astype(float)
        at = {}
        for name, side, said in (("a", 0, rising), ("b", 1, falling), ("a2", 0, last), ("b2", 1, last)):
            at[name], likeness = _place(sound[side], said)
            assert likeness > 0.95, f"{name} is not there: {likeness:.2f}"
        assert _place(sound[1], rising)[1] < 0.6 and _place(sound[0], falling)[1] < 0.6
        for name in ("b", "a2", "b2"):
            apart = (at[name] - at["a"]) / 8000
            assert apart == pytest.approx(moments[name] - moments["a"], abs=0.045), f"{name} was moved"

    play(story)
