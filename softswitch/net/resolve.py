"""Where to send a SIP request: RFC 3263, from a name to addresses in the order of trying.

Theory of operation
-------------------
An address is itself, a name with a port needs its address only (section 4.2), a name with a transport has SRV records
for that one, and a name alone says by NAPTR which transports it wants (section 4.1). Everything that may be needed is
asked at once, and looked at in the order of the RFC: a call waits for one round trip, not for five. A server that
cannot answer for NAPTR or SRV is taken as having none: many cannot, and the name's address is the next step anyway.

Who asks for TLS gets TLS or nothing: whatever DNS says, there is no way down to a transport that others can read.
"""

import asyncio
import re
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from softswitch import clock
from softswitch.errors import ResourceError
from softswitch.net.address import family
from softswitch.net.dns_lookup import DnsFailed, DnsLookup, DnsSettings
from softswitch.sip.flow import default_port

#: NAPTR services we can speak (RFC 3263 section 4.1), as transports.
SERVICES = {"SIP+D2U": "udp", "SIP+D2T": "tcp", "SIPS+D2T": "tls"}
#: What stands before a name in that of its SRV records.
PREFIXES = {"udp": "_sip._udp", "tcp": "_sip._tcp", "tls": "_sips._tcp"}
#: Transports looked for where neither the URI nor NAPTR says one; TLS is for who asks for it (section 4.1).
UNASKED = ("udp", "tcp")
#: Addresses returned for one name: a call that has tried so many has waited for a minute.
MAX_TARGETS = 16
_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
#: A name of DNS, underscores included, and no longer than RFC 1035 section 2.3.4 allows.
_NAME = re.compile(rf"(?=.{{1,253}}\.?$){_LABEL}(\.{_LABEL})*\.?")
_ADDRESS_TYPES = {socket.AF_INET: "A", socket.AF_INET6: "AAAA"}

Family = socket.AddressFamily


class Target(NamedTuple):
    """One address to try. transport: `udp`, `tcp` or `tls`."""

    transport: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Service:
    """One SRV record: a host and port that serve. name: the host, without the final dot."""

    transport: str
    priority: int
    weight: int
    name: str
    port: int


