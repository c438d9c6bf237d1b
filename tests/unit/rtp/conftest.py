"""A seeded wire in virtual time, and a sound whose every sample says where it belongs."""

import heapq
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import pytest

from softswitch.rtp.packet import HEADER, Packet
from softswitch.rtp.profile import Profile
from softswitch.rtp.stream import RtpStream

PEER = ("192.0.2.7", 4000)
PCMU = Profile("PCMU", 0, 20, ((0, "PCMU"),), 101, (101,))
FILL = 0xFF


def sound(start: int, count: int) -> bytes:
    """Return samples `start` to `start + count` (multiples of 4) of a loud sound that never repeats in 37 hours."""
    octets = bytearray()
    for group in range(start // 4, (start + count) // 4):
        octets += bytes((group & 63, group >> 6 & 63, group >> 12 & 63, group >> 18 & 63))
    return bytes(octets)


def position(octets: bytes) -> int | None:
    """Return where the first sample belongs, None if it is silence that was filled in."""
    if octets[0] == FILL:
        return None
    return 4 * (octets[0] | octets[1] << 6 | octets[2] << 12 | octets[3] << 18)


@dataclass
class Wire:
    """Carries datagrams: loss and duplicates as probabilities, jitter in seconds (uniform, so that it reorders)."""

    seed: int = 1
    loss: float = 0.0
    duplicate: float = 0.0
    jitter: float = 0.0
    delay: float = 0.010
    lost: int = 0
    _queue: list[tuple[float, int, bytes, tuple[str, int]]] = field(default_factory=list)
    _count: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    def send(self, data: bytes, now: float, source: tuple[str, int] = PEER) -> None:
        if self.random.random() < self.loss:
            self.lost += 1
            return
        for _ in range(2 if self.random.random() < self.duplicate else 1):
            self._count += 1
            arrival = now + self.delay + self.random.random() * self.jitter
            heapq.heappush(self._queue, (arrival, self._count, data, source))

    def arrived(self, now: float) -> Iterator[tuple[bytes, tuple[str, int], float]]:
        while self._queue and self._queue[0][0] <= now:
            arrival, _, data, source = heapq.heappop(self._queue)
            yield data, source, arrival


@dataclass
class Talker:
    """A peer that talks: makes its packets, `sound` at the place its clock says."""

    ptime_ms: int = 20
    payload_type: int = 0
    ssrc: int = 0xABCD
    sequence: int = 65000
    base: int = 0xFFFFFFFF - 40000
    place: int = 0
    marker: bool = True

    def packet(self) -> bytes:
        count = self.ptime_ms * 8
        data = bytes(
            Packet(
                self.payload_type,
                self.marker,
                self.sequence & 0xFFFF,
                (self.base + self.place) & 0xFFFFFFFF,
                self.ssrc,
                sound(self.place, count),
            )
        )
        self.marker = False
        self.sequence += 1
        self.place += count
        return data


def hear(stream: RtpStream, wire: Wire, now: float) -> bytes | None:
    """Do what the owner of a stream does at one tick."""
    for data, source, arrived in wire.arrived(now):
        stream.receive(data, source, arrived, now=now)
    return stream.take(now)


def listen(
    stream: RtpStream,
    wire: Wire,
    talkers: Iterable[tuple[float, Callable[[], bytes]]],
    seconds: float,
    *,
    phase: float = 0.004,
) -> list[bytes | None]:
    """Run: send each packet of `talkers`, (time, maker) in order, over `wire`, and return what 20 ms ticks take."""
    heard: list[bytes | None] = []
    schedule = iter(talkers)
    upcoming = next(schedule, None)
    for tick in range(round(seconds * 50)):
        now = phase + tick * 0.020
        while upcoming is not None and upcoming[0] <= now:
            wire.send(upcoming[1](), upcoming[0])
            upcoming = next(schedule, None)
        heard.append(hear(stream, wire, now))
    return heard


def even(talker: Talker, start: float, end: float) -> Iterator[tuple[float, Callable[[], bytes]]]:
    """Yield the schedule of a talker that sends evenly."""
    step = talker.ptime_ms / 1000
    for index in range(round((end - start) / step)):
        yield start + index * step, talker.packet


def positions(heard: Iterable[bytes | None]) -> list[int]:
    """Return the place of every four samples that were heard, in order; assert the frames are whole."""
    places: list[int] = []
    for frame in heard:
        if frame is not None:
            assert len(frame) == 160
            places += [p for at in range(0, 160, 4) if (p := position(frame[at : at + 4])) is not None]
    return places


@dataclass
class Kit:
    """Everything above under one name, because tests do not import each other's modules."""

    PEER = PEER
    PCMU = PCMU
    HEADER = HEADER
    Wire = Wire
    Talker = Talker
    sound = staticmethod(sound)
    position = staticmethod(position)
    hear = staticmethod(hear)
    listen = staticmethod(listen)
    even = staticmethod(even)
    positions = staticmethod(positions)

    @staticmethod
    def stream(profile: Profile = PCMU, remote: tuple[str, int] = PEER, home: str = "") -> RtpStream:
        made = RtpStream(profile, remote, ssrc=0x1234, sequence=65530, timestamp=0xFFFFFF00, now=0.0)
        made.home = home
        return made


@pytest.fixture(scope="session")
def kit() -> Kit:
    return Kit()
