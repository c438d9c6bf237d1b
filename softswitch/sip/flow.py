"""The path a SIP message came by or shall go by: addresses and transport, never a socket."""

from typing import NamedTuple

#: RFC 3261 section 19.1.2.
DEFAULT_PORT = 5060
DEFAULT_TLS_PORT = 5061


class Flow(NamedTuple):
    """One path between us and a peer.

    transport: `UDP`, `TCP` or `TLS`, as in Via. local, remote: IP address and port. connection: 0 for datagrams, else
    the number the transport gave to one accepted or opened connection, so that an answer goes back over the very same
    one. name, carrier: of TLS alone, who the peer has to prove to be: the host as the user wrote it, never as DNS
    answered, and the carrier whose keys and authorities serve, empty for none of them.
    """

    transport: str
    local: tuple[str, int]
    remote: tuple[str, int]
    connection: int = 0
    name: str = ""
    carrier: str = ""

    @property
    def reliable(self) -> bool:
        """True where the transport itself retransmits (RFC 3261 section 17)."""
        return self.transport != "UDP"

    @property
    def secure(self) -> bool:
        """True where nobody on the way can read along (RFC 3261 section 26.2.1)."""
        return self.transport == "TLS"


def default_port(transport: str) -> int:
    """Return the port of a transport, in any case, where none is named."""
    return DEFAULT_TLS_PORT if transport.upper() == "TLS" else DEFAULT_PORT
