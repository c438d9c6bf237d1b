"""Who hears whom before, during and after a transfer, and what is given back: legs, seats, whoever waits."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from softswitch.audio.frame import SILENCE
from softswitch.call.cause import Cause
from softswitch.call.commands import TransferFinished, TransferStarted
from softswitch.call.leg import Answered, Briefed, Ended, LegState, ReferProgress
from softswitch.call.transfer import SETTLE_SECONDS
from softswitch.errors import ResourceError

AtWork = Callable[..., None]
BY_PEER = Ended(Cause.NORMAL, by_peer=True)
RULES = "rules: [{number: 1, steps: [{dial: bob}]}, {number: 2, steps: [{agent: x}]}]"


async def connected(board: Any) -> tuple[Any, Any, str]:
    caller = board.call("1")
    board.legs["bob"].says(Answered())
    [(call, _)] = board.board.calls()
    return caller, board.legs["bob"], call.id


def hears(board: Any, listener: Any, speaker: Any) -> bool:
    board.tick()
    return bool(listener.heard[-1] is speaker.voice)


def test_the_caller_talks_with_the_new_one_and_nobody_with_the_old_one(at_work: AtWork) -> None:
    async def story(board: Any) -> None:
        caller, bob, call = await connected(board)
        done = board.board.transfer(call, "carol")
        carol = board.legs["carol"]
        assert not hears(board, bob, caller) and not hears(board, caller, bob)
        assert caller.heard[-1] is not SILENCE, "it hears that somebody is called"
        assert len(board.seats) == 2
        carol.says(Answered())
        assert hears(board, caller, carol) and hears(board, carol, caller)
        assert bob.told[-1] == Cause.NORMAL and len(board.seats) == 1
        assert (await done) == TransferFinished("carol", "bridge", reached=True)
        caller.says(BY_PEER)
        assert carol.state is LegState.ENDED

    at_work(RULES, story)


def test_who_comes_back_hears_the_same_one_again(at_work: AtWork) -> None:
    async def story(board: Any) -> None:
        caller, bob, call = await connected(board)
        done = board.board.transfer(call, "carol")
        board.legs["carol"].says(Ended(Cause.BUSY, by_peer=True))
        assert hears(board, caller, bob) and hears(board, bob, caller) and len(board.seats) == 1
        assert (await done).cause == "user busy"
        caller.says(BY_PEER)

    at_work(RULES, story)


def test_a_caller_who_gives_the_called_one_away(at_work: AtWork) -> None:
    async def story(board: Any) -> None:
        caller, bob, call = await connected(board)
        board.board.transfer(call, "carol", by="in-0")
        assert not hears(board, bob, caller) and bob.heard[-1] is not SILENCE and caller.heard[-1] is SILENCE
        board.legs["carol"].says(Answered())
        assert hears(board, bob, board.legs["carol"]) and hears(board, board.legs["carol"], bob)
        assert caller.state is LegState.ENDED and len(board.seats) == 1
        bob.says(BY_PEER)
        assert board.records[0].ended_by == "callee"

    at_work(RULES, story)


def test_a_caller_who_takes_the_called_one_back(at_work: AtWork) -> None:
    async def story(board: Any) -> None:
        caller, bob, call = await connected(board)
        board.board.transfer(call, "carol", by="in-0")
        board.legs["carol"].says(Ended(Cause.REJECTED, by_peer=True))
        assert hears(board, caller, bob) and hears(board, bob, caller) and len(board.seats) == 1
        caller.says(BY_PEER)

    at_work(RULES, story)


def test_whoever_was_given_away_may_leave_meanwhile(at_work: AtWork) -> None:
    async def story(board: Any) -> None:
        caller, bob, call = await connected(board)
        board.board.transfer(call, "carol", by="in-0")
        bob.says(BY_PEER)
        board.tick()
        assert caller.state is board.legs["carol"].state is LegState.ENDED

    at_work(RULES, story)


def test_the_ai_stands_still_and_goes_on(at_work: AtWork) -> None:
    async def story(board: Any) -> None:
        caller = board.call("2")
        ai = board.legs["agent"]
        [(call, _)] = board.board.calls()
        watch = board.board.watch()
        done = board.board.transfer(call.id, "nowhere")
        assert ai.told[-2:] == [("hold", True), ("hold", False)] and hears(board, caller, ai)
        assert (await done).cause == "no route to destination"
        assert call.variables["transfer_status"] == "failed"
        done = board.board.transfer(call.id, "carol")
        done.cancel()  # whoever asked is not interested any more
        board.legs["carol"].says(Answered())
        assert ai.told[-1] == Cause.NORMAL and hears(board, caller, board.legs["carol"])
        said = [event.what for event in watch._events if isinstance(event.what, TransferStarted | TransferFinished)]
        assert [type(what).__name__ for what in said] == ["TransferStarted", "TransferFinished"] * 2
        assert board.board.tally.transfers == {("bridge", "failed"): 1, ("bridge", "reached"): 1}
        caller.says(BY_PEER)

    at_work(RULES, story)


def test_what_cannot_begin_is_a_sentence(at_work: AtWork) -> None:
    async def story(board: Any) -> None:
        caller, _, call = await connected(board)
        with pytest.raises(ResourceError, match="there is no call x"):
            board.board.transfer("x", "carol")
        done = board.board.transfer(call, "carol")
        with pytest.raises(ResourceError, match="another transfer of this call is under way"):
            board.board.transfer(call, "dave")
        caller.says(BY_PEER)
        async with asyncio.timeout(1):
            assert (await done).reached is False, "and whoever waits for the first one learns what came of it"

    at_work(RULES, story)


def test_a_transfer_to_nowhere_in_both_directions_leaves_no_seat(at_work: AtWork) -> None:
    async def story(board: Any) -> None:
        caller, bob, call = await connected(board)
        for by in ("", "in-0", bob.id) * 5:
            board.board.transfer(call, "nowhere", by=by)
            assert hears(board, caller, bob) and hears(board, bob, caller) and len(board.seats) == 1
        bob.says(BY_PEER)

    at_work(RULES, story)


def test_a_briefing_is_heard_by_its_person_alone(at_work: AtWork) -> None:
    async def story(board: Any) -> None:
        caller = board.call("2")
        [(call, _)] = board.board.calls()
        done = board.board.transfer(call.id, "carol", mode="warm", brief="hello")
        carol = board.legs["carol"]
        carol.says(Answered())
        ai = board.legs["briefing"]
        assert board.briefings == [("1001", "hello")] and ai.told == ["answer"]
        assert hears(board, carol, ai) and hears(board, ai, carol) and caller.heard[-1] not in (ai.voice, carol.voice)
        assert len(board.seats) == 3, "the caller, who was the AI of the caller, and the one who is told"
        ai.says(Briefed(accepted=True))
        assert hears(board, caller, carol) and hears(board, carol, caller) and len(board.seats) == 1
        assert ai.state is LegState.ENDED and (await done).reached
        caller.says(BY_PEER)

    at_work(RULES, story)


@pytest.mark.parametrize("text", ["fail", "hello"])
def test_a_briefing_that_cannot_be_made_or_is_declined_leaves_no_seat(at_work: AtWork, text: str) -> None:
    async def story(board: Any) -> None:
        caller = board.call("2")
        [(call, _)] = board.board.calls()
        done = board.board.transfer(call.id, "carol", mode="warm", brief=text)
        carol = board.legs["carol"]
        carol.says(Answered())
        if text == "fail":
            assert hears(board, caller, carol), "better connected without a word than not at all"
        else:
            board.legs["briefing"].says(Briefed(accepted=False))
            assert hears(board, caller, board.legs["agent"]) and carol.state is LegState.ENDED
        assert len(board.seats) == 1 and (await done).reached is (text == "fail")
        caller.says(BY_PEER)

    at_work(RULES, story)


@pytest.mark.parametrize(
    ("carrier", "target", "mode", "asked"),
    [
        ("", "101", "refer", "sip:101@10.0.0.1:5060"),
        ("", "101", "auto", "sip:101@10.0.0.1:5060"),
        ("twilio", "101", "auto", "sip:9101@10.0.0.9"),  # as the carrier wants numbers written
        ("twilio", "666", "auto", ""),
        ("", "user:carol", "refer", "sip:carol@10.0.0.1:5060"),
        ("", "sip:x@far.example", "refer", "sip:x@far.example"),
        ("", "sip:x@far.example", "auto", ""),
        ("", "sip:x@10.0.0.9:5070", "auto", "sip:x@10.0.0.9:5070"),
    ],
)
def test_a_far_end_is_asked_for_what_it_can_reach(
    at_work: AtWork, carrier: str, target: str, mode: Any, asked: str
) -> None:
    async def story(board: Any) -> None:
        caller = board.call("2")
        caller.carrier = carrier
        [(call, _)] = board.board.calls()
        board.now += SETTLE_SECONDS
        board.board.transfer(call.id, target, mode=mode)
        if asked:
            assert caller.told[-1] == ("refer", asked) and not board.placed
        else:
            assert board.placed[-1][0] == target, "who might not reach it is bridged"
        board.board.hang_up(call.id)

    at_work(RULES, story)


@pytest.mark.parametrize("mode", ["auto", "refer"])
def test_a_far_end_that_does_not_say_it_takes_refer(at_work: AtWork, mode: Any) -> None:
    async def story(board: Any) -> None:
        caller = board.call("2")
        caller.refers = False
        [(call, _)] = board.board.calls()
        board.now += SETTLE_SECONDS
        board.board.transfer(call.id, "carol", mode=mode)
        assert bool(board.placed) is (mode == "auto")
        board.board.hang_up(call.id)

    at_work(RULES, story)


def test_two_who_are_connected_are_asked_to_do_without_us(at_work: AtWork) -> None:
    async def story(board: Any) -> None:
        caller = board.call("2")
        [(call, _)] = board.board.calls()
        board.board.transfer(call.id, "carol", mode="attended")
        carol = board.legs["carol"]
        carol.says(Answered())
        assert hears(board, caller, carol)
        board.now += SETTLE_SECONDS
        call.handle_timer(now=board.now)
        board.board._pump(board.board._calls[call.id])
        assert caller.told[-1] == ("refer", f"sip:{carol.id}@10.0.0.9", f"{carol.id};to-tag=a;from-tag=b")
        caller.says(ReferProgress(200, final=True))
        carol.says(BY_PEER)
        assert caller.state is LegState.ENDED
        assert board.records[0].cause == "16 transferred"

    at_work(RULES, story)
