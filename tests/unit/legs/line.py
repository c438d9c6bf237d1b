"""A leg that hears a tone in virtual time, from a peer whose clock may do anything."""

import math
import random
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from softswitch.audio.codecs import PCMU
from softswitch.legs.ear import Ear
from softswitch.rtp.packet import Packet
from softswitch.rtp.profile import Profile
from softswitch.rtp.stream import RtpStream

Samples = npt.NDArray[np.float64]
PEER = ("192.0.2.7", 4000)
HZ, PEAK = 425, 8000.0
#: 425 Hz goes 17 times round in 320 samples, so a second and a packet of any length are cut out of this.
ROUND = PCMU.encode(np.rint(PEAK * np.sin(2 * np.pi * HZ * np.arange(1280) / 8000)).astype("<i2").tobytes())


def tone(place: int, count: int) -> bytes:
    at = place % 320
    return ROUND[at : at + count]


class Line:
    """A leg that hears one peer, in virtual time: its stream, its ear, and all that was heard."""

    def __init__(self) -> None:
        profile = Profile("PCMU", 0, 20, ((0, "PCMU"),))
        self.stream = RtpStream(profile, PEER, ssrc=1, sequence=0, timestamp=0, now=0.0)
        self.ear = Ear()
        self.heard: list[bytes] = []
        self.empty = 0

    def tick(self, now: float, packets: list[tuple[float, bytes]]) -> None:
        for arrived, data in packets:
            self.stream.receive(data, PEER, arrived, now=now)
        payload = self.stream.take(now)
        plain = payload.__class__ is bytes
        frame = self.ear.hear(payload) if plain else self.ear.hear(payload, self.stream.missing)
        self.empty += frame is None
        self.heard.append(bytes(320) if frame is None else frame.pcm)

    def samples(self, first: int = 0) -> Samples:
        return np.frombuffer(b"".join(self.heard[first:]), "<i2").astype(np.float64)


def click(heard: Samples) -> float:
    """Return the strongest step that the tone does not make, as a part of its peak: a cut makes 1, G.711 0.08."""
    turn = 2 * math.cos(2 * math.pi * HZ / 8000)
    return float(np.max(np.abs(heard[2:] - turn * heard[1:-1] + heard[:-2]))) / PEAK


def talk(line: Line, packets: Iterator[tuple[float, bytes]], ticks: range, *, phase: float = 0.004) -> None:
    """Let a peer talk, each packet sent at its time; it arrives 10 ms later."""
    upcoming = next(packets)
    for tick in ticks:
        now, arrived = tick * 0.020 + phase, []
        while upcoming[0] + 0.010 <= now:
            if upcoming[1]:
                arrived.append((upcoming[0] + 0.010, upcoming[1]))
            upcoming = next(packets)
        line.tick(now, arrived)


def steady(ppm: float = 0.0, loss: float = 0.0) -> Iterator[tuple[float, bytes]]:
    """Yield what a peer sends whose clock is off by so many parts in a million; empty for what is lost."""
    chance, number = random.Random(7), 0
    while True:
        data = bytes(Packet(0, not number, number & 0xFFFF, number * 160 & 0xFFFFFFFF, 9, tone(number * 160, 160)))
        yield number * 0.020 / (1 + ppm * 1e-6), b"" if chance.random() < loss else data
        number += 1
