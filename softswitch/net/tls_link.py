"""TLS between a socket and a SIP connection: to the loop a protocol, to the connection above it a transport.

Theory of operation
-------------------
The handshake is done in steps by one worker thread, in the order in which they come: signatures take from a third of a
millisecond to some milliseconds, and a hundred telephones that come back at once must not stop the 20 ms clock. Until a
step is done, what the peer sends waits here, within a limit. Of a peer that has not said its hello yet there is no more
than this object: the machine, which holds fifty times as much, is made when that is whole.

Once the machine is open the connection above is told that it stands, and the loop itself does the rest.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Protocol, cast

from softswitch.errors import RemoteError, ResourceError
from softswitch.net.tls_machine import TlsMachine

#: What a peer may send before its handshake is over: its certificates, with a chain of ten (RFC 8446 section 4.4.2).
MAX_HANDSHAKE_BYTES: Final = 128 * 1024
#: The type of a record that belongs to a handshake.
_HANDSHAKE: Final = 22


class Above(Protocol):
    """The connection whose bytes are encrypted here."""

    def arrived(self, stream: asyncio.Transport) -> bool:
        """Take the news that there is a socket; False: it is not wanted."""

    def ready(self, stream: asyncio.Transport, names: tuple[str, ...]) -> None:
        """Take the news that bytes can be written, by this transport. names: whom the peer has proved to be."""

    def unready(self, kind: str, words: str) -> None:
        """Take the news that TLS failed, why in one word and in a predicate; the connection is over."""

    def data_received(self, data: bytes) -> None: ...
    def eof_received(self) -> bool | None: ...
    def connection_lost(self, exc: Exception | None) -> None: ...


class Workshop:
    """The one thread in which handshakes are done; begun with the first of them."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None

    def do(self, work: Callable[[], bytes], done: Callable[["asyncio.Future[bytes]"], None]) -> None:
        """Do some work there, then call `done` from the loop."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="tls handshake")
        asyncio.get_running_loop().run_in_executor(self._pool, work).add_done_callback(done)

    def close(self) -> None:
        """End the thread when it is through with what it does."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None


