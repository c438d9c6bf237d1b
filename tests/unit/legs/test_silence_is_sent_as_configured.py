"""Packets of silence, comfort noise or nothing: what goes out, on one clock, with markers where talk begins."""

import pytest

from softswitch.audio.codecs import PCMU
from softswitch.audio.frame import SILENCE, Frame
from softswitch.audio.noise import OWN_NOISE
from softswitch.audio.tones import burst
from softswitch.legs.hush import HANGOVER_FRAMES, KEEP_ALIVE_FRAMES, NOISE_FRAMES, Hush
from softswitch.legs.mouth import Mouth
from softswitch.rtp.packet import Packet, parse
from softswitch.rtp.profile import Profile
from softswitch.rtp.stream import RtpStream
from softswitch.sdp.agreement import Silence

TALK = Frame(burst([(400, -10.0)], 20))


def sent(silence: Silence, frames: list[Frame], *, noise_agreed: bool = True) -> list[tuple[int, Packet]]:
    """Return (tick, packet) of what a leg sends that is given these frames."""
    stream = RtpStream(
        Profile("PCMU", 0, 20, ((0, "PCMU"),)), ("192.0.2.7", 4000), ssrc=1, sequence=0, timestamp=1000, now=0.0
    )
    mouth, hush, packets = Mouth(lambda: None), Hush(silence), []
    mouth.follow(PCMU, mutes_keys=False)
    hush.noise_agreed = noise_agreed
    for tick, frame in enumerate(frames):
        payload: bytes | None = mouth.say(frame)
        noise = b""
        if not hush.sends_all:
            left_out, noise = hush.left_out(mouth.silent)
            payload = None if left_out else payload
        packets += [(tick, parse(data)) for data in stream.packets(payload, tick * 0.020, noise)]
    return packets


def holds_to_one_clock(packets: list[tuple[int, Packet]]) -> bool:
    numbers = [packet.sequence for _, packet in packets]
    return numbers == list(range(len(numbers))) and all(
        packet.timestamp == 1000 + tick * 160 for tick, packet in packets
    )


FRAMES = [TALK] * 5 + [SILENCE] * 100 + [TALK] * 5


@pytest.mark.parametrize(("silence", "agreed"), [("packets", True), ("comfort_noise", False)])
def test_silence_is_sound_by_itself(silence: Silence, agreed: bool) -> None:
    packets = sent(silence, FRAMES, noise_agreed=agreed)
    assert [tick for tick, _ in packets] == list(range(110)) and holds_to_one_clock(packets)
    assert {packet.payload_type for _, packet in packets} == {0}
    assert [tick for tick, packet in packets if packet.marker] == [0]


def test_comfort_noise_takes_the_place_of_silence() -> None:
    packets = sent("comfort_noise", FRAMES)
    noise = [(tick, packet) for tick, packet in packets if packet.payload_type == 13]
    first = 5 + HANGOVER_FRAMES
    assert [tick for tick, _ in noise] == list(range(first, 105, NOISE_FRAMES))
    assert all(packet.payload == OWN_NOISE and not packet.marker for _, packet in noise)
    assert [tick for tick, packet in packets if packet.payload_type == 0] == [*range(first), *range(105, 110)]
    assert [tick for tick, packet in packets if packet.marker] == [0, 105], "RFC 3551 section 4.1"
    assert holds_to_one_clock(packets)


def test_nothing_is_next_to_nothing() -> None:
    frames = [TALK] * 5 + [SILENCE] * (2 * KEEP_ALIVE_FRAMES + 20) + [TALK] * 2
    packets = sent("nothing", frames)
    first = 5 + HANGOVER_FRAMES
    assert [tick for tick, _ in packets] == [
        *range(first),
        first + KEEP_ALIVE_FRAMES - 1,
        first + 2 * KEEP_ALIVE_FRAMES - 1,
        len(frames) - 2,
        len(frames) - 1,
    ]
    assert holds_to_one_clock(packets)
    assert [tick for tick, packet in packets if packet.marker] == [0, first + 499, first + 999, len(frames) - 2]


def test_a_breath_between_words_is_sent() -> None:
    frames = ([TALK] * 3 + [SILENCE] * HANGOVER_FRAMES) * 4
    for silence in ("comfort_noise", "nothing"):
        assert len(sent(silence, frames)) == len(frames)  # type: ignore[arg-type]  # each is one of them


def test_a_key_begins_at_once_after_a_pause() -> None:
    """A key is no silence, and its clock is that of the sound."""
    stream = RtpStream(
        Profile("PCMU", 0, 20, ((0, "PCMU"),), 101, (101,)),
        ("192.0.2.7", 4000),
        ssrc=1,
        sequence=0,
        timestamp=1000,
        now=0.0,
    )
    for tick in range(20):
        stream.packets(None, tick * 0.020, OWN_NOISE if tick == 3 else b"")
    stream.send_digits("5")
    packet = parse(stream.packets(None, 0.400)[0])
    assert (packet.payload_type, packet.marker, packet.timestamp) == (101, True, 1000 + 20 * 160)
