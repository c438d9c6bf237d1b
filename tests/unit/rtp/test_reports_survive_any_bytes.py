"""RTCP is read as it was written, reduced or not, and any bytes at all are read or refused with one error."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.errors import RemoteError
from softswitch.rtp.reports import Reports
from softswitch.rtp.rtcp import (
    MAX_PACKETS,
    Block,
    Bye,
    Description,
    Extended,
    LastReference,
    ReceiverReport,
    ReferenceTime,
    SenderReport,
    Voip,
    compound,
    parse,
)

WORD = st.integers(0, 0xFFFFFFFF)
OCTET = st.integers(0, 255)
HALF = st.integers(0, 65535)
BLOCK = st.builds(Block, WORD, OCTET, st.integers(-0x800000, 0x7FFFFF), WORD, WORD, WORD, WORD)
BLOCKS = st.lists(BLOCK, max_size=31).map(tuple)
VOIP = st.builds(
    Voip,
    *(WORD, OCTET, OCTET, OCTET, OCTET, HALF, HALF, HALF, HALF, st.integers(-128, 127), st.integers(-128, 127)),
    *(OCTET, OCTET, OCTET, OCTET, OCTET, OCTET, OCTET, HALF, HALF, HALF),
)
LONG = st.integers(0, 0xFFFFFFFFFFFFFFFF)
REPORT = st.one_of(
    st.builds(SenderReport, WORD, LONG, WORD, WORD, WORD, BLOCKS),
    st.builds(ReceiverReport, WORD, BLOCKS),
    st.builds(Description, WORD, st.text(max_size=60)),
    st.builds(Bye, st.lists(WORD, min_size=1, max_size=31).map(tuple)),
    st.builds(
        Extended,
        WORD,
        st.lists(
            st.one_of(
                st.builds(ReferenceTime, LONG),
                st.builds(LastReference, st.lists(st.tuples(WORD, WORD, WORD), max_size=3).map(tuple)),
                VOIP,
            ),
            max_size=4,
        ).map(tuple),
    ),
)


@given(st.lists(REPORT, min_size=1, max_size=MAX_PACKETS))
def test_what_is_written_is_read_again(reports: list[SenderReport]) -> None:
    assert parse(compound(reports)) == tuple(reports)


def begun(data: bytes) -> bytes:
    return struct.pack("!BBH", 0x80 | data[0] & 0x3F, 200 + data[1] % 8, len(data) // 4) + data


@given(st.one_of(st.binary(max_size=300), st.binary(min_size=8, max_size=300).map(begun)))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        parse(data)
    except RemoteError as error:
        assert error.kind in ("rtcp_short", "rtcp_version", "rtcp_broken")


@given(st.lists(REPORT, min_size=1, max_size=3), st.data())
def test_a_report_that_was_cut_or_bent_harms_nobody(reports: list[SenderReport], data: st.DataObject) -> None:
    whole = bytearray(compound(reports))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] = data.draw(OCTET)
    machine = Reports(ssrc=1, first=1, cname="x", wall=1e9, now=0.0, chance=0.5)
    machine.receive(bytes(whole[: data.draw(st.integers(0, len(whole)))]), 1.0)
    assert machine.received + machine.bad == 1


def test_a_description_tells_no_more_than_a_name() -> None:
    # A chunk with CNAME, NAME and EMAIL, as softphones send it.
    items = b"".join(bytes((kind, len(text))) + text for kind, text in ((2, b"Jane"), (1, b"j@h"), (3, b"j@example")))
    body = struct.pack("!I", 7) + items + b"\0"
    body += b"\0" * (-len(body) % 4)
    assert parse(struct.pack("!BBH", 0x81, 202, len(body) // 4) + body) == (Description(7, "j@h"),)


def test_unknown_packets_and_blocks_are_left_out_and_the_rest_is_read() -> None:
    feedback = struct.pack("!BBHII", 0x81, 206, 2, 1, 2)
    strange = struct.pack("!BBHIBBHI", 0x80, 207, 3, 9, 99, 0, 1, 5)
    assert parse(feedback + strange + bytes(Bye((3,)))) == (Extended(9, ()), Bye((3,)))


def test_padding_belongs_to_the_last_packet_alone() -> None:
    padded = struct.pack("!BBHII", 0xA1, 203, 2, 3, 4)
    assert parse(padded) == (Bye((3,)),)
    with pytest.raises(RemoteError, match="padding"):
        parse(padded + bytes(Bye((3,))))


def test_more_packets_than_anybody_sends_are_refused() -> None:
    with pytest.raises(RemoteError):
        parse(bytes(Bye((1,))) * (MAX_PACKETS + 1))
