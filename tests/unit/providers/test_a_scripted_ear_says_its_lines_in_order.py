import asyncio

from softswitch.audio.frame import SILENCE
from softswitch.conversation.ports import EngineFailed, Expectation, Transcript
from softswitch.providers.scripted import Failure, Heard, Line, Script, ScriptedSpeechToText

YES_NO = Expectation("yes_no")


def hear(engine: ScriptedSpeechToText, utterances: int, frames: int = 0) -> list[Transcript | EngineFailed]:
    async def listen() -> list[Transcript | EngineFailed]:
        async with engine.open(language="en", expect=YES_NO) as ear:
            for number in range(10, 10 + utterances):
                ear.push(SILENCE)
                ear.start_utterance(number)
                for _ in range(frames):
                    ear.push(SILENCE)
                ear.end_utterance()
                ear.end_utterance()
            results = ear.__aiter__()
        return [result async for result in results]

    return asyncio.run(listen())


def engine(script: Script, partial_ms: int = 0) -> ScriptedSpeechToText:
    return ScriptedSpeechToText(script, partial_ms=partial_ms, confidence=0.5)


def test_one_line_for_each_utterance_then_nothing_matched() -> None:
    assert hear(engine(["yes", Failure("gone"), ""]), 4) == [
        Transcript("yes", True, 10, 0.5),
        EngineFailed(11, "gone"),
        Transcript("", True, 12),
        Transcript("", True, 13),
    ]


def test_every_ear_starts_from_the_first_line() -> None:
    same = engine(["yes", "no"])
    assert hear(same, 1) == hear(same, 1)


def test_a_function_sees_what_the_ear_was_given() -> None:
    seen: list[Heard] = []

    def line(heard: Heard) -> Line:
        seen.append(heard)
        return "seven"

    assert [str(getattr(result, "text", "")) for result in hear(engine(line), 2, frames=3)] == ["seven", "seven"]
    assert seen == [Heard(0, 10, 3, YES_NO), Heard(1, 11, 3, YES_NO)]


def test_partials_grow_a_word_at_a_time_and_an_unread_one_is_replaced() -> None:
    ticking = engine(["go on then"], partial_ms=40)
    assert ticking.capabilities.partials

    async def listen() -> list[str]:
        texts = []
        async with ticking.open(language="en", expect=None) as ear:
            ear.start_utterance(1)
            results = ear.__aiter__()
            for _ in range(2):
                ear.push(SILENCE)
                ear.push(SILENCE)
                result = await results.__anext__()
                assert isinstance(result, Transcript) and not result.final
                texts.append(result.text)
            for _ in range(10):
                ear.push(SILENCE)
            ear.end_utterance()
            result = await results.__anext__()
            assert isinstance(result, Transcript) and result.final
            texts.append(result.text)
        return texts

    assert asyncio.run(listen()) == ["go", "go on", "go on then"]
