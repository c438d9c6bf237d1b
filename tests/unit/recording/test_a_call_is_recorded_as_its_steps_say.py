"""Steps, operators and the configuration begin, pause and stop recordings; the record and the events tell of each."""

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from softswitch.audio.frame import Frame
from softswitch.call.cause import Cause
from softswitch.call.leg import Digit
from softswitch.call.record import Recorded
from softswitch.call.tape import Strip
from softswitch.call.taping import MAX_RECORDINGS, Told
from softswitch.errors import ResourceError
from tests.unit.switchboard.conftest import Board, FakeLeg


class FakeReel:
    def __init__(self, path: str, told: Told) -> None:
        self.path, self.told = path, told
        self.strips: list[Strip] = []
        self.discarded: bool | None = None

    def put(self, strip: Strip) -> None:
        self.strips.append(strip)

    def close(self, *, discard: bool = False) -> None:
        self.discarded = discard

    def sides(self) -> tuple[list[str], list[str]]:
        """Return who was heard on both sides, frame by frame; `-` is silence, `~` a tone."""
        found: tuple[list[str], list[str]] = [], []
        for strip in self.strips:
            for side, pieces in zip(found, (strip.left, strip.right), strict=True):
                side += [_name(piece) for piece in pieces or [b""] * strip.frames]
        return found

    @property
    def seconds(self) -> float:
        return sum(strip.frames for strip in self.strips) / 50


def _name(piece: bytes) -> str:
    name = piece.rstrip(b"\0")
    return name.decode() or "-" if name.isascii() and len(name) < 9 else "~"


class FakeDeck:
    """A disk that does as the test says."""

    def __init__(self) -> None:
        self.reels: list[FakeReel] = []
        self.refuses = ""

    def open(self, call: str, told: Told) -> FakeReel:
        if self.refuses:
            raise ResourceError(self.refuses)
        self.reels.append(FakeReel(f"recordings/{call}-{len(self.reels)}.wav", told))
        return self.reels[-1]

    def keep(self, call: str, frames: Any, told: Told) -> None:
        told(Recorded("recordings/kept.wav", len(frames) / 50, "complete"))

    def finish(self) -> None:
        """Tell of every file that was closed."""
        for reel in self.reels:
            if reel.discarded is not None:
                state: Any = "refused" if reel.discarded else "complete"
                reel.told(Recorded("" if reel.discarded else reel.path, reel.seconds, state))
                reel.discarded = None


class Rig(Board):
    """The switchboard of other tests, with a deck, and with time that goes on as it ticks."""

    deck: FakeDeck

    def ticks(self, times: int) -> None:
        for _ in range(times):
            self.tick()
            self.now += 0.02

    def end(self) -> Any:
        """Hang up, let the disk finish, and return the record."""
        for call, _ in list(self.board.calls()):
            self.board.hang_up(call.id, Cause.NORMAL)
        self.deck.finish()
        return self.records[-1]

    @property
    def id(self) -> str:
        return next(iter(self.board.calls()))[0].id


@pytest.fixture
def recorded() -> Callable[..., None]:
    """Run a story on a switchboard with these steps for number 1; nothing may be left."""

    def run(steps: str, story: Callable[[Rig], Any], *, record_all: bool = False) -> None:
        async def main() -> None:
            rig = Rig(f"rules: [{{number: 1, steps: {steps}}}]")
            rig.deck = FakeDeck()
            rig.board._deck, rig.board.record_all = rig.deck, record_all
            await story(rig)
            assert rig.board.active == 0 and rig.seats == []

        asyncio.run(main())

    return run


