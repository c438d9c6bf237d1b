"""What a leg hears: 20 ms of coded sound from its stream to a frame, and what is to be found in it on the way.

What did not arrive is made up for a moment, or is the noise that the peer says its silence is (`audio/mend.py`).
Detectors are not shown any of that: they are told that nothing arrived.
"""

from softswitch.audio.codecs import PCMU, Codec
from softswitch.audio.dtmf import DtmfDetector
from softswitch.audio.frame import TELEPHONE_HZ, Frame
from softswitch.audio.mend import Mender
from softswitch.audio.vad import VoiceDetector
from softswitch.rtp.jitter import LOST, Parts


class Ear:
    """Decodes what one peer says, mends it, and detects voice and keys in it.

    key: the one that the frame heard last made known, None for none. voiced_frames: how many held voice so far.
    """

    __slots__ = ("_codec", "_decode", "_inband", "_mender", "_remember", "_vad", "key", "voiced_frames")

    def __init__(self) -> None:
        self._vad = VoiceDetector()
        self._inband = DtmfDetector()
        self._mender = Mender(TELEPHONE_HZ)
        self._remember = self._mender.remember
        self.key: str | None = None
        self.voiced_frames = 0
        self.follow(PCMU)

    @property
    def concealed(self) -> int:
        """How many frames were made up, wholly or in part, because they were lost."""
        return self._mender.lost

    def follow(self, codec: Codec) -> None:
        """Hear by this codec from now on."""
        self._codec, self._decode = codec.name, codec.decode

    def hear(self, payload: bytes | None, missing: bytes | None = LOST) -> Frame | None:
        """Hear the next 20 ms; to be called every 20 ms. None where there is only silence.

        missing: why something is not there, as `RtpStream.missing` says it.
        """
        if payload is None:
            self.key = self._inband.hear(None)
            return self._mender.gap(missing, key=self._inband.sounding)
        pcm = self._decode(payload)
        self.key = self._inband.hear(pcm)
        voiced = self._vad.voiced(pcm)
        if voiced:
            self.voiced_frames += 1
        frame = Frame(pcm, TELEPHONE_HZ, voiced, payload, self._codec, self._inband.sounding)
        if isinstance(payload, Parts):
            # One octet of G.711 is one sample.
            return self._mender.mended(frame, payload.holes, missing, joint=payload.joint)
        if self._mender.broken:
            return self._mender.mended(frame, (), missing, joint=True)
        self._remember(frame)
        return frame
