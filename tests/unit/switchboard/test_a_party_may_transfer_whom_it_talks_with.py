"""A REFER inside a call: where it may lead, with whose rights, and what the one who asks is told."""

from collections.abc import Callable
from typing import Any

import pytest

from softswitch.call.cause import Cause
from softswitch.call.leg import Answered, Ended, LegState, ReferRequested, Ringing
from softswitch.call.who import OURSELVES, Who

AtWork = Callable[..., None]
BY_PEER = Ended(Cause.NORMAL, by_peer=True)
RULES = """
rules:
  - {number: 1, strangers: true, steps: [{dial: bob}]}
  - {number: 7, strangers: true, strip: 0, steps: [{dial: "group{to}"}]}
  - {number: "_8X", strip: 1, strangers: false, steps: [{dial: "out{to}"}]}
  - {number: "_9X", carrier: twilio, steps: [{dial: dave}]}
  - {number: 6, strangers: true, steps: [{reject: 410}]}
  - {number: 5, strangers: true, steps: [answer, echo]}
"""


class Asking:
    """A caller and bob talk; one of them sends REFERs."""

    def __init__(self, board: Any, **offer: Any) -> None:
        self.board = board
        self.caller = board.call("1", **offer)
        self.bob = board.legs["bob"]
        self.bob.says(Answered())
        [(self.call, _)] = board.board.calls()

    def progress(self, leg: Any) -> list[int]:
        return [told[1] for told in leg.told if isinstance(told, tuple) and told[0] == "progress of the transfer"]

    def end(self) -> None:
        self.board.board.hang_up(self.call.id)


def test_bob_sends_his_caller_to_a_number_of_the_dialplan(at_work: AtWork) -> None:
    async def story(board: Any) -> None:
        talk = Asking(board)
        talk.bob.says(ReferRequested("sip:7@10.0.0.1:5060", referred_by="sip:bob@here"))
        assert board.placed[-1] == ("group7", "1001", "")
        assert board.headers["group7"] == (("Referred-By", "<sip:bob@here>"),)
        board.legs["group7"].says(Ringing())
        board.legs["group7"].says(Answered())
        assert talk.progress(talk.bob) == [180, 200]
        talk.bob.says(BY_PEER)
        board.tick()
        assert talk.caller.heard[-1] is board.legs["group7"].voice
        talk.caller.says(BY_PEER)
        assert board.records[0].variables["transferred_to"] == "7"

    at_work(RULES, story)


def test_the_caller_sends_bob_away(at_work: AtWork) -> None:
    async def story(board: Any) -> None:
        talk = Asking(board)
        talk.caller.says(ReferRequested("sip:7@our.example"))
        assert board.placed[-1] == ("group7", "bob", ""), "who is called sees who is transferred"
        board.legs["group7"].says(Answered())
        assert talk.progress(talk.caller) == [200]
        talk.caller.says(BY_PEER)
        talk.bob.says(BY_PEER)
        assert board.records[0].ended_by == "callee"

    at_work(RULES, story)


@pytest.mark.parametrize(
    ("target", "status"),
    [("sip:4@10.0.0.1", 404), ("sip:6@10.0.0.1", 410), ("sip:x y", 400), ("sip:{from}@far.example", 400)],
)
def test_what_cannot_be_is_said_and_leaves_the_two_talking(at_work: AtWork, target: str, status: int) -> None:
    async def story(board: Any) -> None:
        talk = Asking(board)
        talk.caller.says(ReferRequested(target))
        assert talk.progress(talk.caller) == [status]
        board.tick()
        assert talk.caller.heard[-1] is talk.bob.voice and len(board.placed) == 1
        talk.end()

    at_work(RULES, story)


def test_an_echo_that_answers_is_whom_bob_sent_the_caller_to(at_work: AtWork) -> None:
    async def story(board: Any) -> None:
        talk = Asking(board)
        talk.bob.says(ReferRequested("sip:5@10.0.0.1:5060"))
        assert talk.progress(talk.bob) == [200]
        board.tick(2)
        assert talk.caller.heard[-1] is talk.caller.voice
        talk.end()
        assert talk.bob.state is LegState.ENDED

    at_work(RULES, story)


STRANGER, TRUSTED = {"trusted": False}, {"trusted": True}


