"""Lists of IP networks, asked often: for each host that a flood makes up."""

import ipaddress
import socket
from collections.abc import Iterable


def packed(host: str) -> bytes:
    """Return an IP address as its 4 or 16 octets, without its scope; empty where the text is none."""
    kind = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.inet_pton(kind, host.partition("%")[0])
    except (OSError, ValueError):
        return b""


def subscriber(host: str) -> str:
    """Return whose an IP address is: itself, or its /64 where it is IPv6, for who has one address has them all."""
    if ":" not in host:
        return host
    octets = packed(host)
    return socket.inet_ntop(socket.AF_INET6, octets[:8] + bytes(8)) + "/64" if octets else host


class Networks:
    """A set of networks, each in the notation of `ipaddress`; ask it with `in`. Raises ValueError where one is none."""

    __slots__ = ("_masks",)

    def __init__(self, networks: Iterable[str] = ()) -> None:
        self._masks: dict[int, list[tuple[int, int]]] = {4: [], 16: []}
        for text in networks:
            network = ipaddress.ip_network(text)
            length = 4 if network.version == 4 else 16
            self._masks[length].append((int(network.network_address), int(network.netmask)))

    def __bool__(self) -> bool:
        return any(self._masks.values())

    def __contains__(self, host: str) -> bool:
        octets = packed(host)
        address = int.from_bytes(octets)
        return any(address & mask == base for base, mask in self._masks.get(len(octets), ()))