def test_steps_record_pause_and_resume(recorded: Callable[..., None]) -> None:
    """A second in which a card number is said is silence, and what follows keeps its place."""

    async def story(rig: Rig) -> None:
        events = rig.board.watch()
        rig.call("1")
        for do in ("pause", "resume"):
            rig.ticks(50)
            assert rig.board.record(rig.id, do).state == {"pause": "paused", "resume": "on"}[do]
        rig.ticks(50)
        record = rig.end()
        left, right = rig.deck.reels[0].sides()
        assert left == ["in-0"] * 50 + ["-"] * 50 + ["in-0"] * 50 == right
        assert record.recording == "recordings/t0-0.wav"
        assert record.as_json()["recordings"] == [
            {
                "path": "recordings/t0-0.wav",
                "seconds": 3.0,
                "state": "complete",
                "why": "",
                "paused_seconds": 1.0,
                "encrypted": False,
            }
        ]
        names = [type(event.what).__name__ for event in list(events._events)]
        recordings = [name for name in names if name.startswith("Recording")]
        assert recordings == ["RecordingStarted", "RecordingPaused", "RecordingResumed", "RecordingStopped"]
        assert names[-1] == "CallEnded", "the record was told before anybody knew what came of the recording"
        events.close()

    recorded("[answer, record_call: start, echo]", story)


def test_steps_stop_and_begin_again(recorded: Callable[..., None]) -> None:
    async def story(rig: Rig) -> None:
        rig.call("1")
        rig.ticks(10)
        assert [recorded.path for recorded in rig.end().recordings] == ["recordings/t0-0.wav", "recordings/t0-1.wav"]

    recorded("[answer, record_call: start, record_call: pause, record_call: stop, record_call, echo]", story)


def test_a_call_is_not_recorded_unless_somebody_wants_it(recorded: Callable[..., None]) -> None:
    async def story(rig: Rig) -> None:
        rig.call("1")
        rig.ticks(10)
        with pytest.raises(ResourceError, match="nothing to pause"):
            rig.board.record(rig.id, "pause")
        with pytest.raises(ResourceError, match="no call nobody"):
            rig.board.record("nobody", "start")
        assert rig.end().recordings == [] and rig.deck.reels == []

    recorded("[answer, echo]", story)


def test_every_call_is_recorded_from_its_answer_where_that_is_configured(recorded: Callable[..., None]) -> None:
    async def story(rig: Rig) -> None:
        rig.call("1")
        assert len(rig.deck.reels) == 1
        rig.ticks(20)
        assert rig.end().recordings[0].seconds == pytest.approx(0.4, abs=0.021)

    recorded("[answer, echo]", story, record_all=True)


@pytest.mark.parametrize(("keys", "state"), [("1", "given"), ("52", "refused"), ("", "refused")])
def test_consent_is_asked_for_before_anything_is_recorded(recorded: Callable[..., None], keys: str, state: str) -> None:
    async def story(rig: Rig) -> None:
        caller = rig.call("1")
        rig.ticks(5)
        assert rig.deck.reels == []
        for key in keys:
            caller.says(Digit(key, "rfc4733"))
        if not keys:
            rig.legs["agent"].hang_up()
            rig.now += 9
            live = rig.board._calls[rig.id]
            rig.board._timer_fired(live)
        rig.ticks(5)
        call = next(iter(rig.board.calls()))[0]
        assert call.variables["consent"] == state
        assert len(rig.deck.reels) == (state == "given")
        if state == "refused":
            with pytest.raises(ResourceError, match="does not want"):
                rig.board.record(rig.id, "start")
        rig.end()

    recorded("[answer, consent: {say: 'May we record this?'}, echo]", story, record_all=True)


def test_to_listen_to_the_end_is_consent_where_no_key_is_asked_for(recorded: Callable[..., None]) -> None:
    async def story(rig: Rig) -> None:
        rig.call("1")
        rig.legs["agent"].hang_up()
        assert len(rig.deck.reels) == 1
        rig.end()

    recorded("[answer, consent: {say: 'This call is recorded.', accept: ''}, echo]", story)


def test_what_was_recorded_before_it_was_refused_is_taken_away(recorded: Callable[..., None]) -> None:
    async def story(rig: Rig) -> None:
        rig.call("1")
        rig.ticks(60)
        assert rig.board.record(rig.id, "refuse").state == "refused"
        assert rig.deck.reels[0].discarded
        record = rig.end()
        assert record.recording == "" and [one.state for one in record.recordings] == ["refused"]

    recorded("[answer, record_call, echo]", story)


