"""What was heard: packets turned back into sound, and sound into what a person would say of it."""

import struct
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from tests.live.peers.g711 import decode

RATE_HZ = 8000
FRAME = 160
KEYS = "0123456789*#ABCD"
#: A µ-law sine of the largest amplitude is +3.17 dBm0 (ITU-T G.711), and its peak is 8159 of 14 bits, 32636 of 16.
FULL_SCALE_DBM0, FULL_SCALE_PEAK = 3.17, 32636.0
SILENT_DBM0 = -90.0
#: Quieter than any voice on a line, louder than the noise of its coding.
AUDIBLE_DBM0 = -45.0
_ROWS, _COLUMNS = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
_PAD = ("123A", "456B", "789C", "*0#D")


class Packet(NamedTuple):
    """One RTP packet: when it came (monotonic seconds), from where, and what was in it."""

    arrived: float
    source: tuple[str, int]
    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes

    @staticmethod
    def parse(data: bytes, source: tuple[str, int], arrived: float) -> "Packet | None":
        """Return the packet in `data`, None if it is none (RFC 3550 section 5.1)."""
        if len(data) < 12 or data[0] >> 6 != 2:
            return None
        first, second, sequence, timestamp, ssrc = struct.unpack_from("!BBHII", data)
        start = 12 + 4 * (first & 0x0F)
        return Packet(arrived, source, second & 0x7F, bool(second & 0x80), sequence, timestamp, ssrc, data[start:])

    @property
    def is_sound(self) -> bool:
        """True for PCMU and PCMA."""
        return self.payload_type in (0, 8)


class Tone(NamedTuple):
    """The strongest tone: `purity` is the share of the energy within 40 Hz of it."""

    hz: float
    dbm0: float
    purity: float


