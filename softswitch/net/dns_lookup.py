"""Single DNS lookups: one name, one record type, from a bounded cache that outlives a dead name server.

Theory of operation
-------------------
Each (name, type) is asked once, however many calls wait for it. An answer is kept for its TTL within bounds; that a
name or a type does not exist is kept too (RFC 2308), and that nobody answered as well, for a few seconds, so that a
thousand calls do not each wait for a server that is down. An answer whose time is over is asked for again; where that
fails, or takes longer than a caller should wait, the old one still serves (RFC 8767): a carrier's address that was good
a minute ago most likely still is.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dns.asyncresolver
import dns.exception
import dns.name
import dns.nameserver
import dns.rdatatype
import dns.resolver

from softswitch import clock
from softswitch.errors import ResourceError
from softswitch.net.address import Address, family

log = logging.getLogger("softswitch.net")

#: A CNAME that leads to a CNAME that leads on: more than this is a circle (dnspython's own limit within one answer).
MAX_ALIASES = 8
#: Bytes read of the hosts file: some people keep lists of a hundred thousand names there, a switch needs a few.
MAX_HOSTS_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class DnsSettings:
    """Who is asked, and for how long. Seconds, unless the name says otherwise.

    nameservers: address and port of each; None: those of /etc/resolv.conf. hosts: names that need no server.
    lookup: for one name and type, all servers together; attempt: for one server. total: for a whole resolution.
    min_ttl: so that TTL 0 does not ask for each call. max_ttl: so that a typing error in a zone does not last a week.
    max_negative: for names that do not exist. failure: for servers that do not answer.
    stale: how long an old answer may stand in (RFC 8767 section 5 suggests one to three days); stale_wait: how long a
    caller waits for a fresh answer before the old one serves (1.8 s there); stale_again: how long the old one then
    serves without another try (30 s there).
    entries: names and types remembered; records: of one answer, the rest of which is ignored.
    """

    nameservers: tuple[Address, ...] | None = None
    hosts: Path | None = Path("/etc/hosts")
    attempt: float = 1.5
    lookup: float = 3.5
    total: float = 5.0
    min_ttl: float = 5.0
    max_ttl: float = 86400.0
    max_negative: float = 300.0
    failure: float = 5.0
    stale: float = 86400.0
    stale_wait: float = 1.8
    stale_again: float = 30.0
    hosts_seconds: float = 30.0
    entries: int = 2048
    records: int = 32


class DnsFailed(ResourceError):
    """Nobody gave an answer that can be used; another time somebody may."""


@dataclass(slots=True)
class _Entry:
    """What is known of one name and type. records: none where there are none. failed: nobody answered, in words."""

    records: tuple[Any, ...]
    until: float
    stale_until: float
    failed: str = ""


_Key = tuple[str, str]


class DnsLookup:
    """Looks up one name and type at a time. Belongs to one event loop."""

    def __init__(self, settings: DnsSettings, *, now: Callable[[], float] = clock.now) -> None:
        self.settings = settings
        self._now = now
        self._resolver = _resolver(settings)
        self._cache: OrderedDict[_Key, _Entry] = OrderedDict()
        self._asking: dict[_Key, asyncio.Task[_Entry]] = {}
        self._hosts: dict[str, tuple[str, ...]] = {}
        self._hosts_until = float("-inf")

    async def close(self) -> None:
        """Stop asking."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def hosts(self, name: str) -> tuple[str, ...]:
        """Return the addresses that the hosts file gives a name."""
        path = self.settings.hosts
        if path is not None and self._now() >= self._hosts_until:
            self._hosts_until = self._now() + self.settings.hosts_seconds  # first: others need not read it too
            self._hosts = await asyncio.to_thread(_read_hosts, path)
        return self._hosts.get(name.rstrip(".").lower(), ())

    async def records(self, name: str, kind: str) -> tuple[Any, ...]:
        """Return dnspython's records of `name` and `kind` (`A`, `SRV` …), none where there are none.

        Raises DnsFailed with a sentence where no server gave an answer.
        """
        key = (name.rstrip(".").lower(), kind)
        entry = self._cache.get(key)
        now = self._now()
        if entry is not None and now < entry.until:
            self._cache.move_to_end(key)
            return _taken(entry)
        task = self._asking.get(key)
        if task is None:
            task = asyncio.create_task(self._ask(key), name=f"dns {kind} {key[0]}")
            self._asking[key] = task
            task.add_done_callback(lambda _: self._asking.pop(key, None))
        patience = self.settings.stale_wait if entry is not None and now < entry.stale_until else None
        try:  # the question goes on, for the others who wait for it and for the cache, when one caller gives up
            return _taken(await asyncio.wait_for(asyncio.shield(task), patience))
        except TimeoutError:
            if entry is None:
                raise
            return entry.records

    async def _ask(self, key: _Key) -> _Entry:
        settings = self.settings
        old = self._cache.get(key)
        try:
            records, ttl = await self._query(*key)
        except DnsFailed as error:
            now = self._now()
            if old is not None and not old.failed and now < old.stale_until:
                log.info("DNS gives no answer, an old one serves", extra={"dns": key[0], "reason": str(error)})
                entry = _Entry(old.records, now + settings.stale_again, old.stale_until)
            else:
                entry = _Entry((), now + settings.failure, now + settings.failure, str(error))
        else:
            if not records:
                ttl = min(ttl, settings.max_negative)
            until = self._now() + min(max(ttl, settings.min_ttl), settings.max_ttl)
            entry = _Entry(records[: settings.records], until, until + (settings.stale if records else 0.0))
        self._cache[key] = entry
        self._cache.move_to_end(key)
        while len(self._cache) > settings.entries:
            self._cache.popitem(last=False)
        return entry

    async def _query(self, name: str, kind: str) -> tuple[tuple[Any, ...], float]:
        """Return records and TTL, following aliases that one answer did not follow itself."""
        if self._resolver is None:
            raise DnsFailed(f"{name} cannot be looked up: the machine knows no name server (/etc/resolv.conf)")
        ttl = float("inf")
        try:
            target = dns.name.from_text(name)
            for _ in range(MAX_ALIASES):
                answer = await self._resolver.resolve(
                    target, dns.rdatatype.from_text(kind), raise_on_no_answer=False, search=False
                )
                chain = answer.response.resolve_chaining()
                ttl = min(ttl, chain.minimum_ttl)
                if answer.rrset is not None:
                    return tuple(answer.rrset), ttl
                if chain.canonical_name == target:
                    return (), ttl
                target = chain.canonical_name
        except dns.resolver.NXDOMAIN as error:
            return (), _negative_ttl(error)
        except dns.resolver.LifetimeTimeout:
            raise DnsFailed(f"DNS gave no answer for {name} ({kind})") from None
        except (dns.exception.DNSException, UnicodeError, ValueError, OSError) as error:
            raise DnsFailed(f"DNS has no answer that can be used for {name} ({kind}): {_words(error)}") from error
        raise DnsFailed(f"{name} is an alias of an alias without end")


