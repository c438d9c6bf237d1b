"""The datagrams by which a service tells its manager how it is: sd_notify(3), without its library.

The manager names a socket in NOTIFY_SOCKET; each message is lines of NAME=value. Nobody answers. Without that variable
nobody listens, and nothing is sent.
"""

import contextlib
import logging
import os
import socket
from collections.abc import Mapping

_log = logging.getLogger("softswitch.net")

#: A status is one line for people; what is longer is cut, for the manager drops datagrams that are too long.
MAX_STATUS = 512


class Notifier:
    """Tells the service manager; does nothing where there is none.

    watchdog: seconds without `WATCHDOG=1` after which the manager takes us for dead; None where it does not watch.
    """

    def __init__(self, address: str = "", *, watchdog: float | None = None) -> None:
        """address: a path, or `@name` for one in the abstract namespace (unix(7)); empty for no manager."""
        self.watchdog = watchdog
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._socket: socket.socket | None = None
        self._failed = False
        if address:
            # Non-blocking: a manager that does not read must not stop the loop.
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)

    @property
    def active(self) -> bool:
        """Whether somebody listens."""
        return self._socket is not None

    def send(self, *lines: str) -> None:
        """Send one message. Whatever is wrong with the manager's socket is said once, and is no trouble of ours."""
        if self._socket is None:
            return
        try:
            self._socket.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            if not self._failed:
                self._failed = True
                _log.warning("the service manager cannot be told: %s", error.strerror)

    def status(self, text: str) -> None:
        """Say in one line how we are: `systemctl status` shows it."""
        self.send(status_line(text))

    def close(self) -> None:
        """Say nothing more."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def status_line(text: str) -> str:
    """Return text as the one line of a status."""
    return f"STATUS={' '.join(text.split())[:MAX_STATUS]}"


def from_environment(environment: Mapping[str, str]) -> Notifier:
    """Return a notifier for the manager that started us, by NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID."""
    address = environment.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return Notifier()
    watchdog = None
    # The variables are inherited: only the process that they name is watched (sd_watchdog_enabled(3)).
    if environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid()):
        with contextlib.suppress(ValueError):
            watchdog = int(environment.get("WATCHDOG_USEC", "0")) / 1e6 or None
    return Notifier(address, watchdog=watchdog)
