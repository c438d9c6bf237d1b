"""Talk-off: what a caller hears or says must not count as a key."""

import numpy as np
import pytest

SENTENCES = (
    "Good morning, this is Thomas Miller calling about order number four seven one one. I would like to move my "
    "appointment from Tuesday to Thursday afternoon, if that is possible at all. Yes. No. You were there when we knew."
)


@pytest.mark.parametrize(
    ("voice", "pitch"), [("en-us", 30), ("en-us", 95), ("en-us+f2", 60), ("en-us+m3", 50), ("de", 80), ("it", 99)]
)
def test_synthesised_speech(rig, say, voice: str, pitch: int) -> None:
    pcm = say(SENTENCES, voice=voice, pitch=pitch)
    assert len(pcm) > 16_000 * 5
    assert rig.hear(rig.cut(pcm)) == ""


def scaled(sound: np.ndarray) -> bytes:
    return (sound * (4000.0 / np.sqrt(np.mean(sound**2)))).clip(-32768, 32767).astype("<i2").tobytes()


def test_sung_vowels(rig) -> None:
    """Harmonics of a gliding pitch under two formants, which may fall into the two groups of a key."""
    sounds = []
    for _ in range(200):
        length = int(rig.random.uniform(800, 3000))
        pitch_hz = rig.random.uniform(80, 300)
        turned = 2 * np.pi * np.cumsum(np.linspace(pitch_hz, pitch_hz * rig.random.uniform(0.85, 1.2), length)) / 8000
        formants = rig.random.uniform(300, 900), rig.random.uniform(1000, 2000)
        vowel = np.zeros(length)
        for harmonic in range(1, int(3500 / pitch_hz / 1.2)):
            near = sum(1 / (1 + ((pitch_hz * harmonic - formant) / 80) ** 2) for formant in formants)
            vowel += near * np.sin(turned * harmonic + rig.random.uniform(0, 6))
        sounds.append(vowel * np.hanning(length))
    assert rig.hear(rig.cut(scaled(np.concatenate(sounds)))) == ""


def test_chords(rig) -> None:
    """Three notes of the scale with eight harmonics each, struck and dying away."""
    sounds = []
    for _ in range(200):
        time = np.arange(int(rig.random.uniform(800, 2400))) / 8000
        chord = np.zeros(len(time))
        for root in 220 * 2 ** (rig.random.integers(-12, 20, 3) / 12):
            for harmonic in range(1, 9):
                if root * harmonic < 3800:
                    chord += np.sin(2 * np.pi * root * harmonic * time + rig.random.uniform(0, 6)) / harmonic
        sounds.append(chord * np.exp(-4 * time))
    assert rig.hear(rig.cut(scaled(np.concatenate(sounds)))) == ""


def test_noise_sweeps_and_call_progress_tones(rig) -> None:
    time = np.arange(8000 * 10) / 8000
    sweep = np.sin(2 * np.pi * (300 * time + 150 * time**2))
    siren = 2 * np.pi * np.cumsum(1000 + 600 * np.sin(2 * np.pi * 0.3 * time)) / 8000
    tones = [(350, 440), (440, 480), (480, 620), (425, 425), (697, 697), (1209, 1477), (697, 941), (2100, 2100)]
    steady = [np.sin(2 * np.pi * a * time[:4000]) + np.sin(2 * np.pi * b * time[:4000] + 1) for a, b in tones]
    for sound in (
        rig.random.standard_normal(80_000),
        sweep,
        np.sin(siren) + 0.7 * np.sin(0.61 * siren),
        np.concatenate(steady),
    ):
        assert rig.hear(rig.cut(scaled(sound))) == ""
