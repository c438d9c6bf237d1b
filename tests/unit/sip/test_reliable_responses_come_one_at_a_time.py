from typing import Any

import pytest

from softswitch.sip.invite import Acknowledged, Cancelled, NotPracked, SendResponse, Unacknowledged
from softswitch.sip.invite_server import ServerInvite
from softswitch.sip.message import Headers, Request, Response
from softswitch.sip.reliable import MAX_WAITING, RAck
from softswitch.sip.transaction import TimerSettings
from softswitch.sip.uri import Uri

SDP = {"body": b"v=0", "content_type": "application/sdp"}


def made(*options: tuple[str, str], body: bytes = b"v=0", tag: str = "b") -> ServerInvite:
    pairs = [("Via", "SIP/2.0/UDP a;branch=z9hG4bK1"), ("From", "<sip:alice@a>;tag=a"), ("To", "<sip:bob@b>")]
    pairs += [("Call-ID", "one"), ("CSeq", "7 INVITE"), ("Contact", "<sip:alice@a>"), *options]
    request = Request("INVITE", Uri.of("bob", "b"), Headers(pairs), body)
    return ServerInvite(request, local_tag=tag, contact="<sip:bob@b>", settings=TimerSettings())


def prack(rack: str) -> Request:
    return Request("PRACK", Uri.of("bob", "b"), Headers([("RAck", rack)] if rack else []))


def ack() -> Request:
    return Request("ACK", Uri.of("bob", "b"), Headers([("CSeq", "7 ACK")]))


def sent(invite: ServerInvite) -> list[Response]:
    return [output.response for output in invite.drain() if isinstance(output, SendResponse)]


def rseq(response: Response) -> int:
    assert response.headers.get("Require") == "100rel"
    return int(response.headers.get("RSeq") or "")


def acknowledge(invite: ServerInvite, response: Response, *, now: float = 1.0) -> bool:
    return invite.pracked(prack(f"{rseq(response)} 7 INVITE"), now=now)


SUPPORTED, REQUIRED = ("Supported", "replaces, 100REL"), ("Require", "100rel")


@pytest.fixture
def invite() -> ServerInvite:
    return made(SUPPORTED)


def test_the_next_one_waits_for_the_prack(invite: ServerInvite) -> None:
    invite.provisional(180, reliable=True, now=0.0)
    invite.provisional(183, reliable=True, now=0.1, **SDP)
    invite.provisional(181, now=0.2)  # an unreliable one waits for nobody
    ringing, forwarded = sent(invite)
    assert ringing.status == 180 and forwarded.status == 181 and "RSeq" not in forwarded.headers
    assert acknowledge(invite, ringing, now=0.3)
    [progress] = sent(invite)
    assert progress.status == 183 and progress.body == b"v=0" and rseq(progress) == rseq(ringing) + 1
    assert not acknowledge(invite, ringing)  # the same PRACK in another transaction
    assert invite.next_timer() == 0.8
    assert acknowledge(invite, progress)
    assert invite.drain() == []


def test_copies_go_out_at_the_double_interval_each_time(invite: ServerInvite) -> None:
    invite.provisional(183, reliable=True, now=0.0, **SDP)
    [first] = sent(invite)
    times = []
    while not invite.finished:
        now = invite.next_timer()
        invite.handle_timer(now=now)
        outputs = invite.drain()
        if not invite.finished:
            assert [output.response for output in outputs] == [first]
            times.append(now)
    assert times == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5] and now == 32.0
    refusal, lost = outputs
    assert refusal.response.status == 504 and isinstance(lost, NotPracked)
    assert invite.next_timer() is None


@pytest.mark.parametrize(("options", "reliable"), [((), False), ((SUPPORTED,), True), ((REQUIRED,), True)])
def test_a_response_is_reliable_where_the_caller_can_take_it(
    options: tuple[tuple[str, str], ...], reliable: bool
) -> None:
    invite = made(*options)
    assert invite.peer_reliable is reliable
    invite.provisional(183, reliable=True, now=0.0, **SDP)
    [response] = sent(invite)
    assert ("RSeq" in response.headers) is ("Require" in response.headers) is reliable


def test_a_caller_who_insists_gets_all_of_them_reliably() -> None:
    invite = made(REQUIRED)
    invite.provisional(180, now=0.0)
    [ringing] = sent(invite)
    assert acknowledge(invite, ringing)
    invite.handle_timer(now=60.0)
    [again] = sent(invite)
    assert again.status == 180 and rseq(again) == rseq(ringing) + 1


def test_what_is_repeated_each_minute_describes_nothing(invite: ServerInvite) -> None:
    invite.provisional(183, reliable=True, now=0.0, **SDP)
    [progress] = sent(invite)
    assert acknowledge(invite, progress)
    invite.handle_timer(now=60.0)
    [again] = sent(invite)
    assert again.status == 183 and not again.body and "RSeq" not in again.headers