@pytest.mark.parametrize(
    ("offer", "host", "target", "status"),
    [
        (STRANGER, "203.0.113.9", "sip:7@10.0.0.1:5060", 0),
        (STRANGER, "203.0.113.9", "sip:81@10.0.0.1:5060", 404),
        (STRANGER, "203.0.113.9", "sip:x@far.example", 403),
        (STRANGER, "203.0.113.9", "sip:7@10.0.0.1:5070", 403),
        (STRANGER, "127.0.0.1", "sip:81@10.0.0.1:5060", 0),
        (TRUSTED, "203.0.113.9", "sip:81@10.0.0.1:5060", 0),
        (TRUSTED, "203.0.113.9", "sip:x@far.example", 0),
        ({"trusted": False, "user": "alice"}, "203.0.113.9", "sip:81@10.0.0.1:5060", 0),
        ({"trusted": False, "user": "alice"}, "203.0.113.9", "sip:x@far.example", 0),
        ({"trusted": False, "carrier": "twilio"}, "203.0.113.9", "sip:91@10.0.0.1:5060", 0),
        ({"trusted": False, "carrier": "twilio"}, "203.0.113.9", "sip:81@10.0.0.1:5060", 404),
        (TRUSTED, "203.0.113.9", "sip:91@10.0.0.1:5060", 404),
    ],
)
def test_whoever_asks_reaches_whom_he_could_call_himself(
    at_work: AtWork, offer: dict[str, Any], host: str, target: str, status: int
) -> None:
    async def story(board: Any) -> None:
        talk = Asking(board, **offer)
        talk.caller.host = host
        talk.caller.says(ReferRequested(target))
        assert talk.progress(talk.caller) == ([status] if status else [])
        assert (len(board.placed) == 2) is (status == 0)
        if status == 0:
            who = board.behalf[board.placed[-1][0]]
            assert who == Who(offer.get("user", ""), offer.get("carrier", ""), offer["trusted"] or host == "127.0.0.1")
        talk.end()

    at_work(RULES, story)


def test_who_was_called_has_no_rights_of_the_caller(at_work: AtWork) -> None:
    async def story(board: Any) -> None:
        talk = Asking(board, trusted=True)
        talk.bob.host = "203.0.113.9"
        talk.bob.says(ReferRequested("sip:81@10.0.0.1:5060"))
        talk.bob.says(ReferRequested("sip:x@far.example"))
        assert talk.progress(talk.bob) == [404, 403]
        board.board.transfer(talk.call.id, "carol")
        assert board.behalf["carol"] == OURSELVES, "an operator may do what the switch may"
        talk.end()

    at_work(RULES, story)


@pytest.mark.parametrize(
    ("name", "value", "target", "status"),
    [
        ("user", "bob", "sip:81@10.0.0.1:5060", 0),
        ("carrier", "twilio", "sip:91@10.0.0.1:5060", 0),
        ("", "", "sip:81@10.0.0.1:5060", 404),
    ],
)
def test_who_was_called_has_the_rights_of_whose_telephone_it_is(
    at_work: AtWork, name: str, value: str, target: str, status: int
) -> None:
    async def story(board: Any) -> None:
        if name:
            board.made_with["bob"] = {name: value}
        talk = Asking(board, trusted=False)
        talk.bob.host = "203.0.113.9"
        talk.bob.says(ReferRequested(target))
        assert talk.progress(talk.bob) == ([status] if status else [])
        if not status:
            assert board.behalf[board.placed[-1][0]] == Who(**{name: value})
        talk.end()

    at_work(RULES, story)


def test_a_call_that_is_none_of_ours_is_asked_for_with_replaces(at_work: AtWork) -> None:
    async def story(board: Any) -> None:
        talk = Asking(board)
        talk.bob.host = "127.0.0.1"
        talk.bob.says(ReferRequested("sip:carol@far.example", replaces="abc;to-tag=1;from-tag=2"))
        assert board.headers["sip:carol@far.example"] == (("Replaces", "abc;to-tag=1;from-tag=2"),)
        board.legs["sip:carol@far.example"].says(Answered())
        assert talk.progress(talk.bob) == [200]
        talk.end()

    at_work(RULES, story)


def test_a_call_of_ours_that_is_over_is_not_called_anew(at_work: AtWork) -> None:
    async def story(board: Any) -> None:
        talk = Asking(board)
        talk.bob.says(ReferRequested("sip:1@10.0.0.1:5060", replaces="abc;to-tag=1;from-tag=2"))
        assert talk.progress(talk.bob) == [481] and len(board.placed) == 1
        talk.end()

    at_work(RULES, story)


def test_a_second_one_is_told_to_wait_and_the_first_goes_on(at_work: AtWork) -> None:
    async def story(board: Any) -> None:
        talk = Asking(board)
        talk.bob.says(ReferRequested("sip:7@10.0.0.1:5060"))
        talk.caller.says(ReferRequested("sip:5@10.0.0.1:5060"))
        assert talk.progress(talk.caller) == [491]
        board.legs["group7"].says(Answered())
        assert talk.progress(talk.bob) == [200]
        talk.end()

    at_work(RULES, story)
