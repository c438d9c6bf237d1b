"""G.711 by its definition, not by the switch's codec: 256 values each, computed once."""

import numpy as np

_BIAS, _CLIP = 0x84, 32635


def _ulaw_values() -> np.ndarray:
    code = ~np.arange(256) & 0xFF
    magnitude = (((code & 0x0F) << 3) + _BIAS << ((code & 0x70) >> 4)) - _BIAS
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _alaw_values() -> np.ndarray:
    code = np.arange(256) ^ 0x55
    segment, step = (code & 0x70) >> 4, (code & 0x0F) << 4
    magnitude = np.where(segment == 0, step + 8, (step + 0x108) << np.maximum(segment - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


ULAW, ALAW = _ulaw_values(), _alaw_values()


def ulaw_encode(pcm: bytes) -> bytes:
    """Return signed 16-bit sound as µ-law octets."""
    samples = np.frombuffer(pcm, "<i2").astype(np.int32)
    magnitude = np.minimum(np.abs(samples), _CLIP) + _BIAS
    segment = np.clip(np.floor(np.log2(magnitude)).astype(np.int32) - 7, 0, 7)
    code = (segment << 4) | ((magnitude >> (segment + 3)) & 0x0F) | np.where(samples < 0, 0x80, 0)
    return bytes((~code & 0xFF).astype(np.uint8))


def alaw_encode(pcm: bytes) -> bytes:
    """Return signed 16-bit sound as A-law octets: of all 256, the one whose value is nearest."""
    order = np.argsort(ALAW)
    values = ALAW[order].astype(np.int32)
    middles = (values[1:] + values[:-1]) / 2
    return bytes(order[np.searchsorted(middles, np.frombuffer(pcm, "<i2"))].astype(np.uint8))


def decode(payload: bytes, payload_type: int) -> np.ndarray:
    """Return µ-law (payload type 0) or A-law (8) octets as signed 16-bit samples."""
    return (ALAW if payload_type == 8 else ULAW)[np.frombuffer(payload, np.uint8)]
