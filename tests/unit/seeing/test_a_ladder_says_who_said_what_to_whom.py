"""Arrows point the way of the message, copies are counted, moments stand between, and everything fits its terminal."""

import io
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from softswitch.call.cause import Cause
from softswitch.call.commands import TransferFinished, TransferStarted
from softswitch.call.leg import Answered, Digit, Ended, Held, Ringing
from softswitch.call_view import print_call
from softswitch.ladder import Ladder


def lines(call, width: int = 80) -> list[str]:
    return [line.plain for line in Ladder(call, width).draw()]


def row(drawn: list[str], title: str) -> str:
    found = [line for line in drawn if f" {title} " in line]
    assert len(found) == 1, f"{title} stands in {len(found)} lines of\n" + "\n".join(drawn)
    return found[0]


def bridged(staged):
    call = staged()
    call.said("in-0", "INVITE", by_us=False, sdp=True)
    call.said("in-0", "SIP/2.0 100 Trying", by_us=True)
    call.party("out-1", "carrier", "office", "+4930123")
    call.said("out-1", "INVITE", by_us=True, sdp=True, again=3)
    call.said("out-1", "SIP/2.0 180 Ringing", by_us=False)
    call.happened("out-1", Ringing())
    call.said("out-1", "SIP/2.0 200 OK", by_us=False, sdp=True)
    call.happened("out-1", Answered())
    for digit in "4711":
        call.happened("in-0", Digit(digit, "rfc4733"))
    call.happened("in-0", Held(held=True))
    call.said("out-1", "BYE", by_us=False, method="BYE")
    call.happened("out-1", Ended(Cause.NORMAL, by_peer=True))
    return call


def test_arrows_point_the_way_of_the_message(staged) -> None:
    drawn = lines(bridged(staged).shown())
    left, switch, right = (match.start() for match in re.finditer("│", drawn[3]))
    invites = [line for line in drawn if " INVITE " in line and "↻" not in line]
    assert len(invites) == 2
    assert invites[0][left + 1 : switch].strip("─▶ ") == "INVITE" and invites[0][switch - 1] == "▶"
    assert invites[1][switch + 1 : right].strip("─▶ ") == "INVITE" and invites[1][right - 1] == "▶"
    assert row(drawn, "100 Trying")[left + 1] == "◀"
    assert row(drawn, "180 Ringing")[switch + 1] == "◀"
    assert row(drawn, "BYE")[switch + 1] == "◀"


def test_copies_are_counted_and_drawn_once(staged) -> None:
    copies = row(lines(bridged(staged).shown()), "↻ INVITE ×3 until 3.0")
    assert "┄" in copies and "─" not in copies


def test_names_and_addresses_stand_above(staged) -> None:
    drawn = lines(bridged(staged).shown())
    assert re.search(r"1001 .* softswitch .* office \+4930123", drawn[0])
    assert re.search(r"198\.51\.100\.7:5062 .* 192\.0\.2\.1:5060 .* 203\.0\.113\.1:5060", drawn[1])


def test_descriptions_are_said_in_short(staged) -> None:
    text = "\n".join(lines(bridged(staged).shown(), 120))
    assert "PCMU,keys 198.51.100.7:4000 sendrecv" in text and "no SRTP" in text


def test_moments_stand_between_and_hold_no_digit(staged) -> None:
    drawn = lines(bridged(staged).shown())
    text = "\n".join(drawn)
    assert "◆ 4 keys by rfc4733" in text and "4711" not in text
    assert "◆ held by the peer" in text and "◆ answered" in text
    assert "◆ ringing" not in text  # the 180 says it
    ended = next(line for line in drawn if "ended" in line)
    assert "normal clearing, by the peer" in ended and "487" not in ended
    assert text.index(" BYE ") < text.index("ended")


def test_an_ai_stands_beside_the_switch(staged) -> None:
    call = staged()
    call.said("in-0", "INVITE", by_us=False)
    call.party("a-1", "AI", "receptionist", "")
    call.happened("a-1", Answered())
    call.happened("a-1", Ended(Cause.NORMAL, by_peer=False))
    text = "\n".join(lines(call.shown()))
    assert "◆ AI receptionist answered" in text and "◆ AI receptionist ended" in text


def test_more_parties_than_fit_share_the_last_column(staged) -> None:
    call = staged()
    for number in range(4):
        call.party(f"o-{number}", "phone", "", f"20{number}")
        call.said(f"o-{number}", "INVITE", by_us=True)
    call.said("o-0", "SIP/2.0 486 Busy Here", by_us=False)
    drawn = lines(call.shown(), 80)
    assert " others" in drawn[0]
    named = [line.split()[-2] for line in drawn if "203.0.113." in line]
    assert named == ["200", "201", "202", "203", "200"]  # each time it is somebody else's turn
    wide = lines(call.shown(), 150)
    assert all(f"20{number}" in wide[0] for number in range(4)) and "others" not in wide[0]


