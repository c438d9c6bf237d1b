import pytest

from softswitch.errors import LocalError
from softswitch.sip.dialog import Dialog
from softswitch.sip.invite import (
    MAX_FORKS,
    Answered,
    AnsweredTooLate,
    Failed,
    Progressed,
    Refused,
    SendAck,
    SendBye,
    SendCancel,
)
from softswitch.sip.invite_client import ClientInvite
from softswitch.sip.message import Headers, Request, Response
from softswitch.sip.transaction import TimerSettings
from softswitch.sip.uri import Uri


def made_invite(*, to: str = "<sip:bob@b>", dialog: Dialog | None = None) -> ClientInvite:
    pairs = [("Via", "SIP/2.0/UDP a;branch=z9hG4bK1"), ("From", "<sip:alice@a>;tag=a"), ("To", to)]
    pairs += [("Call-ID", "one"), ("CSeq", "7 INVITE"), ("Contact", "<sip:alice@a>")]
    return ClientInvite(Request("INVITE", Uri.of("bob", "b"), Headers(pairs)), settings=TimerSettings(), dialog=dialog)


@pytest.fixture
def invite() -> ClientInvite:
    return made_invite()


def response(
    invite: ClientInvite, status: int, tag: str | None, contact: str | None = "<sip:bob@10.0.0.1>"
) -> Response:
    headers = [("Contact", contact)] if contact else []
    return invite.request.reply(status, to_tag=tag, headers=headers)


def kinds(invite: ClientInvite) -> list[type]:
    return [type(output) for output in invite.drain()]


def test_only_one_of_forked_answers_becomes_the_call(invite: ClientInvite) -> None:
    invite.response(response(invite, 180, "x"), now=1.0)
    invite.response(response(invite, 180, "y"), now=1.1)
    early = [output.dialog for output in invite.drain() if isinstance(output, Progressed)]
    assert [dialog.remote_tag for dialog in early] == ["x", "y"] and not early[0].confirmed

    invite.response(response(invite, 200, "y"), now=2.0)
    [answered] = invite.drain()
    assert isinstance(answered, Answered)
    assert answered.dialog is early[1] and answered.dialog.confirmed
    invite.acknowledge()
    [ack] = invite.drain()
    assert isinstance(ack, SendAck) and str(ack.request.cseq) == "7 ACK" and ack.dialog.remote_tag == "y"

    invite.response(response(invite, 200, "x"), now=2.1)
    surplus_ack, bye = invite.drain()
    assert isinstance(surplus_ack, SendAck) and surplus_ack.dialog.remote_tag == "x"
    assert isinstance(bye, SendBye) and bye.request.method == "BYE" and bye.request.to.tag == "x"
    assert bye.request.cseq.number == 8

    # copies: each phone gets its own ACK again, and nothing else
    invite.response(response(invite, 200, "x"), now=2.6)
    invite.response(response(invite, 200, "y"), now=2.7)
    again = invite.drain()
    assert [type(output) for output in again] == [SendAck, SendAck]
    assert [output.request for output in again] == [surplus_ack.request, ack.request]


def test_the_machine_lasts_as_long_as_copies_may_come(invite: ClientInvite) -> None:
    invite.response(response(invite, 200, "x"), now=2.0)
    assert invite.next_timer() == 34.0
    invite.handle_timer(now=33.9)
    assert not invite.finished
    invite.handle_timer(now=34.0)
    assert invite.finished and invite.next_timer() is None


def test_a_copy_before_the_ack_waits_for_it(invite: ClientInvite) -> None:
    invite.response(response(invite, 200, "x"), now=1.0)
    invite.response(response(invite, 200, "x"), now=1.5)
    assert kinds(invite) == [Answered]
    invite.acknowledge(body=b"v=0", content_type="application/sdp")
    [ack] = invite.drain()
    assert ack.request.body == b"v=0" and ack.request.content_type == "application/sdp"
    invite.acknowledge()
    assert invite.drain() == []


