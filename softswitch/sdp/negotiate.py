"""Offer and answer (RFC 3264) for telephone sound: which codec, which numbers, where to, which way."""

from dataclasses import dataclass
from typing import Literal

from softswitch.errors import RemoteError

Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]


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
    """What we can do: codecs in our order of preference, telephone-event, and the packet length we like."""

    codecs: tuple[str, ...] = ("PCMU", "PCMA")
    telephone_event: bool = True
    ptime_ms: int = 20


@dataclass(frozen=True, slots=True)
class Agreement:
    """What offer and answer came to, seen from our side.

    codec, payload_type, event_payload_type (None: not agreed), ptime_ms: what we send. receive, receive_events: what
    the peer may send, (payload type, codec) and payload types. remote: where to, an IP literal. sending, receiving:
    which way sound may flow. held: the peer does not want to hear us, of its own will.
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


class Negotiation:
    """The session of one dialog: keeps what RFC 3264 section 8 wants kept from one offer or answer to the next.

    That is: our o= line, whose version grows with each change, the number and order of m= lines, and the payload
    numbers already in use. Nothing changes when a method raises.
    """

    agreement: "Agreement | None"

    def __init__(self, capabilities: Capabilities, address: str, port: int, *, session_id: int) -> None:
        """address: IP literal we receive on, and announce. session_id: some number unique to this session."""
        raise NotImplementedError

    def offer(self, direction: Direction = "sendrecv") -> str:
        """Return our offer, the first or the next; `direction` is what we wish (hold: `sendonly`)."""
        raise NotImplementedError

    def answer(self, offer: bytes | str, direction: Direction = "sendrecv") -> tuple[Agreement, str]:
        """Return what comes of the peer's offer, and our answer to it. Raises RemoteError (400), MediaRefused (488)."""
        raise NotImplementedError

    def accept(self, answer: bytes | str) -> Agreement:
        """Return what comes of the peer's answer to our last offer. Raises RemoteError, LocalError without an offer."""
        raise NotImplementedError
