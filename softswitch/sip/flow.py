"""The path a SIP message came by or shall go by: addresses and transport, never a socket."""

from typing import NamedTuple


class Flow(NamedTuple):
    """One path between us and a peer.

    transport: `UDP` or `TCP`, as in Via. local, remote: IP address and port. connection: 0 for datagrams, else the
    number the transport gave to one accepted or opened connection, so that an answer goes back over the very same one.
    """

    transport: str
    local: tuple[str, int]
    remote: tuple[str, int]
    connection: int = 0

    @property
    def reliable(self) -> bool:
        """True where the transport itself retransmits (RFC 3261 section 17)."""
        return self.transport != "UDP"
