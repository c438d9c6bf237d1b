"""Hold: who waits hears music, an AI stands still meanwhile, and afterwards all is as before."""

from collections.abc import Callable
from typing import Any

import pytest

from softswitch.audio.frame import SILENCE, Frame
from softswitch.audio.tones import hold_tone
from softswitch.call.bridge import Bridge
from softswitch.call.cause import Cause
from softswitch.call.commands import HoldLeg, PlaceLeg, PlayHold
from softswitch.call.leg import Answered, Ended, Held
from softswitch.call.voices import HOLD_QUIET_FRAMES, OnHold

Made = Callable[..., Any]
MUSIC, VOICE = Frame(b"m" * 320), Frame(b"v" * 320)


@pytest.fixture
def talking(with_steps: Made) -> Any:
    played = with_steps("[{dial: 101}]")
    played.tell(other(played), Answered())
    return played


def other(played: Any) -> str:
    leg: str = played.of(PlaceLeg)[0].leg
    return leg


def hold(played: Any, leg: str, held: bool) -> None:
    played.call.hold(leg, held, now=played.now)
    played.pump()


def test_a_party_that_holds_lets_the_other_hear_music(talking: Any) -> None:
    for leg in ("a", other(talking)):
        talking.tell(leg, Held(True))
        assert talking.of(PlayHold)[-1] == PlayHold(leg, by_us=False, by_peer=True)
        talking.tell(leg, Held(False))
        assert talking.of(PlayHold)[-1] == PlayHold(leg, by_us=False, by_peer=False)
    assert not talking.of(HoldLeg), "to be held is not to hold"


def test_we_hold_either_party(talking: Any) -> None:
    hold(talking, "", True)
    assert talking.of(HoldLeg) == [HoldLeg("a", True)] and talking.of(PlayHold) == [PlayHold("a", True, False)]
    hold(talking, other(talking), True)
    assert talking.of(HoldLeg)[-1] == HoldLeg(other(talking), True)
    hold(talking, "", False)
    assert talking.of(PlayHold)[-1] == PlayHold("a", False, False)


def test_both_may_hold_at_once_and_each_end_counts_for_itself(talking: Any) -> None:
    talking.tell("a", Held(True))
    hold(talking, "a", True)
    assert talking.of(PlayHold)[-1] == PlayHold("a", True, True)
    talking.tell("a", Held(False))
    assert talking.of(PlayHold)[-1] == PlayHold("a", True, False)
    talking.tell("a", Held(False))
    assert len(talking.of(PlayHold)) == 3, "what changes nothing is not said"


def test_the_ai_stands_still_while_its_caller_is_away(with_steps: Made) -> None:
    played = with_steps("[answer, {agent: x}]")
    played.tell("a", Held(True))
    hold(played, "", True)
    played.tell("a", Held(False))
    hold(played, "", False)
    said = [output.held for output in played.of(HoldLeg) if output.leg == played.agent]
    assert said == [True, True, True, False], "it goes on when the last hold is over"
    assert [output.by_peer for output in played.of(PlayHold)] == [False, False], "an AI needs no music"


def test_an_ai_that_comes_while_the_caller_is_away_waits(with_steps: Made) -> None:
    played = with_steps("[answer, {wait: 5}, {agent: x}]")
    played.tell("a", Held(True))
    played.pass_time(6)
    assert played.of(HoldLeg) == [HoldLeg(played.agent, True)]


def test_nobody_is_held_before_the_answer_or_after_the_end(with_steps: Made) -> None:
    played = with_steps("[{dial: {to: 101, then: continue}}, {ring: 5}]")
    hold(played, "", True)
    hold(played, "no such leg", True)
    played.tell(other(played), Ended(Cause.BUSY, by_peer=True))
    hold(played, other(played), True)
    assert not played.of(HoldLeg) and not played.of(PlayHold)


def test_a_hold_does_not_survive_its_party(with_steps: Made) -> None:
    played = with_steps("[{dial: {to: 101, after: continue}}, {wait: 5}]")
    played.tell(other(played), Answered())
    played.tell("a", Held(True))
    played.tell(other(played), Held(True))
    played.tell(other(played), Ended(Cause.NORMAL, by_peer=True))
    assert played.of(PlayHold)[-1] == PlayHold("a", False, False), "nobody is there to hear the music"
    played.tell("a", Ended(Cause.NORMAL, by_peer=True))
    assert (played.record.outcome, played.record.verdict, played.record.ended_by) == ("answered", "", "caller")


class Party:
    """Says what it is told to, and remembers what it heard."""

    def __init__(self, says: Frame | None) -> None:
        self.says = says
        self.heard: list[Frame] = []
        self.taken = 0

    def take(self) -> Frame | None:
        self.taken += 1
        return self.says

    def give(self, frame: Frame) -> None:
        self.heard.append(frame)


def test_who_is_held_by_a_silent_party_hears_the_music_and_by_a_singing_one_its_song() -> None:
    holder, waiting = Party(None), Party(VOICE)
    bridge = Bridge(OnHold(holder, Party(MUSIC), by_us=False), waiting)
    for _ in range(HOLD_QUIET_FRAMES + 10):
        bridge.tick(0.0)
    assert waiting.heard == [SILENCE] * HOLD_QUIET_FRAMES + [MUSIC] * 10
    holder.says = VOICE
    bridge.tick(0.0)
    assert waiting.heard[-1].pcm[80:] == VOICE.pcm[80:], "joined to the music in its first 5 ms"
    bridge.tick(0.0)
    assert waiting.heard[-1] is VOICE
    assert holder.heard[-1] is VOICE, "its leg knows best whether it wants to hear"


def test_who_is_held_by_us_hears_the_music_and_is_not_heard() -> None:
    held, other_one = Party(VOICE), Party(VOICE)
    bridge = Bridge(OnHold(held, Party(MUSIC), by_us=True), other_one)
    bridge.tick(0.0)
    assert held.heard == [MUSIC] and other_one.heard == [SILENCE]
    assert held.taken == 1, "what comes in is read, or it would come late afterwards"


def test_the_tone_on_hold_is_rare_and_soft() -> None:
    tone = hold_tone()
    frames = [tone.take() for _ in range(500)]
    assert sum(frame is not None for frame in frames) == 10, "two beeps of 100 ms in ten seconds"
