"""A second pair of ears: which words were said, by a recogniser that is told what may be said."""

import functools
import os

import numpy as np
import pocketsphinx

RATE_HZ, MODEL_HZ = 8000, 16000
DIGITS = "zero | oh | one | two | three | four | five | six | seven | eight | nine | star | pound"


def words_heard(samples: np.ndarray, grammar: str) -> str:
    """Return the words of `samples` (8 kHz) in a JSGF rule body such as `you entered <digits>`; empty if none fit.

    `<digits>` stands for one or more digits, star or pound.
    """
    decoder = _decoder(f"#JSGF V1.0; grammar g; <digits> = ({DIGITS})+; public <said> = {grammar};")
    decoder.start_utt()
    decoder.process_raw(_doubled(samples), full_utt=True)
    decoder.end_utt()
    hypothesis = decoder.hyp()
    return hypothesis.hypstr if hypothesis else ""


@functools.cache
def _decoder(jsgf: str) -> pocketsphinx.Decoder:
    decoder = pocketsphinx.Decoder(samprate=MODEL_HZ, lm=None, logfn=os.devnull)
    decoder.add_jsgf_string("said", jsgf)
    decoder.activate_search("said")
    return decoder


def _doubled(samples: np.ndarray) -> bytes:
    """Return the sound at twice the rate: the same spectrum, with nothing above it."""
    spectrum = np.fft.rfft(samples)
    padded = np.zeros(len(samples) + 1, complex)
    padded[: len(spectrum)] = spectrum
    wave = np.fft.irfft(padded, 2 * len(samples)) * 2
    return np.clip(wave, -32767, 32767).astype("<i2").tobytes()