class Resolver:
    """Resolves SIP names.

    families: the address families we have sockets of, asked each time, the preferred first. tls: whether we speak TLS.
    """

    def __init__(
        self,
        settings: DnsSettings | None = None,
        *,
        families: Callable[[], Sequence[Family]] = lambda: (socket.AF_INET,),
        tls: Callable[[], bool] = lambda: False,
        random: Callable[[], float] = clock.fraction,
        now: Callable[[], float] = clock.now,
    ) -> None:
        self._settings = settings or DnsSettings()
        self._lookup = DnsLookup(self._settings, now=now)
        self._families = families
        self._tls = tls
        self._random = random

    async def close(self) -> None:
        """Stop all questions."""
        await self._lookup.close()

    async def resolve(self, host: str, port: int | None = None, transport: str | None = None) -> Sequence[Target]:
        """Return the addresses of a SIP host in the order of trying, at least one (RFC 3263 section 4).

        Raises ResourceError with a sentence where there is none, or none is known within `DnsSettings.total`.
        """
        name = host[1:-1] if host.startswith("[") and host.endswith("]") else host
        if family(name) is not None:
            return (Target(transport or "udp", name, port or default_port(transport or "udp")),)
        if not _NAME.fullmatch(name):
            raise ResourceError(f"{host[:80]!r} is neither an address nor a name")
        try:
            async with asyncio.timeout(self._settings.total):
                found = await self._search(name, port, transport)
        except TimeoutError:
            raise DnsFailed(f"DNS gave no answer for {name} in {self._settings.total:g} s") from None
        targets = tuple(dict.fromkeys(found))[:MAX_TARGETS]
        if not targets:
            kinds = " or ".join(_ADDRESS_TYPES[kind] for kind in self._families() if kind in _ADDRESS_TYPES)
            raise ResourceError(f"{name} has no address that could be called ({kinds or 'no socket is open'})")
        return targets

    async def _search(self, name: str, port: int | None, transport: str | None) -> list[Target]:
        known = await self._known(name)
        if known or port is not None:
            hosts = known or await self._addresses(name)
            return [Target(transport or "udp", host, port or default_port(transport or "udp")) for host in hosts]
        # All at once; what turns out not to be needed is in the cache for the next time.
        wanted = (transport,) if transport else UNASKED
        addresses = asyncio.create_task(_outcome(self._addresses(name)))
        services = [asyncio.create_task(self._services(kind, f"{PREFIXES[kind]}.{name}")) for kind in wanted]
        try:
            pointers = [] if transport else await self._pointers(name)
            found = [await self._services(*pointer) for pointer in pointers] or [await task for task in services]
            if any(services is not None for services in found):
                return await self._of_services(found)
            # No SRV record: the name itself, on the usual port (RFC 3263 section 4.2)
            port = default_port(transport or "udp")
            return [Target(transport or "udp", host, port) for host in _value(await addresses)]
        finally:
            for task in (addresses, *services):
                task.cancel()
            await asyncio.gather(addresses, *services, return_exceptions=True)

    async def _known(self, name: str) -> list[str]:
        """Return the addresses of a name that needs no server, those we have sockets for."""
        families = self._families()
        if name.rstrip(".").lower() == "localhost":  # never asked of a server (RFC 6761 section 6.3)
            loopback = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}
            return [loopback[kind] for kind in families if kind in loopback]
        listed = await self._lookup.hosts(name)
        return [host for kind in families for host in listed if family(host) is kind]

    async def _addresses(self, name: str) -> list[str]:
        """Return the addresses of a name by A and AAAA; DnsFailed only where none of them was answered."""
        kinds = [_ADDRESS_TYPES[kind] for kind in self._families() if kind in _ADDRESS_TYPES]
        outcomes = await asyncio.gather(*(_outcome(self._lookup.records(name, kind)) for kind in kinds))
        found = [
            str(record.address) for outcome in outcomes if not isinstance(outcome, DnsFailed) for record in outcome
        ]
        failed = [outcome for outcome in outcomes if isinstance(outcome, DnsFailed)]
        if not found and failed:
            raise DnsFailed(str(failed[0]))
        return found

    async def _pointers(self, name: str) -> list[tuple[str, str]]:
        """Return (transport, SRV name) that NAPTR gives for what we speak, the wanted first (RFC 3263 section 4.1)."""
        try:
            records = await self._lookup.records(name, "NAPTR")
        except DnsFailed:
            return []
        usable = [
            (record.order, record.preference, SERVICES[service], _text(record.replacement))
            for record in records
            if (service := _word(record.service)) in SERVICES
            and _word(record.flags) == "S"
            and (SERVICES[service] != "tls" or self._tls())
        ]
        return [(transport, name) for _, _, transport, name in sorted(usable) if name]

    async def _services(self, transport: str, name: str) -> list[Service] | None:
        """Return the services of an SRV name; None where there is no such record, or no answer."""
        try:
            records = await self._lookup.records(name, "SRV")
        except DnsFailed:
            return None
        if not records:
            return None
        return [
            Service(transport, record.priority, record.weight, target, record.port)
            for record in records
            if (target := _text(record.target)) and record.port  # `.`: decidedly no such service here (RFC 2782)
        ]

    async def _of_services(self, found: Iterable[Sequence[Service] | None]) -> list[Target]:
        ordered = [service for some in found for service in in_order(some or (), self._random)][:MAX_TARGETS]
        outcomes = await asyncio.gather(*(_outcome(self._of_host(service.name)) for service in ordered))
        targets = [
            Target(service.transport, host, service.port)
            for service, hosts in zip(ordered, outcomes, strict=True)
            if not isinstance(hosts, DnsFailed)
            for host in hosts
        ]
        failed = [outcome for outcome in outcomes if isinstance(outcome, DnsFailed)]
        if failed and not targets:
            raise DnsFailed(str(failed[0]))
        return targets

    async def _of_host(self, name: str) -> list[str]:
        return await self._known(name) or await self._addresses(name)


def in_order(services: Iterable[Service], random: Callable[[], float]) -> Iterator[Service]:
    """Yield services by priority, and by weighted choice within one priority (RFC 2782, "Usage rules").

    random: gives numbers from 0 up to 1, without 1.
    """
    # Weight 0 first: such a record is only drawn when the number is the very lowest, "a very small chance".
    left = sorted(services, key=lambda service: (service.priority, service.weight))
    while left:
        group = [service for service in left if service.priority == left[0].priority]
        drawn = random() * sum(service.weight for service in group)
        chosen, total = group[0], 0
        for service in group:
            total += service.weight
            if total >= drawn:
                chosen = service
                break
        left.remove(chosen)
        yield chosen


async def _outcome(work: Any) -> Any:
    """Return what `work` gives, or the DnsFailed it raises: one dead name must not end its neighbours' questions."""
    try:
        return await work
    except DnsFailed as error:
        return error


def _value(outcome: Any) -> Any:
    if isinstance(outcome, DnsFailed):
        raise DnsFailed(str(outcome))  # a new one: what is raised where it is held holds itself
    return outcome


def _word(raw: bytes) -> str:
    return raw.decode("ascii", "replace").upper()


def _text(name: Any) -> str:
    """Return a name of an answer as text without the final dot; empty where it is the root or no host name."""
    text = str(name).rstrip(".")
    return text if _NAME.fullmatch(text) else ""
