"""Two peers over a lossy wire, on hold, and through a loop that stood still: each sound is where its peer said it.

Both are compared with what was sent, by cross-correlation, second by second: the lag of a side is one number to the
sample, from the beginning of the call to its end, and both sides have the same.
"""

import random
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from softswitch.apps.recording_file import PlainSink, SoundFile, Wav
from softswitch.audio.codecs import PCMU
from softswitch.audio.frame import Frame
from softswitch.call.bridge import Bridge
from softswitch.call.tape import Tape
from softswitch.call.voices import Echo, OnHold
from softswitch.legs.ear import Ear
from softswitch.rtp.packet import Packet
from softswitch.rtp.stream import Profile, RtpStream

PEER = ("192.0.2.7", 4000)
SECONDS = 20
WIRE = 0.010


class Party:
    """A leg that hears its peer over a wire; sent: what the peer says, as it leaves the encoder."""

    def __init__(self, seed: int, loss: float) -> None:
        noise = np.random.default_rng(seed).normal(0.0, 3000.0, SECONDS * 8000)
        coded = PCMU.encode(np.clip(noise, -20000, 20000).astype("<i2").tobytes())
        self.sent = np.frombuffer(PCMU.decode(coded), "<i2").astype(float)
        self.now = 0.0
        self._stream = RtpStream(Profile("PCMU", 0, 20, ((0, "PCMU"),)), PEER, ssrc=1, sequence=0, timestamp=0, now=0.0)
        self._ear = Ear()
        self._packets = self._talk(coded, random.Random(seed), loss)
        self._next = next(self._packets)

    def _talk(self, coded: bytes, chance: random.Random, loss: float) -> Iterator[tuple[float, bytes]]:
        for number in range(SECONDS * 50):
            data = bytes(Packet(0, not number, number, number * 160, 9, coded[number * 160 : number * 160 + 160]))
            yield number * 0.020 + WIRE, b"" if chance.random() < loss else data
        while True:
            yield 1e9, b""

    def take(self) -> Frame | None:
        while self._next[0] <= self.now:
            if self._next[1]:
                self._stream.receive(self._next[1], PEER, self._next[0], now=self.now)
            self._next = next(self._packets)
        payload = self._stream.take(self.now)
        plain = payload.__class__ is bytes
        return self._ear.hear(payload) if plain else self._ear.hear(payload, self._stream.missing)

    def give(self, frame: Frame) -> None:
        pass


def record(tmp_path: Path, a: Party, b: Party, *, hold: range, stall: range) -> np.ndarray:
    """Bridge the two for the whole time; return the recording, one row for each side."""
    file = SoundFile(PlainSink(tmp_path / "x.wav"), Wav(8000, 2), 8000, stereo=True)
    tape = Tape(file.write, now=0.002)
    bridge = Bridge(a, b)
    bridge.taps = (tape,)
    for tick in range(SECONDS * 50):
        if tick in stall:
            continue
        bridge.a = OnHold(a, Echo(), by_us=True) if tick in hold else a
        a.now = b.now = now = tick * 0.020 + 0.004
        bridge.tick(now)
    tape.end(now=SECONDS)
    file.finish()
    with wave.open(str(tmp_path / "x.wav")) as reader:
        return np.frombuffer(reader.readframes(reader.getnframes()), "<i2").reshape(-1, 2).T.astype(float)


def lag(heard: np.ndarray, sent: np.ndarray, second: int) -> tuple[int, float]:
    """Return by how many samples a second of sound is later in the recording than it was said, and how like it is."""
    said = sent[second * 8000 : second * 8000 + 8000]
    around = heard[second * 8000 - 4000 : second * 8000 + 12000]
    found = np.correlate(around, said, "valid")
    at = int(np.argmax(found))
    there = around[at : at + 8000]
    return at - 4000, float(found[at] / (np.linalg.norm(said) * np.linalg.norm(there) + 1e-9))


@pytest.mark.parametrize("loss", [0.0, 0.1])
def test_every_second_is_where_it_was_said(tmp_path: Path, loss: float) -> None:
    a, b = Party(1, loss), Party(2, loss)
    hold, stall = range(300, 500), range(700, 725)
    left, right = record(tmp_path, a, b, hold=hold, stall=stall)
    lags = set()
    for side, party, held in ((left, a, hold), (right, b, range(0))):
        for second in range(1, SECONDS - 2):
            if {second * 50, second * 50 + 55} & {*held, *stall}:
                continue
            samples, likeness = lag(side, party.sent, second)
            assert likeness > (0.99 if not loss else 0.8), f"second {second} is not there: {likeness:.2f}"
            lags.add(samples)
    assert len(lags) == 1, f"the sides are not aligned, or the time line bends: {sorted(lags)}"
    assert not left[hold.start * 160 : hold.stop * 160].any()
    assert not left[stall.start * 160 : stall.stop * 160].any()
    assert len(left) == SECONDS * 8000
