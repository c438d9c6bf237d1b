import asyncio

import pytest

from softswitch.errors import ResourceError
from softswitch.providers.registry import open_engines


@pytest.mark.parametrize(
    ("stt", "tts", "sentence"),
    [
        ("whisper", "scripted", r"speech.stt: engine whisper is not known; pocketsphinx, scripted are"),
        ("scripted", "siri", r"speech.tts: engine siri is not known; espeak, scripted are"),
    ],
)
def test_an_unknown_engine(stt: str, tts: str, sentence: str) -> None:
    with pytest.raises(ResourceError, match=sentence):
        asyncio.run(open_engines(stt, tts, workers=1))


def test_scripted_engines_open_warm_and_close() -> None:
    async def run() -> str:
        engines = await open_engines("scripted", "scripted", workers=1)
        await engines.warm()
        await engines.close()
        return engines.ears.capabilities.name

    assert asyncio.run(run()) == "scripted"
