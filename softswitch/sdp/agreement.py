"""What offer and answer are about: codecs, what we can do, what both sides come to, and why there may be nothing."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from softswitch.errors import RemoteError
from softswitch.sdp.control import Control
from softswitch.sdp.protection import PLAIN, Encryption, Protection


class Codec(NamedTuple):
    """A row of the table below.

    name: as settings and agreements have it. payload_type: its static number (RFC 3551 table 4), else the one we like
    to offer it under. clock_hz: of its timestamps. encoding, channels: as rtpmap has them. fmtp: what we say of it.
    most_ms: the longest packets that we send of it.
    """

    name: str
    payload_type: int
    clock_hz: int
    encoding: str = ""
    channels: int = 1
    fmtp: str = ""
    most_ms: int = 60

    @property
    def rtpmap(self) -> str:
        """Return its encoding as rtpmap writes it (RFC 8866 section 6.6)."""
        return f"{self.encoding or self.name}/{self.clock_hz}" + (f"/{self.channels}" if self.channels > 1 else "")


#: RFC 7587 section 6.1: always 48000 and 2, whatever is sent. We send and hear mono at 16 kHz.
_OPUS_FMTP = "maxplaybackrate=16000;sprop-maxcapturerate=16000;useinbandfec=1"

CODECS = {
    codec.name: codec
    for codec in (
        Codec("PCMU", 0, 8000),
        Codec("PCMA", 8, 8000),
        Codec("G722", 9, 8000),  # its samples come at 16 kHz: a mistake that stays (RFC 3551 section 4.5.2)
        Codec("opus", 107, 48000, channels=2, fmtp=_OPUS_FMTP, most_ms=20),
        Codec("G729", 18, 8000, fmtp="annexb=no"),
        Codec("L16", 109, 16000, most_ms=20),
        Codec("L16/8000", 110, 8000, encoding="L16", most_ms=20),
    )
}


#: What is sent while nobody speaks; `comfort_noise` where the peer takes it.
Silence = Literal["packets", "comfort_noise", "nothing"]
#: Comfort noise: its name, static number and clock (RFC 3389 section 4; RFC 3551 table 4).
NOISE = Codec("CN", 13, 8000)


class MediaRefused(RemoteError):
    """Nothing in the description can be used: 488 with a Warning (RFC 3261 section 20.43).

    warning: 300 to 399. str(error): the warn-text, without quotes.
    """

    def __init__(self, text: str, *, kind: str, warning: int) -> None:
        super().__init__(text, kind=kind, status=488)
        self.warning = warning

    def header(self, agent: str) -> str:
        """Return the value of the Warning header; agent: host name, or any token that stands for us."""
        return f'{self.warning} {agent} "{self}"'


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What we can do: codecs in the order we offer them, telephone-event, the packet length we like, encryption.

    comfort_noise: whether we say that we take it (RFC 3389). reports: whether we say how we hear the peer (RTCP).
    """

    codecs: tuple[str, ...] = ("PCMU", "PCMA")
    telephone_event: bool = True
    ptime_ms: int = 20
    encryption: Encryption = PLAIN
    comfort_noise: bool = False
    reports: bool = True


@dataclass(frozen=True, slots=True)
class Agreement:
    """What offer and answer came to, seen from our side.

    codec, payload_type, event_payload_type (None: not agreed), ptime_ms: what we send. receive, receive_events: what
    the peer may send, (payload type, codec) and payload types. remote: where to, an IP literal. sending, receiving:
    which way sound may flow. held: the peer does not want to hear us, of its own will. protection: how the packets are
    encrypted, None where they are plain. comfort_noise: both sides take it, under its static number. control: where
    reports go, None where there are none. event_hz: the clock of the events we send.
    """

    codec: str
    payload_type: int
    ptime_ms: int
    receive: tuple[tuple[int, str], ...]
    event_payload_type: int | None
    receive_events: tuple[int, ...]
    remote: tuple[str, int]
    sending: bool
    receiving: bool
    held: bool
    clock_hz: int = 8000
    event_hz: int = 8000
    protection: Protection | None = None
    comfort_noise: bool = False
    control: Control | None = None
