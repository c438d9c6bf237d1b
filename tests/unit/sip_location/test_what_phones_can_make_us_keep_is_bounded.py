"""However phones come and go, what is kept is bounded: by user, in all, in timers; and ghosts are let go."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.sip.location import Bound, Unbound


def test_one_phone_too_many_takes_the_place_of_the_one_not_heard_of_for_longest(make_desk: Any) -> None:
    desk = make_desk(max_contacts=3)
    for number in range(3):
        desk.register(f"<sip:{number}@h>", expires="600")
        desk.wait(1)
    desk.register("<sip:0@h>", expires="60")
    desk.wait(1)
    desk.register("<sip:new@h>")
    assert {one.contact.username for one in desk.phones()} == {"2", "0", "new"}


def test_more_at_once_than_a_user_may_have_are_refused(make_desk: Any) -> None:
    desk = make_desk(max_contacts=2)
    assert desk.register("<sip:1@h>", "<sip:2@h>", "<sip:3@h>").status == 403
    assert desk.bound() == {}
    assert desk.register("<sip:1@h>", "<sip:2@h>", "<sip:3@h>", max_contacts=3).status == 200


def test_those_of_one_request_do_not_push_each_other_out(make_desk: Any) -> None:
    desk = make_desk(max_contacts=2)
    desk.register("<sip:old@h>", expires="7200")
    desk.wait(1)
    desk.register("<sip:1@h>;expires=60", "<sip:2@h>;expires=60")
    assert {one.contact.username for one in desk.phones()} == {"1", "2"}


def test_a_full_house_takes_refreshes_and_nobody_new(make_desk: Any) -> None:
    desk = make_desk(max_bindings=2)
    desk.register("<sip:1@h>"), desk.register("<sip:1@h>", user="bob")
    reply = desk.register("<sip:1@h>", user="carol")
    assert (reply.status, reply.headers) == (503, (("Retry-After", "60"),))
    assert desk.register("<sip:1@h>", user="bob").status == 200
    desk.register("*", expires="0", user="bob")
    assert desk.register("<sip:1@h>", user="carol").status == 200


def test_a_phone_that_starts_anew_leaves_no_ghost(desk: Any) -> None:
    instance = ';+sip.instance="<urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF>"'
    desk.register(f"<sip:first@h:1>{instance}", call_id="boot-1")
    desk.register("<sip:other@h:9>", call_id="another-phone")
    desk.register(f"<sip:second@h:2>{instance}", call_id="boot-2")
    assert {one.contact.username for one in desk.phones()} == {"second", "other"}
    desk.register(f"<sip:third@h:3>{instance}", f"<sip:fourth@h:4>{instance}", call_id="boot-3")
    assert {one.contact.username for one in desk.phones()} == {"third", "fourth", "other"}, "two of one request stay"
    desk.register(f"<sip:flow1@h:5>{instance};reg-id=1", call_id="outbound")
    desk.register(f"<sip:flow2@h:6>{instance};reg-id=2", call_id="outbound-2")
    assert {"flow1", "flow2"} <= {one.contact.username for one in desk.phones()}, "two ways to one phone"


def test_a_closed_connection_takes_those_along_who_came_by_it(desk: Any, connection: Any) -> None:
    desk.register("<sip:1@h>", flow=connection, by_flow=True)
    desk.register("<sip:2@h>", flow=connection, by_flow=False)
    desk.register("<sip:3@h>", by_flow=True)
    desk.register("<sip:1@h>", flow=connection, by_flow=True, user="bob")
    assert desk.location.uses(connection)
    desk.location.flow_lost(connection)
    assert {one.contact.username for one in desk.phones()} == {"2", "3"} and desk.bound("bob") == {}
    assert not desk.location.uses(connection)
    desk.location.flow_lost(connection)


def test_who_comes_by_another_way_is_told_of_and_lets_the_old_one_go(desk: Any, connection: Any) -> None:
    desk.register("<sip:1@h>", flow=connection, by_flow=True)
    desk.register("<sip:1@h>", by_flow=True)
    assert not desk.location.uses(connection)
    assert [one.binding.flow for one in desk.location.drain()] == [connection, desk.phones()[0].flow]
    desk.location.flow_lost(connection)
    assert len(desk.bound()) == 1


def test_a_user_that_is_gone_has_no_phones(desk: Any) -> None:
    desk.register("<sip:1@h>"), desk.register("<sip:1@h>", user="bob")
    desk.location.remove("alice", "its user is no more")
    desk.location.remove("nobody", "")
    assert desk.bound() == {} and len(desk.location) == 1


def test_a_year_of_refreshes_leaves_one_phone_and_one_timer(desk: Any, phone: str) -> None:
    for _ in range(365 * 24):
        desk.register(phone, expires="7200")
        desk.wait(3600)
        assert len(desk.bound()) == 1
    assert len(desk.location._ends) < 70
    assert [type(one) for one in desk.location.drain()] == [Bound]
    desk.wait(7201)
    assert len(desk.location) == 0 and desk.location.next_timer() is None


@pytest.mark.parametrize("expires", ["7200", "60"])
def test_coming_and_going_all_day_leaves_nothing(desk: Any, phone: str, expires: str) -> None:
    for _ in range(5000):
        desk.register(phone, expires=expires)
        desk.register(phone, expires="0")
    assert len(desk.location) == 0
    assert len(desk.location._ends) < 70
    desk.location.drain()


_contacts = st.sampled_from(["<sip:1@h>", "<sip:2@h>;q=0.5", "<sip:3@h>;expires=0", "<sip:4@h>;expires=90", "*", "x"])
_steps = st.tuples(
    st.sampled_from(["alice", "bob", "carol"]),
    st.lists(_contacts, max_size=4),
    st.sampled_from([None, "0", "60", "600", "x"]),
    st.integers(0, 5),
    st.sampled_from([0.0, 1.0, 60.0, 700.0]),
    st.booleans(),
)


@given(st.lists(_steps, max_size=40))
def test_whatever_phones_send_the_books_are_right(make_desk: Any, connection: Any, steps: Any) -> None:
    desk = make_desk(max_contacts=2, max_bindings=4)
    there: dict[int, str] = {}
    for user, contacts, expires, cseq, seconds, by_flow in steps:
        reply = desk.register(
            *contacts, expires=expires, user=user, cseq=cseq, call_id=str(cseq % 2), flow=connection, by_flow=by_flow
        )
        assert reply.status in (200, 400, 403, 423, 500, 503)
        desk.wait(seconds)
        if seconds == 1.0:
            desk.location.flow_lost(connection)
        for output in desk.location.drain():
            match output:
                case Bound(binding):
                    there[binding.number] = binding.user
                case Unbound(binding):
                    del there[binding.number]
        assert sorted(there.values()) == sorted(one.user for one in desk.location)
        assert len(desk.location) == len(there) <= 4
        assert all(len(desk.phones(name)) <= 2 for name in ("alice", "bob", "carol"))
        assert desk.location.uses(connection) == any(one.flow is not None for one in desk.location)
        assert len(desk.location._ends) < 80