class TlsLink(asyncio.Protocol):
    """One TLS connection. make: the machine, made in the worker thread; serving: the peer opened it, and speaks first.

    machine: once the handshake has begun.
    """

    def __init__(self, above: Above, make: Callable[[], TlsMachine], workshop: Workshop, *, serving: bool) -> None:
        self.machine: TlsMachine | None = None
        self._above = above
        self._make = make
        self._workshop = workshop
        self._serving = serving
        self._stream: asyncio.Transport | None = None
        self._waiting = bytearray()
        self._working = self._over = False

    # ---------------------------------------------------------------- what the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        stream = cast(asyncio.Transport, transport)
        if not self._above.arrived(stream):
            self._over = True
            stream.abort()
            return
        self._stream = stream
        if not self._serving:
            self._step()

    def data_received(self, data: bytes) -> None:
        if self._over:
            return
        if self.machine is not None and self.machine.open and not self._working:
            self._read(data)
            return
        self._waiting += data
        if len(self._waiting) > MAX_HANDSHAKE_BYTES:
            self._failed(RemoteError("it sends without end before TLS is set up", kind="broken"))
        elif not self._working and (self.machine is not None or _whole(self._waiting)):
            self._step()

    def eof_received(self) -> bool | None:
        if not self._over and self.machine is not None and self.machine.open:
            self._above.eof_received()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._stream = None
        if not self._over and not self._working:  # a step that is under way may tell why
            self._over = True
            if self.machine is not None and self.machine.open:
                self._above.connection_lost(exc)
            else:
                self._closed()
        self._let_go()

    # ---------------------------------------------------------------- the handshake

    def _step(self) -> None:
        data, self._waiting = bytes(self._waiting), bytearray()
        self._working = True
        self._workshop.do(lambda: self._work(data), self._worked)

    def _work(self, data: bytes) -> bytes:
        """Go on with the handshake; in the worker thread, which has the machine to itself."""
        if self.machine is None:
            self.machine = self._make()
        return self.machine.handshake(data)

    def _worked(self, future: "asyncio.Future[bytes]") -> None:
        self._working = False
        if future.cancelled():
            return
        error = future.exception()  # asked for in any case: what nobody asks for is logged as a fault of ours
        if self._over:
            self._let_go()
            return
        if isinstance(error, RemoteError):
            self._failed(error)
            return
        if error is not None:  # a file that cannot be read any more, or a fault of ours: this connection's alone
            words = str(error) if isinstance(error, ResourceError) else f"TLS failed: {type(error).__name__}"
            self._failed(RemoteError(words, kind="other"))
            return
        stream, machine = self._stream, self.machine
        if stream is None or machine is None:  # the peer went meanwhile
            self._over = True
            self._closed()
            self._let_go()
            return
        if data := future.result():
            stream.write(data)
        if machine.open:
            self._above.ready(cast(asyncio.Transport, self), machine.names)
            waiting, self._waiting = bytes(self._waiting), bytearray()
            if not self._over:
                self._read(waiting)  # what came with the last of the handshake may already be in the machine
        elif self._waiting:
            self._step()

    def _let_go(self) -> None:
        """Give back the machine of a connection that is no more, now and not when the collector comes round.

        It holds 50 KiB that Python does not count. Not while the worker has it.
        """
        if self._stream is None and not self._working:
            self.machine = None

    def _closed(self) -> None:
        self._above.unready("closed", "it closed the connection while TLS was set up")

    # ---------------------------------------------------------------- afterwards

    def _read(self, data: bytes) -> None:
        machine = self.machine
        if machine is None:
            return
        try:
            texts, ended = machine.receive(data)
        except RemoteError as error:
            self._failed(error)
            return
        self._flush(machine)
        for text in texts:
            if self._over:  # what it led to has ended the connection
                return
            self._above.data_received(text)
        if ended and not self._over:
            self._above.eof_received()
            self.close()

    def _flush(self, machine: TlsMachine) -> None:
        """Send what the machine itself wants to say."""
        if self._stream is not None and (data := machine.leftover()):
            self._stream.write(data)

    def _failed(self, error: RemoteError) -> None:
        """End what cannot go on, and let the peer know by an alert."""
        stream = self._stream
        self._over, self._stream = True, None
        self._waiting.clear()
        if stream is not None:
            if self.machine is not None and not self._working and (alert := self.machine.leftover()):
                stream.write(alert)
            if stream.get_write_buffer_size():  # the peer does not read: nothing is waited for
                stream.abort()
            else:
                stream.close()
        self._above.unready(error.kind, str(error))

    # ---------------------------------------------------------------- as the transport of the connection above

    def write(self, data: bytes) -> None:
        """Encrypt and send."""
        if self._over or self.machine is None or self._stream is None:
            return
        try:
            self._stream.write(self.machine.send(data))
        except RemoteError as error:
            # Not from inside whoever sends: the connection above is told as of any other failure.
            asyncio.get_running_loop().call_soon(self._failed_later, error)

    def _failed_later(self, error: RemoteError) -> None:
        if not self._over:
            self._failed(error)

    def get_write_buffer_size(self) -> int:
        """Return the bytes that the peer has not taken yet."""
        return self._stream.get_write_buffer_size() if self._stream is not None else 0

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what the socket says of itself."""
        return self._stream.get_extra_info(name, default) if self._stream is not None else default

    def close(self) -> None:
        """Say goodbye, send what waits, then close."""
        stream = self._stream
        if stream is None:
            return
        if self.machine is not None and self.machine.open and not self._working:
            stream.write(self.machine.close())
        stream.close()

    def abort(self) -> None:
        """Close at once; what waits is lost."""
        if self._stream is not None:
            self._stream.abort()


def _whole(data: bytearray) -> bool:
    """Say whether the first record of a handshake is here, or something that is none (RFC 8446 section 5.1)."""
    return bool(data) and (data[0] != _HANDSHAKE or len(data) >= 5 + int.from_bytes(data[3:5]))
