"""What a leg hears: 20 ms of coded sound from its stream to a frame, and what is to be found in it on the way.

What did not arrive is made up for a moment, or is the noise that the peer says its silence is (`audio/mend.py`).
Detectors are not shown any of that: they are told that nothing arrived.

A packet that cannot be divided (Opus) is decoded whole; what lasts longer than 20 ms of it waits here.
"""

import logging
from typing import Final

from softswitch.audio.codecs import PCMU, Codec, Coder
from softswitch.audio.dtmf import DtmfDetector
from softswitch.audio.frame import TELEPHONE_HZ, Frame
from softswitch.audio.mend import Mender
from softswitch.audio.rate import Rate
from softswitch.audio.vad import VoiceDetector
from softswitch.errors import RemoteError
from softswitch.rtp.jitter import LOST, Packets, Parts

log = logging.getLogger("softswitch.media")

#: Decoded sound that may wait for its turn: two of the longest Opus packets.
MAX_REST_MS: Final = 240


class Ear:
    """Decodes what one peer says, mends it, and detects voice and keys in it.

    key: the one that the frame heard last made known, None for none. voiced_frames: how many held voice so far.
    broken: packets that were no sound.
    """

    __slots__ = (
        "_codec",
        "_decode",
        "_decoders",
        "_inband",
        "_lost",
        "_mender",
        "_name",
        "_rate",
        "_remember",
        "_rest",
        "_seeks_keys",
        "_vad",
        "broken",
        "key",
        "voiced_frames",
    )

    def __init__(self) -> None:
        self._vad = VoiceDetector()
        self._inband = DtmfDetector()
        self._mender = Mender(TELEPHONE_HZ)
        self._remember = self._mender.remember
        self._rate = Rate(TELEPHONE_HZ)
        self._decoders: dict[str, Coder] = {}
        self._rest = b""
        self._lost = 0
        self._seeks_keys = True
        self.key: str | None = None
        self.voiced_frames = 0
        self.broken = 0
        self._codec = PCMU
        self._name = ""
        self.follow(PCMU)

    @property
    def concealed(self) -> int:
        """How many frames were made up, wholly or in part, because they were lost."""
        return self._lost + self._mender.lost

    def follow(self, codec: Codec, *, keys_told: bool = False) -> None:
        """Hear by this codec from now on. keys_told: the peer tells keys in another way.

        Of a codec that is not the telephone's, keys are then not sought in its sound, which would need another rate.
        """
        self._seeks_keys = codec.rate_hz == TELEPHONE_HZ or not keys_told
        if codec.name == self._name:
            return  # and what its decoder remembers
        before, self._codec, self._name = self._codec, codec, codec.name
        # A peer may go to and fro between two with every packet: a decoder is made once.
        decoder = self._decoders.get(codec.name)
        if decoder is None:
            decoder = self._decoders[codec.name] = codec.decoder()
        self._decode, self._rest = decoder, b""
        if codec.rate_hz != before.rate_hz:
            self._lost += self._mender.lost
            self._mender = Mender(codec.rate_hz)
            self._remember = self._mender.remember
            self._vad = VoiceDetector(rate_hz=codec.rate_hz)

    def hear(self, payload: bytes | None, missing: bytes | None = LOST) -> Frame | None:
        """Hear the next 20 ms; to be called every 20 ms. None where there is only silence.

        missing: why something is not there, as `RtpStream.missing` says it.
        """
        if not self._codec.octets:
            return self._hear_whole(payload, missing)
        if payload is None:
            return self._miss(missing)
        pcm = self._decode(payload)
        frame = self._detected(pcm, payload)
        if isinstance(payload, Parts):
            samples, octets = self._codec.samples, self._codec.octets
            holes = [(start * samples // octets, end * samples // octets) for start, end in payload.holes]
            return self._mender.mended(frame, holes, missing, joint=payload.joint)
        if self._mender.broken:
            return self._mender.mended(frame, (), missing, joint=True)
        self._remember(frame)
        return frame

    def _miss(self, missing: bytes | None) -> Frame | None:
        self.key = self._inband.hear(None) if self._seeks_keys else None
        return self._mender.gap(missing, key=self._inband.sounding)

    def _detected(self, pcm: bytes, coded: bytes) -> Frame:
        """Return a frame of what arrived, and what was found in it."""
        rate_hz = self._codec.rate_hz
        voiced = self._vad.voiced(pcm)
        if voiced:
            self.voiced_frames += 1
        if self._seeks_keys:
            heard = pcm if rate_hz == TELEPHONE_HZ else self._rate.convert(Frame(pcm, rate_hz)).pcm
            self.key = self._inband.hear(heard)
        else:
            self.key = None
        return Frame(pcm, rate_hz, voiced, coded, self._name if coded else "", self._inband.sounding)

    def _hear_whole(self, payload: bytes | None, missing: bytes | None) -> Frame | None:
        """Hear 20 ms of packets that may be longer or shorter."""
        packets: tuple[bytes, ...] = () if payload is None else (payload,)
        joint, size = False, self._codec.samples * 2
        if isinstance(payload, Packets):
            packets, joint = payload.packets, payload.joint
            self._rest = b"" if joint else self._rest
        alone = not self._rest
        for packet in packets:
            try:
                self._rest += self._decode(packet)
            except RemoteError as error:
                self.broken += 1
                log.debug("a packet was not heard: %s", error)
        pcm, self._rest = self._rest[:size], self._rest[size:][: size * MAX_REST_MS // 20]
        if not pcm:
            return self._miss(missing)
        whole = len(pcm) == size
        passes = alone and whole and len(packets) == 1 and not self._rest
        frame = self._detected(pcm.ljust(size, b"\0"), packets[0] if passes else b"")
        holes = () if whole else ((len(pcm) // 2, size // 2),)
        if holes or joint or self._mender.broken:
            return self._mender.mended(frame, holes, missing, joint=joint or self._mender.broken)
        self._remember(frame)
        return frame