def test_every_forked_answer_after_a_cancel_is_ended(invite: ClientInvite) -> None:
    invite.response(response(invite, 180, "x"), now=0.5)
    invite.cancel()
    invite.cancel()
    assert kinds(invite) == [Progressed, SendCancel]
    invite.response(response(invite, 200, "x"), now=1.0)
    assert kinds(invite) == [SendAck, SendBye, AnsweredTooLate]
    invite.response(response(invite, 200, "y"), now=1.1)
    assert kinds(invite) == [SendAck, SendBye]


def test_more_phones_than_anybody_has_are_not_remembered(invite: ClientInvite) -> None:
    for number in range(100):
        invite.response(response(invite, 180, f"t{number}"), now=1.0)
    assert sum(output.dialog is not None for output in invite.drain()) == MAX_FORKS
    for number in range(100):
        invite.response(response(invite, 200, f"t{number}"), now=2.0)
    assert kinds(invite).count(SendBye) == MAX_FORKS - 1


def test_an_answer_without_contact_is_acknowledged_where_the_invite_went(invite: ClientInvite) -> None:
    invite.response(response(invite, 200, "x", None), now=1.0)
    invite.acknowledge()
    answered, ack = invite.drain()
    assert isinstance(answered, Answered) and str(ack.request.uri) == "sip:bob@b"


def test_an_answer_that_nobody_can_use_fails_the_call(invite: ClientInvite) -> None:
    invite.response(response(invite, 180, "x", "<sip:"), now=0.5)
    invite.response(response(invite, 200, "x", "<sip:"), now=1.0)
    progressed, ack, bye, failed = invite.drain()
    assert progressed.dialog is None and isinstance(failed, Failed) and failed.why
    assert [str(sent.request.uri) for sent in (ack, bye)] == ["sip:bob@b", "sip:bob@b"]  # the best that is known
    assert [str(sent.request.cseq) for sent in (ack, bye)] == ["7 ACK", "8 BYE"]
    # the phone goes on saying 200 until an ACK gets through; another phone's answer comes too late
    invite.response(response(invite, 200, "x", "<sip:"), now=1.5)
    invite.response(response(invite, 200, "y"), now=1.6)
    assert kinds(invite) == [SendAck, SendAck, SendBye]
    assert not invite.finished and invite.next_timer() == 33.0
    invite.handle_timer(now=33.0)
    assert invite.finished


def test_what_can_be_read_of_a_broken_answer_ends_it(invite: ClientInvite) -> None:
    broken = response(invite, 200, "x", "<sip:bob@10.0.0.1>")
    for route in ("<sip:p1;lr>", "<sip:", '"p3 <sip:p3;lr>', "<sip:p4;lr>"):
        broken.headers.add("Record-Route", route)
    invite.response(broken, now=1.0)
    ack, bye, failed = invite.drain()
    assert isinstance(failed, Failed) and failed.why
    assert [str(sent.request.uri) for sent in (ack, bye)] == ["sip:bob@10.0.0.1"] * 2


def test_a_broken_answer_of_a_known_phone_is_ended_where_it_rang(invite: ClientInvite) -> None:
    invite.response(response(invite, 180, "x"), now=0.5)
    [progressed] = invite.drain()
    progressed.dialog.request("PRACK")
    invite.response(response(invite, 200, "x", "<sip:"), now=1.0)
    ack, bye, _ = invite.drain()
    assert ack.dialog is bye.dialog is progressed.dialog
    assert str(bye.request.uri) == "sip:bob@10.0.0.1" and bye.request.cseq.number == 9


def test_a_broken_answer_after_a_cancel_comes_too_late(invite: ClientInvite) -> None:
    invite.response(response(invite, 180, "x"), now=0.5)
    invite.cancel()
    invite.response(response(invite, 200, "y", "<sip:"), now=1.0)
    assert kinds(invite) == [Progressed, SendCancel, SendAck, SendBye, AnsweredTooLate]