def test_tries_of_one_call_are_numbered(staged) -> None:
    call = staged()
    call.party("o-1", "carrier", "office", "1")
    call.said("o-1", "INVITE", by_us=True)
    call.trace.bind("o-1.2@h", "o-1.2", now=call.now)
    call._flows["o-1.2"] = call._flows["o-1"]._replace(remote=("203.0.113.9", 5060))
    call.said("o-1.2", "INVITE", by_us=True)
    assert row(lines(call.shown()), "INVITE (try 2)")


def test_a_party_that_moves_is_followed(staged) -> None:
    call = staged()
    call.said("in-0", "INVITE", by_us=False)
    call._flows["in-0"] = call._flows["in-0"]._replace(remote=("198.51.100.99", 40000))
    call.said("in-0", "BYE", by_us=False, method="BYE")
    drawn = lines(call.shown())
    assert "198.51.100.7:5062" in drawn[1]
    assert [" BYE " in line for line in drawn].index(True) == 1 + ["198.51.100.99:40000" in one for one in drawn].index(
        True
    )


def test_transfers_are_told_in_order(staged) -> None:
    call = staged()
    call.said("in-0", "INVITE", by_us=False)
    call.story.told(TransferStarted("101", "blind"), now=call.now)
    call.story.told(TransferFinished("101", "blind", reached=False, cause="user busy"), now=call.now)
    call.story.told(TransferStarted("102", "warm"), now=call.now)
    call.story.told(TransferFinished("102", "warm", reached=True), now=call.now)
    told = [line.partition("◆")[2].strip(" │") for line in lines(call.shown(), 120) if "◆" in line]
    assert told == [
        "transfer: blind, to 101",
        "transfer failed: to 101: user busy",
        "transfer: warm, to 102",
        "transfer done: to 102",
    ]


def test_a_leg_that_goes_on_in_another_call_takes_its_messages_along(staged) -> None:
    here, there = staged(), staged()
    there.trace = here.trace
    here.party("out-1", "carrier", "office", "+4930123")
    here.said("out-1", "INVITE", by_us=True)
    there.story.take(here.story, "out-1", now=here.now)
    assert "office +4930123" in lines(there.shown())[0]
    assert here.story.moments[-1].what == "goes on in another call"
    assert here.story.parties["out-1"].record().cause == str(Cause.TRANSFERRED)


LEG_EVENTS = st.one_of(
    st.just(Answered()), st.just(Ringing()), st.builds(Digit, st.sampled_from("0123456789"), st.just("info"))
)
ACTS = st.lists(
    st.tuples(
        st.integers(0, 6),
        st.sampled_from(["INVITE", "SIP/2.0 200 OK", "SIP/2.0 999 " + "x" * 90, "…\x1b[31m漢字" * 30, "BYE", "event"]),
        st.booleans(),
        st.booleans(),
        LEG_EVENTS,
    ),
    max_size=25,
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ACTS, st.sampled_from((40, 60, 80, 100, 120, 200)), st.integers(0, 6), st.text(max_size=60))
def test_whatever_was_said_it_fits_and_nothing_is_written_into_the_terminal(staged, acts, width, legs, name) -> None:
    call = staged()
    for number in range(1, legs + 1):
        kind = ("phone", "carrier", "user", "AI")[number % 4]
        call.party(f"o-{number}", kind, name, name[:40])
    known = [leg for leg, party in call.story.parties.items() if party.kind != "AI"]
    for number, what, by_us, sdp, event in acts:
        if what == "event":
            call.happened([*call.story.parties][number % len(call.story.parties)], event)
        else:
            call.said(known[number % len(known)], what, by_us=by_us, sdp=sdp, again=number % 3)
    for line in Ladder(call.shown(), width).draw():
        assert line.cell_len <= width, line.plain
        assert line.plain.isprintable()


def printed(call, width: int = 80) -> str:
    console = Console(width=width, file=io.StringIO(), highlight=False)
    print_call(call, console)
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


@pytest.mark.parametrize("width", [80, 120])
def test_a_whole_call_is_printed_within_its_width(staged, width: int) -> None:
    call = bridged(staged).shown(id="c1", direction="inbound", state="up", seconds=3.0, **{"from": "1001", "to": "7"})
    text = printed(call, width)
    assert max(len(line) for line in text.splitlines()) <= width
    assert text.startswith("call c1") and "up, for 3 s so far" in text
