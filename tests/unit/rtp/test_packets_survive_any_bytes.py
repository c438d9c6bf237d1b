"""Parsers return or raise RemoteError; streams and buffers take anything."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from softswitch.errors import RemoteError
from softswitch.rtp.dtmf import EventReceiver
from softswitch.rtp.jitter import MAX_PACKETS, Jitter, Parts
from softswitch.rtp.packet import Packet, parse

PACKETS = st.builds(
    Packet,
    st.integers(0, 63) | st.integers(96, 127),
    st.booleans(),
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFFFFFFFF),
    st.integers(0, 0xFFFFFFFF),
    st.binary(max_size=400),
)


@settings(max_examples=200)
@given(st.binary(max_size=60) | st.binary(max_size=40).map(lambda tail: b"\xb3\x80" + tail))
def test_parse_returns_or_raises_remote_error(data: bytes) -> None:
    try:
        packet = parse(data)
    except RemoteError as error:
        assert error.kind
    else:
        assert parse(bytes(packet)) == packet


@settings(max_examples=100)
@given(PACKETS)
def test_round_trip(packet: Packet) -> None:
    assert parse(bytes(packet)) == packet


@settings(max_examples=50)
@given(PACKETS, st.lists(st.integers(0, 0xFFFFFFFF), max_size=15), st.binary(max_size=40), st.integers(1, 255))
def test_padding_extension_and_sources_are_left_out(packet: Packet, sources: Any, extra: bytes, padding: int) -> None:
    plain = bytes(packet)
    extension = extra + bytes(-len(extra) % 4)
    data = (
        bytes((plain[0] | 0x30 | len(sources),))
        + plain[1:12]
        + b"".join(source.to_bytes(4) for source in sources)
        + b"\xbe\xde"
        + (len(extension) // 4).to_bytes(2)
        + extension
        + packet.payload
        + bytes(padding - 1)
        + bytes((padding,))
    )
    assert parse(data) == packet


WIRE = st.lists(
    st.tuples(
        st.binary(max_size=20) | PACKETS.map(bytes),
        st.sampled_from([("192.0.2.7", 4000), ("192.0.2.9", 1)]),
        st.floats(-0.5, 0.5),
    ),
    max_size=30,
)


@settings(max_examples=40)
@given(WIRE)
def test_a_stream_takes_anything(kit: Any, arrivals: Any) -> None:
    stream = kit.stream()
    for n, (data, source, delay) in enumerate(arrivals):
        now = 10 + n * 0.013
        stream.receive(data, source, now + delay, now=now)
        frame = stream.take(now)
        assert frame is None or len(frame) == 160
    stats = stream.stats
    assert stats.received + stats.foreign + stats.bad + stats.duplicate + stats.stun + stats.rtcp <= len(arrivals)


STEPS = st.lists(
    st.tuples(st.integers(-3000, 3000), st.integers(1, 700), st.floats(-0.4, 0.4), st.integers(0, 2)), max_size=60
)


@settings(max_examples=60)
@given(STEPS, st.integers(0, 0xFFFFFFFF))
def test_a_buffer_takes_any_times_and_lengths(steps: Any, base: int) -> None:
    jitter, now = Jitter(), 5.0
    for n, (offset, length, delay, takes) in enumerate(steps):
        timestamp = (base + n * 160 + offset) & 0xFFFFFFFF
        match length % 8:
            case 0:
                jitter.pause(timestamp, b"\x11" * (length % 3))
            case 1:
                jitter.spurt(timestamp)
            case _:
                jitter.put(timestamp, b"\x11" * length, now + delay)
        for _ in range(takes):
            frame = jitter.take(now)
            assert frame is None or len(frame) == 160
            holes = frame.holes if isinstance(frame, Parts) else ()
            assert all(0 <= start < end <= 160 for start, end in holes)
            assert [place for hole in holes for place in hole] == sorted(place for hole in holes for place in hole)
            assert jitter.missing is None or isinstance(jitter.missing, bytes)
            now += 0.020
    assert len(jitter._packets) <= MAX_PACKETS
    for _ in range(400):
        frame = jitter.take(now)
        now += 0.020
    assert frame is None


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 0xFFFFFFFF), st.binary(max_size=6), st.booleans()), max_size=30))
def test_keys_come_of_any_payloads(packets: Any) -> None:
    receiver = EventReceiver()
    for timestamp, payload, marker in packets:
        key = receiver.hear(timestamp, payload, marker=marker)
        assert key is None or key in "0123456789*#ABCD"
