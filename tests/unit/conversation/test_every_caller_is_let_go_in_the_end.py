"""The silent, the endless talker, the one on hold, and the one who hangs up in the middle of anything."""

from typing import Any

import pytest

from softswitch.call.cause import Cause
from softswitch.call.leg import Answered, Ended, LegState
from softswitch.conversation.events import SessionEnded


def test_who_never_speaks_is_asked_again_and_said_goodbye_to(talk: Any) -> None:
    call = talk()
    call.answer()
    ended = call.until_ended()
    assert ended.cause is Cause.NORMAL
    assert "I did not hear anything." in call.said and "Are you still there?" in call.said
    assert call.said.endswith("Goodbye.")
    assert call.time - 1000 < 60


def test_who_never_stops_is_interrupted_and_said_goodbye_to(talk: Any) -> None:
    call = talk()
    call.answer()
    for _ in range(120):
        if call.ended:
            break
        call.speak(1000)
    assert [ended.cause for ended in call.ended] == [Cause.NORMAL]
    assert call.said.endswith("Goodbye.")


def test_hold_stops_the_conversation_and_takes_it_up_again(talk: Any) -> None:
    call = talk()
    call.answer()
    call.quiet(500)
    call.do(lambda: call.agent.hold(True))
    assert call.agent.state is LegState.HELD
    call.quiet(60_000)
    assert not call.sounding(59.0)
    call.do(lambda: call.agent.hold(False))
    call.until_said("three.", 10)
    assert "I did not hear anything" not in call.said


def test_hold_is_not_taken_for_silence(talk: Any) -> None:
    call = talk()
    call.answer()
    call.until_said("three.")
    call.quiet(3000)
    call.do(lambda: call.agent.hold(True))
    call.quiet(60_000)
    call.do(lambda: call.agent.hold(False))
    call.quiet(2000)
    assert not call.sounding(2.0)
    call.until_said("I did not hear anything", 5)


@pytest.mark.parametrize("after_ms", [0, 20, 400, 3500, 4200, 9000])
def test_hanging_up_at_any_moment_ends_it_once(talk: Any, after_ms: int) -> None:
    call = talk(["sales"])
    call.answer()
    call.quiet(min(after_ms, 3500))
    call.speak(max(0, min(after_ms - 3500, 700)))
    call.quiet(max(0, after_ms - 4200))
    call.do(lambda: call.agent.hang_up(Cause.NORMAL))
    call.do(lambda: call.agent.hang_up(Cause.BUSY))
    assert call.ended == [Ended(Cause.NORMAL, by_peer=False)]
    assert len(call.of(SessionEnded)) == 1
    events = len(call.events)
    call.speak(500)
    call.key("1")
    call.answer()
    assert len(call.events) == events and call.agent.state is LegState.ENDED


def test_a_leg_that_was_never_answered_just_ends(talk: Any) -> None:
    call = talk()
    call.do(call.agent.ring)
    call.do(lambda: call.agent.hang_up(Cause.CANCELLED))
    assert call.reports == [Ended(Cause.CANCELLED, by_peer=False)]
    assert not call.events


def test_an_answer_counts_once(talk: Any) -> None:
    call = talk()
    call.answer()
    call.answer()
    call.do(call.agent.ring)
    assert call.reports == [Answered()]


def test_the_end_is_never_reported_from_within_a_tick(talk: Any) -> None:
    call = talk(ears=None)
    call.answer()
    call.quiet(200)

    def tick_and_look() -> None:
        call.agent.take()
        call.agent.hang_up()
        assert not call.ended

    call.do(tick_and_look)
    assert len(call.ended) == 1


def test_a_reply_that_is_dropped_before_its_first_sound_was_never_heard(talk: Any) -> None:
    call = talk()
    call.answer()
    call.do(lambda: call.agent.key("1"))  # before the first tick
    call.until_said("sales, of course.", 5)
    assert call.turns[0].said == "" and not call.turns[0].interrupted
    assert call.turns[0].ledger.first_packet is None
