"""A flood on a media port is noticed once a second, and kept out by the kernel while the peer is heard."""

import logging
from typing import Final

from softswitch.net.address import Address
from softswitch.net.rtp_socket import RtpSocket
from softswitch.rtp.stream import RtpStream

log = logging.getLogger("softswitch.media")

#: Packets of a second that were of no use: four times what a call itself sends. Below it, reading them is cheap enough.
FLOOD_PACKETS: Final = 200
#: How long the peer must be silent until others are listened to again. A peer that moves while it is flooded is not
#: heard for so long; a shorter time would let the flood itself take the place of one that only paused.
SILENCE_SECONDS: Final = 10.0


class MediaFlood:
    """Watches what comes to the socket of one leg."""

    __slots__ = ("_leg", "_only", "_said", "_socket", "_useless")

    def __init__(self, leg: str, socket: RtpSocket) -> None:
        self._leg = leg
        self._socket = socket
        self._only: Address | None = None
        self._useless = 0
        self._said = False

    def look(self, stream: RtpStream, *, now: float) -> None:
        """Close the socket to all but the peer, or open it again. Once a second."""
        useless = self._socket.received - stream.received
        flooded, self._useless = useless - self._useless > FLOOD_PACKETS, useless
        source = stream.locked(now=now)
        if flooded and source is not None and self._only != source:
            if not self._socket.listen_only(source):
                return
            self._only = source
            if not self._said:
                self._said = True
                log.warning("%s a flood comes to its media port; only its peer is listened to", self._leg)
        elif self._only is not None and now - (stream.heard_at or 0.0) > SILENCE_SECONDS:
            self.open()

    def open(self) -> None:
        """Listen to everybody again: the peer may come from elsewhere now."""
        if self._only is not None:
            self._only = None
            self._socket.listen_only(None)
