"""Speech workers as the switch sees them: processes that are started, watched, restarted, and never waited for.

Theory of operation. A worker is a child process and one socket pair. Streams are numbers; each has an owner whose
`received` is called for every message and whose `lost` is called when the process dies. What a worker cannot take is
bounded by the transport's write buffer: a worker that lags is treated as one that died, because an answer that
comes seconds late is no answer. A dead worker is started again after a pause that doubles up to five seconds.
"""

import asyncio
import contextlib
import logging
import os
import socket
import sys
from typing import Final, Protocol, cast

from softswitch.errors import ResourceError
from softswitch.providers import messages as m
from softswitch.providers.messages import Message, Unpacker, pack

log = logging.getLogger("softswitch.speech")

#: Sound that may wait for one worker: 30 s of one caller. More means that it does not keep up.
MAX_UNSENT_BYTES: Final = 480 * 1024
START_SECONDS: Final = 20.0
#: A worker ends by itself at the end of file, when it has finished what it is just doing.
STOP_SECONDS: Final = 1.0
FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 5.0
#: The command line's own name for the module that runs in the child.
MODULE: Final = "softswitch.providers.speech_worker"


class Owner(Protocol):
    """Who a stream belongs to."""

    def received(self, message: Message) -> None:
        """Take a message of the stream."""

    def lost(self, reason: str) -> None:
        """Take the news that the worker died, or cannot be reached; nothing more will come."""


class _Pipe(asyncio.Protocol):
    """Our end of the socket pair."""

    def __init__(self, worker: "Worker") -> None:
        self._worker = worker
        self._unpacker = Unpacker()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name

    def data_received(self, data: bytes) -> None:
        try:
            for message in self._unpacker.feed(data):
                self._worker.arrived(message)
        except ValueError as error:
            self._worker.failed(f"it sent nonsense: {error}", self)

    def connection_lost(self, _error: Exception | None) -> None:
        self._worker.failed("it ended", self)


class Worker:
    """One worker process of one kind, `stt` or `tts`, for as long as the switch runs."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.restarts = -1
        self._streams: dict[int, Owner] = {}
        self._numbers = 0
        self._pipe: _Pipe | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._ready = asyncio.Event()
        self._dead = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self._came_up = False

    @property
    def load(self) -> int:
        """How many streams it has."""
        return len(self._streams)

    @property
    def is_ready(self) -> bool:
        """Whether it can be spoken to now."""
        return self._ready.is_set()

    @property
    def pid(self) -> int | None:
        """Its process, None while there is none."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Start the process, and keep it running, in the background."""
        self._task = asyncio.create_task(self._keep_running(), name=f"speech worker {self.kind}")

    async def ready(self) -> None:
        """Wait until it can be spoken to; ResourceError where it does not come up."""
        if self._closing:
            raise ResourceError(f"the speech worker {self.kind} is closed: the switch is stopping")
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._ready.wait()
        except TimeoutError:
            raise ResourceError(f"the speech worker {self.kind} did not start within {START_SECONDS:g} s") from None

    async def close(self) -> None:
        """End the process."""
        self._closing = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self.failed("the switch is stopping")
        await self._reap()

    def open(self, owner: Owner) -> int:
        """Give `owner` a stream; return its number."""
        self._numbers += 1
        self._streams[self._numbers] = owner
        return self._numbers

    def release(self, stream: int) -> None:
        """End a stream: whatever the worker is doing for it is stopped, and nothing more is reported."""
        if self._streams.pop(stream, None) is not None:
            self.send(m.CLOSE, stream)

    def send(self, kind: int, stream: int, payload: bytes = b"") -> bool:
        """Send a message; never waits. False when the worker is not there to take it."""
        transport = self._pipe.transport if self._pipe is not None else None
        if transport is None or not self._ready.is_set():
            return False
        if transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            self.failed("it does not keep up")
            return False
        transport.write(pack(kind, stream, payload))
        return True

    def arrived(self, message: Message) -> None:
        """Take a message of the child."""
        if message.kind == m.READY:
            self._came_up = True
            self._ready.set()
            return
        owner = self._streams.get(message.stream)
        if owner is not None:
            owner.received(message)

    def failed(self, reason: str, pipe: _Pipe | None = None) -> None:
        """The process is of no use any more: tell every owner, and let it be started again.

        pipe: the one that reports it; news of a process before the present one is no news.
        """
        if self._pipe is None or (pipe is not None and pipe is not self._pipe):
            return
        transport, self._pipe = self._pipe.transport, None
        self._ready.clear()
        self._dead.set()
        if transport is not None:
            transport.abort()
        if self._process is not None and not self._closing:
            log.error("the speech worker failed", extra={"kind": self.kind, "pid": self.pid, "reason": reason})
            with contextlib.suppress(ProcessLookupError):  # one that hangs does not see the end of file
                self._process.kill()
        owners, self._streams = list(self._streams.values()), {}
        for owner in owners:
            owner.lost(f"the speech worker failed: {reason}")

    async def _keep_running(self) -> None:
        pause = FIRST_PAUSE
        while True:
            self._came_up = False
            if await self._launch():
                await self._dead.wait()
            await self._reap()
            if self._came_up:
                pause = FIRST_PAUSE
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _launch(self) -> bool:
        """Start the process once; False when the machine refuses."""
        ours, theirs = socket.socketpair()
        self._dead.clear()
        try:
            ours.setblocking(False)
            with theirs:
                self._process = await asyncio.create_subprocess_exec(
                    *_command(self.kind, theirs.fileno()),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                    env=_environment(),
                )
            pipe = self._pipe = _Pipe(self)
            await asyncio.get_running_loop().create_connection(lambda: pipe, sock=ours)
        except OSError as error:
            ours.close()
            log.error("a speech worker could not be started", extra={"kind": self.kind, "reason": str(error)})
            return False
        except asyncio.CancelledError:
            ours.close()
            raise
        self.restarts += 1
        return True

    async def _reap(self) -> None:
        """Wait for the end of the process; the end of file ends it, or we do."""
        process = self._process
        if process is None:
            return
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        self._process = None


def _command(kind: str, descriptor: int) -> list[str]:
    """Return the command line: -S, because what `site` imports costs a worker 2 MiB and a third of its start."""
    return [sys.executable, "-S", "-W", "ignore::DeprecationWarning", "-m", MODULE, kind, str(descriptor)]


def _environment() -> dict[str, str]:
    """Return ours, with the places where the switch itself finds its modules."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(_places())}


def _places() -> list[str]:
    here = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    return [here, *(path for path in sys.path if path and os.path.isdir(path) and path != here)]


class WorkerPool:
    """Workers of one kind; a new stream goes to the one with the fewest."""

    def __init__(self, kind: str, size: int) -> None:
        self.workers = [Worker(kind) for _ in range(size)]

    def start(self) -> None:
        """Start them all in the background."""
        for worker in self.workers:
            worker.start()

    async def ready(self) -> None:
        """Wait until all can be spoken to."""
        for worker in self.workers:
            await worker.ready()

    def least_loaded(self) -> Worker:
        """Return the worker for a new stream: one that is there before one that is being started."""
        return min(self.workers, key=lambda worker: (not worker.is_ready, worker.load))

    async def close(self) -> None:
        """End them all."""
        await asyncio.gather(*(worker.close() for worker in self.workers))
