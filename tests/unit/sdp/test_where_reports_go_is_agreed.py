"""One port for sound and reports where both sides say so (RFC 5761), else the one that the peer names (RFC 3605)."""

from typing import Any

import pytest

from softswitch.sdp.agreement import Capabilities
from softswitch.sdp.control import Control
from softswitch.sdp.negotiate import Negotiation


@pytest.mark.parametrize(
    ("lines", "control", "answered"),
    [
        ("", Control(False, ("192.0.2.7", 4001)), set()),
        ("|a=rtcp-mux", Control(True, ("192.0.2.7", 4000)), {"rtcp-mux"}),
        ("|a=rtcp-mux|a=rtcp-rsize|a=rtcp:4000", Control(True, ("192.0.2.7", 4000)), {"rtcp-mux", "rtcp-rsize"}),
        ("|a=rtcp:53020", Control(False, ("192.0.2.7", 53020)), set()),
        ("|a=rtcp:53020 IN IP4 192.0.2.7", Control(False, ("192.0.2.7", 53020)), set()),
        # Whoever is named there has not called us.
        ("|a=rtcp:53020 IN IP4 203.0.113.9", Control(False, ("192.0.2.7", 4001)), set()),
        ("|a=rtcp:nonsense", Control(False, ("192.0.2.7", 4001)), set()),
        ("|a=rtcp:0", Control(False, ("192.0.2.7", 4001)), set()),
        ("|a=rtcp:70000 IN", Control(False, ("192.0.2.7", 4001)), set()),
        ("|a=rtcp:53020 IN nowhere", Control(False, ("192.0.2.7", 4001)), set()),
    ],
)
def test_offers_are_answered(us: Negotiation, describe: Any, lines: str, control: Control, answered: set[str]) -> None:
    agreement, text = us.answer(describe(f"m=audio 4000 RTP/AVP 0{lines}"))
    assert agreement.control == control
    assert {name for name in ("rtcp-mux", "rtcp-rsize") if f"a={name}\r\n" in text} == answered


@pytest.mark.parametrize(
    ("lines", "control"),
    [("", Control(False, ("192.0.2.7", 4001))), ("|a=rtcp-mux", Control(True, ("192.0.2.7", 4000)))],
)
def test_answers_decide(us: Negotiation, describe: Any, lines: str, control: Control) -> None:
    assert "a=rtcp-mux\r\n" in us.offer()
    assert us.accept(describe(f"m=audio 4000 RTP/AVP 0{lines}")).control == control


def test_who_wants_no_reports_says_nothing_of_them(describe: Any) -> None:
    us = Negotiation(Capabilities(reports=False), "192.0.2.1", 20000, session_id=7)
    assert "rtcp" not in us.offer()
    agreement, text = us.answer(describe("m=audio 4000 RTP/AVP 0|a=rtcp-mux"))
    assert agreement.control is None
    assert "rtcp" not in text