def test_an_option_list_that_cannot_be_read_names_nothing() -> None:
    assert not made(("Supported", '100rel, "')).peer_reliable


@pytest.mark.parametrize(
    "rack",
    [
        "",
        "7 INVITE",
        "{} 8 INVITE",
        "{} 7 UPDATE",
        "{} 7 invite",
        "{} 7 INVITE x",
        "0 7 INVITE",
        "-{} 7 INVITE",
        "x 7 INVITE",
    ],
)
def test_a_prack_of_something_else_is_not_ours(invite: ServerInvite, rack: str) -> None:
    invite.provisional(180, reliable=True, now=0.0)
    [ringing] = sent(invite)
    assert not invite.pracked(prack(rack.format(rseq(ringing))), now=0.1)
    assert acknowledge(invite, ringing)


def test_a_200_waits_for_descriptions_only(invite: ServerInvite) -> None:
    invite.provisional(180, reliable=True, now=0.0)
    invite.accept(now=0.1, **SDP)
    assert [response.status for response in sent(invite)] == [180, 200]
    assert invite.answered


def test_a_200_waits_for_a_description_that_waits_itself(invite: ServerInvite) -> None:
    invite.provisional(180, reliable=True, now=0.0)
    invite.provisional(181, reliable=True, now=0.0)  # says nothing that the answer would not say
    invite.provisional(183, reliable=True, now=0.0, **SDP)
    invite.accept(now=0.1)
    invite.accept(now=0.1)
    invite.provisional(180, now=0.1)
    [ringing] = sent(invite)
    assert not invite.answered and acknowledge(invite, ringing, now=0.2)
    [progress] = sent(invite)
    assert progress.status == 183 and not invite.answered
    assert acknowledge(invite, progress, now=0.3)
    assert [response.status for response in sent(invite)] == [200]
    assert invite.answered and invite.next_timer() == 0.8


def test_nothing_rings_again_while_the_200_waits(invite: ServerInvite) -> None:
    invite.provisional(180, reliable=True, now=0.0)
    invite.provisional(183, reliable=True, now=0.0, **SDP)
    invite.accept(now=0.1)
    [ringing] = sent(invite)
    assert acknowledge(invite, ringing, now=31.0)
    [progress] = sent(invite)
    invite.handle_timer(now=60.0)
    assert sent(invite) == [progress]


def test_a_prack_may_come_after_the_final_response(invite: ServerInvite) -> None:
    invite.provisional(180, reliable=True, now=0.0)
    [ringing] = sent(invite)
    invite.accept(now=0.1, **SDP)
    invite.handle_timer(now=0.6)
    assert [response.status for response in sent(invite)] == [200, 200]  # no copy of the 180
    assert acknowledge(invite, ringing) and not acknowledge(invite, ringing)

    refused = made(SUPPORTED)
    refused.provisional(183, reliable=True, now=0.0, **SDP)
    [progress] = sent(refused)
    refused.refuse(486)
    assert refused.finished and refused.next_timer() is None and acknowledge(refused, progress)


def test_a_caller_who_acknowledges_nothing_makes_us_keep_little(invite: ServerInvite) -> None:
    for _ in range(100):
        invite.provisional(180, reliable=True, now=0.0)
    heard = 0
    while responses := sent(invite):
        heard += len(responses)
        acknowledge(invite, responses[0])
    assert heard == 1 + MAX_WAITING


def test_each_call_begins_with_a_number_of_its_own() -> None:
    numbers = set()
    for index in range(200):
        invite = made(SUPPORTED, tag=f"{index:016x}")
        invite.provisional(180, reliable=True, now=0.0)
        numbers.add(rseq(sent(invite)[0]))
    assert len(numbers) == 200 and min(numbers) >= 1 and max(numbers) < 2**31
    assert max(numbers) > 2**30 > min(numbers)


def test_an_rack_prints_as_it_was_read() -> None:
    assert str(RAck.parse("4294967295 \t7  INVITE")) == "4294967295 7 INVITE"


# --- a later request stands for a lost ACK


def test_a_later_request_stands_for_a_lost_ack(invite: ServerInvite) -> None:
    invite.acknowledged_by_implication()
    assert not invite.finished
    invite.accept(now=0.0, **SDP)
    sent(invite)
    invite.acknowledged_by_implication()
    assert invite.drain() == [Acknowledged(None)] and invite.finished and invite.next_timer() is None
    invite.acknowledged(ack())
    assert invite.drain() == []


def test_an_ack_that_owes_an_answer_is_waited_for() -> None:
    invite = made(SUPPORTED, body=b"")
    invite.accept(now=0.0, **SDP)
    sent(invite)
    invite.acknowledged_by_implication()
    assert invite.answered and invite.next_timer() == 0.5  # only a copy of the 200 brings the ACK again
    late = ack()
    invite.acknowledged(late)
    assert invite.drain() == [Acknowledged(late)]


