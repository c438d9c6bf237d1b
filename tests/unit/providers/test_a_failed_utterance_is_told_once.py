"""The recogniser's own fault, seen from the ear: a worker that answers as a real one would, without a process."""

import asyncio
import json
from typing import cast

import pytest

from softswitch.audio.frame import SILENCE
from softswitch.conversation.ports import EngineFailed, Expectation, Transcript
from softswitch.providers import messages as m
from softswitch.providers.messages import Message
from softswitch.providers.pocketsphinx import PocketsphinxEar
from softswitch.providers.worker import Worker


class DeskWorker:
    """Takes messages as a worker process does, and keeps them."""

    def __init__(self) -> None:
        self.sent: list[int] = []
        self.up = True

    def open(self, owner: object) -> int:
        return 7

    def send(self, kind: int, stream: int, payload: bytes = b"") -> bool:
        self.sent.append(kind)
        return self.up

    def release(self, stream: int) -> None:
        self.sent.append(m.CLOSE)

    def failed(self, reason: str) -> None:
        self.sent.append(-1)


def ear_with(worker: DeskWorker, expectation: Expectation | None = None) -> PocketsphinxEar:
    ear = PocketsphinxEar(cast(Worker, worker))
    ear.expect(expectation or Expectation("yes_no"))
    return ear


def failed(utterance: int) -> Message:
    return Message(m.FAILED, 7, json.dumps({"utterance": utterance, "reason": "no such word"}).encode())


def heard(utterance: int, text: str) -> Message:
    said = {"utterance": utterance, "text": text, "final": True, "confidence": 0.7}
    return Message(m.HEARD, 7, json.dumps(said).encode())


async def results(ear: PocketsphinxEar) -> list[Transcript | EngineFailed]:
    ear.close()
    return [result async for result in ear]


def test_a_failure_belongs_to_its_own_utterance() -> None:
    async def run() -> list[Transcript | EngineFailed]:
        ear = ear_with(DeskWorker())
        ear.start_utterance(1)
        ear.end_utterance()
        ear.start_utterance(2)
        ear.received(failed(1))
        ear.received(failed(1))
        ear.end_utterance()
        ear.received(heard(2, "yes"))
        return await results(ear)

    assert asyncio.run(run()) == [EngineFailed(1, "no such word"), Transcript("yes", True, 2, 0.7)]


def test_a_worker_that_dies_fails_what_is_waited_for_and_ends_the_ear() -> None:
    async def run() -> list[Transcript | EngineFailed]:
        ear = ear_with(DeskWorker())
        ear.start_utterance(1)
        ear.lost("it ended")
        return [result async for result in ear]

    assert asyncio.run(run()) == [EngineFailed(1, "it ended")]


def test_a_worker_that_is_away_fails_the_utterance_at_once() -> None:
    async def run() -> list[Transcript | EngineFailed]:
        worker = DeskWorker()
        ear = ear_with(worker)
        worker.up = False
        ear.start_utterance(1)
        ear.push(SILENCE)
        ear.end_utterance()
        return await results(ear)

    assert asyncio.run(run()) == [EngineFailed(1, "the recogniser is being restarted")]


def test_free_speech_is_refused_with_a_sentence() -> None:
    async def run() -> list[Transcript | EngineFailed]:
        ear = ear_with(DeskWorker(), Expectation("free"))
        ear.start_utterance(3)
        ear.end_utterance()
        return await results(ear)

    (only,) = asyncio.run(run())
    assert isinstance(only, EngineFailed) and "free speech" in only.reason


def test_frames_outside_an_utterance_go_nowhere() -> None:
    async def run() -> list[int]:
        worker = DeskWorker()
        ear = ear_with(worker)
        for _ in range(10):
            ear.push(SILENCE)
        ear.end_utterance()
        return worker.sent

    assert asyncio.run(run()) == [m.EXPECT]


@pytest.mark.parametrize("frames", [1, 2, 3, 4])
def test_all_sound_is_sent_before_the_end(frames: int) -> None:
    async def run() -> list[int]:
        worker = DeskWorker()
        ear = ear_with(worker)
        ear.start_utterance(1)
        for _ in range(frames):
            ear.push(SILENCE)
        ear.end_utterance()
        ear.close()
        return worker.sent

    assert asyncio.run(run()) == [m.EXPECT, m.START, *[m.SOUND] * (-(-frames // 2)), m.FINISH, m.CLOSE]