def test_a_broken_answer_of_a_second_phone_harms_nobody(invite: ClientInvite) -> None:
    invite.response(response(invite, 200, "x"), now=1.0)
    invite.response(response(invite, 200, "y", "<sip:"), now=1.1)
    assert kinds(invite) == [Answered, SendAck, SendBye] and invite.dialog.remote_tag == "x"


def test_a_phone_that_had_a_prack_gets_its_bye_in_order(invite: ClientInvite) -> None:
    invite.response(response(invite, 180, "x"), now=0.5)
    [progressed] = invite.drain()
    assert progressed.dialog.request("PRACK").cseq.number == 8
    invite.response(response(invite, 200, "y"), now=1.0)
    invite.response(response(invite, 200, "x"), now=1.1)
    bye = invite.drain()[-1]
    assert isinstance(bye, SendBye) and bye.dialog is progressed.dialog and bye.request.cseq.number == 9


def test_a_refusal_and_a_timeout_end_it(invite: ClientInvite) -> None:
    invite.response(response(invite, 486, "x"), now=1.0)
    invite.response(response(invite, 200, "x"), now=1.0)
    invite.failed("timeout")
    assert kinds(invite) == [Refused] and invite.finished
    other = made_invite()
    other.cancel()
    other.failed("timeout")
    assert kinds(other) == [Failed] and other.finished


def test_a_phone_that_refuses_after_another_answered_changes_nothing(invite: ClientInvite) -> None:
    invite.response(response(invite, 200, "x"), now=1.0)
    invite.response(response(invite, 486, "y"), now=1.1)
    invite.response(response(invite, 180, "z"), now=1.2)
    invite.failed("timeout")
    assert kinds(invite) == [Answered] and not invite.finished


def test_there_is_nothing_to_acknowledge_before_the_answer(invite: ClientInvite) -> None:
    with pytest.raises(LocalError):
        invite.acknowledge()


def test_a_reinvite_cancelled_too_late_ends_no_call() -> None:
    first = made_invite()
    first.response(response(first, 200, "x"), now=1.0)
    dialog = first.drain()[0].dialog
    again = made_invite(to="<sip:bob@b>;tag=x", dialog=dialog)
    again.response(response(again, 100, None), now=2.0)
    again.cancel()
    again.response(response(again, 200, None, "<sip:bob@10.9.9.9>"), now=2.1)
    again.acknowledge()
    assert kinds(again) == [Progressed, SendCancel, Answered, SendAck]
    assert dialog.remote_target.host == "10.9.9.9"


def test_a_reinvite_answered_with_a_broken_contact_moves_nothing() -> None:
    first = made_invite()
    first.response(response(first, 200, "x"), now=1.0)
    dialog = first.drain()[0].dialog
    again = made_invite(to="<sip:bob@b>;tag=x", dialog=dialog)
    again.response(response(again, 200, None, "<sip:"), now=2.0)
    again.acknowledge()
    assert kinds(again) == [Answered, SendAck] and dialog.remote_target.host == "10.0.0.1"


def test_an_invite_that_is_sent_again_begins_anew() -> None:
    invite = made_invite()
    invite.response(response(invite, 180, "x"), now=0.5)
    invite.response(response(invite, 422, "x"), now=0.6)
    assert kinds(invite) == [Progressed, Refused] and invite.finished
    again = invite.request.copy()
    again.headers.set("CSeq", "8 INVITE")
    invite.resent(again)
    invite.cancel()
    assert not invite.finished and invite.drain() == []  # nothing came yet, so the CANCEL waits
    invite.response(response(invite, 180, "x"), now=1.0)
    assert kinds(invite) == [SendCancel, Progressed]


def test_the_ack_has_the_number_of_the_invite_that_was_answered(invite: ClientInvite) -> None:
    again = invite.request.copy()
    again.headers.set("CSeq", "8 INVITE")
    invite.resent(again)
    invite.response(response(invite, 200, "x"), now=1.0)
    invite.acknowledge()
    answered, ack = invite.drain()
    assert str(ack.request.cseq) == "8 ACK" and answered.dialog.request("BYE").cseq.number == 9
    with pytest.raises(LocalError):
        invite.resent(again)
