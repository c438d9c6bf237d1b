"""`SessionDescription.parse` returns or raises RemoteError, and what it read it writes back."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from softswitch.errors import RemoteError
from softswitch.sdp.description import Connection, Media, Origin, SessionDescription
from softswitch.sdp.negotiate import Capabilities, Negotiation

WORD = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)
NUMBER = st.integers(0, 2**63).map(str)
CONNECTIONS = st.builds(Connection, st.sampled_from(["IP4", "IP6"]), WORD.filter(lambda word: "/" not in word))
ATTRIBUTES = st.lists(
    st.tuples(WORD.filter(lambda w: ":" not in w).map(str.lower), st.none() | WORD | st.just("")), max_size=4
).map(tuple)


def lines(letters: str) -> Any:
    items = st.lists(st.tuples(st.sampled_from(letters), WORD), max_size=3)
    return items.map(lambda found: tuple(sorted(found, key=lambda line: letters.index(line[0]))))


MEDIA = st.builds(
    Media,
    WORD.map(str.lower),
    st.integers(0, 65535),
    WORD,
    st.lists(WORD, min_size=1, max_size=4).map(tuple),
    st.none() | CONNECTIONS,
    ATTRIBUTES,
    st.integers(1, 9),
    lines("ibk"),
)
DESCRIPTIONS = st.builds(
    SessionDescription,
    st.builds(Origin, WORD, NUMBER, NUMBER, CONNECTIONS),
    st.lists(MEDIA, max_size=3).map(tuple),
    st.none() | CONNECTIONS,
    ATTRIBUTES,
    WORD,
    lines("iuepbtrzk"),
)
LINES = st.sampled_from(
    [
        "v=0", "o=- 1 1 IN IP4 192.0.2.7", "s=-", "c=IN IP4 192.0.2.7", "c=IN IP6 ::1%1", "t=0 0",
        "m=audio 4000 RTP/AVP 0 8 101", "m=video 1 RTP/AVP 9", "m=audio 0 RTP/AVP 0", "a=rtpmap:0 PCMA/8000",
        "a=rtpmap:101 telephone-event/8000", "a=rtpmap:a b/c", "a=sendonly", "a=ptime:1e9", "a=maxptime:\u0663", "a=",
        "a=:", "b=AS:64", "k=", "x=1", "c=IN IP4 0.0.0.0", "m=audio \u0664 RTP/AVP 0", "a=inactive:1",
    ]
)  # fmt: skip


@settings(max_examples=60)
@given(DESCRIPTIONS)
def test_round_trip(description: SessionDescription) -> None:
    assert SessionDescription.parse(str(description)) == description
    assert SessionDescription.parse(str(description).encode()) == description


@settings(max_examples=150)
@given(st.binary(max_size=80) | st.lists(LINES | st.text(max_size=10), max_size=14).map("\n".join))
def test_any_input_is_read_or_refused(data: bytes | str) -> None:
    _negotiate(data)


@settings(max_examples=150)
@given(st.lists(LINES, max_size=14))
def test_any_order_of_lines_is_read_or_refused(found: list[str]) -> None:
    _negotiate("v=0\no=- 1 1 IN IP4 192.0.2.7\nc=IN IP4 192.0.2.7\nm=audio 4000 RTP/AVP 0 8\n" + "\n".join(found))


def _negotiate(data: bytes | str) -> None:
    us = Negotiation(Capabilities(), "192.0.2.1", 20_000, session_id=7)
    try:
        agreement, text = us.answer(data)
    except RemoteError as error:
        assert error.status in (400, 488)
    else:
        assert 10 <= agreement.ptime_ms <= 60
        ours, theirs = SessionDescription.parse(text), SessionDescription.parse(data)
        assert [m.kind for m in ours.media] == [m.kind for m in theirs.media]
        assert SessionDescription.parse(str(theirs)) == theirs
        us.offer()
    try:
        us.offer()
        us.accept(data)
    except RemoteError as error:
        assert error.status in (400, 488)
