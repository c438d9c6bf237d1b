"""The m= line of telephone sound, read and written: formats, packet length, where it goes, which way."""

from collections.abc import Sequence
from typing import NamedTuple

from softswitch.errors import RemoteError
from softswitch.sdp.agreement import CODECS, NOISE, Capabilities, Codec, MediaRefused
from softswitch.sdp.description import Direction, Media, SessionDescription, number
from softswitch.sdp.protection import Lines

#: What we send; a peer that wants 5 ms or 200 ms packets gets the nearest of these.
MIN_PTIME_MS, MAX_PTIME_MS = 10, 60
#: The number we offer telephone-event under, the one most of the field uses.
EVENT_PAYLOAD_TYPE = 101
#: The clock of telephone-event beside most codecs.
EVENT_HZ = 8000
#: RFC 4733 section 3.2: the sixteen DTMF keys.
EVENTS = "0-15"

#: The lowest number that means nothing by itself (RFC 3551 section 3).
_DYNAMIC = 96
_STATIC = {
    codec.payload_type: (codec.name, codec.clock_hz)
    for codec in (*CODECS.values(), NOISE)
    if codec.payload_type < _DYNAMIC
}
_BY_RTPMAP = {codec.rtpmap.upper(): codec for codec in CODECS.values()}


class Formats(NamedTuple):
    """The formats of one m= line that we know, in its order: (payload type, codec row), and its events."""

    codecs: tuple[tuple[int, Codec], ...]
    events: tuple[tuple[int, int], ...]  # (payload type, clock_hz)
    noise: bool = False

    def event_for(self, codec: Codec) -> int | None:
        """Return the telephone-event number that runs on the clock of `codec` (RFC 4733 section 2.1).

        Where there is none, the one of 8000 Hz: some peers name no other, and mean it beside every codec.
        """
        clocks = {clock_hz: payload_type for payload_type, clock_hz in reversed(self.events)}
        return clocks.get(codec.clock_hz, clocks.get(EVENT_HZ))

    def event_hz(self, payload_type: int | None) -> int:
        """Return the clock of a telephone-event number."""
        return dict(self.events).get(EVENT_HZ if payload_type is None else payload_type, EVENT_HZ)


def formats_of(medium: Media, caps: Capabilities, ours: Media | None = None) -> Formats:
    """Read the formats of an m= line; ours: our offer, whose numbers explain an answer that leaves out rtpmap."""
    named = _STATIC | (_rtpmaps(ours) if ours else {}) | _rtpmaps(medium)
    codecs: list[tuple[int, Codec]] = []
    events: list[tuple[int, int]] = []
    noise = False
    for text in medium.formats:
        payload_type = number(text, most=127)
        name, clock_hz = named.get(payload_type, ("", 0)) if payload_type is not None else ("", 0)
        if payload_type is None or not name:
            continue
        if name == "TELEPHONE-EVENT" and caps.telephone_event:
            events.append((payload_type, clock_hz))
        elif Codec(name, payload_type, clock_hz) == NOISE:
            noise = caps.comfort_noise
        elif (codec := _BY_RTPMAP.get(_mapped(name, clock_hz))) is not None and codec.name in caps.codecs:
            codecs.append((payload_type, codec))
    return Formats(tuple(codecs), tuple(events), noise)


def _mapped(name: str, clock_hz: int) -> str:
    encoding, _, channels = name.partition("/")
    return f"{encoding.upper()}/{clock_hz}" + (f"/{channels}" if channels else "")


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


def ptime_of(description: SessionDescription, medium: Media, default: int) -> int:
    """Return the packet length to send: what the peer asks, within our limits and its maxptime (RFC 8866 6.4)."""

    def asked(name: str) -> int | None:
        value = medium.attribute(name) or description.attribute(name) or ""
        return number(value.partition(".")[0], most=10_000) or None

    wanted, most = asked("ptime") or default, asked("maxptime") or MAX_PTIME_MS
    return max(MIN_PTIME_MS, min(wanted, most, MAX_PTIME_MS))


def sends(direction: Direction) -> bool:
    return direction in ("sendrecv", "sendonly")


def receives(direction: Direction) -> bool:
    return direction in ("sendrecv", "recvonly")


def direction_of(sending: bool, receiving: bool) -> Direction:
    if sending:
        return "sendrecv" if receiving else "sendonly"
    return "recvonly" if receiving else "inactive"


def remote_of(description: SessionDescription, medium: Media, address: str) -> tuple[str, int, bool]:
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


def sound(
    port: int,
    codecs: list[tuple[int, str]],
    events: Sequence[tuple[int, int]],
    ptime_ms: int,
    direction: Direction,
    protocol: str,
    keys: Lines = (),
    noise: bool = False,
) -> Media:
    """Return our m= line; codecs: (payload type, name), events: (payload type, clock). keys: further lines.

    noise: whether comfort noise is named too.
    """
    attributes: list[tuple[str, str | None]] = []
    for payload_type, name in codecs:
        attributes.append(("rtpmap", f"{payload_type} {CODECS[name].rtpmap}"))
        if CODECS[name].fmtp:
            attributes.append(("fmtp", f"{payload_type} {CODECS[name].fmtp}"))
    formats = [str(payload_type) for payload_type, _ in codecs]
    if noise:
        formats.append(str(NOISE.payload_type))
        attributes.append(("rtpmap", f"{NOISE.payload_type} {NOISE.name}/{NOISE.clock_hz}"))
    for number_, clock_hz in events:
        formats.append(str(number_))
        attributes += [("rtpmap", f"{number_} telephone-event/{clock_hz}"), ("fmtp", f"{number_} {EVENTS}")]
    attributes += [("ptime", str(ptime_ms)), *keys, (direction, None)]
    return Media("audio", port, protocol, tuple(formats), attributes=tuple(attributes))
