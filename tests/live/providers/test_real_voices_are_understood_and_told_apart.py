"""Recorded people, from the folder SOFTSWITCH_SPEECH_SAMPLES: digits are heard, other speech is not an answer."""

import asyncio
from collections.abc import Callable
from difflib import SequenceMatcher
from typing import Any

from softswitch.conversation.words import digits

OTHERS = ("jfk.wav", "librivox-0870.wav", "librivox-0880.wav", "goforward.wav", "something.wav")


def test_fifteen_digits_with_one_fault_at_most(
    speech: Callable[..., Any], recording: Callable[[str], bytes], texts: Any
) -> None:
    async def run() -> list[str]:
        async with speech() as engines:
            return texts(await engines.hear(engines.digits, recording("vosk-test.wav")))  # type: ignore[no-any-return]

    (heard,) = asyncio.run(run())
    spoken = list("100019021001803")
    right = sum(block.size for block in SequenceMatcher(None, spoken, list(digits(heard)), False).get_matching_blocks())
    assert right >= 14 and len(digits(heard)) <= 16


def test_sentences_are_no_answer(speech: Callable[..., Any], recording: Callable[[str], bytes], texts: Any) -> None:
    async def run() -> list[str]:
        async with speech() as engines:
            sounds = [recording(name) for name in OTHERS]
            return texts(await engines.hear(engines.yes_no, *sounds))  # type: ignore[no-any-return]

    assert asyncio.run(run()) == [""] * len(OTHERS)
