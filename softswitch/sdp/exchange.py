"""One offer and its answer (RFC 3264) for telephone sound: which codec, which numbers, where to, which way, what keys.

We answer with one codec, the first of the offer that we have, and telephone-event beside it: a peer then has no reason
to change codec in the middle of a call. To an offer of ours the peer may agree to several; we send the first, and are
ready to hear all of them (RFC 3264 section 7).

Profiles are answered in kind: RTP/AVP and RTP/AVPF (a peer that offers AVPF without any a=rtcp-fb in our answer must
live without feedback messages, RFC 4585 section 4.2, and the media packets are the same), and the encrypted ones as far
as `protection` takes them. Of several m= lines for sound, as phones send that would like it encrypted, an encrypted one
is taken before a plain one.
"""

from collections.abc import Callable
from typing import NamedTuple

from softswitch.errors import RemoteError
from softswitch.sdp import control, protection
from softswitch.sdp.agreement import CODECS, Agreement, Capabilities, MediaRefused
from softswitch.sdp.crypto import CryptoLine
from softswitch.sdp.description import Connection, Direction, Media, Origin, SessionDescription
from softswitch.sdp.medium import (
    EVENT_HZ,
    EVENT_PAYLOAD_TYPE,
    Formats,
    direction_of,
    formats_of,
    ptime_of,
    receives,
    remote_of,
    sends,
    sound,
)
from softswitch.sdp.protection import PLAIN_PROFILES, SECURE_PROFILES, DtlsOffer, Encryption, OwnKeys, Protection

Keys = CryptoLine | DtlsOffer | None

#: Of the m= lines for sound so many are looked at: phones send one for each way to encrypt it.
MAX_SOUNDS = 8


class _Chosen(NamedTuple):
    """The m= line to answer: which it is, what we know of its formats, and the keys it brings."""

    place: int
    formats: Formats
    keys: Keys


def _choose(described: SessionDescription, caps: Capabilities, own: OwnKeys) -> _Chosen:
    """Return the m= line to answer; raise MediaRefused if there is none."""
    reason: _Unfit | None = None
    plain: _Chosen | None = None
    sounds = [(index, medium) for index, medium in enumerate(described.media) if medium.kind == "audio" and medium.port]
    for index, medium in sounds[:MAX_SOUNDS]:
        keys = protection.offered(described, medium, caps.encryption, own)
        fault = _unfit(medium, keys, caps.encryption)
        if fault is not None:
            reason = reason or fault
            continue
        formats = formats_of(medium, caps)
        if not formats.codecs:
            reason = _Unfit("Incompatible media format", "sdp_no_codec", 305)
        elif keys is not None:
            return _Chosen(index, formats, keys)
        else:
            plain = plain or _Chosen(index, formats, None)
    if plain is not None:
        return plain
    reason = reason or _Unfit("Media type not available", "sdp_no_audio", 304)
    raise MediaRefused(reason.words, kind=reason.kind, warning=reason.warning)


class _Unfit(NamedTuple):
    """Why an m= line cannot be answered, as MediaRefused has it."""

    words: str
    kind: str
    warning: int


def _unfit(medium: Media, keys: Keys, wish: Encryption) -> _Unfit | None:
    """Return why the transport of an m= line is not for us, None where it is."""
    profile = medium.protocol.upper()
    if profile in PLAIN_PROFILES:
        if keys is None and wish.policy == "require":
            return _Unfit("Encrypted sound (SRTP) is required here", "sdp_plain", 302)
        return None
    if profile not in SECURE_PROFILES:
        return _Unfit("Incompatible transport protocol", "sdp_transport", 302)
    if wish.policy == "none":
        return _Unfit("Encrypted sound (SRTP) is not taken here", "sdp_transport", 302)
    if keys is None:
        return _Unfit("No key for encrypted sound that can be used", "sdp_crypto", 302)
    return None


def _describe(address: str, media: tuple[Media, ...], session_id: int, version: int) -> SessionDescription:
    connection = Connection.of(address)
    return SessionDescription(Origin("-", str(session_id), str(version), connection), media, connection)


