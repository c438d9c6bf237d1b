"""What reaches the legs, the record and the totals is what the rule and the parties said."""

import datetime
from collections.abc import Callable
from typing import Any

from softswitch.call.cause import Cause
from softswitch.call.leg import Answered, Digit, Ended
from softswitch.call.news import CallEnded, CallStarted, QualityMeasured
from softswitch.call.record import CallRecord, LegRecord, MediaReport, Quality
from softswitch.metrics import MediaTotals

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


def test_whoever_watches_is_told_how_each_leg_sounds(at_work: AtWork) -> None:
    async def story(board: Any) -> None:
        caller = board.call("1")
        caller.sound = MediaReport("PCMU", received=Quality(500, mos=4.2), round_trip_ms=20.0)
        watching = board.board.watch()
        board.board._rounds._beat()
        assert (await anext(watching)).what == QualityMeasured(
            caller.id, "PCMU", caller.sound.received, caller.sound.sent, 20.0
        )
        caller.says(Ended(Cause.NORMAL, by_peer=True))
        watching.close()

    at_work("rules: [{number: 1, steps: [answer, echo]}]", story)


def test_scores_and_jitter_are_counted_by_direction() -> None:
    totals = MediaTotals()
    media = MediaReport("PCMU", received=Quality(500, jitter_ms=3.0, mos=4.25), sent=Quality(500))
    leg = LegRecord("a", "phone", "", "1", True, "", 200, True, media=media)
    totals.add(CallRecord("c", "inbound", "1", "2", datetime.datetime.now(datetime.UTC), legs=[leg]))
    assert totals.scores["in"].counts == [0, 0, 0, 0, 0, 0, 0, 1, 0, 0]
    assert (sum(totals.jitter_ms["in"].counts), totals.jitter_ms["in"].total) == (1, 3.0)
    assert not sum(totals.scores["out"].counts), "nobody has said how it heard us"
