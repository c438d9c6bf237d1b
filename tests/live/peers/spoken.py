"""Was this sentence heard? The sentence, spoken by eSpeak NG without any of our code, is looked for in the sound.

eSpeak NG makes other samples each time it speaks the same text, but the same sounds: so not waves are compared but how
the energy moves through eight bands. One other digit in a number is enough to be told from the right one.
"""

import ctypes
import functools
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

from tests.live.peers.heard import RATE_HZ

ROOT = Path(__file__).resolve().parents[3]
#: What the switch's voice is set to; a test that hears nothing at all is told of a change here.
VOICE, WORDS_A_MINUTE = "en-us", 165
#: Likeness from which a sentence counts as heard: the right one is above 0.985, one with another digit below 0.96.
SAME = 0.975
#: Silence of the line and noise of the coding lie below this energy in a band and count as nothing.
FLOOR = 1e5
WINDOW, HOP = 160, 40
#: A word at least must be right in each stretch of this many hops (0.4 s), not only the sentence on the whole.
STRETCH = 80
#: eSpeak NG's own timing differs by so many hops (20 ms) from one time to the next.
DRIFT = 4
#: Edges of the bands between 200 and 3200 Hz, in bins of 50 Hz.
EDGES = (4, 7, 10, 14, 19, 26, 35, 48, 64)


def likeness(sound: np.ndarray, text: str) -> float:
    """Return how like the best place in `sound` (8 kHz) is to `text`, at its worst stretch: 1 is the same."""
    wanted, heard = _bands(spoken(text)), _bands(sound)
    if len(heard) < len(wanted):
        return 0.0
    best = max(range(0, len(heard) - len(wanted) + 1), key=lambda start: -_distance(heard, wanted, start))
    stretches = [*range(0, len(wanted) - STRETCH, STRETCH // 2), max(0, len(wanted) - STRETCH)]
    return min(_stretch_likeness(heard, best + start, wanted[start : start + STRETCH]) for start in stretches)


def was_said(sound: np.ndarray, text: str) -> bool:
    """Return whether `text` was said in `sound`."""
    return likeness(sound, text) >= SAME


@functools.cache
def spoken(text: str) -> np.ndarray:
    """Return `text` as eSpeak NG says it, 8 kHz, without the silence around it. In a process of its own."""
    command = [sys.executable, "-m", "tests.live.peers.spoken", text]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=30)
    rate_hz = int.from_bytes(done.stdout[:4], "little")
    wave = np.frombuffer(done.stdout[4:], "<i2").astype(np.float64)
    size = round(len(wave) * RATE_HZ / rate_hz)
    narrow = np.fft.irfft(np.fft.rfft(wave)[: size // 2 + 1], size) * size / len(wave)
    loud = np.flatnonzero(np.abs(narrow) > 300)
    return narrow[loud[0] : loud[-1] + 1]


def _bands(sound: np.ndarray) -> np.ndarray:
    """Return the energy of eight bands every 5 ms, as logarithms above the floor."""
    count = max(0, (len(sound) - WINDOW) // HOP + 1)
    if not count:
        return np.zeros((0, len(EDGES) - 1))
    frames = np.lib.stride_tricks.sliding_window_view(sound, WINDOW)[::HOP][:count]
    power = np.abs(np.fft.rfft(frames * np.hanning(WINDOW))) ** 2
    bands = np.stack([power[:, low:high].sum(1) for low, high in zip(EDGES, EDGES[1:], strict=False)], axis=1)
    return np.log10(np.maximum(bands, FLOOR) / FLOOR)


def _distance(heard: np.ndarray, wanted: np.ndarray, start: int) -> float:
    return float(np.abs(heard[start : start + len(wanted) : 4] - wanted[::4]).sum())


def _stretch_likeness(heard: np.ndarray, near: int, wanted: np.ndarray) -> float:
    """Return the likeness of a stretch at its best place near where it should be."""
    starts = range(max(0, near - DRIFT), min(len(heard) - len(wanted), near + DRIFT) + 1)
    return max(_correlation(heard[start : start + len(wanted)], wanted) for start in starts)


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    product = float((one * other).sum())
    return product / max(1e-9, float(np.sqrt((one**2).sum() * (other**2).sum())))


def _synthesise(text: str) -> None:
    """Write the rate (4 bytes) and the samples of `text` to standard output."""
    import espeakng_loader

    library = ctypes.CDLL(espeakng_loader.get_library_path())
    synchronous = 2
    rate_hz = library.espeak_Initialize(synchronous, 0, os.fsencode(espeakng_loader.get_data_path()), 0x8000)
    pieces = [rate_hz.to_bytes(4, "little")]
    kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)

    def keep(wave: "ctypes._Pointer[ctypes.c_short]", count: int, _: object) -> int:
        if wave and count > 0:
            pieces.append(ctypes.string_at(wave, count * 2))
        return 0

    callback = kind(keep)
    library.espeak_SetSynthCallback(callback)
    library.espeak_SetVoiceByName(VOICE.encode())
    library.espeak_SetParameter(1, WORDS_A_MINUTE, 0)
    said = re.sub(r"\s+", " ", text).encode()
    library.espeak_Synth(said, len(said) + 1, 0, 1, 0, 1, None, None)
    sys.stdout.buffer.write(b"".join(pieces))


if __name__ == "__main__":
    _synthesise(sys.argv[1])