def test_an_answer_in_a_prack_is_not_owed_by_the_ack() -> None:
    invite = made(SUPPORTED, body=b"")
    invite.provisional(183, reliable=True, now=0.0, **SDP)
    [progress] = sent(invite)
    assert acknowledge(invite, progress)
    invite.accept(now=0.5, **SDP)
    sent(invite)
    invite.acknowledged_by_implication()
    assert invite.finished


# --- every situation and every input


def _open(invite: ServerInvite, **body: Any) -> None:
    invite.provisional(183, reliable=True, now=0.0, **body)


def _acknowledged(invite: ServerInvite) -> None:
    _open(invite, **SDP)
    acknowledge(invite, sent(invite)[0], now=0.0)


def _held(invite: ServerInvite) -> None:
    _open(invite, **SDP)
    invite.accept(now=0.0, **SDP)


def _accepted(invite: ServerInvite) -> None:
    invite.accept(now=0.0, **SDP)


SITUATIONS = {
    "proceeding": lambda invite: None,
    "open": _open,
    "open with SDP": lambda invite: _open(invite, **SDP),
    "acknowledged": _acknowledged,
    "200 held": _held,
    "accepted": _accepted,
    "finished": lambda invite: invite.refuse(486),
}

INPUTS = {
    "unreliable": lambda invite: invite.provisional(180, now=0.1),
    "reliable": lambda invite: invite.provisional(180, reliable=True, now=0.1),
    "accept": lambda invite: invite.accept(now=0.1, **SDP),
    "refuse": lambda invite: invite.refuse(480),
    "cancel": lambda invite: invite.cancelled(),
    "ack": lambda invite: invite.acknowledged(ack()),
    "implied": lambda invite: invite.acknowledged_by_implication(),
    "bye": lambda invite: invite.bye(),
    "failed": lambda invite: invite.failed(),
    "32 s": lambda invite: invite.handle_timer(now=32.0),
}

#: (situation, input) -> the statuses sent and the events, then the state; an absent pair changes nothing.
EXPECTED: dict[tuple[str, str], tuple[list[object], str]] = {
    ("proceeding", "unreliable"): ([180], "proceeding"),
    ("proceeding", "reliable"): ([180], "proceeding"),
    ("proceeding", "accept"): ([200], "accepted"),
    ("proceeding", "refuse"): ([480], "finished"),
    ("proceeding", "cancel"): ([487, Cancelled], "finished"),
    ("proceeding", "bye"): ([487], "finished"),
    ("proceeding", "failed"): ([], "finished"),
    ("open", "unreliable"): ([180], "proceeding"),
    ("open", "accept"): ([200], "accepted"),
    ("open", "refuse"): ([480], "finished"),
    ("open", "cancel"): ([487, Cancelled], "finished"),
    ("open", "bye"): ([487], "finished"),
    ("open", "failed"): ([], "finished"),
    ("open", "32 s"): ([504, NotPracked], "finished"),
    ("open with SDP", "unreliable"): ([180], "proceeding"),
    ("open with SDP", "refuse"): ([480], "finished"),
    ("open with SDP", "cancel"): ([487, Cancelled], "finished"),
    ("open with SDP", "bye"): ([487], "finished"),
    ("open with SDP", "failed"): ([], "finished"),
    ("open with SDP", "32 s"): ([504, NotPracked], "finished"),
    ("acknowledged", "unreliable"): ([180], "proceeding"),
    ("acknowledged", "reliable"): ([180], "proceeding"),
    ("acknowledged", "accept"): ([200], "accepted"),
    ("acknowledged", "refuse"): ([480], "finished"),
    ("acknowledged", "cancel"): ([487, Cancelled], "finished"),
    ("acknowledged", "bye"): ([487], "finished"),
    ("acknowledged", "failed"): ([], "finished"),
    ("200 held", "refuse"): ([480], "finished"),
    ("200 held", "cancel"): ([487, Cancelled], "finished"),
    ("200 held", "bye"): ([487], "finished"),
    ("200 held", "failed"): ([], "finished"),
    ("200 held", "32 s"): ([504, NotPracked], "finished"),
    ("accepted", "ack"): ([Acknowledged], "finished"),
    ("accepted", "implied"): ([Acknowledged], "finished"),
    ("accepted", "bye"): ([], "finished"),
    ("accepted", "32 s"): ([Unacknowledged], "finished"),
}


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("name", INPUTS)
def test_every_input_in_every_situation(invite: ServerInvite, situation: str, name: str) -> None:
    SITUATIONS[situation](invite)
    invite.drain()
    before = invite.state.value
    INPUTS[name](invite)
    outputs = invite.drain()
    happened = [output.response.status if isinstance(output, SendResponse) else type(output) for output in outputs]
    assert (happened, invite.state.value) == EXPECTED.get((situation, name), ([], before))
    if invite.finished:
        assert invite.next_timer() is None
