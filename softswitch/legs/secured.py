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
        self._handshake: Handshake | None = None
        self._began = 0.0
        self._receiver: SrtpReceiver | None = None
        self._sender: SrtpSender | None = None
        #: What we have encrypted with, by suite. It is never begun anew under one key: the same numbers of packets
        #: would come again, and two packets under one key and number lay both open (RFC 3711 section 9.1).
        self._senders: dict[str, tuple[bytes, SrtpSender]] = {}
        self._forged = self._replayed = 0
        self._waits: Callable[[], None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._kept: list[Datagram] = []

    @property
    def forged(self) -> int:
        """How many packets were not encrypted with the peer's key."""
        return self._forged + (self._receiver.forged if self._receiver is not None else 0)

    @property
    def replayed(self) -> int:
        """How many packets came a second time."""
        return self._replayed + (self._receiver.replayed if self._receiver is not None else 0)

    # What is agreed ------------------------------------------------------------------------------------------------

    def follow(self, agreed: Protection, remote: Address, peer: str) -> None:
        """Encrypt as agreed from now on; where a key is as it was, its counters go on.

        remote: where the peer's sound is; peer: host of its signalling. Nobody else may shake hands.
        """
        before, self._agreed = self._agreed, agreed
        self._hosts = frozenset((remote[0], peer))
        if agreed == before:
            return
        self._remote = remote
        self._handshake = None
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
        self._agreed = self._handshake = self._sender = None
        self._listen(None)
        self._done()

    def close(self) -> None:
        """Stop waiting."""
        self._waits = None
        self._handshake = None
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
        log.info("%s sound is encrypted with %s", self._leg, suite)
        self._done()

    def _done(self) -> None:
        """Let whoever waits go on, once what happens now is over."""
        waits, self._waits = self._waits, None
        if waits is not None:
            asyncio.get_running_loop().call_soon(waits)

    # Packets -------------------------------------------------------------------------------------------------------

    def read(self) -> list[Datagram]:
        """Return what has come since the last read, in the clear; what is not the peer's is counted and dropped."""
        datagrams: list[Datagram] = []
        if self._kept:
            datagrams, self._kept = self._kept, datagrams
        receiver = self._receiver
        if receiver is None:
            self._shake(datagrams)
            return datagrams
        for data, source, arrived in self._socket.read():
            opened = receiver.unprotect(data)
            if opened is not None:
                datagrams.append((opened, source, arrived))
            elif self._handshake is not None and _is_dtls(data):
                self._handshake.receive(data, now=arrived)
                self._flush(self._handshake)
        if datagrams:
            self._handshake = None  # the peer has the keys: it asks for no flight again
        return datagrams

    def send(self, data: bytes, address: Address) -> bool:
        """Send one packet, encrypted; without a key it is dropped."""
        sender = self._sender
        packet = sender.protect(data) if sender is not None else None
        return packet is not None and self._socket.send(packet, address)

    # The handshake -------------------------------------------------------------------------------------------------

    def _shake(self, datagrams: list[Datagram]) -> None:
        """Go on with the handshake by what came; packets behind its end are opened into `datagrams`."""
        agreed, now = self._agreed, clock.now()
        if self._handshake is None and isinstance(agreed, Dtls):
            self._began = now
            self._handshake = Handshake(
                self._keyring.identity,
                active=agreed.active,
                suites=agreed.suites,
                expected=agreed.fingerprints,
                now=now,
            )
        for data, source, arrived in self._socket.read():
            if self._receiver is not None:
                opened = self._receiver.unprotect(data)
                if opened is not None:
                    datagrams.append((opened, source, arrived))
            elif self._handshake is not None and _is_dtls(data):
                if source[0] in self._hosts:
                    self._remote = source
                    self._handshake.receive(data, now=now)
                    self._settle(self._handshake)
            else:
                self.early += 1
        handshake = self._handshake
        if handshake is not None and self._receiver is None:
            at = handshake.next_timer()
            if at is not None and now >= at:
                handshake.handle_timer(now=now)
            self._settle(handshake)

    def _settle(self, handshake: Handshake) -> None:
        """Send what the handshake wants sent, and take what came of it."""
        keys, agreed = handshake.keys, self._agreed
        self._flush(handshake)
        if keys is not None and isinstance(agreed, Dtls):
            self._listen(SrtpReceiver(keys.suite, keys.theirs))
            self._speak(keys.suite, keys.ours)
            if agreed.active:  # the last flight is the peer's
                self._handshake = None
        elif handshake.failed and self._agreed is not None:
            self._agreed = self._handshake = self._waits = None
            log.warning("%s the DTLS handshake with %s failed: %s", self._leg, show(self._remote), handshake.failed)
            self._on_failed(f"the DTLS handshake with {show(self._remote)} failed: {handshake.failed}")

    def _flush(self, handshake: Handshake) -> None:
        for data in handshake.drain():
            self._socket.send(data, self._remote)

    def _poll(self) -> None:
        """Look at the port while somebody waits for keys."""
        self._timer = None
        self._kept.extend(self.read())
        if self._waits is not None:
            patient = clock.now() - self._began > PATIENT_AFTER_SECONDS
            seconds = PATIENT_POLL_SECONDS if patient else POLL_SECONDS
            self._timer = asyncio.get_running_loop().call_later(seconds, self._poll)


def _theirs(agreed: Sdes) -> tuple[str, bytes, bytes]:
    return agreed.suite, agreed.theirs, agreed.mki


def _is_dtls(data: bytes) -> bool:
    """RFC 7983 section 7."""
    return bool(data) and 20 <= data[0] <= 63
