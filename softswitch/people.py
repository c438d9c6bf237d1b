"""Users and callers put together: who the users are, where their phones are, and whose a call is."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator

from softswitch import clock
from softswitch.call.dialplan import Query
from softswitch.call.toll_rules import TollLimits
from softswitch.call.user import UserBook
from softswitch.config import Settings
from softswitch.errors import ResourceError
from softswitch.legs.identity import Identity
from softswitch.legs.proof import Proof
from softswitch.legs.trunks import Trunks
from softswitch.legs.turned_away import TurnedAway
from softswitch.legs.user_agent import UserAgent
from softswitch.legs.users import Users, UsersSettings
from softswitch.net.resolve import Resolver
from softswitch.sip.digest_server import DigestSettings
from softswitch.sip.flow import Flow
from softswitch.sip.location import LocationSettings
from softswitch.store.users import UserTable

log = logging.getLogger("softswitch.users")

#: Bits of the secret that nonces are made with.
SECRET_BITS = 256


class People:
    """The users of `softswitch.yaml` and of SQL, their phones, and who calls."""

    def __init__(
        self,
        settings: Settings,
        book: UserBook,
        user_agent: UserAgent,
        resolver: Resolver,
        trunks: Trunks,
        *,
        store_url: str,
        opens: Callable[[Query], bool],
        on_change: Callable[[UserBook], None],
    ) -> None:
        """book: the users of the file. opens: whether the dialplan serves a call.

        on_change: told of the users of both, whenever there are others.
        """
        registrar = settings.registrar
        secret = clock.random_bits(SECRET_BITS).to_bytes(SECRET_BITS // 8)
        self.proof = Proof(DigestSettings(registrar.realm, registrar.algorithms), secret=secret)
        location = LocationSettings(
            registrar.expires,
            registrar.min_expires,
            registrar.max_expires,
            registrar.max_contacts,
            registrar.max_bindings,
        )
        self.users = Users(
            UsersSettings(location, registrar.keep_alive, registrar.keep_alive_seconds),
            self.proof,
            user_agent,
            resolver,
            closed=trunks.closed,
        )
        self.identity = Identity(
            self.proof,
            trunks,
            trusts=lambda host: user_agent.callers.trusts(host),
            ours=self._ours,
            opens=opens,
        )
        self._settings = registrar
        self._names = {registrar.realm.lower(), "localhost", *(name.lower() for name in registrar.domains)}
        self._user_agent = user_agent
        self._on_change = on_change
        self._of_file = book
        self._of_table = UserBook()
        self._table: UserTable | None = None
        if registrar.sql:
            self._table = UserTable(store_url, registrar.realm, registrar.algorithms)
        self._task: asyncio.Task[None] | None = None
        self._asked = asyncio.Event()
        user_agent.reception.identify = self.identity.identify
        self.proof.on_offence = self.identity.on_offence = user_agent.guard.offended
        self.proof.on_proved, self.proof.shared = user_agent.guard.gate.vindicated, user_agent.guard.gate.vouched
        trunks.tolls.toll.own = self._toll_of
        user_agent.guard.known.append(self.proof.proved)
        trunks.on_accounts = self.proof.replace_accounts
        self.proof.replace_accounts(trunks.accounts())
        self._changed()

    async def start(self) -> None:
        """Read the users of SQL, now and from time to time; ResourceError where they cannot be read at all."""
        if self._table is None:
            return
        await self._table.open()
        self._of_table = await self._table.read() or self._of_table
        self._changed()
        self.users.serve()  # without any user yet: the first one may be added at any time
        self._task = asyncio.create_task(self._reread(self._table), name="users of sql")

    async def close(self) -> None:
        """Read no more, and forget every phone."""
        self.users.close()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._table is not None:
            await self._table.close()

    def replace(self, book: UserBook) -> None:
        """Take these for the users of the file from now on."""
        realm, algorithms = self._settings.realm, self._settings.algorithms
        if book.made_for != (realm, *algorithms):  # the file says another realm now, which waits for a restart
            book = UserBook(book.users, realm, algorithms)
        self._of_file = book
        self._changed()

    def reread(self) -> None:
        """Read the users of SQL now, and not only in a while."""
        self._asked.set()

    def _changed(self) -> None:
        book = self._of_file.joined(self._of_table)
        self.users.replace(book)
        self._on_change(book)

    async def _reread(self, table: UserTable) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), self._settings.sql_seconds)
            self._asked.clear()
            try:
                found = await table.read()
            except ResourceError as error:
                log.error("%s; those known so far serve on", error)
                continue
            if found is not None:
                self._of_table = found
                self._changed()
                log.info("%d users are in the table `users` now", len(found))

    def _toll_of(self, name: str) -> TollLimits | None:
        user = self.users.book.named(name)
        return user.toll if user is not None else None

    def turned_away(self) -> Iterator[TurnedAway]:
        """Yield whose credentials were wrong lately."""
        return self.proof.turnings.last(now=clock.now())

    def is_name(self, host: str) -> bool:
        """Tell whether this is a name of ours, wherever it is said."""
        return host.lower() in self._names

    def _ours(self, host: str, flow: Flow) -> bool:
        """Tell whether a host in an address is us, as the peer of `flow` sees us."""
        public = self._user_agent.public
        return self.is_name(host) or host in (flow.local[0], public[0] if public is not None else "")
