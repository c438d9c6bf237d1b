"""IP addresses as sockets want them: which family, is it a literal, which of ours leads there."""

import errno
import socket
from collections.abc import Callable
from typing import TypeVar

from softswitch.errors import ResourceError

Address = tuple[str, int]
Bound = TypeVar("Bound")


def family(host: str) -> socket.AddressFamily | None:
    """Return AF_INET or AF_INET6 for an IP literal, None for anything else (a name, rubbish).

    Every address a peer can choose passes here before it meets a socket: Python would look a name up, and block.
    """
    try:
        socket.inet_pton(socket.AF_INET, host)
        return socket.AF_INET
    except (OSError, ValueError):
        pass
    literal, percent, scope = host.partition("%")
    try:
        socket.inet_pton(socket.AF_INET6, literal)
        if percent:
            socket.if_nametoindex(scope)  # a scope that is no interface would be looked up as a name
        return socket.AF_INET6
    except (OSError, ValueError):
        return None


def sendable(address: Address) -> bool:
    """Say whether a datagram can be sent there at all: an IP literal and a port from 1 to 65535."""
    return 0 < address[1] <= 65535 and family(address[0]) is not None


def show(address: Address) -> str:
    """Return `host:port`, with brackets round an IPv6 address."""
    host, port = address[0], address[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def unspecified(host: str) -> bool:
    """Say whether `host` stands for every address of the machine."""
    return host in ("0.0.0.0", "::", "")  # noqa: S104 - compared, not bound


def local_towards(remote: str) -> str | None:
    """Return our address on the route to `remote`, None if there is no route. Sends nothing."""
    kind = family(remote)
    if kind is None:
        return None
    with socket.socket(kind, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((remote, 9))
        except OSError:
            return None
        host: str = probe.getsockname()[0]
        return host


def bound(what: str, address: Address, option: str, bind: Callable[[], Bound]) -> Bound:
    """Return `bind()`, its OSError made a ResourceError of one sentence that names `what`, where, and the `option`."""
    try:
        return bind()
    except OSError as error:
        raise bind_error(what, address, option, error) from error


def bind_error(what: str, address: Address, option: str, error: OSError) -> ResourceError:
    """Return the sentence for an address that could not be bound."""
    where = f"{what} {show(address)}"
    match error.errno:
        case errno.EADDRINUSE:
            return ResourceError(
                f"{where} is already in use; stop the other program or choose another address with {option}"
            )
        case errno.EACCES | errno.EPERM:
            return ResourceError(
                f"{where} is reserved for the system's own programs; choose a port above 1023 with {option}"
            )
        case errno.EADDRNOTAVAIL:
            return ResourceError(
                f"{where} is not an address of this machine; choose one that `ip address` shows with {option}"
            )
        case errno.EMFILE | errno.ENFILE:
            return ResourceError(f"{where}: no more open files are allowed; raise `ulimit -n`")
        case _:
            return ResourceError(f"{where} cannot be used: {error.strerror or error}; choose another with {option}")
