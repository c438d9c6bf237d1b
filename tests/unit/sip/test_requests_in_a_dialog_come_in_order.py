import pytest

from softswitch.errors import RemoteError
from softswitch.sip.dialog import Dialog
from softswitch.sip.message import Headers, Request
from softswitch.sip.uri import Uri


def request(method: str, number: int, *, to: str = ";tag=b", contact: str = "<sip:alice@10.0.0.1>") -> Request:
    pairs = [("Via", "SIP/2.0/UDP a;branch=z9hG4bK1"), ("From", "<sip:alice@a>;tag=a"), ("To", f"<sip:bob@b>{to}")]
    pairs += [("Call-ID", "one"), ("CSeq", f"{number} {method}"), ("Contact", contact)]
    return Request(method, Uri.of("bob", "b"), Headers(pairs))


@pytest.fixture
def dialog() -> Dialog:
    return Dialog.answering(request("INVITE", 7, to=""), "b")


def test_a_lower_number_gets_500(dialog: Dialog) -> None:
    with pytest.raises(RemoteError):
        dialog.receive(request("OPTIONS", 6))  # lower than that of the INVITE
    dialog.receive(request("OPTIONS", 9))
    with pytest.raises(RemoteError) as error:
        dialog.receive(request("BYE", 8))
    assert (error.value.kind, error.value.status) == ("cseq_out_of_order", 500)
    dialog.receive(request("BYE", 30))  # a gap is no fault


def test_a_number_used_twice_is_forgiven(dialog: Dialog) -> None:
    dialog.receive(request("INVITE", 8))
    dialog.receive(request("BYE", 8))


def test_an_ack_is_never_out_of_order(dialog: Dialog) -> None:
    dialog.receive(request("OPTIONS", 9))
    dialog.receive(request("ACK", 7))
    dialog.receive(request("BYE", 10))


def test_both_sides_count_for_themselves(dialog: Dialog) -> None:
    assert [dialog.request(method).cseq.number for method in ("OPTIONS", "BYE")] == [1, 2]
    dialog.receive(request("BYE", 8))


def test_a_reinvite_moves_the_target_and_a_bye_does_not(dialog: Dialog) -> None:
    dialog.receive(request("INVITE", 8, contact="<sip:alice@10.0.0.9>"))
    assert dialog.remote_target.host == "10.0.0.9"
    dialog.receive(request("BYE", 9, contact="<sip:alice@10.0.0.66>"))
    assert dialog.remote_target.host == "10.0.0.9"


def test_a_dialog_knows_its_requests(dialog: Dialog) -> None:
    assert dialog.matches(request("BYE", 8))
    assert not dialog.matches(request("BYE", 8, to=";tag=other"))
    assert not dialog.matches(request("BYE", 8, to=""))