class Numbers(NamedTuple):
    """Payload numbers in use: once a number means a codec, it does so for the whole session (RFC 3264 8.3.2)."""

    codecs: tuple[tuple[str, int], ...] = ()
    events: tuple[tuple[int, int], ...] = ()  # clock -> number


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
    own: OwnKeys,
    agreed: Protection | None = None,
) -> SessionDescription:
    """Return an offer of ours.

    previous, index, numbers, agreed: for the next offer of a session, our last description, which of its m= lines is
    the sound, the payload numbers in use, and how it is encrypted: lines keep their number and order (RFC 3264 8).
    """
    known, taken = dict(numbers.codecs), set[int]()

    def place(wanted: int) -> int:
        free: int = next(value for value in (wanted, *range(96, 128)) if value not in taken)
        taken.add(free)
        return free

    codecs = [(place(known.get(name, CODECS[name].payload_type)), name) for name in caps.codecs]
    clocks = dict.fromkeys((EVENT_HZ, *(CODECS[name].clock_hz for name in caps.codecs)))
    used = dict(numbers.events)
    events = [(place(used.get(clock_hz, EVENT_PAYLOAD_TYPE)), clock_hz) for clock_hz in clocks]
    before = previous.media[index].protocol if previous else None
    profile, keys = protection.offering(caps.encryption, own, before, agreed)
    if caps.reports:
        keys = (*keys, *control.offering())
    medium = sound(
        port,
        codecs,
        events if caps.telephone_event else (),
        caps.ptime_ms,
        direction,
        profile,
        keys,
        caps.comfort_noise,
    )
    media = [medium.rejected() for medium in previous.media] if previous else [medium]
    media[index] = medium
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
    own: OwnKeys,
    before: Agreement | None = None,
    hidden: Callable[[str], bool] | None = None,
) -> tuple[Agreement, SessionDescription]:
    """Return what comes of an offer and our answer to it; direction: what we wish. before: what was agreed so far.

    hidden: tells of an address whether nothing can reach it before it has sent something. Raises MediaRefused (488 and
    a Warning) if nothing matches, RemoteError (400) if the offer is broken.
    """
    index, formats, keys = _choose(offered, caps, own)
    theirs = offered.media[index]
    host, remote_port, muted = remote_of(offered, theirs, address)
    payload_type, codec = formats.codecs[0]
    event = formats.event_for(codec)
    events = () if event is None else ((event, formats.event_hz(event)),)
    ptime_ms, peer = min(ptime_of(offered, theirs, caps.ptime_ms), codec.most_ms), offered.direction_of(theirs)
    # RFC 3264 section 8.4: 0.0.0.0 is the old way to hold; we may still be sent something.
    peer_listens = receives(peer) and not muted
    sending, receiving = sends(direction) and peer_listens, receives(direction) and sends(peer)
    moved = before is not None and before.remote != (host, remote_port)
    agreed, unreached = before.protection if before is not None else None, hidden is not None and hidden(host)
    guarded, lines = protection.answering(keys, theirs, caps.encryption, own, agreed, moved=moved, hidden=unreached)
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
        event_hz=formats.event_hz(event),
        protection=guarded,
        comfort_noise=formats.noise,
        control=control.agreed(None, theirs, host) if caps.reports else None,
    )
    lines = (*lines, *control.answering(theirs)) if caps.reports else lines
    flow, media = direction_of(sending, receiving), [medium.rejected() for medium in offered.media]
    codecs = [(payload_type, codec.name)]
    media[index] = sound(port, codecs, events, ptime_ms, flow, theirs.protocol, lines, formats.noise)
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
    agreed_keys = _accepted_keys(mine, answered, theirs, caps.encryption)
    own, formats = formats_of(mine, caps), formats_of(theirs, caps, mine)
    agreed = {codec.name for _, codec in formats.codecs}
    receive = [(payload_type, codec.name) for payload_type, codec in own.codecs if codec.name in agreed]
    if not receive:
        raise MediaRefused("Incompatible media format", kind="sdp_no_codec", warning=305)
    # The answer's first codec is what we send (RFC 3264 section 7), under the answer's number for it (section 5.1).
    payload_type, codec = formats.codecs[0]
    event = formats.event_for(codec)
    address = ours.connection_of(mine)
    host, port, muted = remote_of(answered, theirs, address.address if address else "")
    wished, peer = ours.direction_of(mine), answered.direction_of(theirs)
    peer_listens = receives(peer) and not muted
    return Agreement(
        codec.name,
        payload_type,
        min(ptime_of(answered, theirs, caps.ptime_ms), codec.most_ms),
        receive=tuple(receive),
        event_payload_type=event,
        receive_events=() if event is None else tuple(payload_type for payload_type, _ in own.events),
        remote=(host, port),
        sending=sends(wished) and peer_listens,
        receiving=receives(wished) and sends(peer),
        held=sends(wished) and not peer_listens,
        clock_hz=codec.clock_hz,
        event_hz=formats.event_hz(event),
        protection=agreed_keys,
        comfort_noise=own.noise and formats.noise,
        control=control.agreed(mine, theirs, host) if caps.reports else None,
    )


def _accepted_keys(mine: Media, answered: SessionDescription, theirs: Media, wish: Encryption) -> Protection | None:
    """Return the encryption that the peer's answer agrees to, None for none; raise MediaRefused where it may not."""
    offered = mine.attribute("crypto") is not None or mine.attribute("fingerprint") is not None
    profile = theirs.protocol.upper()
    if profile not in PLAIN_PROFILES and (not offered or profile not in SECURE_PROFILES):
        raise MediaRefused("Incompatible transport protocol", kind="sdp_transport", warning=302)
    if not offered:
        return None
    agreed = protection.accepted(mine, answered, theirs, wish)
    if agreed is None:
        if profile in SECURE_PROFILES or theirs.attribute("crypto") is not None:
            raise MediaRefused("The answer has no key for encrypted sound that fits", kind="sdp_crypto", warning=302)
        if wish.policy == "require" or mine.protocol.upper() in SECURE_PROFILES:
            raise MediaRefused("The answer is not encrypted, as it has to be", kind="sdp_plain", warning=302)
    return agreed
