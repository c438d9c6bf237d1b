from collections.abc import Callable

import pytest

from softswitch.sip.invite import Answered, Progressed
from softswitch.sip.invite_client import ClientInvite
from softswitch.sip.message import Headers, Request, Response
from softswitch.sip.reliable import rseq_of
from softswitch.sip.transaction import TimerSettings
from softswitch.sip.uri import Uri

Take = Callable[..., list[str]]


@pytest.fixture
def invite() -> ClientInvite:
    pairs = [("Via", "SIP/2.0/UDP a;branch=z9hG4bK1"), ("From", "<sip:alice@a>;tag=a"), ("To", "<sip:bob@b>")]
    pairs += [("Call-ID", "one"), ("CSeq", "7 INVITE"), ("Contact", "<sip:alice@a>"), ("Supported", "100rel")]
    return ClientInvite(Request("INVITE", Uri.of("bob", "b"), Headers(pairs)), settings=TimerSettings())


def numbered(invite: ClientInvite, rseq: object, *, tag: str | None = "x", status: int = 183) -> Response:
    headers = [("Contact", "<sip:bob@10.0.0.1>"), ("Require", "100rel")]
    if rseq is not None:
        headers.append(("RSeq", str(rseq)))
    return invite.request.reply(status, to_tag=tag, headers=headers)


@pytest.fixture
def take(invite: ClientInvite) -> Take:
    """Give one response to the machine and return the RAck of each that it reports."""

    def take(rseq: object, **more: object) -> list[str]:
        invite.response(numbered(invite, rseq, **more), now=1.0)
        return [output.rack for output in invite.drain() if isinstance(output, Progressed)]

    return take


def test_each_is_acknowledged_once_and_none_before_its_turn(take: Take) -> None:
    assert take(100) == ["100 7 INVITE"]
    assert take(100) == []  # a copy; the PRACK comes again by itself
    assert take(102) == []  # 101 is missing: not acknowledged, so it comes again
    assert take(101) == ["101 7 INVITE"]
    assert take(102) == ["102 7 INVITE"]
    assert take(99) == [] == take(101)


def test_each_phone_counts_for_itself(take: Take) -> None:
    assert take(100, tag="x") == ["100 7 INVITE"]
    assert take(5, tag="y") == ["5 7 INVITE"]
    assert take(101, tag="x") == ["101 7 INVITE"]
    assert take(6, tag="y") == ["6 7 INVITE"]
    assert take(5, tag="y") == []


def test_the_prack_goes_where_its_phone_is(invite: ClientInvite) -> None:
    invite.response(numbered(invite, 100), now=1.0)
    [progressed] = invite.drain()
    request = progressed.dialog.request("PRACK", headers=(("RAck", progressed.rack),))
    assert (str(request.uri), request.to.tag, str(request.cseq)) == ("sip:bob@10.0.0.1", "x", "8 PRACK")
    assert request.headers.get("RAck") == "100 7 INVITE"


def test_the_numbers_of_an_early_dialog_go_on_when_it_is_confirmed(invite: ClientInvite) -> None:
    invite.response(numbered(invite, 100), now=1.0)
    early = invite.drain()[0].dialog
    early.request("PRACK")
    invite.response(numbered(invite, None, status=200), now=2.0)
    [answered] = invite.drain()
    invite.acknowledge()
    assert isinstance(answered, Answered) and answered.dialog is early
    assert str(invite.drain()[0].request.cseq) == "7 ACK" and early.request("INVITE").cseq.number == 9


def test_after_the_answer_none_is_taken(invite: ClientInvite, take: Take) -> None:
    invite.response(numbered(invite, None, status=200), now=1.0)
    invite.drain()
    assert take(100) == []


@pytest.mark.parametrize("rseq", [None, "", "0", "-1", "x", "1 2", str(2**32), "9" * 40])
def test_without_a_number_that_can_be_read_it_is_an_unreliable_one(take: Take, rseq: object) -> None:
    assert take(rseq) == [""] == take(rseq)


def test_a_100_and_one_without_a_dialog_are_not_acknowledged(take: Take) -> None:
    assert take(100, status=100) == [""]
    assert rseq_of(Response(100, "", Headers([("Require", "100rel"), ("RSeq", "1")]))) is None  # of a re-INVITE, too
    assert take(100, tag=None) == [""]
    assert take(2**32 - 1) == [f"{2**32 - 1} 7 INVITE"]


def test_a_number_without_require_asks_for_nothing(invite: ClientInvite) -> None:
    response = numbered(invite, 100)
    response.headers.remove("Require")
    invite.response(response, now=1.0)
    assert [output.rack for output in invite.drain()] == [""]


def test_an_invite_that_is_sent_again_begins_to_count_anew(invite: ClientInvite, take: Take) -> None:
    assert take(100) == ["100 7 INVITE"]
    again = invite.request.copy()
    again.headers.set("CSeq", "8 INVITE")
    invite.resent(again)
    assert take(3) == ["3 8 INVITE"]


def test_the_prack_counts_from_the_invite_that_was_sent_again(invite: ClientInvite) -> None:
    invite.response(numbered(invite, 100), now=1.0)
    again = invite.request.copy()
    again.headers.set("CSeq", "20 INVITE")
    invite.resent(again)
    invite.response(numbered(invite, 100), now=2.0)
    assert invite.drain()[-1].dialog.request("PRACK").cseq.number == 21
