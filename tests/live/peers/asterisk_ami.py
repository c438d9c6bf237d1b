"""Asterisk's own remote control (AMI): actions and their answers, and the events that it tells meanwhile."""

import itertools
import socket
import threading
import time
from collections.abc import Callable, Mapping

from tests.live.peers.free_ports import LOOPBACK

Event = Mapping[str, str]
#: Asterisk answers an action at once; a busy machine gets more.
ANSWER_SECONDS = 10.0


class Ami:
    """One logged-in connection. Events are kept in the order in which they came; `events` may be read at any time."""

    def __init__(self, port: int, secret: str) -> None:
        self._socket = socket.create_connection((LOOPBACK, port), timeout=ANSWER_SECONDS)
        self._socket.settimeout(None)
        self._changed = threading.Condition()
        self._answers: dict[str, list[tuple[str, str]]] = {}
        self._ids = itertools.count(1)
        self._ended = False
        self.events: list[Event] = []
        self._reader = threading.Thread(target=self._read, name=f"ami-{port}", daemon=True)
        self._reader.start()
        self.action("Login", Username="tests", Secret=secret)

    def action(self, name: str, **fields: str | list[str]) -> Event:
        """Ask for something; return the answer, or fail with what Asterisk says against it."""
        pairs = self._ask(name, fields)
        answer = dict(pairs)
        assert answer.get("Response") in ("Success", "Goodbye"), f"Asterisk refused {name}: {answer}"
        return answer

    def command(self, line: str) -> str:
        """Run a line of the Asterisk command line; return what it prints."""
        pairs = self._ask("Command", {"Command": line})
        return "\n".join(value for key, value in pairs if key == "Output")

    def wait_event(
        self, condition: Callable[[Event], bool], what: str, *, seconds: float = 10.0, since: int = 0
    ) -> Event:
        """Wait for an event, counted from number `since` on; fail saying that `what` did not come."""
        deadline = time.monotonic() + seconds
        with self._changed:
            looked_at = since
            while True:
                for event in self.events[looked_at:]:
                    if condition(event):
                        return event
                looked_at = len(self.events)
                left = deadline - time.monotonic()
                if left <= 0 or self._ended:
                    recent = "\n".join(str(event) for event in self.events[since:][-25:])
                    raise AssertionError(f"{what}: Asterisk told of no such thing in {seconds:.0f} s. Last:\n{recent}")
                self._changed.wait(left)

    def close(self) -> None:
        """End the connection."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # Asterisk ended it before us.
        self._reader.join(ANSWER_SECONDS)
        self._socket.close()

    def _ask(self, name: str, fields: Mapping[str, str | list[str]]) -> list[tuple[str, str]]:
        number = str(next(self._ids))
        lines = [f"Action: {name}", f"ActionID: {number}"]
        for key, value in fields.items():
            lines += [f"{key}: {each}" for each in ([value] if isinstance(value, str) else value)]
        self._socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        with self._changed:
            came = self._changed.wait_for(lambda: number in self._answers or self._ended, ANSWER_SECONDS)
            assert came and number in self._answers, f"Asterisk did not answer {name}"
            return self._answers.pop(number)

    def _read(self) -> None:
        with self._socket.makefile("r", encoding="utf-8", errors="replace", newline="\n") as stream:
            pairs: list[tuple[str, str]] = []
            try:
                for line in stream:
                    key, colon, value = line.rstrip("\r\n").partition(": ")
                    if colon or key.endswith(":"):
                        pairs.append((key.removesuffix(":"), value))
                    elif not key and pairs:
                        self._take(pairs)
                        pairs = []
            except OSError:
                pass
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _take(self, pairs: list[tuple[str, str]]) -> None:
        message = dict(pairs)
        with self._changed:
            if "Event" in message:
                self.events.append(message)
            elif "ActionID" in message:
                self._answers[message["ActionID"]] = pairs
            self._changed.notify_all()
