"""In our own Contact among many, in Expires, nowhere; broken, huge, or zero."""

from typing import Any

import pytest

from softswitch.sip.message import Headers, Request, Response
from softswitch.sip.registration import RegistrationState

OTHER = "<sip:alice@203.0.113.9:5060>;expires=7"


def _contacts(*contacts: str, expires: str | None = None) -> Any:
    def answer(request: Request) -> Response:
        ours = (request.headers.get("Contact") or "").partition(";expires")[0]
        pairs = [("Contact", contact.replace("OURS", ours)) for contact in contacts]
        return Response(200, "OK", Headers(pairs + ([("Expires", expires)] if expires is not None else [])))

    return answer


@pytest.mark.parametrize(
    ("answer", "granted"),
    [
        (_contacts("OURS;expires=120"), 120),
        (_contacts("OURS;EXPIRES=120;q=0.5"), 120),
        (_contacts(OTHER, "OURS;expires=120", OTHER), 120),
        (_contacts(f"{OTHER}, OURS;expires=120"), 120),
        (_contacts(OTHER, "OURS;expires=120", expires="50"), 120),
        (_contacts(OTHER, "OURS", expires="50"), 50),
        (_contacts(OTHER, OTHER, expires="50"), 50),
        (_contacts(OTHER, OTHER), 3600),
        (_contacts("<sip:rewritten@10.0.0.1:9>;expires=90"), 90),
        (_contacts("<sip:alice@198.51.100.7:5060>;expires=80", OTHER), 80),
        (_contacts(), 3600),
        (_contacts(expires="300"), 300),
        (_contacts("OURS;expires=soon", expires="300"), 300),
        (_contacts("OURS;expires=-1", expires="+5"), 3600),
        (_contacts("OURS;expires=" + "9" * 19), 3600),
        (_contacts("OURS;expires=" + "9" * 5000), 3600),
        (_contacts('"broken <sip:', "OURS;expires=120"), 120),
        (_contacts('"broken <sip:, x', "OURS;expires=120", expires="40"), 40),
        (_contacts("<<<>>>;;=", "OURS;expires=120"), 120),
        (_contacts("*", expires="77"), 77),
        (_contacts(*[OTHER] * 2000, expires="77"), 77),
    ],
)
def test_the_expiry_is_found(make_rig: Any, answer: Any, granted: int) -> None:
    rig = make_rig()
    rig.otherwise = answer
    rig.start()
    status = rig.machine.status()
    assert (rig.state, status.expires) == (RegistrationState.REGISTERED, granted)
    assert status.expires_at == rig.now + granted
    assert rig.now < status.next_at <= status.expires_at


def test_our_contact_of_now_counts_and_not_that_of_an_hour_ago(make_rig: Any) -> None:
    rig = make_rig()
    line = rig.machine.line
    rig.otherwise = _contacts(f"<sip:alice@10.9.9.9:1;line={line}>;expires=9", "OURS;expires=120")
    assert rig.start().machine.status().expires == 120


def test_a_contact_with_our_line_goes_before_one_with_our_address(make_rig: Any) -> None:
    rig = make_rig()
    line = rig.machine.line
    other = "<sip:alice@198.51.100.7:5060>;expires=9"
    rig.otherwise = _contacts(other, f"<sip:alice@10.0.0.1:1;line={line}>;expires=120")
    assert rig.start().machine.status().expires == 120


def test_a_binding_that_is_not_kept_is_no_registration(make_rig: Any, grants: Any) -> None:
    rig = make_rig()
    rig.otherwise = grants(0)
    rig.start()
    assert rig.state is RegistrationState.FAILED
    assert "keeps no binding" in rig.error
    rig.run(3600)
    assert len(rig.sent) < 12


def test_we_ask_in_both_forms(rig: Any) -> None:
    rig.start()
    assert rig.last.headers.get("Expires") == "3600"
    assert rig.last.contacts[0].param("expires") == "3600"
    assert rig.last.contacts[0].uri.param("line") == rig.machine.line
    assert str(rig.last.uri) == "sip:carrier.example"
    assert rig.last.options("Supported") == ("path",)


def test_a_configured_expiry_is_bounded(make_rig: Any) -> None:
    assert make_rig(expires=10**9).start().last.headers.get("Expires") == "604800"
    assert make_rig(expires=-5).start().last.headers.get("Expires") == "1"
