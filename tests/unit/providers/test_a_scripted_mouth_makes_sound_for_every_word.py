import asyncio
import audioop
from collections.abc import AsyncIterator

import pytest

from softswitch.audio.frame import FRAME_BYTES, Frame
from softswitch.errors import ResourceError
from softswitch.providers.scripted import ScriptedTextToSpeech, tone_frames


async def pieces(*texts: str) -> AsyncIterator[str]:
    for text in texts:
        yield text


def speak(mouth: ScriptedTextToSpeech, *texts: str) -> list[Frame]:
    async def run() -> list[Frame]:
        return [frame async for frame in mouth.speak(pieces(*texts))]

    return asyncio.run(run())


def test_each_word_is_a_tone_and_a_gap() -> None:
    mouth = ScriptedTextToSpeech(word_ms=60)
    frames = speak(mouth, "good morning", "sir")
    assert [audioop.rms(frame.pcm, 2) > 500 for frame in frames] == [True, True, True, False] * 3
    assert {len(frame.pcm) for frame in frames} == {FRAME_BYTES}
    assert list(mouth.spoken) == ["good morning", "sir"]


def test_nothing_to_say_makes_no_sound() -> None:
    assert speak(ScriptedTextToSpeech(), "", "  ") == []


def test_a_mouth_that_is_to_fail_fails_with_its_sentence() -> None:
    mouth = ScriptedTextToSpeech(word_ms=20, fail_with="the speech engine is gone", fail_after_frames=2)

    async def run() -> int:
        heard = 0
        with pytest.raises(ResourceError, match="engine is gone"):
            async for _ in mouth.speak(pieces("one two")):
                heard += 1
        return heard

    assert asyncio.run(run()) == 2


def test_the_tone_is_at_the_level_that_was_asked_for() -> None:
    pcm = b"".join(frame.pcm for frame in tone_frames(200, 1000.0, level_dbm0=-10.0))
    # A full-scale sine is 3.17 dBm0 (G.711 table 5) and has an rms of 32767 / sqrt(2).
    assert audioop.rms(pcm, 2) == pytest.approx(23170 * 10 ** (-13.17 / 20), rel=0.01)
