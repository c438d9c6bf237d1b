import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from softswitch.conversation.ports import Expectation
from softswitch.conversation.words import digits, yes_no

MENU = Expectation("phrases", phrases=("sales", "support", "technical support", "opening hours"))
Texts = Callable[[Any], list[str]]


def test_yes_and_no(speech: Callable[..., Any], texts: Texts) -> None:
    answers = ["yes", "yeah", "yes please", "that's right", "no", "nope", "no thank you", "that's wrong"]

    async def run() -> list[str]:
        async with speech() as engines:
            return texts(await engines.hear(engines.yes_no, *[await engines.say(answer) for answer in answers]))

    assert [yes_no(text) for text in asyncio.run(run())] == [True] * 4 + [False] * 4


def test_phrases(speech: Callable[..., Any], texts: Texts) -> None:
    async def run() -> list[str]:
        async with speech() as engines:
            return texts(await engines.hear(MENU, *[await engines.say(text) for text in MENU.phrases[1:]]))

    assert asyncio.run(run()) == list(MENU.phrases[1:])


@pytest.mark.parametrize("number", ["four two seven one", "one two three", "three five zero four"])
def test_digits(speech: Callable[..., Any], texts: Texts, number: str) -> None:
    async def run() -> list[str]:
        async with speech() as engines:
            return texts(await engines.hear(engines.digits, await engines.say(number)))

    (heard,) = asyncio.run(run())
    assert digits(heard) == digits(number)


def test_other_speech_is_nothing_heard(speech: Callable[..., Any], texts: Texts) -> None:
    others = [
        *("I would like to order a pizza", "tomorrow morning", "could you speak up", "who is this", "I don't know"),
        *("hold on a second", "go away", "seven", "hello", "maybe", "my name is John", "what did you say"),
    ]

    async def run() -> list[str]:
        async with speech() as engines:
            return texts(await engines.hear(engines.yes_no, *[await engines.say(text) for text in others]))

    heard = [text for text in asyncio.run(run()) if text]
    assert len(heard) <= 1, f"of {len(others)} others these were taken for an answer: {heard}"


def test_silence_and_no_sound_at_all_are_nothing_heard(speech: Callable[..., Any], texts: Texts) -> None:
    async def run() -> tuple[list[str], Any]:
        async with speech() as engines:
            heard = texts(await engines.hear(engines.yes_no, bytes(16000)))
            async with engines.engines.ears.open(language="en", expect=engines.yes_no) as ear:
                ear.start_utterance(1)
                ear.end_utterance()
                return heard, await ear.__aiter__().__anext__()

    heard, empty = asyncio.run(run())
    assert heard == [""]
    assert (empty.text, empty.final, empty.utterance) == ("", True, 1)


def test_a_word_nobody_can_pronounce_fails_its_utterance_alone(speech: Callable[..., Any], texts: Texts) -> None:
    async def run() -> list[str]:
        async with speech() as engines:
            pcm = await engines.say("yes")
            odd = Expectation("phrases", phrases=("xqzzy",))
            return texts([*await engines.hear(odd, pcm), *await engines.hear(engines.yes_no, pcm)])

    odd, plain = asyncio.run(run())
    assert odd == "failed: nobody has written down how to pronounce: xqzzy"
    assert plain == "yes"


def test_partials_come_while_the_caller_still_speaks(speech: Callable[..., Any]) -> None:
    async def run() -> list[str]:
        async with speech() as engines:
            pcm = await engines.say("one two three four five")
            async with engines.engines.ears.open(language="en", expect=engines.digits) as ear:
                ear.start_utterance(1)
                results, partials = ear.__aiter__(), []
                for frame in engines_frames(pcm):
                    ear.push(frame)
                    await asyncio.sleep(0.004)
                while True:
                    try:
                        partials.append((await asyncio.wait_for(results.__anext__(), 0.2)).text)
                    except TimeoutError:
                        return partials

    partials = asyncio.run(run())
    assert partials and all(partials)


def engines_frames(pcm: bytes) -> list[Any]:
    from softswitch.audio.frame import FRAME_BYTES, Frame

    return [Frame(pcm[at : at + FRAME_BYTES]) for at in range(0, len(pcm), FRAME_BYTES)]
