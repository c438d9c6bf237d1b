"""What a leg hears: 20 ms of coded sound from its stream to a frame, and what is to be found in it on the way."""

from softswitch.audio.codecs import PCMU, Codec
from softswitch.audio.dtmf import DtmfDetector
from softswitch.audio.frame import TELEPHONE_HZ, Frame
from softswitch.audio.vad import VoiceDetector


class Ear:
    """Decodes what one peer says, and detects voice and keys in it.

    key: the one that the frame heard last made known, None for none. voiced_frames: how many held voice so far.
    """

    __slots__ = ("_codec", "_decode", "_inband", "_vad", "key", "voiced_frames")

    def __init__(self) -> None:
        self._vad = VoiceDetector()
        self._inband = DtmfDetector()
        self.key: str | None = None
        self.voiced_frames = 0
        self.follow(PCMU)

    def follow(self, codec: Codec) -> None:
        """Hear by this codec from now on."""
        self._codec, self._decode = codec.name, codec.decode

    def hear(self, payload: bytes | None) -> Frame | None:
        """Hear the next 20 ms, None for silence or loss; to be called every 20 ms."""
        if payload is None:
            self.key = self._inband.hear(None)
            return None
        pcm = self._decode(payload)
        self.key = self._inband.hear(pcm)
        voiced = self._vad.voiced(pcm)
        if voiced:
            self.voiced_frames += 1
        return Frame(pcm, TELEPHONE_HZ, voiced, payload, self._codec, self._inband.sounding)
