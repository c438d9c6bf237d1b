"""REGISTER by the steps of RFC 3261 section 10.3: what is granted, what is refused, and that it is all or nothing."""

from typing import Any

import pytest


@pytest.mark.parametrize(
    ("contact", "expires", "granted"),
    [
        ("{};expires=120", "900", 120),
        ("{}", "900", 900),
        ("{}", None, 600),
        ("{};expires=nonsense", "900", 900),
        ("{};expires=-1", "never", 600),
        ("{};expires=99999999999999999999999999", "90", 90),
        ("{};expires=86400", None, 7200),
        ("{}", "4294967295", 7200),
        ("{};expires=60", None, 60),
    ],
)
def test_how_long_is_granted(desk: Any, phone: str, contact: str, expires: str | None, granted: int) -> None:
    reply = desk.register(contact.format(phone), expires=expires)
    assert reply.status == 200
    assert list(desk.bound().values()) == [granted]
    assert reply.headers == (("Contact", f"{phone};expires={granted}"),)


def test_what_is_left_is_said_of_each_and_never_nothing(desk: Any, phone: str) -> None:
    desk.register(phone, expires="100")
    desk.now += 99.8
    reply = desk.register("<sip:alice@192.168.1.6>;q=0.5", expires="300")
    assert [value for _, value in reply.headers] == [
        f"{phone};expires=1",
        "<sip:alice@192.168.1.6>;q=0.5;expires=300",
    ]
    assert desk.register().headers == reply.headers, "without a Contact it is a question"


def test_what_is_over_is_looked_up_no_more_whether_its_timer_fired_or_not(desk: Any, phone: str) -> None:
    desk.register(phone, expires="60")
    desk.now += 60
    assert desk.bound() == {}
    assert desk.register().headers == ()
    desk.wait(0)
    assert len(desk.location) == 0
    assert [type(one).__name__ for one in desk.location.drain()] == ["Bound", "Unbound"]


def test_a_refresh_is_the_same_phone(desk: Any, phone: str) -> None:
    desk.register(phone, expires="60")
    (first,) = desk.phones()
    desk.wait(50)
    desk.register("<sip:%61lice@192.168.1.5:5060;unknown=1>", expires="60")
    (second,) = desk.phones()
    assert (second.number, second.since, second.expires_at) == (first.number, first.since, desk.now + 60)
    assert len(desk.location.drain()) == 1, "nobody needs to hear of a refresh"


@pytest.mark.parametrize("least", [60, 600])
def test_too_brief_is_refused_with_the_least(make_desk: Any, phone: str, least: int) -> None:
    desk = make_desk(min_expires=least)
    assert desk.register(phone, expires=str(least - 1)).status == 423
    assert desk.register(phone, expires=str(least - 1)).headers == (("Min-Expires", str(least)),)
    assert desk.register(phone, expires=str(least)).status == 200
    assert desk.register(phone, expires="0").status == 200, "0 is no interval"


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ("<sip:alice@192.168.1.9>;expires=5", 423),
        ("<tel:+49301>", 400),
        ("<http://192.168.1.9>", 400),
        (f"<sip:{'a' * 600}@h>", 400),
        ("<sip:alice@192.168.1.5:5060>;expires=0, *", 400),
    ],
)
def test_one_contact_that_is_wrong_refuses_them_all(desk: Any, phone: str, wrong: str, status: int) -> None:
    desk.register(phone, expires="60")
    desk.wait(10)
    assert desk.register("<sip:alice@192.168.1.6>", f"{phone};expires=0", wrong).status == status
    assert desk.bound() == {phone.strip("<>"): 50}


def test_a_star_takes_everything_of_that_user_alone(desk: Any, phone: str) -> None:
    desk.register(phone)
    desk.register("<sip:alice@192.168.1.6>", call_id="other")
    desk.register(phone, user="bob")
    assert desk.register("*", expires="0").status == 200
    assert desk.bound() == {} and len(desk.bound("bob")) == 1


@pytest.mark.parametrize(
    ("contacts", "expires"), [(("*",), "60"), (("*",), None), (("*", "<sip:a@b>"), "0"), (("<sip:a@b>, *",), "0")]
)
def test_a_star_is_valid_alone_and_with_0(desk: Any, phone: str, contacts: Any, expires: str | None) -> None:
    desk.register(phone)
    assert desk.register(*contacts, expires=expires).status == 400
    assert len(desk.bound()) == 1


def test_of_one_call_id_only_what_is_newer_counts(desk: Any, phone: str) -> None:
    desk.register(phone, expires="60", cseq=5)
    for cseq in (4, 5):
        assert desk.register(phone, expires="600", cseq=cseq).status == 500
        assert desk.register("<sip:alice@192.168.1.6>", f"{phone};expires=0", cseq=cseq).status == 500
        assert desk.register("*", expires="0", cseq=cseq).status == 500
    assert desk.bound() == {phone.strip("<>"): 60}
    assert desk.register(phone, expires="600", cseq=1, call_id="after-a-restart").status == 200
    assert desk.register("*", expires="0", cseq=2, call_id="another").status == 200


@pytest.mark.parametrize(
    ("q", "value"),
    [("", 1.0), (";q=0.5", 0.5), (";q=1", 1.0), (";q=0", 0.0), (";q=1.000", 1.0), (";q=.5", 1.0), (";q=7", 1.0)],
)
def test_a_preference_that_cannot_be_read_is_the_highest(desk: Any, phone: str, q: str, value: float) -> None:
    desk.register(phone + q)
    assert [one.q for one in desk.phones()] == [value]


def test_those_who_are_preferred_come_first(desk: Any) -> None:
    desk.register("<sip:a@h>;q=0.1", "<sip:b@h>;q=0.9", "<sip:c@h>", "<sip:d@h>;q=0.9")
    assert [one.contact.username for one in desk.phones()] == ["c", "b", "d", "a"]


def test_a_path_is_kept_and_said_to_who_knows_it(desk: Any, phone: str) -> None:
    path = ("Path", "<sip:edge.example;lr>, <sip:inner.example;lr>")
    assert desk.register(phone, lines=[path, ("Supported", "timer, path")], by_flow=True).headers[-1] == path
    assert desk.register(phone, lines=[path], by_flow=True).headers[-1][0] == "Contact"
    (binding,) = desk.phones()
    assert binding.path == ("<sip:edge.example;lr>", "<sip:inner.example;lr>")
    assert binding.flow is None, "whoever is behind a proxy is reached by it"


@pytest.mark.parametrize("path", ["<sip:x", "<tel:1>", ", ".join(["<sip:h;lr>"] * 9), f"<sip:{'a' * 600}>"])
def test_a_path_that_no_call_could_follow_is_refused(desk: Any, phone: str, path: str) -> None:
    assert desk.register(phone, lines=[("Path", path)]).status == 400
    assert desk.bound() == {}