@dataclass(frozen=True)
class Heard:
    """Everything a probe received, in the order of arrival."""

    packets: tuple[Packet, ...]

    @cached_property
    def sound(self) -> tuple[Packet, ...]:
        """The packets that carry sound."""
        return tuple(packet for packet in self.packets if packet.is_sound)

    @cached_property
    def samples(self) -> np.ndarray:
        """The sound on the time line of its time stamps: what never came is silent; a new SSRC follows the old one."""
        pieces: list[np.ndarray] = []
        for ssrc in dict.fromkeys(packet.ssrc for packet in self.sound):
            packets = [packet for packet in self.sound if packet.ssrc == ssrc]
            origin = packets[0].timestamp
            starts = [(packet.timestamp - origin + (1 << 31)) % (1 << 32) - (1 << 31) for packet in packets]
            first = min(starts)
            length = max(start + len(packet.payload) for start, packet in zip(starts, packets, strict=True)) - first
            assert length < RATE_HZ * 3600, "time stamps jump by more than an hour"
            line = np.zeros(length, np.float64)
            for start, packet in zip(starts, packets, strict=True):
                line[start - first : start - first + len(packet.payload)] = decode(packet.payload, packet.payload_type)
            pieces.append(line)
        return np.concatenate(pieces) if pieces else np.zeros(0)

    @property
    def seconds(self) -> float:
        """Length of the sound."""
        return len(self.samples) / RATE_HZ

    def part(self, start: float, end: float | None = None) -> np.ndarray:
        """Return the samples between two times, in seconds from the first sample."""
        return self.samples[round(start * RATE_HZ) : None if end is None else round(end * RATE_HZ)]

    def tone(self, start: float = 0.0, end: float | None = None) -> Tone:
        """Return the strongest tone of a part."""
        return strongest_tone(self.part(start, end))

    def levels(self) -> np.ndarray:
        """Return the level of each 20 ms in dBm0."""
        frames = self.samples[: len(self.samples) // FRAME * FRAME].reshape(-1, FRAME)
        return np.array([level_dbm0(frame) for frame in frames])

    def audible_seconds(self) -> float:
        """Return for how long anything was loud enough to be heard."""
        return float((self.levels() > AUDIBLE_DBM0).sum() * 0.020)

    def speech_seconds(self) -> float:
        """Return for how long there was sound that is no steady tone: a crude but independent idea of speech."""
        frames = self.samples[: len(self.samples) // FRAME * FRAME].reshape(-1, FRAME)
        loud = [frame for frame in frames if level_dbm0(frame) > AUDIBLE_DBM0]
        return sum(0.020 for frame in loud if _flatness(frame) > 0.003)

    def onset(self) -> float | None:
        """Return when the first audible packet arrived (monotonic seconds), None if none did."""
        for packet in self.sound:
            if level_dbm0(decode(packet.payload, packet.payload_type).astype(np.float64)) > AUDIBLE_DBM0:
                return packet.arrived
        return None

    def arrival(self, second: float) -> float:
        """Return when the packet arrived that holds this moment of the sound, which must be of one SSRC."""
        origin = min(packet.timestamp for packet in self.sound)
        wanted = origin + round(second * RATE_HZ)
        return next(p.arrived for p in self.sound if p.timestamp <= wanted < p.timestamp + len(p.payload))

    def since(self, moment: float) -> "Heard":
        """Return what arrived after a moment (monotonic seconds)."""
        return Heard(tuple(packet for packet in self.packets if packet.arrived >= moment))

    def keys(self) -> str:
        """Return the keys pressed by RFC 4733 events: one for each event time stamp."""
        seen: dict[tuple[int, int], str] = {}
        for packet in self.packets:
            if packet.payload_type >= 96 and len(packet.payload) == 4 and packet.payload[0] < len(KEYS):
                seen.setdefault((packet.ssrc, packet.timestamp), KEYS[packet.payload[0]])
        return "".join(seen.values())

    def key_milliseconds(self) -> list[float]:
        """Return how long each RFC 4733 event says that it lasted."""
        longest: dict[tuple[int, int], int] = {}
        for packet in self.packets:
            if packet.payload_type >= 96 and len(packet.payload) == 4:
                duration = struct.unpack("!H", packet.payload[2:])[0]
                key = (packet.ssrc, packet.timestamp)
                longest[key] = max(longest.get(key, 0), duration)
        return [duration * 1000 / RATE_HZ for duration in longest.values()]

    def keys_in_band(self) -> str:
        """Return the keys heard as pairs of tones in the sound."""
        return keys_in_sound(self.samples)

    def intervals_ms(self) -> np.ndarray:
        """Return the times between packets (sound and events) as they arrived."""
        return np.diff([packet.arrived for packet in self.packets]) * 1000

    def interval_ms(self, percentile: float) -> float:
        """Return a percentile of the intervals."""
        return float(np.percentile(self.intervals_ms(), percentile))

    def missing(self) -> int:
        """Return how many sequence numbers never came."""
        lost = 0
        for ssrc in {packet.ssrc for packet in self.packets}:
            numbers = [packet.sequence for packet in self.packets if packet.ssrc == ssrc]
            offsets = {(number - numbers[0] + 0x8000) % 0x10000 - 0x8000 for number in numbers}
            lost += max(offsets) - min(offsets) + 1 - len(offsets)
        return lost

    def find(self, pcm: bytes) -> tuple[float, float]:
        """Look for sound that was sent; return (where it begins in seconds, likeness from 0 to 1)."""
        wanted = np.frombuffer(pcm, "<i2").astype(np.float64)
        if len(self.samples) < len(wanted):
            return 0.0, 0.0
        size = 1 << (len(self.samples) + len(wanted)).bit_length()
        product = np.fft.rfft(self.samples, size) * np.conj(np.fft.rfft(wanted, size))
        match = np.fft.irfft(product, size)[: len(self.samples) - len(wanted) + 1]
        energy = np.concatenate([[0.0], np.cumsum(self.samples**2)])
        window = energy[len(wanted) :] - energy[: -len(wanted)]
        likeness = match / np.sqrt(np.maximum(window, 1.0) * max(1.0, float((wanted**2).sum())))
        best = int(np.argmax(likeness))
        return best / RATE_HZ, float(likeness[best])


def level_dbm0(samples: np.ndarray) -> float:
    """Return the level of a stretch of sound."""
    power = float(np.mean(np.square(samples, dtype=np.float64))) if len(samples) else 0.0
    if power < 1e-3:
        return SILENT_DBM0
    return max(SILENT_DBM0, 10 * np.log10(2 * power / FULL_SCALE_PEAK**2) + FULL_SCALE_DBM0)


def strongest_tone(samples: np.ndarray) -> Tone:
    """Return frequency, level and purity of the strongest tone, the frequency interpolated between bins."""
    if len(samples) < FRAME:
        return Tone(0.0, SILENT_DBM0, 0.0)
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    power[0] = 0.0
    peak = int(np.argmax(power[:-1]))
    left, middle, right = (np.log(power[index] + 1e-9) for index in (max(peak - 1, 0), peak, peak + 1))
    curve = left - 2 * middle + right
    shift = 0.5 * (left - right) / curve if curve else 0.0
    width = RATE_HZ / len(samples)
    near = max(2, round(40 / width))
    share = float(power[max(0, peak - near) : peak + near + 1].sum() / max(power.sum(), 1e-9))
    return Tone((peak + shift) * width, level_dbm0(samples), share)


def tone(hz: float, dbm0: float, seconds: float) -> bytes:
    """Return a sine as 16-bit sound."""
    peak = FULL_SCALE_PEAK * 10 ** ((dbm0 - FULL_SCALE_DBM0) / 20)
    wave = np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE_HZ)) / RATE_HZ)
    return (wave * peak).astype("<i2").tobytes()


