"""Our address as the world outside of a NAT sees it, asked of a STUN server at start and every two minutes.

The question goes out by the SIP socket itself, so what is learnt is the address *and port* that belong in Contact, and
each question keeps the NAT's binding alive. A server that is silent changes nothing: the last answer stands.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from softswitch import clock
from softswitch.errors import ResourceError
from softswitch.net.address import Address, show

log = logging.getLogger("softswitch.sip")

#: NATs keep a UDP binding for two minutes at least (RFC 4787 REQ-5), those at home for 30 s and more.
ASK_AGAIN_SECONDS = 110.0
#: A server that is silent at start is asked again sooner: without an address calls have sound one way only.
RETRY_SECONDS = 15.0
#: How long a start waits for the first answer; calls that came in before it would carry the address inside the NAT.
START_SECONDS = 3.0


class Seen(Protocol):
    """Whose address it is: the user agent."""

    public: Address | None


class Names(Protocol):
    """Who knows addresses of names."""

    async def resolve(
        self, host: str, port: int | None = None, transport: str | None = None
    ) -> Sequence[tuple[str, str, int]]: ...


class PublicAddress:
    """Keeps `seen.public` as a STUN server says it. ask: one question to one server address."""

    def __init__(
        self,
        server: Address,
        seen: Seen,
        ask: Callable[[Address], Awaitable[Address]],
        names: Names,
        *,
        on_change: Callable[[], None] = lambda: None,
        random: Callable[[], float] = clock.fraction,
    ) -> None:
        self._server = server
        self._seen = seen
        self._ask = ask
        self._names = names
        self._on_change = on_change
        self._random = random
        self._complained = False
        self._first = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Ask, and wait a little for the first answer; go on asking from then on."""
        self._task = asyncio.create_task(self._run(), name="public address")
        try:
            await asyncio.wait_for(self._first.wait(), START_SECONDS)
        except TimeoutError:
            log.warning("the STUN server %s has not answered yet", show(self._server))

    async def close(self) -> None:
        """Stop asking."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            wait = ASK_AGAIN_SECONDS
            try:
                self._learnt(await self._question())
            except ResourceError as error:
                wait = wait if self._seen.public else RETRY_SECONDS
                if not self._complained:  # once for each time it goes away
                    log.warning("our public address is not known: %s", error)
                self._complained = True
            await asyncio.sleep(wait * (0.9 + 0.1 * self._random()))

    async def _question(self) -> Address:
        failed: ResourceError | None = None
        for _, host, port in await self._names.resolve(self._server[0], self._server[1], "udp"):
            try:
                return await self._ask((host, port))
            except ResourceError as error:
                failed = error
        raise failed or ResourceError(f"{self._server[0]} has no address")

    def _learnt(self, address: Address) -> None:
        before, self._seen.public = self._seen.public, address
        self._complained = False
        self._first.set()
        if before != address:
            log.info("our public address is %s", show(address))
            if before is not None:
                self._on_change()