def test_a_disk_that_fails_in_mid_call_ends_the_recording_and_not_the_call(recorded: Callable[..., None]) -> None:
    async def story(rig: Rig) -> None:
        caller = rig.call("1")
        rig.ticks(100)
        rig.deck.reels[0].told(Recorded("recordings/t0-0.wav", 1.0, "partial", "No space left on device"))
        heard = len(caller.heard)
        rig.ticks(10)
        assert len(caller.heard) == heard + 10, "the call is silent"
        assert rig.board.taping(rig.id).state == "off"  # type: ignore[union-attr]
        record = rig.end()
        (one,) = record.recordings
        assert (one.state, one.why, record.outcome) == ("partial", "No space left on device", "answered")

    recorded("[answer, record_call, echo]", story)


def test_a_disk_that_refuses_at_once_is_in_the_record(recorded: Callable[..., None]) -> None:
    async def story(rig: Rig) -> None:
        rig.deck.refuses = "the disk is full"
        rig.call("1")
        rig.ticks(10)
        (one,) = rig.end().recordings
        assert (one.state, one.why, one.path) == ("failed", "the disk is full", "")

    recorded("[answer, record_call, echo]", story)


def test_nobody_can_fill_the_folder_by_beginning_again_and_again(recorded: Callable[..., None]) -> None:
    async def story(rig: Rig) -> None:
        rig.call("1")
        for _ in range(MAX_RECORDINGS):
            rig.board.record(rig.id, "start")
            rig.board.record(rig.id, "stop")
        with pytest.raises(ResourceError, match="times already"):
            rig.board.record(rig.id, "start")
        rig.end()

    recorded("[answer, echo]", story)


def test_the_record_waits_for_the_file(recorded: Callable[..., None]) -> None:
    async def story(rig: Rig) -> None:
        rig.call("1")
        rig.ticks(5)
        rig.board.hang_up(rig.id, Cause.NORMAL)
        assert rig.records == [] and rig.board.active == 0
        rig.deck.finish()
        assert len(rig.records) == 1

    recorded("[answer, record_call, echo]", story)


def test_each_party_stays_on_its_side_when_a_transfer_moves_it(recorded: Callable[..., None]) -> None:
    """alice calls bob, and gives him to carol: bob was on the right, and is there to the end; carol is on the left."""

    async def story(rig: Rig) -> None:
        alice = rig.call("1")
        alice.voice = Frame(b"A".ljust(320, b"\0"))
        bob = _answers(rig, "sip:bob@x", b"B")
        rig.ticks(10)
        rig.board.transfer(rig.id, "sip:carol@x", by=alice.id)
        rig.ticks(10)
        _answers(rig, "sip:carol@x", b"C")
        rig.ticks(10)
        await rig.turn()
        rig.end()
        left, right = rig.deck.reels[0].sides()
        assert bob.heard and set(right) <= {"B", "-"} and right[-1] == "B"
        assert left[0] == "A" and left[-1] == "C" and "B" not in left

    recorded("[answer, record_call, dial: 'sip:bob@x']", story)


def _answers(rig: Rig, target: str, letter: bytes) -> FakeLeg:
    leg = rig.legs[target]
    leg.voice = Frame(letter.ljust(320, b"\0"))
    leg.answer()
    return leg


def test_what_a_step_records_of_one_party_is_kept_as_well(recorded: Callable[..., None]) -> None:
    async def story(rig: Rig) -> None:
        rig.call("1")
        rig.ticks(25)
        record = rig.end()
        assert [one.path for one in record.recordings] == ["recordings/kept.wav"]
        assert record.recordings[0].seconds == pytest.approx(0.5)
        assert np.isclose(record.as_json()["recordings"][0]["seconds"], 0.5)

    recorded("[answer, record: 10, hangup]".replace("record: 10", "record: {seconds: 10}"), story)