def chirp(seconds: float, dbm0: float = -13.0, low_hz: float = 300.0, high_hz: float = 3000.0) -> bytes:
    """Return a rising tone: `Heard.find` can place it to a millisecond, and no piece of it is like another."""
    peak = FULL_SCALE_PEAK * 10 ** ((dbm0 - FULL_SCALE_DBM0) / 20)
    time = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    phase = 2 * np.pi * (low_hz * time + (high_hz - low_hz) * time**2 / (2 * seconds))
    return (np.sin(phase) * peak).astype("<i2").tobytes()


def keys_in_sound(samples: np.ndarray) -> str:
    """Return the keys heard as DTMF: a press is two blocks of 20 ms or more that say the same key."""
    keys, last, run = "", "", 0
    for start in range(0, len(samples) - FRAME + 1, FRAME):
        key = _key_of(samples[start : start + FRAME])
        run = run + 1 if key == last else 1
        last = key
        if key and run == 2:
            keys += key
    return keys


def _key_of(block: np.ndarray) -> str:
    if level_dbm0(block) < -40:
        return ""
    time = np.arange(len(block)) / RATE_HZ
    window = np.hamming(len(block))
    power = {hz: abs(np.dot(block * window, np.exp(-2j * np.pi * hz * time))) ** 2 for hz in (*_ROWS, *_COLUMNS)}
    row, column = max(_ROWS, key=power.__getitem__), max(_COLUMNS, key=power.__getitem__)
    others = max(power[hz] for hz in (*_ROWS, *_COLUMNS) if hz not in (row, column))
    weaker = min(power[row], power[column])
    # The energy of both tones, were the block nothing else.
    expected = float((block**2).sum()) * float((window.sum()) ** 2) / len(block) / 2
    if weaker < 4 * others or power[row] + power[column] < 0.6 * expected:
        return ""
    return _PAD[_ROWS.index(row)][_COLUMNS.index(column)]


def _flatness(frame: np.ndarray) -> float:
    """Return the spectral flatness between 200 and 3400 Hz: next to 0 for a tone, towards 1 for noise."""
    power = np.abs(np.fft.rfft(frame * np.hanning(len(frame)))) ** 2 + 1.0
    band = power[round(200 * FRAME / RATE_HZ) : round(3400 * FRAME / RATE_HZ)]
    return float(np.exp(np.mean(np.log(band))) / np.mean(band))
