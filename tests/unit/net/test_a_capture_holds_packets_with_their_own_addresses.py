"""A capture file is read back as a dissector would: lengths, checksums, addresses, times, and streams in order."""

import ipaddress
import struct
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.net.pcap import Packet, capture

HERE, THERE = ("192.0.2.1", 5060), ("198.51.100.7", 40_000)
HERE6, THERE6 = ("2001:db8::1", 5060), ("fe80::7%eth0", 40_000)


class Read(NamedTuple):
    wall: float
    protocol: int
    source: tuple[str, int]
    target: tuple[str, int]
    sequence: int
    acknowledged: int
    data: bytes


def ones(data: bytes) -> int:
    data += b"\0" * (len(data) % 2)
    total = 0
    for (word,) in struct.iter_unpack("!H", data):
        total += word
        total = (total & 0xFFFF) + (total >> 16)
    return total


def read(file: bytes) -> Iterator[Read]:
    magic, major, minor, _, _, snaplen, link = struct.unpack_from("<IHHiIII", file)
    assert (magic, major, minor, link) == (0xA1B2C3D4, 2, 4, 101) and snaplen >= 65_535
    at = 24
    while at < len(file):
        seconds, micros, kept, whole = struct.unpack_from("<IIII", file, at)
        assert kept == whole <= snaplen and micros < 1_000_000
        yield packet(seconds + micros / 1e6, file[at + 16 : at + 16 + kept])
        at += 16 + kept
    assert at == len(file)


def packet(wall: float, data: bytes) -> Read:
    if data[0] >> 4 == 4:
        total, protocol = struct.unpack_from("!H", data, 2)[0], data[9]
        assert data[0] == 0x45 and total == len(data) and ones(data[:20]) == 0xFFFF
        addresses, inner = data[12:20], data[20:]
        pseudo = addresses + struct.pack("!BBH", 0, protocol, len(inner))
    else:
        length, protocol = struct.unpack_from("!HB", data, 4)
        assert data[0] >> 4 == 6 and length == len(data) - 40
        addresses, inner = data[8:40], data[40:]
        pseudo = addresses + struct.pack("!II", len(inner), protocol)
    assert ones(pseudo + inner) == 0xFFFF, "wrong checksum"
    half = len(addresses) // 2
    hosts = [str(ipaddress.ip_address(addresses[:half])), str(ipaddress.ip_address(addresses[half:]))]
    ports = struct.unpack_from("!HH", inner)
    sequence = acknowledged = 0
    if protocol == 17:
        assert struct.unpack_from("!H", inner, 4)[0] == len(inner)
        body = inner[8:]
    else:
        assert protocol == 6
        sequence, acknowledged = struct.unpack_from("!II", inner, 4)
        body = inner[20:]
    return Read(wall, protocol, (hosts[0], ports[0]), (hosts[1], ports[1]), sequence, acknowledged, body)


@pytest.mark.parametrize(("here", "there"), [(HERE, THERE), (HERE6, THERE6)])
@pytest.mark.parametrize("size", [0, 1, 500, 1501, 65_507])
def test_a_datagram_is_one_packet(here, there, size: int) -> None:
    data = b"x" * size
    (found,) = read(capture([Packet(1e9 + 0.25, "UDP", there, here, data)]))
    source, target = (there[0].partition("%")[0], there[1]), here
    assert found == Read(1e9 + 0.25, 17, source, target, 0, 0, data)


@pytest.mark.parametrize("transport", ["TCP", "TLS"])
def test_a_connection_is_a_stream_each_way(transport: str) -> None:
    said = [
        (HERE, THERE, b"a" * 100),
        (THERE, HERE, b"b" * 70_000),
        (HERE, THERE, b"c"),
        (HERE, ("192.0.2.9", 9), b"d"),
    ]
    found = list(read(capture(Packet(1e9, transport, *one) for one in said)))
    streams: dict[object, bytes] = {}
    for one in found:
        assert one.protocol == 6
        way, back = (one.source, one.target), (one.target, one.source)
        assert one.sequence == 1 + len(streams.get(way, b"")) and one.acknowledged == 1 + len(streams.get(back, b""))
        streams[way] = streams.get(way, b"") + one.data
    assert streams == {(HERE, THERE): b"a" * 100 + b"c", (THERE, HERE): b"b" * 70_000, (HERE, ("192.0.2.9", 9)): b"d"}


def test_a_call_without_messages_is_an_empty_file() -> None:
    assert list(read(capture([]))) == []


@given(st.lists(st.tuples(st.sampled_from(("UDP", "TCP")), st.binary(min_size=1, max_size=80), st.floats(0, 4e9))))
def test_any_messages_come_back(messages: list[tuple[str, bytes, float]]) -> None:
    found = list(read(capture(Packet(wall, transport, HERE, THERE, data) for transport, data, wall in messages)))
    assert [one.data for one in found] == [data for _, data, _ in messages]
    for one, (_, _, wall) in zip(found, messages, strict=True):
        assert one.wall == pytest.approx(wall, abs=2e-6)
