"""Diversion and History-Info: kept as they came, added to where we pass a call on, hidden from whom they must be."""

from typing import Any

import pytest

from softswitch.call.carrier import Carrier
from softswitch.call.onward import Onward
from softswitch.sip.history import DIVERSION, HISTORY, MAX_ENTRIES, Diversions, Forward, merged, onward
from softswitch.sip.message import Headers, Request
from softswitch.sip.uri import Uri

TARGET = Uri.of("+491700", "carrier")
FORWARD = Forward(Uri.of("+4930", "us"), TARGET)
BOTH = (DIVERSION, HISTORY)


def came(*lines: tuple[str, str]) -> Diversions:
    return Diversions.of(Request("INVITE", Uri.of("600", "us"), Headers(lines)))


def carrier(**keys: Any) -> Carrier:
    return Carrier(name="c", host="carrier", country="DE", **keys)


def test_entries_are_read_in_the_order_of_their_header() -> None:
    said = came(
        ("Diversion", '"A, B" <sip:1@h>;reason=user-busy, <tel:+492>'),
        ("Diversion", "<sip:3@h>;privacy=full"),
        ("History-Info", "<sip:a@h?Reason=SIP%3Bcause%3D486>;index=1,<sip:b@h>;index=1.1"),
    )
    assert said.diversion == ('"A, B" <sip:1@h>;reason=user-busy', "<tel:+492>", "<sip:3@h>;privacy=full")
    assert said.history == ("<sip:a@h?Reason=SIP%3Bcause%3D486>;index=1", "<sip:b@h>;index=1.1")
    assert not said.private and said.headers == {DIVERSION, HISTORY}


def test_what_cannot_be_read_is_left_out_and_what_is_too_much_is_cut() -> None:
    said = came(
        ("Diversion", "nonsense <<"),
        ("Diversion", f"<sip:{'9' * 600}@h>"),
        ("Diversion", "<sip:\udcff@h>"),
        ("History-Info", '"never ends <sip:a@h>'),
    )
    assert not said and said == Diversions()
    many = came(
        *(("Diversion", f"<sip:{n}@h>") for n in range(30)), *(("History-Info", f"<sip:{n}@h>") for n in range(15))
    )
    assert many.diversion == tuple(f"<sip:{n}@h>" for n in range(MAX_ENTRIES))  # the newest
    assert many.history == tuple(f"<sip:{n}@h>" for n in range(5, 15))  # and here these come last


@pytest.mark.parametrize("words", ["history", "id;history", "Header ; id", "user"])
def test_a_caller_may_hide_who_passed_the_call_on(words: str) -> None:
    assert came(("Privacy", words), ("Diversion", "<sip:1@h>")).private
    assert not came(("Privacy", "id;critical"), ("Diversion", "<sip:1@h>")).private


def test_our_entry_is_the_newest_of_diversion_and_hangs_on_the_last_of_history() -> None:
    said = came(("Diversion", "<sip:1@h>"), ("History-Info", "<sip:a@h>;index=1, <sip:b@h>;index=1.2;rc=1"))
    assert onward(said, BOTH, FORWARD, trusted=True) == (
        ("Diversion", "<sip:+4930@us>;reason=unconditional"),
        ("Diversion", "<sip:1@h>"),
        ("History-Info", "<sip:a@h>;index=1"),
        ("History-Info", "<sip:b@h>;index=1.2;rc=1"),
        ("History-Info", "<sip:+4930@us>;index=1.2.1"),
        ("History-Info", "<sip:+491700@carrier;cause=302>;index=1.2.1.1;mp=1.2.1"),
    )


def test_who_was_called_is_not_named_twice() -> None:
    said = came(("History-Info", "<sip:a@h>;index=1"), ("History-Info", "<sip:+4930@other>;index=1.1;np=1"))
    lines = [value for _, value in onward(said, (HISTORY,), FORWARD, trusted=True)]
    assert lines[2:] == ["<sip:+491700@carrier;cause=302>;index=1.1.1;mp=1.1"]


