"""The port of a leg whose packets are encrypted: it reads and sends like an `RtpSocket`, and what passes is SRTP.

Theory of operation. A leg takes it, or the bare socket, when offer and answer are agreed; so a plain call pays nothing
for this. Keys that the descriptions bring are there at once. Those of a handshake (DTLS) are made on this very port,
told from sound by the first octet (RFC 7983): by whoever reads it, which is the clock once sound may flow, or a timer
where a call waits for its keys before it is up, so that nothing it says first is lost. Sound that comes or goes before
there are keys is dropped.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from softswitch import clock
from softswitch.net.address import Address, show
from softswitch.net.rtp_socket import Datagram, RtpSocket
from softswitch.rtp.dtls import Handshake, Identity
from softswitch.rtp.srtp import SrtpReceiver, SrtpSender
from softswitch.sdp.fingerprint import Fingerprint
from softswitch.sdp.protection import PLAIN, Dtls, OwnKeys, Protection, Sdes

log = logging.getLogger("softswitch.media")

#: How often the port is looked at while a call waits for its keys: each of the four flights waits for it.
POLL_SECONDS: Final = 0.01
#: After this time the peer is not there yet, and there is no hurry; repetitions come each second at most.
PATIENT_AFTER_SECONDS: Final = 1.0
PATIENT_POLL_SECONDS: Final = 0.05
#: A peer that falls silent for this time, soon after an offer and its answer that changed nothing, may have begun anew:
#: some (Asterisk 22) forget the handshake at each re-INVITE, and send nothing until there was another one.
AGAIN_SECONDS: Final = 0.2
WATCH_SECONDS: Final = 1.0
#: Handshakes after the first one under the same agreement: one for each hold and each refresh of a call of hours.
MAX_AGAIN: Final = 200
#: Hash of the fingerprint that we describe (RFC 8122 section 5: the one that everybody has).
OUR_HASH: Final = "sha-256"


class Keyring:
    """What the legs of a process have in common for their keys: one certificate, made when it is first needed."""

    def __init__(self) -> None:
        self._identity: Identity | None = None

    def prepare(self) -> None:
        """Make the certificate now: its some milliseconds are too many once calls are up."""
        self.identity.context(PLAIN.taken)

    @property
    def identity(self) -> Identity:
        """Our certificate."""
        if self._identity is None:
            self._identity = Identity(wall=clock.wall())
        return self._identity

    def own_keys(self) -> OwnKeys:
        """Return our side of the keys of one leg."""
        return OwnKeys(clock.random_bytes, self._fingerprint)

    def _fingerprint(self) -> Fingerprint:
        return Fingerprint(OUR_HASH, self.identity.digest(OUR_HASH))


class Secured:
    """One encrypted port. suite: what encrypts it, empty as long as there are no keys.

    early: packets of sound that came before there were keys. on_failed: told once why no keys will come.
    """

    def __init__(self, leg: str, socket: RtpSocket, keyring: Keyring, on_failed: Callable[[str], None]) -> None:
        self.suite = ""
        self.early = 0
        self._leg = leg
        self._socket = socket
        self._keyring = keyring
        self._on_failed = on_failed
        self._agreed: Protection | None = None
        self._remote: Address = ("", 0)
        self._hosts: frozenset[str] = frozenset()
        self._receiver: SrtpReceiver | None = None
        self._sender: SrtpSender | None = None
        #: What we have encrypted with, by suite. It is never begun anew under one key: the same numbers of packets
        #: would come again, and two packets under one key and number lay both open (RFC 3711 section 9.1).
        self._senders: dict[str, tuple[bytes, SrtpSender]] = {}
        self._forged = self._replayed = 0
        # The handshake: its machine, which lingers until the peer is heard with its keys.
        self._handshake: Handshake | None = None
        self._began = 0.0
        self._again_at: float | None = None
        self._watch_until = 0.0
        self._again = 0
        self._waits: Callable[[], None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._kept: list[Datagram] = []
        #: There is more to do for a read than to open packets.
        self._busy = True

    @property
    def forged(self) -> int:
        """How many packets were not encrypted with the peer's key."""
        return self._forged + (self._receiver.forged if self._receiver is not None else 0)

    @property
    def replayed(self) -> int:
        """How many packets came a second time."""
        return self._replayed + (self._receiver.replayed if self._receiver is not None else 0)

    # What is agreed ------------------------------------------------------------------------------------------------

    def follow(self, agreed: Protection, remote: Address, peer: str, *, receiving: bool) -> None:
        """Encrypt as agreed from now on; where a key is as it was, its counters go on.

        remote: where the peer's sound is; peer: host of its signalling. Nobody else may shake hands. receiving: the
        peer is to send sound.
        """
        before, self._agreed = self._agreed, agreed
        self._hosts = frozenset((remote[0], peer))
        if agreed == before:
            if isinstance(agreed, Dtls) and agreed.active and self._receiver is not None:
                now = clock.now()
                self._again_at = now + AGAIN_SECONDS if receiving else None
                self._watch_until = now + WATCH_SECONDS
                self._busy = True
            return
        self._remote = remote
        self._handshake = self._again_at = None
        self._busy = True
        match agreed:
            case Sdes():
                if not (isinstance(before, Sdes) and _theirs(before) == _theirs(agreed)):
                    self._listen(SrtpReceiver(agreed.suite, agreed.theirs, mki=agreed.mki))
                self._speak(agreed.suite, agreed.ours)
            case Dtls():
                self._listen(None)
                self._sender, self.suite = None, ""

    def ready(self, then: Callable[[], None]) -> bool:
        """Tell whether there are keys; where there are none yet, call `then` once when there are."""
        if self._sender is not None:
            return True
        self._waits = then
        if self._timer is None:
            self._poll()
        return False

    def rest(self) -> None:
        """Encrypt nothing any more, until `follow` is called again: nobody need wait."""
        self._agreed = self._handshake = self._again_at = self._sender = None
        self._listen(None)
        self._done()

    def close(self) -> None:
        """Stop waiting."""
        self._waits = self._handshake = self._again_at = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _listen(self, receiver: SrtpReceiver | None) -> None:
        self._forged, self._replayed = self.forged, self.replayed
        self._receiver = receiver

    def _speak(self, suite: str, secret: bytes) -> None:
        known = self._senders.get(suite)
        if known is None or known[0] != secret:
            known = self._senders[suite] = (secret, SrtpSender(suite, secret))
        self.suite, self._sender = suite, known[1]
        log.debug("%s sound is encrypted with %s", self._leg, suite)
        self._done()

    def _done(self) -> None:
        """Let whoever waits go on, once what happens now is over."""
        waits, self._waits = self._waits, None
        if waits is not None:
            asyncio.get_running_loop().call_soon(waits)

    # Packets -------------------------------------------------------------------------------------------------------

    def read(self) -> list[Datagram]:
        """Return what has come since the last read, in the clear; what is not the peer's is counted and dropped."""
        receiver = self._receiver
        if receiver is None or self._busy:
            return self._read_all()
        datagrams: list[Datagram] = []
        for data, source, arrived in self._socket.read():
            opened = receiver.unprotect(data)
            if opened is not None:
                datagrams.append((opened, source, arrived))
            elif _is_dtls(data):
                self._shake(data, source, clock.now())
        return datagrams

    def send(self, data: bytes, address: Address) -> bool:
        """Send one packet, encrypted; without a key it is dropped."""
        sender = self._sender
        packet = sender.protect(data) if sender is not None else None
        return packet is not None and self._socket.send(packet, address)

    def seal(self, report: bytes) -> bytes | None:
        """Return a report (RTCP) encrypted, None while there is no key (RFC 3711 section 3.4)."""
        return self._sender.protect_rtcp(report) if self._sender is not None else None

    def opened(self, report: bytes) -> bytes | None:
        """Return a report that came to a port of its own in the clear, None where it is not the peer's."""
        return self._receiver.unprotect_rtcp(report) if self._receiver is not None else None

    def _read_all(self) -> list[Datagram]:
        """Read sound and handshake, and go on with this."""
        now = clock.now()
        self._begin(now)
        datagrams, self._kept = self._kept, []
        for data, source, arrived in self._socket.read():
            opened = self._receiver.unprotect(data) if self._receiver is not None else None
            if opened is not None:
                datagrams.append((opened, source, arrived))
            elif _is_dtls(data):
                self._shake(data, source, now)
            elif self._receiver is None:
                self.early += 1
        handshake = self._handshake
        if datagrams:
            if self._again_at is not None:
                self._again_at = now + AGAIN_SECONDS if now < self._watch_until else None
            if handshake is not None and handshake.over:
                self._handshake = handshake = None  # the peer has the keys: it asks for no flight again
        if handshake is not None and not handshake.over:
            handshake.handle_timer(now=now)
            self._settle(handshake)
        self._busy = self._handshake is not None or self._again_at is not None
        return datagrams

    # The handshake -------------------------------------------------------------------------------------------------

    def _begin(self, now: float) -> None:
        """Begin a handshake where there is none yet, or where the peer seems to want another."""
        first = self._receiver is None and self._handshake is None
        due = self._again_at is not None and now >= self._again_at
        if isinstance(self._agreed, Dtls) and (first or due):
            self._again_at = None
            self._start(self._agreed, now)

    def _start(self, agreed: Dtls, now: float) -> None:
        if self._receiver is not None:
            if self._again >= MAX_AGAIN:
                return
            self._again += 1
        self._began = now
        self._handshake = Handshake(
            self._keyring.identity, active=agreed.active, suites=agreed.suites, expected=agreed.fingerprints, now=now
        )
        self._settle(self._handshake)

    def _shake(self, data: bytes, source: Address, now: float) -> None:
        """Take a datagram of the handshake."""
        agreed = self._agreed
        if source[0] not in self._hosts or not isinstance(agreed, Dtls):
            return
        over = self._handshake is None or self._handshake.over
        if self._receiver is not None and over and not agreed.active and _is_hello(data):
            self._start(agreed, now)  # the peer begins anew, under what was agreed before (RFC 6347 section 4.2.8)
        handshake = self._handshake
        if handshake is not None:
            self._remote = source
            handshake.receive(data, now=now)
            self._settle(handshake)

    def _settle(self, handshake: Handshake) -> None:
        """Send what the handshake wants sent, and take what came of it; once."""
        for data in handshake.drain():
            self._socket.send(data, self._remote)
        keys, agreed = handshake.take_keys(), self._agreed
        self._busy = True
        if keys is not None and isinstance(agreed, Dtls):
            self._listen(SrtpReceiver(keys.suite, keys.theirs))
            self._speak(keys.suite, keys.ours)
            if agreed.active:  # the last flight is the peer's
                self._handshake = None
        elif handshake.failed:
            self._handshake = None
            why = f"the DTLS handshake with {show(self._remote)} failed: {handshake.failed}"
            if self._receiver is None:
                log.info("%s %s", self._leg, why)
                self._agreed = self._waits = None
                self._on_failed(why)
            else:
                log.debug("%s %s, the keys that there are still hold", self._leg, why)

    def _poll(self) -> None:
        """Look at the port while somebody waits for keys."""
        self._timer = None
        self._kept = self.read()
        self._busy = True
        if self._waits is not None:
            patient = clock.now() - self._began > PATIENT_AFTER_SECONDS
            seconds = PATIENT_POLL_SECONDS if patient else POLL_SECONDS
            self._timer = asyncio.get_running_loop().call_later(seconds, self._poll)


def _theirs(agreed: Sdes) -> tuple[str, bytes, bytes]:
    return agreed.suite, agreed.theirs, agreed.mki


def _is_dtls(data: bytes) -> bool:
    """RFC 7983 section 7."""
    return bool(data) and 20 <= data[0] <= 63


def _is_hello(data: bytes) -> bool:
    """Tell the first word of a client: a handshake record of epoch 0 with a ClientHello in it (RFC 6347 section 4)."""
    return len(data) > 13 and data[0] == 22 and data[3:5] == b"\0\0" and data[13] == 1
