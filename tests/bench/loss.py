"""What loss costs the ear: purity and level of tones, words of a recogniser, with holes as silence and concealed.

In virtual time: packets of G.711 through stream and ear of a leg. `make bench-loss`; half a minute.
"""

import asyncio
import math
import os
import random
import time
from collections.abc import Callable
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import numpy as np

from softswitch.audio import wav
from softswitch.audio.codecs import PCMU
from softswitch.conversation.ports import Expectation
from softswitch.conversation.words import digits
from softswitch.legs.ear import Ear
from softswitch.providers.registry import open_engines
from tests.live.providers.conftest import Speech

LOSSES = (0.0, 0.01, 0.05, 0.10, 0.20)
NUMBERS = ("four two seven one", "three five zero four", "one two three", "nine eight six two")
RECORDED = ("vosk-test.wav", "100019021001803")
SEEDS = 10

Wire = Callable[[bytes, int, float], bytes]


def with_silence(pcm: bytes, seed: int, loss: float) -> bytes:
    """Return sound whose lost packets are silent."""
    chance = random.Random(seed)
    frames = [pcm[at : at + 320] for at in range(0, len(pcm) - 319, 320)]
    return b"".join(bytes(320) if chance.random() < loss else frame for frame in frames)


def concealed(pcm: bytes, seed: int, loss: float) -> bytes:
    """Return sound whose lost packets are made up."""
    chance, ear, heard = random.Random(seed), Ear(), []
    for at in range(0, len(pcm) - 319, 320):
        frame = ear.hear(None if chance.random() < loss else PCMU.encode(pcm[at : at + 320]))
        heard.append(bytes(320) if frame is None else frame.pcm)
    return b"".join(heard)


def tone(hz: float, seconds: float = 60.0) -> bytes:
    angle = 2 * np.pi * hz * np.arange(round(seconds * 8000)) / 8000
    return PCMU.decode(PCMU.encode((8000 * np.sin(angle)).astype("<i2").tobytes()))


def sinad_db(pcm: bytes, hz: float) -> float:
    sound = np.frombuffer(pcm, "<i2").astype(np.float64)
    angle = 2 * np.pi * hz * np.arange(len(sound)) / 8000
    basis = np.stack((np.cos(angle), np.sin(angle)), axis=1)
    fit = basis @ np.linalg.lstsq(basis, sound, rcond=None)[0]
    return 10 * math.log10((fit @ fit) / ((sound - fit) @ (sound - fit)))


def level_db(pcm: bytes, full: bytes) -> float:
    power = [float(np.square(np.frombuffer(part, "<i2").astype(np.float64)).sum()) for part in (pcm, full)]
    return 10 * math.log10(power[0] / power[1])


def kept(wanted: str, got: str) -> tuple[int, int]:
    blocks = SequenceMatcher(None, list(wanted), list(got), False).get_matching_blocks()
    return sum(block.size for block in blocks), max(len(wanted), len(got))


async def words(speech: Speech, wire: Wire, loss: float, said: list[tuple[str, bytes]]) -> float:
    good = total = 0
    for seed in range(SEEDS if loss else 1):
        sounds = [wire(pcm, seed * 7 + place, loss) for place, (_, pcm) in enumerate(said)]
        results: list[Any] = await speech.hear(Expectation("digits", min_digits=1, max_digits=20), *sounds)
        for (wanted, _), result in zip(said, results, strict=True):
            right, of = kept(wanted, digits(result.text))
            good, total = good + right, total + of
    return 100 * good / total


def cost_us() -> tuple[float, float, float]:
    """Return what a frame costs that arrives, one that is made up, and the one after it."""
    coded = [PCMU.encode(tone(180, 1.0)[at : at + 320]) for at in range(0, 15_680, 320)]
    spent = [0.0, 0.0, 0.0]
    ear, rounds = Ear(), 2000
    for number in range(rounds):
        for place, payload in enumerate((*coded[number % 40 : number % 40 + 4], None, coded[0])):
            began = time.perf_counter()
            ear.hear(payload)
            spent[0 if place < 4 and place else 1 if payload is None else 2 if place == 5 else 0] += (
                time.perf_counter() - began
            )
    return spent[0] / rounds / 4 * 1e6, spent[1] / rounds * 1e6, spent[2] / rounds * 1e6


async def main() -> None:
    whole, made, after = cost_us()
    print(f"a frame that arrives {whole:.1f} µs, one that is made up {made:.0f} µs, the one after it {after:.0f} µs\n")
    engines = await open_engines("pocketsphinx", "espeak", workers=1)
    try:
        speech = Speech(engines)
        said = [(digits(number), await speech.say(number)) for number in NUMBERS]
        folder = os.environ.get("SOFTSWITCH_SPEECH_SAMPLES", "")
        if folder:
            said.append((RECORDED[1], wav.read_pcm(Path(folder) / RECORDED[0])))
        print("| loss | 440 Hz, dB | 1004 Hz, dB | level, dB | digits understood, % |")
        print("|---|---|---|---|---|")
        for loss in LOSSES:
            row = []
            for hz in (440, 1004):
                pcm = tone(hz)
                row.append(" → ".join(f"{sinad_db(wire(pcm, 1, loss), hz):.1f}" for wire in (with_silence, concealed)))
            pcm = tone(440)
            row.append(" → ".join(f"{level_db(wire(pcm, 1, loss), pcm):+.2f}" for wire in (with_silence, concealed)))
            row.append(
                " → ".join([f"{await words(speech, wire, loss, said):.0f}" for wire in (with_silence, concealed)])
            )
            print(f"| {loss:.0%} | {' | '.join(row)} |", flush=True)
    finally:
        await engines.close()


if __name__ == "__main__":
    asyncio.run(main())
