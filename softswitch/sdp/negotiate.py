"""Offer and answer (RFC 3264) for telephone sound: which codec, which numbers, where to, which way.

We answer with one codec, the first of the offer that we have, and telephone-event beside it: a peer then has no reason
to change codec in the middle of a call. To an offer of ours the peer may agree to several; we send the first, and are
ready to hear all of them (RFC 3264 section 7).

Profiles: RTP/AVP, and RTP/AVPF answered in kind: a peer that offers AVPF without any a=rtcp-fb in our answer must live
without feedback messages (RFC 4585 section 4.2), and the media packets are the same. Anything encrypted is refused.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

from softswitch.errors import LocalError, RemoteError
from softswitch.sdp.description import (
    DIRECTIONS,
    Connection,
    Direction,
    Media,
    Origin,
    SessionDescription,
    number,
)

__all__ = [
    "DIRECTIONS",
    "Agreement",
    "Capabilities",
    "Direction",
    "MediaRefused",
    "Negotiation",
    "accept",
    "answer",
    "offer",
]

#: What we send; a peer that wants 5 ms or 200 ms packets gets the nearest of these.
MIN_PTIME_MS, MAX_PTIME_MS = 10, 60
PROFILES = ("RTP/AVP", "RTP/AVPF")
#: The number we offer telephone-event under, the one most of the field uses.
EVENT_PAYLOAD_TYPE = 101
#: RFC 4733 section 3.2: the sixteen DTMF keys.
EVENTS = "0-15"


class Codec(NamedTuple):
    """A row of the table below. payload_type: its static number (RFC 3551 table 4)."""

    name: str
    payload_type: int
    clock_hz: int


CODECS = {codec.name: codec for codec in (Codec("PCMU", 0, 8000), Codec("PCMA", 8, 8000))}
_STATIC = {codec.payload_type: (codec.name, codec.clock_hz) for codec in CODECS.values()}


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
    """What we can do: codecs in the order we offer them, telephone-event, and the packet length we like."""

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


class _Formats(NamedTuple):
    """The formats of one m= line that we know, in its order: (payload type, codec row), and its events."""

    codecs: tuple[tuple[int, Codec], ...]
    events: tuple[tuple[int, int], ...]  # (payload type, clock_hz)

    def event_for(self, codec: Codec) -> int | None:
        """Return the telephone-event number that runs on the clock of `codec` (RFC 4733 section 2.1)."""
        return next((payload_type for payload_type, clock_hz in self.events if clock_hz == codec.clock_hz), None)


def _formats(medium: Media, caps: Capabilities, ours: Media | None = None) -> _Formats:
    """Read the formats of an m= line; ours: our offer, whose numbers explain an answer that leaves out rtpmap."""
    named = _STATIC | (_rtpmaps(ours) if ours else {}) | _rtpmaps(medium)
    codecs: list[tuple[int, Codec]] = []
    events: list[tuple[int, int]] = []
    for text in medium.formats:
        payload_type = number(text, most=127)
        name, clock_hz = named.get(payload_type, ("", 0)) if payload_type is not None else ("", 0)
        if payload_type is None or not name:
            continue
        if name == "TELEPHONE-EVENT" and caps.telephone_event:
            events.append((payload_type, clock_hz))
        elif name in caps.codecs and name in CODECS and CODECS[name].clock_hz == clock_hz:
            codecs.append((payload_type, CODECS[name]))
    return _Formats(tuple(codecs), tuple(events))


def _rtpmaps(medium: Media) -> dict[int, tuple[str, int]]:
    """Return payload type -> (NAME, clock) of the rtpmap lines that can be read; two channels make another codec."""
    table: dict[int, tuple[str, int]] = {}
    for value in medium.all_attributes("rtpmap"):
        left, _, right = value.partition(" ")
        name, _, rest = right.strip().partition("/")
        clock, _, channels = rest.partition("/")
        payload_type, clock_hz = number(left, most=127), number(clock.strip(), most=1_000_000)
        if payload_type is not None and clock_hz:
            table[payload_type] = (name.upper() if channels.strip() in ("", "1") else f"{name}/{channels}", clock_hz)
    return table


def _ptime(description: SessionDescription, medium: Media, default: int) -> int:
    """Return the packet length to send: what the peer asks, within our limits and its maxptime (RFC 8866 6.4)."""

    def asked(name: str) -> int | None:
        value = medium.attribute(name) or description.attribute(name) or ""
        return number(value.partition(".")[0], most=10_000) or None

    wanted, most = asked("ptime") or default, asked("maxptime") or MAX_PTIME_MS
    return max(MIN_PTIME_MS, min(wanted, most, MAX_PTIME_MS))


def _sends(direction: Direction) -> bool:
    return direction in ("sendrecv", "sendonly")


def _receives(direction: Direction) -> bool:
    return direction in ("sendrecv", "recvonly")


def _direction(sending: bool, receiving: bool) -> Direction:
    if sending:
        return "sendrecv" if receiving else "sendonly"
    return "recvonly" if receiving else "inactive"


def _remote(description: SessionDescription, medium: Media, address: str) -> tuple[str, int, bool]:
    """Return (host, port, put on hold by 0.0.0.0) of a medium that we reach from our `address`."""
    connection = description.connection_of(medium)
    if connection is None:
        raise RemoteError("session description: no c= line for the sound", kind="sdp_connection", status=400)
    ip = connection.ip
    if ip is None or ip.version != (6 if ":" in address else 4):
        # A name would have to be resolved on the 20 ms clock, and an address of the other family cannot be reached.
        raise MediaRefused("Incompatible network address formats", kind="sdp_address", warning=301)
    if ip.is_multicast:
        raise MediaRefused("Multicast not available", kind="sdp_multicast", warning=330)
    return str(ip), medium.port, ip.is_unspecified


def _choose(described: SessionDescription, caps: Capabilities) -> tuple[int, _Formats]:
    """Return the index and the formats of the m= line to answer; raise MediaRefused if there is none."""
    reason: MediaRefused | None = None
    for index, medium in enumerate(described.media):
        if medium.kind != "audio" or not medium.port:
            continue
        if medium.protocol.upper() not in PROFILES:
            if reason is None:
                reason = MediaRefused("Incompatible transport protocol", kind="sdp_transport", warning=302)
            continue
        formats = _formats(medium, caps)
        if formats.codecs:
            return index, formats
        reason = MediaRefused("Incompatible media format", kind="sdp_no_codec", warning=305)
    raise reason or MediaRefused("Media type not available", kind="sdp_no_audio", warning=304)


def _medium(
    port: int,
    codecs: list[tuple[int, str]],
    event: tuple[int, int] | None,
    ptime_ms: int,
    direction: Direction,
    protocol: str = "RTP/AVP",
) -> Media:
    """Return our m= line; codecs: (payload type, name), event: (payload type, clock)."""
    attributes: list[tuple[str, str | None]] = [
        ("rtpmap", f"{payload_type} {name}/{CODECS[name].clock_hz}") for payload_type, name in codecs
    ]
    formats = [str(payload_type) for payload_type, _ in codecs]
    if event:
        formats.append(str(event[0]))
        attributes += [("rtpmap", f"{event[0]} telephone-event/{event[1]}"), ("fmtp", f"{event[0]} {EVENTS}")]
    attributes += [("ptime", str(ptime_ms)), (direction, None)]
    return Media("audio", port, protocol, tuple(formats), attributes=tuple(attributes))


def _describe(address: str, media: tuple[Media, ...], session_id: int, version: int) -> SessionDescription:
    connection = Connection.of(address)
    return SessionDescription(Origin("-", str(session_id), str(version), connection), media, connection)


class Numbers(NamedTuple):
    """Payload numbers in use: once a number means a codec, it does so for the whole session (RFC 3264 8.3.2)."""

    codecs: tuple[tuple[str, int], ...] = ()
    event: int | None = None


FRESH = Numbers()


def offer(
    caps: Capabilities,
    address: str,
    port: int,
    *,
    session_id: int,
    version: int,
    direction: Direction = "sendrecv",
    previous: SessionDescription | None = None,
    index: int = 0,
    numbers: Numbers = FRESH,
) -> SessionDescription:
    """Return an offer of ours.

    previous, index, numbers: for the next offer of a session, our last description, which of its m= lines is the
    sound, and the payload numbers in use: lines keep their number and order (RFC 3264 section 8).
    """
    known, taken = dict(numbers.codecs), set[int]()

    def place(wanted: int) -> int:
        free: int = next(value for value in (wanted, *range(96, 128)) if value not in taken)
        taken.add(free)
        return free

    codecs = [(place(known.get(name, CODECS[name].payload_type)), name) for name in caps.codecs]
    event = (place(EVENT_PAYLOAD_TYPE if numbers.event is None else numbers.event), 8000)
    medium = _medium(port, codecs, event if caps.telephone_event else None, caps.ptime_ms, direction)
    media = [medium.rejected() for medium in previous.media] if previous else [medium]
    media[index] = replace(medium, protocol=previous.media[index].protocol) if previous else medium
    return _describe(address, tuple(media), session_id, version)


def answer(
    caps: Capabilities,
    offered: SessionDescription,
    address: str,
    port: int,
    *,
    session_id: int,
    version: int,
    direction: Direction = "sendrecv",
) -> tuple[Agreement, SessionDescription]:
    """Return what comes of an offer and our answer to it; direction: what we wish.

    Raises MediaRefused (488 and a Warning) if nothing matches, RemoteError (400) if the offer is broken.
    """
    index, formats = _choose(offered, caps)
    theirs = offered.media[index]
    host, remote_port, muted = _remote(offered, theirs, address)
    payload_type, codec = formats.codecs[0]
    event = formats.event_for(codec)
    ptime_ms = _ptime(offered, theirs, caps.ptime_ms)
    peer = offered.direction_of(theirs)
    # RFC 3264 section 8.4: 0.0.0.0 is the old way to hold; we may still be sent something.
    peer_listens = _receives(peer) and not muted
    sending, receiving = _sends(direction) and peer_listens, _receives(direction) and _sends(peer)
    agreement = Agreement(
        codec.name,
        payload_type,
        ptime_ms,
        receive=((payload_type, codec.name),),
        event_payload_type=event,
        receive_events=() if event is None else (event,),
        remote=(host, remote_port),
        sending=sending,
        receiving=receiving,
        held=not peer_listens,
        clock_hz=codec.clock_hz,
    )
    media = [medium.rejected() for medium in offered.media]
    media[index] = _medium(
        port,
        [(payload_type, codec.name)],
        None if event is None else (event, codec.clock_hz),
        ptime_ms,
        _direction(sending, receiving),
        theirs.protocol,
    )
    return agreement, _describe(address, tuple(media), session_id, version)


def accept(caps: Capabilities, ours: SessionDescription, answered: SessionDescription, *, index: int = 0) -> Agreement:
    """Return what comes of the peer's answer to our offer `ours`, whose m= line `index` is the sound.

    Raises MediaRefused if the peer took nothing of it, RemoteError if the answer does not fit the offer.
    """
    if len(answered.media) <= index or answered.media[index].kind != "audio":
        raise RemoteError("session description: the answer has other m= lines", kind="sdp_answer", status=400)
    mine, theirs = ours.media[index], answered.media[index]
    if not theirs.port:
        raise MediaRefused("Media type not available", kind="sdp_refused", warning=304)
    if theirs.protocol.upper() not in PROFILES:
        raise MediaRefused("Incompatible transport protocol", kind="sdp_transport", warning=302)
    own, formats = _formats(mine, caps), _formats(theirs, caps, mine)
    agreed = {codec.name for _, codec in formats.codecs}
    receive = [(payload_type, codec.name) for payload_type, codec in own.codecs if codec.name in agreed]
    if not receive:
        raise MediaRefused("Incompatible media format", kind="sdp_no_codec", warning=305)
    # The answer's first codec is what we send (RFC 3264 section 7), under the answer's number for it (section 5.1).
    payload_type, codec = formats.codecs[0]
    event = formats.event_for(codec)
    address = ours.connection_of(mine)
    host, port, muted = _remote(answered, theirs, address.address if address else "")
    wished, peer = ours.direction_of(mine), answered.direction_of(theirs)
    peer_listens = _receives(peer) and not muted
    return Agreement(
        codec.name,
        payload_type,
        _ptime(answered, theirs, caps.ptime_ms),
        receive=tuple(receive),
        event_payload_type=event,
        receive_events=() if event is None else tuple(payload_type for payload_type, _ in own.events),
        remote=(host, port),
        sending=_sends(wished) and peer_listens,
        receiving=_receives(wished) and _sends(peer),
        held=_sends(wished) and not peer_listens,
        clock_hz=codec.clock_hz,
    )


class Negotiation:
    """The session of one dialog: keeps what RFC 3264 section 8 wants kept from one offer or answer to the next.

    That is: our o= line, whose version grows with each change, the number and order of m= lines, and the payload
    numbers already in use. Nothing changes when a method raises.
    """

    def __init__(self, capabilities: Capabilities, address: str, port: int, *, session_id: int) -> None:
        """address: IP literal we receive on, and announce. session_id: some number unique to this session."""
        self.agreement: Agreement | None = None
        self._capabilities = capabilities
        self._address = address
        self._port = port
        self._session_id = session_id
        self._local: SessionDescription | None = None  # what we said last, offer or answer
        self._index = 0
        self._numbers = Numbers()
        self._offered = False
        self._our_offer: tuple[SessionDescription, int] | None = None

    @property
    def offering(self) -> bool:
        """Whether the last offer was ours, so that `accept` may be called."""
        return self._offered

    def reopen(self) -> None:
        """Take our last offer for open again, where a fork answers it that knows nothing of what was agreed since.

        Raises LocalError if we never made one.
        """
        if self._our_offer is None or self._local is None:
            raise LocalError("there is no offer to open again")
        described, self._index = self._our_offer
        self._local = replace(described, origin=self._local.origin)  # the next version is higher than any that was said
        self._offered = True

    def offer(self, direction: Direction = "sendrecv") -> str:
        """Return our offer, the first or the next; `direction` is what we wish (hold: `sendonly`)."""
        described = offer(
            self._capabilities,
            self._address,
            self._port,
            session_id=self._session_id,
            version=0,
            direction=direction,
            previous=self._local,
            index=self._index,
            numbers=self._numbers,
        )
        return self._offer(described)

    def repeat(self, direction: Direction = "sendrecv") -> str:
        """Return what we said last as an offer: where `direction` is as it was, word by word, the version included.

        So a refresh of the session timer is seen to change nothing (RFC 4028 section 7.4), and nobody has a reason to
        choose another codec.
        """
        if self._local is None:
            return self.offer(direction)
        media = list(self._local.media)
        kept = tuple(line for line in media[self._index].attributes if line[0] not in DIRECTIONS)
        media[self._index] = replace(media[self._index], attributes=(*kept, (direction, None)))
        return self._offer(replace(self._local, media=tuple(media)))

    def _offer(self, described: SessionDescription) -> str:
        self._offered = True
        said = self._say(described)
        self._our_offer = (said, self._index)
        return str(said)

    def answer(self, offer: bytes | str, direction: Direction = "sendrecv") -> tuple[Agreement, str]:
        """Return what comes of the peer's offer, and our answer to it. Raises RemoteError (400), MediaRefused (488)."""
        agreement, described = answer(
            self._capabilities,
            SessionDescription.parse(offer),
            self._address,
            self._port,
            session_id=self._session_id,
            version=0,
            direction=direction,
        )
        self._index = next(index for index, medium in enumerate(described.media) if medium.port)
        self._offered = False
        self._agree(agreement)
        return agreement, str(self._say(described))

    def accept(self, answer: bytes | str) -> Agreement:
        """Return what comes of the peer's answer to our last offer; may be called again for a later answer of a fork.

        Raises RemoteError for what the peer got wrong, LocalError if we offered nothing.
        """
        if self._local is None or not self._offered:
            raise LocalError("an answer was accepted without an offer")
        agreement = accept(self._capabilities, self._local, SessionDescription.parse(answer), index=self._index)
        self._agree(agreement)
        return agreement

    def _agree(self, agreement: Agreement) -> None:
        self.agreement = agreement
        codecs = dict(self._numbers.codecs) | {codec: payload_type for payload_type, codec in agreement.receive}
        events = agreement.receive_events
        self._numbers = Numbers(tuple(codecs.items()), events[0] if events else self._numbers.event)

    def _say(self, described: SessionDescription) -> SessionDescription:
        """Return `described` under the version it must carry: the last one if nothing else changed (RFC 3264 8)."""
        if self._local is not None:
            version = int(self._local.origin.version)
            if replace(self._local, origin=described.origin) != described:
                version += 1
            described = replace(described, origin=replace(described.origin, version=str(version)))
        self._local = described
        return described
