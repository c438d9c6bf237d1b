"""Sockets that listen for SIP, bound before the loop has them, so that what goes wrong is one sentence."""

import contextlib
import socket
from typing import Final

from softswitch.errors import ResourceError
from softswitch.net.address import bind_error, family

#: Connections that wait to be accepted.
BACKLOG: Final = 1024
#: Class Selector 5, the class of signalling (RFC 4594 section 4.2).
TRAFFIC_CLASS: Final = 40 << 2


def bound_socket(what: str, kind: socket.SocketKind, host: str, port: int, option: str = "--sip") -> socket.socket:
    """Return a socket bound to an address, listening if it is one for connections.

    what, option: for the sentence of the ResourceError it raises. port 0: the system chooses.
    """
    address_family = family(host)
    if address_family is None:
        raise ResourceError(f"{what} address {host!r} is not an IP address; choose another with {option}")
    if not 0 <= port <= 65535:
        raise ResourceError(f"{what} port {port} is not between 0 and 65535; choose another with {option}")
    try:
        raw = socket.socket(address_family, kind)
    except OSError as error:
        raise bind_error(what, (host, port), option, error) from error
    try:
        raw.setblocking(False)
        if kind == socket.SOCK_STREAM:  # connections of our last run may still be in TIME_WAIT
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):  # a courtesy to routers, nothing depends on it
            if address_family == socket.AF_INET6:
                raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, TRAFFIC_CLASS)
            else:
                raw.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, TRAFFIC_CLASS)
        if address_family == socket.AF_INET6:  # :: and 0.0.0.0 are two listeners, each knows its peers' family
            raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        raw.bind((host, port))
        if kind == socket.SOCK_STREAM:
            raw.listen(BACKLOG)  # here, for two programs may bind one address, but only one may listen on it
    except OSError as error:
        raw.close()
        raise bind_error(what, (host, port), option, error) from error
    return raw