def test_a_history_of_our_own_begins_at_one() -> None:
    busy = Forward(FORWARD.of, TARGET, cause=486, hidden=True)
    assert onward(Diversions(), BOTH, busy, trusted=True) == (
        ("Diversion", "<sip:+4930@us>;reason=user-busy;privacy=full"),
        ("History-Info", "<sip:+4930@us?Privacy=history>;index=1"),
        ("History-Info", "<sip:+491700@carrier;cause=486>;index=1.1;mp=1"),
    )


@pytest.mark.parametrize("index", ["", ";index=x", ";index=1..2", f";index=1{'.1' * 30}"])
def test_a_history_whose_last_index_is_none_is_not_added_to(index: str) -> None:
    said = came(("History-Info", f"<sip:a@h>{index}"))
    assert onward(said, (HISTORY,), FORWARD, trusted=True) == (("History-Info", f"<sip:a@h>{index}"),)


def test_what_is_private_goes_to_who_keeps_it_with_the_wish_and_to_nobody_else() -> None:
    said = came(
        ("Diversion", "<sip:1@h>;privacy=Full, <sip:2@h>;privacy=off"),
        ("History-Info", "<sip:a@h?Privacy=history>;index=1;foo=bar, <sip:b@h>;index=1.1"),
    )
    assert onward(said, BOTH, None, trusted=False) == (
        ("Diversion", "<sip:2@h>;privacy=off"),
        ("History-Info", "<sip:anonymous@anonymous.invalid>;index=1"),
        ("History-Info", "<sip:b@h>;index=1.1"),
    )
    assert len(onward(said, BOTH, None, trusted=True)) == 4
    hidden = came(("Privacy", "history"), ("Diversion", "<sip:1@h>"), ("History-Info", "<sip:b@h>;index=1"))
    assert onward(hidden, BOTH, None, trusted=False) == (("History-Info", "<sip:anonymous@anonymous.invalid>;index=1"),)
    assert onward(hidden, BOTH, None, trusted=True)[-1] == ("Privacy", "history")


def test_the_words_of_privacy_stand_in_one_header() -> None:
    lines = (("Privacy", "id"), ("X", "y"), ("Privacy", "history;id"))
    assert merged(lines) == (("X", "y"), ("Privacy", "id;history"))
    assert merged((("X", "y"),)) == (("X", "y"),)


@pytest.mark.parametrize(
    ("diversion", "before", "called", "names"),
    [
        ("auto", False, "030123456", []),
        ("auto", True, "030123456", ["Diversion", "Diversion"]),
        ("auto", True, "", ["Diversion"]),  # the call did not come by a carrier: it is not ours to be passed on
        ("none", True, "030123456", []),
        ("diversion", False, "030123456", ["Diversion"]),
        ("diversion", False, "", []),
        ("history_info", True, "030123456", ["History-Info", "History-Info"]),
        ("both", False, "030123456", ["Diversion", "History-Info", "History-Info"]),
    ],
)
def test_a_carrier_is_told_what_its_entry_says(diversion: str, before: bool, called: str, names: list[str]) -> None:
    said = came(("Diversion", "<sip:1@h>")) if before else Diversions()
    lines = Onward(said, called).lines_to(carrier(diversion=diversion), TARGET)
    assert [name for name, _ in lines] == names


def test_the_number_that_was_called_is_written_as_the_carrier_writes_numbers() -> None:
    lines = Onward(called="030123456").lines_to(carrier(diversion="diversion", from_domain="sip.example"), TARGET)
    assert lines == (("Diversion", "<sip:+4930123456@sip.example>;reason=unconditional"),)
    private = Onward(called="600").lines_to(carrier(diversion="diversion", privacy=True), TARGET)
    assert private == (("Diversion", "<sip:600@carrier>;reason=unconditional;privacy=full"),)


def test_a_call_that_begins_here_tells_nothing() -> None:
    assert Onward().lines == () and Onward().lines_to(carrier(diversion="both"), TARGET) == ()
