"""Directions (RFC 3264 sections 6.1 and 8.4): sendonly, inactive, 0.0.0.0, for the session or for the medium."""

from typing import Any

import pytest

from softswitch.sdp.description import SessionDescription
from softswitch.sdp.negotiate import Capabilities, Direction, Negotiation

NOWHERE = "|c=IN IP4 0.0.0.0"


@pytest.mark.parametrize(
    ("session", "medium", "sending", "receiving", "ours"),
    [
        ("", "", True, True, "sendrecv"),
        ("", "|a=sendrecv", True, True, "sendrecv"),
        ("", "|a=sendonly", False, True, "recvonly"),
        ("", "|a=recvonly", True, False, "sendonly"),
        ("", "|a=inactive", False, False, "inactive"),
        ("a=sendonly\r\n", "", False, True, "recvonly"),
        ("a=inactive\r\n", "", False, False, "inactive"),
        ("a=inactive\r\n", "|a=sendrecv", True, True, "sendrecv"),
        ("", NOWHERE, False, True, "recvonly"),
        ("", NOWHERE + "|a=sendonly", False, True, "recvonly"),
        ("", NOWHERE + "|a=inactive", False, False, "inactive"),
        ("", "|a=SendOnly", False, True, "recvonly"),
    ],
)
def test_an_offered_direction_is_answered(
    us: Negotiation, describe: Any, session: str, medium: str, sending: bool, receiving: bool, ours: str
) -> None:
    offer = describe(f"m=audio 4000 RTP/AVP 0{medium}", session=f"c=IN IP4 192.0.2.7\r\n{session}")
    agreement, text = us.answer(offer)
    assert (agreement.sending, agreement.receiving) == (sending, receiving)
    assert agreement.held == (not sending)
    assert SessionDescription.parse(text).media[0].direction == ours


@pytest.mark.parametrize(
    ("wish", "offered", "ours"),
    [
        ("sendonly", "sendrecv", "sendonly"),
        ("sendonly", "recvonly", "sendonly"),
        ("sendonly", "sendonly", "inactive"),
        ("inactive", "sendrecv", "inactive"),
        ("recvonly", "sendrecv", "recvonly"),
        ("recvonly", "recvonly", "inactive"),
    ],
)
def test_what_we_wish_narrows_the_answer(
    us: Negotiation, describe: Any, wish: Direction, offered: str, ours: str
) -> None:
    agreement, text = us.answer(describe(f"m=audio 4000 RTP/AVP 0|a={offered}"), wish)
    assert f"a={ours}\r\n" in text
    assert (agreement.sending, agreement.receiving) == ("send" in ours, "recv" in ours)


@pytest.mark.parametrize(
    ("wish", "answered", "sending", "receiving", "held"),
    [
        ("sendrecv", "|a=sendrecv", True, True, False), ("sendrecv", "", True, True, False),
        ("sendrecv", "|a=sendonly", False, True, True), ("sendrecv", "|a=recvonly", True, False, False),
        ("sendrecv", "|a=inactive", False, False, True), ("sendrecv", NOWHERE, False, True, True),
        ("sendonly", "|a=recvonly", True, False, False), ("sendonly", "", True, False, False),
        ("sendonly", "|a=inactive", False, False, True), ("inactive", "|a=inactive", False, False, False),
        ("inactive", "", False, False, False),
    ],
)  # fmt: skip
def test_an_answered_direction_is_followed(
    us: Negotiation, describe: Any, wish: Direction, answered: str, sending: bool, receiving: bool, held: bool
) -> None:
    assert f"a={wish}\r\n" in us.offer(wish)
    agreement = us.accept(describe(f"m=audio 4000 RTP/AVP 0{answered}"))
    assert (agreement.sending, agreement.receiving, agreement.held) == (sending, receiving, held)


def test_hold_and_back_from_both_sides() -> None:
    here = Negotiation(Capabilities(), "192.0.2.1", 20_000, session_id=7)
    there = Negotiation(Capabilities(("PCMA",)), "192.0.2.7", 30_000, session_id=8)
    seen = []
    for asker, replier, wish in ((here, there, "sendrecv"), (here, there, "sendonly"), (there, here, "inactive"),
                                 (there, here, "sendrecv"), (here, there, "sendrecv")):  # fmt: skip
        theirs, answer = replier.answer(asker.offer(wish))
        ours = asker.accept(answer)
        assert (ours.sending, ours.receiving) == (theirs.receiving, theirs.sending)
        assert ours.codec == theirs.codec == "PCMA" and ours.event_payload_type == 101
        seen.append((ours.sending, ours.receiving, theirs.held))
    assert seen == [(True, True, False), (True, False, True), (False, False, True), (True, True, False),
                    (True, True, False)]  # fmt: skip
