"""Two legs that talk share one seat of the clock; one that has sound but nobody to talk with has a seat of its own."""

from collections.abc import Callable
from typing import Any

from softswitch.audio.frame import SILENCE
from softswitch.call.cause import Cause
from softswitch.call.leg import Answered, EarlyMedia, Ended, Held
from softswitch.call.voices import HOLD_QUIET_FRAMES

AtWork = Callable[..., None]
GROUP = "rules: [{number: 1, steps: [{dial: {to: [a, b], after: continue}}, {wait: 5}]}]"


def test_early_legs_wait_on_the_clock_until_one_is_connected(at_work: AtWork) -> None:
    async def story(board: Any) -> None:
        caller = board.call("1")
        a, b = board.legs["a"], board.legs["b"]
        a.says(EarlyMedia())
        a.says(EarlyMedia())
        b.says(EarlyMedia())
        assert len(board.seats) == 2
        board.tick()
        assert a.heard == b.heard == [SILENCE] and caller.heard == []
        a.says(Answered())
        assert len(board.seats) == 1, "the loser's seat is given back with it, the winner shares the caller's"
        board.tick()
        assert caller.heard == [a.voice] and a.heard[-1] is caller.voice
        a.says(Ended(Cause.NORMAL, by_peer=True))
        board.tick()
        assert caller.heard[-1] is SILENCE
        caller.says(Ended(Cause.NORMAL, by_peer=True))

    at_work(GROUP, story)


def test_the_last_early_leg_of_a_group_is_heard(at_work: AtWork) -> None:
    async def story(board: Any) -> None:
        caller = board.call("1")
        board.legs["a"].says(EarlyMedia())
        board.legs["b"].says(Ended(Cause.BUSY, by_peer=True))
        assert caller.told == ["ring", ("progress", False)]
        assert len(board.seats) == 1
        board.tick()
        assert caller.heard == [board.legs["a"].voice] and board.legs["a"].heard[-1] is caller.voice
        caller.says(Ended(Cause.CANCELLED, by_peer=True))
        assert board.legs["a"].told == [Cause.CANCELLED]

    at_work(GROUP, story)


def test_a_call_we_place_does_not_keep_early_sound_for_later(at_work: AtWork) -> None:
    async def story(board: Any) -> None:
        steps = board.board.dialplan.rules[0].steps
        call = board.board.dial("x", steps, caller_id="7", carrier="c")
        x = board.legs["x"]
        x.says(EarlyMedia())
        board.tick(3)
        assert x.heard == [SILENCE] * 3
        x.says(Answered())
        assert len(board.seats) == 1
        board.board.hang_up(call)

    at_work("rules: [{number: 1, steps: [echo]}]", story)


def test_hold_in_both_directions(at_work: AtWork) -> None:
    async def story(board: Any) -> None:
        caller = board.call("1")
        a = board.legs["a"]
        a.says(Answered())
        [(call, _)] = board.board.calls()
        assert board.board.hold(call.id, True)
        board.tick()
        assert ("hold", True) in caller.told
        assert a.heard == [SILENCE], "who is on hold is not heard"
        assert caller.heard[-1] is not a.voice and caller.heard[-1] is not SILENCE, "and hears the tone"
        assert board.board.hold(call.id, False)
        caller.says(Held(True))
        caller.voice = None
        board.tick(HOLD_QUIET_FRAMES + 1)
        assert a.heard[-2] is SILENCE and a.heard[-1] is not SILENCE
        caller.says(Held(False))
        board.tick()
        assert a.heard[-1] is SILENCE and caller.heard[-1] is a.voice
        assert not board.board.hold("no such call", True)
        caller.says(Ended(Cause.NORMAL, by_peer=True))

    at_work(GROUP, story)
