import pytest

from softswitch.errors import LocalError, RemoteError
from softswitch.sip.dialog import MAX_ROUTES, Dialog
from softswitch.sip.message import Headers, Request
from softswitch.sip.uri import Uri


def invite(*lines: tuple[str, str], contact: str | None = "<sip:alice@10.0.0.1:5070>") -> Request:
    pairs = [("Via", "SIP/2.0/UDP a;branch=z9hG4bK1"), *lines, ("From", '"A" <sip:alice@a>;tag=a')]
    pairs += [("To", "<sip:bob@b>"), ("Call-ID", "one"), ("CSeq", "7 INVITE")]
    if contact is not None:
        pairs.append(("Contact", contact))
    return Request("INVITE", Uri.of("bob", "b"), Headers(pairs))


PROXIES = (("Record-Route", "<sip:p2.example;lr>, <sip:p1.example;lr>"), ("Record-Route", "<sip:p0.example;lr>"))


def test_the_called_side_keeps_the_order_of_record_route() -> None:
    dialog = Dialog.answering(invite(*PROXIES), "b")
    bye = dialog.request("BYE")
    assert str(bye.uri) == "sip:alice@10.0.0.1:5070"
    assert [str(route.uri) for route in bye.routes] == [f"sip:p{n}.example;lr" for n in (2, 1, 0)]
    assert str(dialog.next_hop) == "sip:p2.example;lr"
    assert bye.headers.get("From") == "<sip:bob@b>;tag=b"
    assert bye.headers.get("To") == '"A" <sip:alice@a>;tag=a'
    assert (bye.call_id, str(bye.cseq), bye.max_forwards) == ("one", "1 BYE", 70)


def test_the_calling_side_reverses_it() -> None:
    request = invite()
    answer = invite(*PROXIES).reply(200, to_tag="b", headers=[("Contact", "<sip:bob@10.0.0.2>")])
    dialog = Dialog.calling(request, answer)
    again = dialog.request("INVITE", contact="<sip:alice@10.0.0.1>")
    assert [str(route.uri) for route in again.routes] == [f"sip:p{n}.example;lr" for n in (0, 1, 2)]
    assert str(again.uri) == "sip:bob@10.0.0.2"
    assert str(again.cseq) == "8 INVITE" and again.to.tag == "b" and again.from_.tag == "a"
    assert str(dialog.ack(7).cseq) == "7 ACK"
    assert [str(route.uri) for route in dialog.ack(7).routes] == [f"sip:p{n}.example;lr" for n in (0, 1, 2)]


def test_a_strict_router_gets_its_own_address_on_the_request_line() -> None:
    routes = [("Record-Route", "<sip:old.example?Subject=x>"), ("Record-Route", "<sip:p0.example;lr>")]
    bye = Dialog.answering(invite(*routes), "b").request("BYE")
    assert str(bye.uri) == "sip:old.example"
    assert bye.headers.all("Route") == ["<sip:p0.example;lr>", "<sip:alice@10.0.0.1:5070>"]


def test_without_proxies_the_contact_is_all() -> None:
    dialog = Dialog.answering(invite(), "b")
    assert dialog.request("BYE").routes == ()
    assert str(dialog.next_hop) == "sip:alice@10.0.0.1:5070"


def test_the_final_answer_replaces_the_route_of_the_early_dialog() -> None:
    request = invite()
    ringing = invite(*PROXIES).reply(180, to_tag="b", headers=[("Contact", "<sip:early@10.0.0.2>")])
    dialog = Dialog.calling(request, ringing)
    assert len(dialog.routes) == 3 and not dialog.confirmed
    answer = invite(("Record-Route", "<sip:only.example;lr>"))
    dialog.confirm(answer.reply(200, to_tag="b", headers=[("Contact", "<sip:bob@10.0.0.3>")]))
    assert dialog.routes == ("<sip:only.example;lr>",) and dialog.remote_target.host == "10.0.0.3"


def test_a_caller_of_the_old_rfc_without_contact_is_found_by_its_from() -> None:
    old = invite(("Record-Route", "<sip:UserB@example.com;maddr=ss1.example.com>"), contact=None)
    old.headers.set("Via", "SIP/2.0/UDP iftgw.example.com")
    assert str(Dialog.answering(old, "b").remote_target) == "sip:alice@a"


def test_an_invite_without_contact_or_with_a_thousand_proxies_makes_no_dialog() -> None:
    with pytest.raises(RemoteError) as error:
        Dialog.answering(invite(contact=None), "b")
    assert (error.value.kind, error.value.status) == ("missing_contact", 400)
    with pytest.raises(RemoteError) as error:
        Dialog.answering(invite(*[("Record-Route", "<sip:p;lr>")] * (MAX_ROUTES + 1)), "b")
    assert error.value.kind == "too_many_routes"
    with pytest.raises(RemoteError):
        Dialog.answering(invite(("Record-Route", "<sip:")), "b")


def test_ack_and_cancel_have_no_number_of_their_own() -> None:
    with pytest.raises(LocalError):
        Dialog.answering(invite(), "b").request("ACK")
