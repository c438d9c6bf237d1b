"""What one leg says in any codec another one hears: the tone, its level, its keys, over losses and odd packets."""

import math

import numpy as np
import pytest

from softswitch.audio.codecs import CODECS
from softswitch.audio.frame import SILENCE, Frame
from softswitch.audio.tones import dtmf_frames
from softswitch.legs.ear import Ear
from softswitch.legs.mouth import Mouth
from softswitch.rtp.packet import Packet, parse
from softswitch.rtp.profile import CodecHeard, KeyPressed, Profile
from softswitch.rtp.shape import SHAPES, opus_units
from softswitch.rtp.stream import RtpStream

US, THEM = ("192.0.2.1", 4000), ("192.0.2.7", 4000)
HZ, PEAK = 1004.0, 8000.0
#: How much of what is heard may be something else than the tone, in dB below it: what the codec itself adds.
PURITY = {"PCMU": 35, "PCMA": 35, "G722": 40, "opus": 22, "G729": 18, "L16": 60, "L16/8000": 60}


def tone(rate_hz: int, number: int) -> Frame:
    at = np.arange(rate_hz // 50) + number * (rate_hz // 50)
    return Frame(np.rint(PEAK * np.sin(2 * math.pi * HZ * at / rate_hz)).astype("<i2").tobytes(), rate_hz)


class Leg:
    """One end: a mouth and an ear, and the stream between them and the wire."""

    def __init__(self, codec: str, *, ptime_ms: int = 20, others: tuple[str, ...] = (), event_hz: int = 8000) -> None:
        receive = tuple((96 + place, name) for place, name in enumerate((codec, *others)))
        profile = Profile(codec, 96, ptime_ms, receive, 120, (120,), event_hz)
        self.stream = RtpStream(profile, THEM, ssrc=1, sequence=0, timestamp=0, now=0.0)
        self.mouth, self.ear = Mouth(lambda: None), Ear()
        self.mouth.follow(CODECS[codec], mutes_keys=True)
        self.ear.follow(CODECS[codec])
        self.heard: list[Frame | None] = []

    def say(self, frame: Frame, now: float) -> list[bytes]:
        return list(self.stream.packets(self.mouth.say(frame), now))

    def hear(self, packets: list[bytes], now: float) -> Frame | None:
        for data in packets:
            self.stream.receive(data, THEM, now, now=now)
        if any(isinstance(event, CodecHeard) for event in self.stream.events):
            self.ear.follow(CODECS[self.stream.hearing])
        payload = self.stream.take(now + 0.005)
        frame = self.ear.hear(payload, self.stream.missing)
        self.heard.append(frame)
        return frame

    def sound(self, first: int, last: int) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
        frames = [frame for frame in self.heard[first:last] if frame is not None]
        return np.frombuffer(b"".join(frame.pcm for frame in frames), "<i2").astype(float)


def judged(sound: "np.ndarray", rate_hz: int, hz: float = HZ) -> tuple[float, float]:  # type: ignore[type-arg]
    """Return how loud the tone is against what was said, and how far below it all the rest is, in dB."""
    angle = 2 * math.pi * hz * np.arange(len(sound)) / rate_hz
    basis = np.stack((np.sin(angle), np.cos(angle)), axis=1)
    parts = np.linalg.lstsq(basis, sound, rcond=None)[0]
    rest = sound - basis @ parts
    return 20 * math.log10(float(np.hypot(*parts)) / PEAK), float(10 * np.log10((basis @ parts).var() / rest.var()))


@pytest.mark.parametrize("codec", sorted(CODECS))
def test_a_tone_is_heard_as_it_was_said(codec: str) -> None:
    assert not CODECS[codec].missing(), CODECS[codec].missing()
    one, other, rate_hz = Leg(codec), Leg(codec), CODECS[codec].rate_hz
    for number in range(80):
        other.hear(one.say(tone(rate_hz, number), number * 0.020), number * 0.020)
    level, purity = judged(other.sound(20, 80), rate_hz)
    assert level == pytest.approx(0, abs=1.0) and purity > PURITY[codec]
    assert all(frame is not None for frame in other.heard[10:])


@pytest.mark.parametrize("near", ["PCMU", "G722", "opus"])
@pytest.mark.parametrize("far", ["PCMA", "G722", "opus", "L16"])
def test_legs_of_other_codecs_hear_each_other(near: str, far: str) -> None:
    said, middle_in, middle_out, heard = Leg(near), Leg(near), Leg(far), Leg(far)
    for number in range(80):
        now = number * 0.020
        frame = middle_in.hear(said.say(tone(CODECS[near].rate_hz, number), now), now)
        heard.hear(middle_out.say(SILENCE if frame is None else frame, now), now)
    level, purity = judged(heard.sound(20, 80), CODECS[far].rate_hz)
    assert level == pytest.approx(0, abs=1.2) and purity > min(PURITY[near], PURITY[far]) - 3


@pytest.mark.parametrize("codec", sorted(CODECS))
def test_between_legs_of_one_codec_nothing_is_coded_again(codec: str) -> None:
    said, middle_in, middle_out = Leg(codec), Leg(codec), Leg(codec)
    same = 0
    for number in range(30):
        now = number * 0.020
        sent = said.say(tone(CODECS[codec].rate_hz, number), now)
        frame = middle_in.hear(sent, now)
        if frame is not None and frame.coded:
            same += middle_out.say(frame, now)[0][12:] == frame.coded
    assert same >= 26


@pytest.mark.parametrize("codec", sorted(CODECS))
def test_losses_are_covered(codec: str) -> None:
    one, other, rate_hz = Leg(codec), Leg(codec), CODECS[codec].rate_hz
    for number in range(100):
        packets = one.say(tone(rate_hz, number), number * 0.020)
        other.hear([] if number % 20 == 19 else packets, number * 0.020)
    assert all(frame is not None for frame in other.heard[10:]) and other.ear.concealed >= 3
    # A decoder of speech (G.729) needs some frames after each loss until it is as loud again.
    assert judged(other.sound(20, 100), rate_hz)[0] == pytest.approx(0, abs=2.5 if codec == "G729" else 1.5)


@pytest.mark.parametrize("ptime_ms", [10, 40, 60])
@pytest.mark.parametrize("codec", ["G722", "G729", "L16/8000"])
def test_packets_of_any_length_are_heard(codec: str, ptime_ms: int) -> None:
    one, other, rate_hz = Leg(codec, ptime_ms=ptime_ms), Leg(codec), CODECS[codec].rate_hz
    for number in range(90):
        other.hear(one.say(tone(rate_hz, number), number * 0.020), number * 0.020)
    level, purity = judged(other.sound(24, 87), rate_hz)
    assert level == pytest.approx(0, abs=1.0) and purity > PURITY[codec] - 2


@pytest.mark.parametrize("ms", [10, 40, 60])
def test_opus_packets_of_any_length_are_heard(ms: int) -> None:
    from softswitch.audio.libav import Encoder

    encode = Encoder("libopus", 16000, bit_rate=24000, options={"application": "voip", "frame_duration": str(ms)})
    other, sent = Leg("opus"), 0
    for number in range(90):
        now, packets = number * 0.020, []
        while sent * ms < (number + 1) * 20:
            at = np.arange(16 * ms) + sent * 16 * ms
            sound = np.rint(PEAK * np.sin(2 * math.pi * HZ * at / 16000)).astype("<i2").tobytes()
            packets.append(bytes(Packet(96, not sent, sent, sent * 48 * ms, 9, encode(sound))))
            sent += 1
        other.hear(packets, now)
    level, purity = judged(other.sound(24, 86), 16000)
    assert level == pytest.approx(0, abs=1.0) and purity > 20
    assert other.ear.concealed == 0


def test_the_length_of_an_opus_packet_is_known_from_its_head() -> None:
    assert [opus_units(bytes((toc,))) for toc in (0x00, 0x08, 0x10, 0x18, 0x78, 0x80)] == [
        480,
        960,
        1920,
        2880,
        960,
        120,
    ]
    assert opus_units(bytes((0x09, 0))) == 1920 and opus_units(bytes((0x0B, 3))) == 2880
    assert opus_units(b"") == opus_units(b"\x1b\x30") == opus_units(b"\x0b") == 0


def test_a_packet_that_is_no_sound_is_lost_and_counted() -> None:
    one, other = Leg("opus"), Leg("opus")
    for number in range(40):
        packets = one.say(tone(16000, number), number * 0.020)
        if number in (20, 21):
            packets = [data[:12] + b"\xff\xff\xff\xff" for data in packets]
        other.hear(packets, number * 0.020)
    assert other.ear.broken == 2 and all(frame is not None for frame in other.heard[10:])


def test_a_peer_may_change_to_another_codec_that_was_agreed() -> None:
    talks = {name: Leg(name) for name in ("G722", "PCMU", "opus")}
    other = Leg("G722", others=("PCMU", "opus"))
    numbers = {"G722": 96, "PCMU": 97, "opus": 98}
    sequence = 0
    for name, first in (("G722", 0), ("PCMU", 40), ("opus", 80), ("G722", 120)):
        for number in range(first, first + 40):
            payload = talks[name].mouth.say(tone(CODECS[name].rate_hz, number))
            packet = Packet(numbers[name], False, sequence, number * SHAPES[name].units, 9, payload)
            other.hear([bytes(packet)], number * 0.020)
            sequence += 1
        rate_hz = CODECS[name].rate_hz
        assert judged(other.sound(first + 15, first + 40), rate_hz)[1] > PURITY[name] - 3


@pytest.mark.parametrize(("codec", "event_hz"), [("opus", 48000), ("opus", 8000), ("L16", 16000), ("G722", 8000)])
def test_keys_are_told_beside_every_codec(codec: str, event_hz: int) -> None:
    one, other = Leg(codec, event_hz=event_hz), Leg(codec, event_hz=event_hz)
    one.stream.send_digits("15#")
    keys = ""
    for number in range(60):
        other.hear(one.say(SILENCE, number * 0.020), number * 0.020)
        keys += "".join(event.digit for event in other.stream.drain() if isinstance(event, KeyPressed))
    assert keys == "15#"


@pytest.mark.parametrize("codec", ["G722", "opus", "L16", "PCMA"])
def test_keys_are_found_in_the_sound_of_every_codec(codec: str) -> None:
    one, other, keys = Leg(codec), Leg(codec), ""
    one.mouth.follow(CODECS[codec], mutes_keys=False)
    frames = [SILENCE] * 10 + list(dtmf_frames("159D")) + [SILENCE] * 10
    for number, frame in enumerate(frames):
        other.hear(one.say(frame, number * 0.020), number * 0.020)
        keys += other.ear.key or ""
    assert keys == "159D"


@pytest.mark.parametrize(
    ("codec", "units"),
    [("PCMU", 160), ("G722", 160), ("G729", 160), ("L16/8000", 160), ("L16", 320), ("opus", 960)],
)
def test_the_clock_on_the_wire_is_the_one_of_the_rfcs(codec: str, units: int) -> None:
    # RFC 3551 section 4.5 and table 4; RFC 7587 section 4.1. Both ends of ours could be wrong alike.
    one = Leg(codec)
    packets = [parse(one.say(tone(CODECS[codec].rate_hz, number), number * 0.020)[0]) for number in range(3)]
    assert [packet.timestamp for packet in packets] == [0, units, 2 * units]


@pytest.mark.parametrize(
    ("codec", "event_hz", "units"), [("opus", 48000, 960), ("opus", 8000, 160), ("L16", 16000, 320)]
)
def test_how_long_a_key_lasts_is_told_by_its_own_clock(codec: str, event_hz: int, units: int) -> None:
    one = Leg(codec, event_hz=event_hz)
    one.stream.send_digits("5")
    packets = [parse(data) for number in range(3) for data in one.say(SILENCE, number * 0.020)]
    assert [int.from_bytes(packet.payload[2:4], "big") for packet in packets] == [units, 2 * units, 3 * units]
