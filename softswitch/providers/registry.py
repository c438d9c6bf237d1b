"""Engines by name: the one table that settings are checked against."""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from softswitch.conversation.ports import SpeechToText, TextToSpeech
from softswitch.errors import ResourceError
from softswitch.providers.espeak import EspeakTextToSpeech
from softswitch.providers.pocketsphinx import PocketsphinxSpeechToText
from softswitch.providers.scripted import ScriptedSpeechToText, ScriptedTextToSpeech


class Engine(Protocol):
    """What every engine can be told, whatever it does."""

    async def warm(self) -> None: ...
    async def close(self) -> None: ...


class Ears(SpeechToText, Engine, Protocol):
    """A recogniser that can be warmed and closed."""


class Voice(TextToSpeech, Engine, Protocol):
    """A synthesiser that can be warmed and closed."""


@dataclass(frozen=True, slots=True)
class Engines:
    """The engines of one switch."""

    ears: Ears
    voice: Voice

    async def warm(self) -> None:
        """Wait until both can be used."""
        await self.ears.warm()
        await self.voice.warm()

    async def close(self) -> None:
        """Release both."""
        await self.ears.close()
        await self.voice.close()


def _pocketsphinx(workers: int) -> Ears:
    _need("pocketsphinx", "pocketsphinx")
    engine = PocketsphinxSpeechToText(workers)
    engine.start()
    return engine


def _espeak() -> Voice:
    _need("espeakng_loader", "espeakng-loader")
    engine = EspeakTextToSpeech()
    engine.start()
    return engine


STT: Final[dict[str, Callable[[int], Ears]]] = {
    "pocketsphinx": _pocketsphinx,
    "scripted": lambda _workers: ScriptedSpeechToText(),
}
TTS: Final[dict[str, Callable[[], Voice]]] = {"espeak": _espeak, "scripted": lambda: ScriptedTextToSpeech()}


def check_engines(stt: str, tts: str) -> None:
    """Raise ResourceError for an engine that is unknown."""
    for kind, name, known in (("speech.stt", stt, STT), ("speech.tts", tts, TTS)):
        if name not in known:
            raise ResourceError(f"{kind}: engine {name} is not known; {', '.join(sorted(known))} are")


async def open_engines(stt: str, tts: str, *, workers: int) -> Engines:
    """Start the engines in the background. Raises ResourceError for one that is unknown or not installed."""
    check_engines(stt, tts)
    ears = STT[stt](workers)
    try:
        return Engines(ears, TTS[tts]())
    except ResourceError:
        await ears.close()
        raise


def _need(module: str, package: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise ResourceError(
            f"the engine {package} is not installed; pip install {package}, or choose another in `speech`"
        )
