"""Recorded people, with holes that are concealed: no key; and real keys are all heard through the loss of a packet."""

import random
from pathlib import Path

from softswitch.audio import wav
from softswitch.audio.codecs import PCMU
from softswitch.legs.ear import Ear


def keys(pcm: bytes, loss: float, seed: int) -> str:
    chance, ear, heard, lost = random.Random(seed), Ear(), "", False
    for at in range(0, len(pcm) - 319, 320):
        lost = not lost and chance.random() < loss
        ear.hear(None if lost else PCMU.encode(pcm[at : at + 320]))
        heard += ear.key or ""
    return heard


def test_speech_with_holes_presses_no_key(real_speech: dict[str, bytes]) -> None:
    for name, pcm in real_speech.items():
        for seed in range(4):
            assert keys(pcm, 0.10, seed) == "", name


def test_real_keys_are_heard_once_with_holes(samples: Path) -> None:
    pcm = wav.read_pcm(samples / "dtmf-0-9-8khz.wav")
    for seed in range(10):
        assert keys(pcm, 0.05, seed) == "0123456789"