def _taken(entry: _Entry) -> tuple[Any, ...]:
    if entry.failed:
        raise DnsFailed(entry.failed)
    return entry.records


def _resolver(settings: DnsSettings) -> dns.asyncresolver.Resolver | None:
    try:
        resolver = dns.asyncresolver.Resolver(configure=settings.nameservers is None)
    except (dns.exception.DNSException, OSError, ValueError):
        return None
    if settings.nameservers is not None:
        resolver.nameservers = [dns.nameserver.Do53Nameserver(host, port) for host, port in settings.nameservers]
    if not resolver.nameservers:
        return None
    resolver.timeout, resolver.lifetime = settings.attempt, settings.lookup
    return resolver


def _negative_ttl(error: Any) -> float:
    """Return how long a name may be taken not to exist by an NXDOMAIN: what its zone says (RFC 2308 section 5)."""
    try:
        return float(error.response(error.qnames()[0]).resolve_chaining().minimum_ttl)
    except (dns.exception.DNSException, KeyError, IndexError):
        return 0.0


def _words(error: Exception) -> str:
    """Return why a lookup failed, on one line and short: what a server sent may be in it."""
    return " ".join(str(error).split())[:200] or type(error).__name__


def _read_hosts(path: Path) -> dict[str, tuple[str, ...]]:
    """Read a hosts file: `address name name … # remark`. A file that cannot be read is an empty one."""
    found: dict[str, tuple[str, ...]] = {}
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            text = file.read(MAX_HOSTS_BYTES)
    except OSError:
        return found
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        if family(address) is None:
            continue
        for name in names:
            key = name.rstrip(".").lower()
            found[key] = (*found.get(key, ()), address)
    return found
