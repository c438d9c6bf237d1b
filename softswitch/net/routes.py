"""Under which of our addresses a peer reaches a socket that is bound to all of them."""

import ipaddress
from typing import Final

from softswitch.net.address import Address, local_towards, unspecified

#: Peer hosts whose route is remembered; a flood from made-up addresses empties the table, not the memory.
MAX_ROUTES: Final = 4096


class Routes:
    """The routes to peers, each asked of the system once."""

    def __init__(self) -> None:
        self._routes: dict[str, str] = {}

    def local(self, address: Address, remote_host: str) -> Address:
        """Return the address under which a peer at `remote_host` reaches the socket that is bound to `address`."""
        if not unspecified(address[0]):
            return address
        return (self.to(remote_host) or address[0], address[1])

    def is_own(self, host: str) -> bool:
        """Tell whether an IP literal is an address of this machine: 0.0.0.0 and :: as targets mean itself, too."""
        try:
            address = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return False
        return address.is_loopback or address.is_unspecified or self.to(host) == host

    def to(self, remote_host: str) -> str | None:
        """Return our address on the route to a host, None where there is no route."""
        host = self._routes.get(remote_host)
        if host is None:
            host = local_towards(remote_host)
            if host is not None:
                if len(self._routes) >= MAX_ROUTES:
                    self._routes.clear()
                self._routes[remote_host] = host
        return host
