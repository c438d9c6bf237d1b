"""Recognisers and synthesisers that die, hang or refuse: the caller hears something, and the call ends or goes on."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from softswitch.audio.frame import Frame
from softswitch.call.cause import Cause
from softswitch.conversation.events import EngineFault
from softswitch.conversation.policy import Action, Dialogue, Utterance
from softswitch.conversation.ports import Expectation, Recognition, SpeechCapabilities
from softswitch.errors import ResourceError
from softswitch.providers.scripted import Failure, ScriptedSpeechToText, ScriptedTextToSpeech


class DyingEars:
    """Opens ears that die after each utterance, or cannot be opened at all. `open_now` counts those not given back."""

    def __init__(self, *, opens: bool = True) -> None:
        self.opened = self.open_now = 0
        self._opens = opens

    @property
    def capabilities(self) -> SpeechCapabilities:
        return SpeechCapabilities("dying", grammar=True, partials=False, free=True)

    @asynccontextmanager
    async def open(self, *, language: str, expect: Expectation | None) -> AsyncIterator[Recognition]:
        self.opened += 1
        if not self._opens:
            raise ResourceError("there is no recogniser")
        self.open_now += 1
        try:
            yield DyingEar()
        finally:
            self.open_now -= 1


class DyingEar:
    def __init__(self) -> None:
        self._spoken = asyncio.Event()

    def expect(self, expectation: Expectation | None) -> None: ...
    def start_utterance(self, utterance: int) -> None: ...
    def push(self, frame: Frame) -> None: ...
    def end_utterance(self) -> None:
        self._spoken.set()

    def __aiter__(self) -> "DyingEar":
        return self

    async def __anext__(self) -> Any:
        await self._spoken.wait()
        raise ResourceError("the worker was killed")


class HangingVoice:
    """A synthesiser from which nothing comes."""

    async def speak(self, text: AsyncIterable[str], *, language: str = "en") -> AsyncIterator[Frame]:
        await asyncio.Event().wait()
        yield Frame(b"")


class HangingPolicy:
    """A mind that never comes to a decision, or does not come to one in peace."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error

    async def plan(self, dialogue: Dialogue, heard: Utterance) -> AsyncIterator[Action]:
        if self._error:
            raise self._error
        await asyncio.Event().wait()
        yield  # type: ignore[misc]  # never reached


def test_a_recogniser_that_fails_is_admitted_and_keys_remain(talk: Any) -> None:
    call = talk([Failure("no more memory")])
    call.answer()
    call.until_said("three.")
    call.quiet(200)
    call.speak(500)
    call.until_said("I have trouble hearing you.")
    call.quiet(200)
    call.key("1")
    call.until_said("sales, of course.")
    assert [(fault.kind, fault.fatal) for fault in call.of(EngineFault)] == [("stt", False)]


def test_a_recogniser_that_dies_is_opened_again_a_few_times(talk: Any) -> None:
    ears = DyingEars()
    call = talk(ears=ears)
    call.answer()
    call.until_said("three.")
    for times in (1, 2):
        call.quiet(400)
        call.speak(500)
        call.until(lambda times=times: call.said.count("trouble hearing you") == times, 10)
        assert (ears.opened, ears.open_now) == (times + 1, 1)
    call.quiet(400)
    call.speak(500)
    assert call.until_ended(20).cause is Cause.NORMAL
    assert call.said.endswith("Goodbye.")
    assert (ears.opened, ears.open_now) == (4, 0)


def test_without_any_recogniser_a_caller_gets_through_by_keys(talk: Any) -> None:
    ears = DyingEars(opens=False)
    call = talk(ears=ears)
    call.answer()
    call.until_said("three.")
    call.quiet(200)
    call.speak(500)
    call.until_said("trouble hearing you")
    call.key("1")
    call.quiet(100)
    call.key("1234")
    call.quiet(100)
    call.key("1")
    assert call.until_ended().cause is Cause.NORMAL
    assert ears.opened == 4


def test_a_voice_that_fails_at_once_refuses_the_call_before_the_answer(talk: Any) -> None:
    call = talk(voice=ScriptedTextToSpeech(fail_with="there is no voice"))
    call.do(call.agent.ring)
    call.tick()
    assert [ended.cause for ended in call.ended] == [Cause.ENGINE_FAILED]


@pytest.mark.parametrize("frames", [0, 30])
def test_a_voice_that_fails_is_replaced_by_a_tone_and_the_call_ends(talk: Any, frames: int) -> None:
    call = talk(voice=ScriptedTextToSpeech(word_ms=180, fail_with="the voice broke", fail_after_frames=frames))
    call.answer()
    ended = call.until_ended(10)
    assert ended.cause is Cause.ENGINE_FAILED and ended.by_peer
    assert len([1 for _, sound in call.line if sound]) >= 30  # three beeps of 200 ms
    assert [(fault.kind, fault.fatal) for fault in call.of(EngineFault)] == [("tts", True)]


def test_a_voice_from_which_nothing_comes_is_given_up(talk: Any) -> None:
    call = talk(voice=HangingVoice())
    call.answer()
    ended = call.until_ended(8)
    assert ended.cause is Cause.ENGINE_FAILED and call.sounding(3.0)


def test_a_policy_that_never_decides_is_given_up(talk: Any) -> None:
    call = talk(policy=HangingPolicy())
    call.answer()
    assert call.until_ended(15).cause is Cause.ENGINE_FAILED


def test_a_policy_that_fails_is_told_with_a_tone(talk: Any) -> None:
    call = talk(policy=HangingPolicy(ResourceError("the model is gone")))
    call.answer()
    assert call.until_ended(5).cause is Cause.ENGINE_FAILED
    assert call.sounding(2.0)


def test_a_bug_ends_its_own_call_and_is_logged(talk: Any, caplog: pytest.LogCaptureFixture) -> None:
    call = talk(policy=HangingPolicy(ZeroDivisionError("a bug")))
    call.answer()
    assert call.until_ended(5).cause is Cause.INTERNAL
    assert "ZeroDivisionError" in caplog.text


def test_an_ear_that_opens_late_still_hears_the_first_words(talk: Any) -> None:
    class LateEars(ScriptedSpeechToText):
        ready: asyncio.Event

        @asynccontextmanager
        async def open(self, *, language: str, expect: Expectation | None) -> AsyncIterator[Recognition]:
            self.ready = asyncio.Event()
            await self.ready.wait()
            async with super().open(language=language, expect=expect) as ear:
                yield ear

    ears = LateEars(["sales"])
    call = talk(ears=ears)
    call.answer()
    call.quiet(300)
    call.speak(500)
    call.quiet(600)
    call.do(ears.ready.set)
    call.until_said("sales, of course", 10)
