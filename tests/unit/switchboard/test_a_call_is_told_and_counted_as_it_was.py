"""What reaches the legs, the record and the totals is what the rule and the parties said."""

from collections.abc import Callable
from typing import Any

from softswitch.call.cause import Cause
from softswitch.call.leg import Answered, Digit, Ended
from softswitch.switchboard import CallEnded, CallStarted

AtWork = Callable[..., None]


def test_keys_go_both_ways_and_say_whether_they_are_in_the_sound(at_work: AtWork) -> None:
    async def story(board: Any) -> None:
        caller = board.call("81")
        other = board.legs["1"]
        other.says(Answered())
        caller.says(Digit("5", "inband"))
        other.says(Digit("6", "info"))
        assert other.told == [("5", True)] and caller.told[-1] == ("6", False)
        caller.says(Ended(Cause.NORMAL, by_peer=True))
        assert board.placed == [("1", "1001", "")]

    at_work("rules: [{number: _8X, strip: 1, steps: [dial: '{to}']}]", story)


def test_a_rule_sees_the_carrier_and_the_address(at_work: AtWork) -> None:
    async def story(board: Any) -> None:
        for more in ({"carrier": "c"}, {"uri": "sip:5@a.example"}, {}):
            board.call("5", **more)
        assert [record.sip_code for record in board.records] == [486, 600, 404]
        assert [record.carrier for record in board.records] == ["c", "", ""]
        assert board.board.tally.totals == {
            ("inbound", "busy", "c"): 1,
            ("inbound", "busy", ""): 1,
            ("inbound", "failed", ""): 1,
        }

    at_work(
        "rules: [{number: 5, carrier: c, steps: [{reject: 486}]}, {sip: '*@a.example', steps: [{reject: 600}]}]", story
    )


def test_a_target_that_cannot_be_called_is_said_in_words(at_work: AtWork) -> None:
    async def story(board: Any) -> None:
        board.call("1")
        assert (board.records[0].sip_code, board.records[0].outcome) == (404, "failed")
        assert "there is no way to nowhere" in board.records[0].verdict

    at_work("rules: [{number: 1, steps: [dial: nowhere]}]", story)


def test_the_time_to_the_answer_is_counted_once_for_each_answered_call(at_work: AtWork) -> None:
    async def story(board: Any) -> None:
        caller = board.call("1")
        board.now += 3.0
        board.legs["a"].says(Answered())
        board.now += 60.0
        caller.says(Ended(Cause.NORMAL, by_peer=True))
        board.call("2")
        setup = board.board.tally.setup
        assert sum(setup.counts) == 1 and abs(setup.sum_seconds - 3.0) < 1e-3

    at_work("rules: [{number: 1, steps: [dial: a]}, {number: 2, steps: [{reject: 486}]}]", story)


def test_whoever_watches_sees_everything_in_order(at_work: AtWork) -> None:
    async def story(board: Any) -> None:
        watching = board.board.watch()
        caller = board.call("1")
        caller.says(Ended(Cause.NORMAL, by_peer=True))
        seen = [(await anext(watching)).what for _ in range(4)]
        assert [type(what) for what in seen] == [CallStarted, Answered, Ended, CallEnded]
        watching.close()
        board.call("1").says(Ended(Cause.NORMAL, by_peer=True))
        assert not watching._events, "a reader that went away is forgotten"

    at_work("rules: [{number: 1, steps: [answer, echo]}]", story)
