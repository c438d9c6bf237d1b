"""Is it voice? An energy gate, then the detector of WebRTC (Gaussian mixtures over six bands)."""

import audioop
from typing import Final

import webrtcvad

from softswitch.audio.frame import TELEPHONE_HZ
from softswitch.audio.level import rms_at
from softswitch.errors import LocalError

#: Below this level nothing is taken for voice, and the detector is not even asked. Telephone speech is at about
#: -20 dBm0 and the faintest at -40, whose quiet sounds reach -55; an idle line is at -65, and G.711's own smallest step
#: at -66. The gate keeps comfort noise and residual echo from ever being a turn, and costs a tenth of the detector.
GATE_DBM0: Final = -55.0


class VoiceDetector:
    """Tells voice from everything else, 20 ms at a time. Has memory: one for each direction of each leg."""

    __slots__ = ("_gate_rms", "_is_speech", "_rate_hz", "_samples")

    def __init__(self, aggressiveness: int = 2, *, rate_hz: int = TELEPHONE_HZ, gate_dbm0: float = GATE_DBM0) -> None:
        """Set how readily noise is refused: 0 (rarely) to 3 (always, and with it some speech)."""
        if aggressiveness not in (0, 1, 2, 3) or rate_hz not in (8000, 16000, 32000, 48000):
            raise LocalError(f"no voice detector of aggressiveness {aggressiveness} at {rate_hz} Hz")
        self._is_speech = webrtcvad.Vad(aggressiveness).is_speech
        self._rate_hz = rate_hz
        self._samples = rate_hz // 50
        self._gate_rms = int(rms_at(gate_dbm0))

    def voiced(self, pcm: bytes) -> bool:
        """Return whether these 20 ms hold voice."""
        if audioop.rms(pcm, 2) <= self._gate_rms:
            return False
        return bool(self._is_speech(pcm, self._rate_hz, self._samples))
