"""The port of a leg whose packets are encrypted: it reads and sends like an `RtpSocket`, and what passes is SRTP.

A leg takes it, or the bare socket, when offer and answer are agreed; so a plain call pays nothing for this.
"""

import logging

from softswitch import clock
from softswitch.net.address import Address
from softswitch.net.rtp_socket import Datagram, RtpSocket
from softswitch.rtp.srtp import SrtpReceiver, SrtpSender
from softswitch.sdp.protection import OwnKeys, Protection, Sdes

log = logging.getLogger("softswitch.media")


def own_keys() -> OwnKeys:
    """Return our side of the keys of one leg."""
    return OwnKeys(clock.random_bytes)


class Secured:
    """One encrypted port. suite: what encrypts it, empty as long as there are no keys."""

    def __init__(self, leg: str, socket: RtpSocket) -> None:
        self.suite = ""
        self._leg = leg
        self._socket = socket
        self._agreed: Protection | None = None
        self._receiver: SrtpReceiver | None = None
        self._sender: SrtpSender | None = None
        #: What we have encrypted with, by suite. It is never begun anew under one key: the same numbers of packets
        #: would come again, and two packets under one key and number lay both open (RFC 3711 section 9.1).
        self._senders: dict[str, tuple[bytes, SrtpSender]] = {}
        self._forged = self._replayed = 0

    @property
    def forged(self) -> int:
        """How many packets were not encrypted with the peer's key."""
        return self._forged + (self._receiver.forged if self._receiver is not None else 0)

    @property
    def replayed(self) -> int:
        """How many packets came a second time."""
        return self._replayed + (self._receiver.replayed if self._receiver is not None else 0)

    def follow(self, agreed: Protection) -> None:
        """Encrypt as agreed from now on; where a key is as it was, its counters go on."""
        if agreed == self._agreed:
            return
        before, self._agreed = self._agreed, agreed
        if isinstance(agreed, Sdes):
            log.info("%s sound is encrypted with %s", self._leg, agreed.suite)
            same = isinstance(before, Sdes) and _theirs(before) == _theirs(agreed)
            if not same:
                self._listen(SrtpReceiver(agreed.suite, agreed.theirs, mki=agreed.mki))
            self._speak(agreed.suite, agreed.ours)

    def _listen(self, receiver: SrtpReceiver) -> None:
        self._forged, self._replayed = self.forged, self.replayed
        self._receiver = receiver

    def _speak(self, suite: str, secret: bytes) -> None:
        known = self._senders.get(suite)
        if known is None or known[0] != secret:
            known = self._senders[suite] = (secret, SrtpSender(suite, secret))
        self.suite, self._sender = suite, known[1]

    def read(self) -> list[Datagram]:
        """Return what has come since the last read, in the clear; what is not the peer's is counted and dropped."""
        datagrams: list[Datagram] = []
        receiver = self._receiver
        for data, source, arrived in self._socket.read():
            if receiver is not None:
                opened = receiver.unprotect(data)
                if opened is not None:
                    datagrams.append((opened, source, arrived))
        return datagrams

    def send(self, data: bytes, address: Address) -> bool:
        """Send one packet, encrypted; without a key it is dropped."""
        sender = self._sender
        packet = sender.protect(data) if sender is not None else None
        return packet is not None and self._socket.send(packet, address)


def _theirs(agreed: Sdes) -> tuple[str, bytes, bytes]:
    return agreed.suite, agreed.theirs, agreed.mki
