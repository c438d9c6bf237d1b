"""The sound of a leg over RTP: socket, stream, codec and detectors, in the order in which a frame goes through them.

Driven by the bridge alone: `take` reads what the network brought, `give` sends. No task, no queue; the only buffer on
the way in is the jitter buffer inside the stream.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final, NamedTuple

from softswitch import clock
from softswitch.audio.codecs import CODECS
from softswitch.audio.frame import Frame
from softswitch.audio.level import LevelMeter
from softswitch.call.leg import Digit, DigitsSent
from softswitch.call.record import MediaReport
from softswitch.errors import LocalError
from softswitch.legs import nat
from softswitch.legs.ear import Ear
from softswitch.legs.hush import Hush
from softswitch.legs.keys import KeyFilter
from softswitch.legs.media_control import MediaControl
from softswitch.legs.media_flood import MediaFlood
from softswitch.legs.media_report import of_stream, shown
from softswitch.legs.mouth import Mouth
from softswitch.legs.secured import Keyring, Secured
from softswitch.net.rtp_socket import RtpPorts, RtpSocket
from softswitch.rtp.profile import CodecHeard, KeyPressed, KeysSent, Profile, SourceLatched
from softswitch.rtp.stream import RtpStream
from softswitch.sdp.agreement import Agreement, Capabilities, Silence
from softswitch.sdp.description import Direction
from softswitch.sdp.negotiate import Negotiation
from softswitch.sdp.protection import Dtls

log = logging.getLogger("softswitch.media")

#: Ticks between two looks at whether the peer still sends: once a second.
WATCH_TICKS: Final = 50
#: Levels are measured for so long after somebody looked at them.
METER_SECONDS: Final = 3.0
KEYS: Final = "0123456789*#ABCD"

OnKeys = Callable[[Digit | DigitsSent], None]


class Patience(NamedTuple):
    """For how many seconds a peer that is to send may be silent: before its first packet, and after one."""

    first: float
    later: float


class RtpMedia:
    """The sound of one leg.

    on_keys: told of key presses from within `take`. on_dead: told once, when the peer was not heard for too long.
    on_insecure: told once why the sound cannot be encrypted as agreed. keyring: what encryption needs of us.
    """

    def __init__(
        self,
        leg: str,
        ports: RtpPorts,
        capabilities: Capabilities,
        *,
        address: str,
        peer: str = "",
        dtmf: str = "auto",
        patience: Patience,
        on_keys: OnKeys,
        on_dead: Callable[[], None],
        on_insecure: Callable[[str], None],
        keyring: Keyring,
        silence: Silence = "packets",
    ) -> None:
        """address: the IP address our session description names. Raises ResourceError when no port is free.

        peer: where its signalling comes from, empty where that is unknown. dtmf: how keys are sent; `auto` and
        `rfc4733` as events where the peer takes them, `info` not by the sound at all, `inband` as tones. silence: what
        is sent while nobody speaks.
        """
        self._leg = leg
        self._socket = ports.open()
        #: What is read and sent: the socket itself, or what encrypts on its way.
        self._wire: RtpSocket | Secured = self._socket
        self._secured: Secured | None = None
        self._keyring = keyring
        self._on_insecure = on_insecure
        self._negotiation = Negotiation(
            capabilities,
            address,
            self._socket.port,
            session_id=clock.random_bits(62),
            own=keyring.own_keys(),
            hidden=partial(nat.hidden, seen=peer) if peer else None,
        )
        self._agreement: Agreement | None = None
        self._stream: RtpStream | None = None
        self._control: MediaControl | None = None
        #: Of what is heard and what is said, while somebody looks.
        self._meters: tuple[LevelMeter, LevelMeter] | None = None
        self._meters_until = 0.0
        self._ports = ports
        self._offered = ""
        self._address = address
        self._peer = peer
        self._dtmf = dtmf
        self._patience = patience
        self._on_keys = on_keys
        self._on_dead: Callable[[], None] | None = on_dead
        self._keys = KeyFilter()
        self._ear = Ear()
        self._mouth = Mouth(partial(on_keys, DigitsSent()))
        self._hush = Hush(silence)
        self._watch = WATCH_TICKS
        self._flood = MediaFlood(leg, self._socket)
        self._since = self._began = clock.now()
        self._hidden = False

    # Negotiation -------------------------------------------------------------------------------------------------

    def offer(self, direction: Direction = "sendrecv") -> bytes:
        """Return our offer, the first or another; `sendonly` puts the peer on hold."""
        return self._negotiation.offer(direction).encode()

    def repeat(self, direction: Direction = "sendrecv") -> bytes:
        """Return an offer that says what we said last, for a refresh that is to change nothing."""
        return self._negotiation.repeat(direction).encode()

    def answer(self, offer: bytes, direction: Direction = "sendrecv") -> bytes:
        """Answer the peer's offer, and follow what was agreed. Raises RemoteError (400), MediaRefused (488)."""
        agreement, text = self._negotiation.answer(offer, direction)
        self._agree(agreement)
        return text.encode()

    def accept(self, answer: bytes) -> None:
        """Take the peer's answer to our offer. Raises RemoteError."""
        self._agree(self._negotiation.accept(answer))

    @property
    def offering(self) -> bool:
        """Whether `accept` may be called: the last offer was ours."""
        return self._negotiation.offering

    def reopen(self) -> None:
        """Take our last offer for open again: a fork answers it that knows nothing of what was agreed since."""
        self._negotiation.reopen()

    @property
    def agreed(self) -> bool:
        """Whether sound can flow."""
        return self._agreement is not None

    @property
    def held(self) -> bool:
        """Whether the peer has put us on hold."""
        return self._agreement is not None and self._agreement.held

    @property
    def expects_sound(self) -> bool:
        """Whether the peer is to send sound, so that its silence says something."""
        return self._agreement is not None and self._agreement.receiving and not self._agreement.held

    @property
    def dialect(self) -> str:
        """How keys go to the peer: `rfc4733`, `info` or `inband`."""
        if self._dtmf in ("info", "inband"):
            return self._dtmf
        agreement = self._agreement
        return "rfc4733" if agreement is not None and agreement.event_payload_type is not None else "inband"

    def _agree(self, agreement: Agreement) -> None:
        now = clock.now()
        described = agreement.remote
        self._hidden = nat.hidden(described[0], self._peer)
        if self._hidden:
            # Its own address behind a NAT, which leads nowhere from here. Until its packets show the way (latching),
            # the best guess is the host its signalling comes from: many NATs keep the port.
            agreement = replace(agreement, remote=(self._peer, described[1]))
        profile = Profile(
            agreement.codec,
            agreement.payload_type,
            agreement.ptime_ms,
            agreement.receive,
            agreement.event_payload_type,
            agreement.receive_events,
            agreement.event_hz,
        )
        self._protect(agreement)
        if self._stream is None:
            self._stream = RtpStream(
                profile,
                agreement.remote,
                ssrc=clock.random_bits(32),
                # Not near the end: were the first packets lost, a receiver could not tell whether it rolled over
                # (RFC 4568 section 6.4).
                sequence=clock.random_bits(15),
                timestamp=clock.random_bits(32),
                now=now,
            )
            self._stream.home = self._peer
            if not isinstance(agreement.protection, Dtls):
                # What came to the port before anything was agreed belongs to nobody, unless it is a handshake: that may
                # begin before the answer is here (RFC 5763 section 5).
                self._socket.read()
            self._since = self._began = now
        else:
            self._flood.open()
            self._stream.redirect(agreement.remote, profile, now=now)
        self._offered = shown(described)
        if agreement.sending and not (self._agreement is not None and self._agreement.sending):
            self._mouth.cut(unheard=True)
        self._agreement = agreement
        self._report_as(agreement, self._stream, now)
        self._ear.follow(CODECS[self._stream.hearing], keys_told=bool(agreement.receive_events))
        self._hush.noise_agreed = agreement.comfort_noise
        self._mouth.follow(CODECS[agreement.codec], mutes_keys=self.dialect != "inband")

    def _report_as(self, agreement: Agreement, stream: RtpStream, now: float) -> None:
        """Follow what was agreed of reports (RTCP)."""
        agreed, control = agreement.control, self._control
        if agreed is None:
            if control is not None:
                control.close(stream, now=now)
            self._control = None
            return
        if control is None:
            control = self._control = MediaControl(self._ports, self._socket, stream, now=now)
        secured = None if agreement.protection is None else self._secured
        control.follow(agreed, secured, apart=not isinstance(agreement.protection, Dtls))

    def _protect(self, agreement: Agreement) -> None:
        """Choose the way of the packets: encrypted, or as they are."""
        secured = self._secured
        if agreement.protection is None:
            self._wire = self._socket
            if secured is not None:
                secured.rest()
            return
        if secured is None:
            secured = self._secured = Secured(self._leg, self._socket, self._keyring, self._on_insecure)
        secured.follow(agreement.protection, agreement.remote, self._peer, receiving=agreement.receiving)
        self._wire = secured

    def ready(self, then: Callable[[], None]) -> bool:
        """Tell whether sound can flow at once; where it must wait for a handshake, call `then` once when it can."""
        secured = self._secured
        return secured is None or self._wire is not secured or secured.ready(then)

    # Sound ---------------------------------------------------------------------------------------------------------

    def take(self) -> Frame | None:
        """Return the next 20 ms the peer says, None for silence or loss."""
        stream = self._stream
        if stream is None:
            return None
        now = clock.now()
        for data, source, arrived in self._wire.read():
            stream.receive(data, source, arrived, now=now)
        if stream.events:
            self._stream_happened(stream, now)
        self._watch -= 1
        if not self._watch:
            self._look(stream, now)
        payload = stream.take(now)
        plain = payload.__class__ is bytes  # neither missing nor in parts
        frame = self._ear.hear(payload) if plain else self._ear.hear(payload, stream.missing)
        if self._ear.key is not None:
            self._key(self._ear.key, "inband", now)
        if self._meters is not None:
            self._meters[0].hear(b"" if frame is None else frame.pcm)
        return frame

    def give(self, frame: Frame) -> None:
        """Send 20 ms to the peer, unless it does not want to hear."""
        stream, agreement = self._stream, self._agreement
        if stream is None or agreement is None:
            return
        now = clock.now()
        if self._meters is not None:
            self._meters[1].hear(frame.pcm)
        payload: bytes | None = self._mouth.say(frame)
        noise = b""
        if not self._hush.sends_all:
            left_out, noise = self._hush.left_out(self._mouth.silent)
            payload = None if left_out else payload
        if not agreement.sending:
            payload, noise = None, b""
        for packet in stream.packets(payload, now, noise):
            self._wire.send(packet, stream.remote)

    def cut(self) -> None:
        """Learn that what is given next does not follow what was given last."""
        self._mouth.cut()

    def key_told(self, digit: str) -> None:
        """Take a key that came by signalling (INFO)."""
        self._key(digit, "info", clock.now())

    def send_digits(self, digits: str) -> None:
        """Press keys: as events where the peer takes them, else as tones in the sound.

        What is no key is left out; so are keys that come faster than any peer could read them for a minute.
        """
        stream, agreement = self._stream, self._agreement
        if stream is None or agreement is None:
            return
        digits = "".join([key for key in digits.upper() if key in KEYS])
        if not digits:
            self._on_keys(DigitsSent())
        elif agreement.event_payload_type is not None and self._dtmf != "inband":
            try:
                stream.send_digits(digits)
            except LocalError as error:
                log.debug("%s keys are lost: %s", self._leg, error)
        else:
            self._mouth.press(digits)

    def watch_levels(self) -> None:
        """Measure levels for the next seconds; the reports of that time say them."""
        self._meters = self._meters or (LevelMeter(), LevelMeter())
        self._meters_until = clock.now() + METER_SECONDS

    def report(self) -> MediaReport:
        """Return how it sounded so far."""
        stream, agreement = self._stream, self._agreement
        if stream is None or agreement is None:
            return MediaReport()
        secured = self._secured
        control = self._control
        return replace(
            of_stream(
                stream,
                self._socket,
                None if control is None else control.reports,
                codec=agreement.codec,
                clock_hz=agreement.clock_hz,
                ptime_ms=agreement.ptime_ms,
                now=clock.now(),
                began=self._began,
            ),
            codec=agreement.codec,
            offered=self._offered,
            srtp=secured.suite if secured is not None and agreement.protection is not None else "",
            forged=secured.forged if secured is not None else 0,
            local=shown((self._address, self._socket.port)),
            peer=self._peer,
            hidden=self._hidden,
            expected=self.expects_sound,
            keys=self.dialect,
            levels=None if self._meters is None else (self._meters[0].dbm0, self._meters[1].dbm0),
        )

    def close(self) -> None:
        """Give the port back."""
        if self._stream is not None:
            if self._control is not None:
                self._control.close(self._stream, now=clock.now())
            stats = self._stream.stats
            if stats.bad or stats.foreign:
                log.warning("%s RTP dropped: %d broken packets, %d of a stranger", self._leg, stats.bad, stats.foreign)
        secured = self._secured
        if secured is not None:
            secured.close()
            if secured.forged or secured.replayed:
                log.warning(
                    "%s SRTP dropped: %d packets not encrypted with the peer's key, %d that came twice",
                    self._leg,
                    secured.forged,
                    secured.replayed,
                )
        self._on_dead = None
        self._socket.close()
        self._stream = None

    @property
    def voiced_frames(self) -> int:
        """How many frames of the peer held voice."""
        return self._ear.voiced_frames

    # Inside --------------------------------------------------------------------------------------------------------

    def _stream_happened(self, stream: RtpStream, now: float) -> None:
        for event in stream.drain():
            match event:
                case KeyPressed(digit=digit):
                    self._key(digit, "rfc4733", now)
                case KeysSent():
                    self._mouth.cut(unheard=True)  # while a key is sent nothing else is
                    self._on_keys(DigitsSent())
                case CodecHeard():
                    told = self._agreement is not None and bool(self._agreement.receive_events)
                    self._ear.follow(CODECS[stream.hearing], keys_told=told)
                case SourceLatched(source=source):
                    if shown(source) != self._offered:
                        log.info("%s sound comes from %s, not from %s", self._leg, shown(source), self._offered)

    def _key(self, digit: str, method: str, now: float) -> None:
        if self._keys.pressed(digit, method, now=now):
            self._on_keys(Digit(digit, method))

    def _look(self, stream: RtpStream, now: float) -> None:
        self._watch = WATCH_TICKS
        self._flood.look(stream, now=now)
        if self._meters is not None and now > self._meters_until:
            self._meters = None
        control = self._control
        if control is not None:
            control.look(stream, now=now)
        if not (self.expects_sound or self._unproven(stream)):
            self._since = now
            return
        # Who means to say nothing for a while reports all the same; but who was never heard has no such excuse.
        first = stream.heard_at is None
        reported = None if first or control is None else control.heard_at
        heard = max(self._since, stream.heard_at or 0.0, reported or 0.0)
        patience = self._patience.first if first else self._patience.later
        if now - heard > patience and self._on_dead is not None:
            on_dead, self._on_dead = self._on_dead, None
            on_dead()

    def _unproven(self, stream: RtpStream) -> bool:
        """Tell whether we send to a third party of which nothing was ever heard: anybody can be named there.

        Who only listens need not say anything, but then he must listen where he calls from.
        """
        agreement = self._agreement
        if agreement is None or not agreement.sending or not self._peer or stream.heard_at is not None:
            return False
        return agreement.remote[0] != self._peer
