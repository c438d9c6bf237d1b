"""The reports of one leg on their way (RTCP): read and sent once a second, by whoever looks after its sound.

They come on the port of the sound where both sides have said that one will do (RFC 5761), else on the odd port above
it, which is open only then. As for sound, only the peer is listened to: on a port of its own a report must come from
the host that the sound comes from, and ours go where those came from, for a NAT may have moved them.
"""

import logging

from softswitch import clock
from softswitch.legs.secured import Secured
from softswitch.net.address import Address
from softswitch.net.rtp_socket import RtpPorts, RtpSocket
from softswitch.rtp.reports import Reports
from softswitch.rtp.stream import RtpStream
from softswitch.sdp.control import Control

log = logging.getLogger("softswitch.media")

#: Reports of one second that are read: an honest peer sends one, rarely two.
MAX_READ = 8


class MediaControl:
    """Says how we hear the peer, and learns how it hears us. foreign: reports of somebody else. sent: of ours.

    heard_at: when a report of the peer came last that could be read, None for never.
    """

    __slots__ = (
        "_agreed",
        "_beside",
        "_came_from",
        "_port",
        "_ports",
        "_secured",
        "_socket",
        "foreign",
        "heard_at",
        "reports",
    )

    def __init__(self, ports: RtpPorts, socket: RtpSocket, stream: RtpStream, *, now: float) -> None:
        """socket: that of the sound, whose upper neighbour is ours."""
        ssrc, first = stream.ours
        self.reports = Reports(
            ssrc=ssrc,
            first=first,
            cname=f"{clock.random_bits(96):024x}",
            wall=clock.wall_seconds(),
            now=now,
            chance=clock.fraction(),
        )
        self.heard_at: float | None = None
        self.foreign = 0
        self._ports, self._socket, self._port = ports, socket, socket.port
        self._agreed: Control | None = None
        self._secured: Secured | None = None
        self._beside: RtpSocket | None = None
        self._came_from: Address | None = None

    def follow(self, agreed: Control, secured: Secured | None, *, apart: bool) -> None:
        """Report as agreed from now on. secured: what encrypts. apart: whether a port of their own can be had for them.

        That is not so where a handshake makes the keys: it would need another one on that port (RFC 5764 section 3).
        """
        if self._agreed is not None and self._agreed.remote != agreed.remote:
            self._came_from = None
        self._agreed, self._secured = agreed, secured
        if agreed.mux or not apart:
            self._shut()
        elif self._beside is None:
            self._beside = self._ports.open_beside(self._port)

    def look(self, stream: RtpStream, *, now: float) -> None:
        """Read what the peer reports, and report where it is time. Once a second."""
        if stream.reports:
            waiting, stream.reports = stream.reports, []
            for data, arrived in waiting:
                self._take(data, arrived)
        if self._beside is not None:
            self._read(self._beside, stream)
        said = self.reports.look(stream.counts(now), now=now, chance=clock.fraction())
        if said:
            self._send(said, stream)

    def close(self, stream: RtpStream, *, now: float) -> None:
        """Take leave of the peer, if it was ever reported to, and give the port back."""
        if self.reports.sent:
            self._send(self.reports.leave(stream.counts(now), now=now), stream)
        self._shut()

    # Inside --------------------------------------------------------------------------------------------------------

    def _read(self, beside: RtpSocket, stream: RtpStream) -> None:
        for data, source, arrived in beside.read(MAX_READ):
            if source[0] != stream.remote[0]:
                self.foreign += 1
                continue
            opened = data if self._secured is None else self._secured.opened(data)
            if opened is None:
                self.foreign += 1
            elif self._take(opened, arrived):
                self._came_from = source

    def _take(self, data: bytes, arrived: float) -> bool:
        good = self.reports.receive(data, arrived)
        if good:
            self.heard_at = arrived
        return good

    def _send(self, said: bytes, stream: RtpStream) -> None:
        agreed = self._agreed
        sealed = said if self._secured is None else self._secured.seal(said)
        if agreed is None or sealed is None:
            return
        if agreed.mux:
            self._socket.send(sealed, stream.remote)
        elif self._beside is not None:
            self._beside.send(sealed, self._came_from or self._described(agreed, stream))

    def _described(self, agreed: Control, stream: RtpStream) -> Address:
        """Return where reports go as long as none has come: beside the sound, if that comes from elsewhere."""
        if stream.remote[0] == agreed.remote[0]:
            return agreed.remote
        return stream.remote[0], min(stream.remote[1] + 1, 65535)

    def _shut(self) -> None:
        beside, self._beside = self._beside, None
        if beside is not None:
            beside.close()
