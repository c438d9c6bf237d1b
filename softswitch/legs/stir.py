"""Signed caller IDs at work: inbound calls are verified, outbound ones signed (STIR/SHAKEN).

Nothing of it waits. A certificate that is not here is fetched in the background, from hosts that the configuration
allows; the call that came with it goes on, or is refused, without it.
"""

import asyncio
import datetime
import email.utils
import logging
import urllib.parse
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from softswitch import clock
from softswitch.call import numbers
from softswitch.call.carrier import Carrier
from softswitch.call.who import Who
from softswitch.errors import ResourceError
from softswitch.legs.signalling import InboundCall
from softswitch.net.seldom import Seldom
from softswitch.sip.message import Request
from softswitch.sip.passport import Attest, Passport, Signer, canonical
from softswitch.sip.tn_authority import Anchors, Chain
from softswitch.sip.vouching import Asked, Verdict, Verifier

log = logging.getLogger("softswitch.trunks")

Policy = Literal["off", "note", "require"]

#: Seconds that a fetched certificate is used (ATIS-1000074: a day), and until one is asked for again that was not to be
#: had.
KEEP_SECONDS = 86_400.0
AGAIN_SECONDS = 60.0
#: Certificates that are kept, and fetched at once: what strangers name must not fill the memory, nor the line.
MAX_KEPT = 1024
MAX_FETCHES = 8
#: Ports that a certificate may be published at (ATIS-1000074 section 5.3.1).
PORTS = (None, 443, 8443)

Value = TypeVar("Value")

Fetch = Callable[[str], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom we believe. policy: where a carrier has none of its own. certificates: by URL. hosts: that may be asked.

    anchors: None where nothing is verified.
    """

    policy: Policy = "off"
    anchors: Anchors | None = None
    certificates: Mapping[str, Chain] = field(default_factory=dict)
    hosts: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class OwnSignature:
    """How the calls over one carrier are signed.

    attest: `auto` is A for numbers of ours, B for another number that a user of ours presents, C for any other call.
    """

    signer: Signer
    attest: Literal["auto", "A", "B", "C"]
    origid: str

    def lines(
        self, carrier: Carrier, caller: str, called: str, who: Who, wall: datetime.datetime
    ) -> tuple[tuple[str, str], ...]:
        """Return the header lines that sign a call, none where who calls or is called is no number.

        Date stands beside: there are verifiers that want it (RFC 8224 section 4.1), and it must say the same time.
        """
        orig, dest = (canonical(numbers.read(number, carrier.country).best) for number in (caller, called))
        if not orig or not dest:
            return ()
        attest = _attest(orig, carrier, who) if self.attest == "auto" else self.attest
        passport = Passport(attest, orig, (dest,), int(wall.timestamp()), self.origid)
        date = email.utils.format_datetime(wall.replace(microsecond=0), usegmt=True)
        return (("Date", date), ("Identity", str(self.signer.sign(passport))))


def _attest(number: str, carrier: Carrier, who: Who) -> Attest:
    return "A" if _is_ours(number, carrier) else "B" if who.user else "C"


def _is_ours(number: str, carrier: Carrier) -> bool:
    """Say whether a number is one that the entry of a carrier presents."""
    pools = (carrier.caller_id, *(rule.caller_id for rule in carrier.caller_id_rules))
    return any(canonical(numbers.read(one, carrier.country).best) == number for pool in pools for one in pool)


class Vouching:
    """Verifies inbound calls. counts: calls by result. fetches: how many certificates are being asked for."""

    def __init__(self, carrier: Callable[[str], Carrier | None], fetch: Fetch, *, keep: float = KEEP_SECONDS) -> None:
        """carrier: an entry by its name."""
        self.counts: Counter[str] = Counter()
        self._carrier = carrier
        self._fetch = fetch
        self._keep = keep
        #: By URL: a certificate, and until when it is not asked for again.
        self._kept: dict[str, tuple[Chain, float]] = {}
        #: By URL: until when one that was not to be had is not asked for again. It pushes no other out of its place:
        #: whoever calls may name a thousand files that a host has not got.
        self._missing: dict[str, float] = {}
        self._seldom = Seldom()
        self._fetching: dict[str, asyncio.Task[None]] = {}
        self.adopt(Trust())

    def adopt(self, trust: Trust) -> None:
        """Go by these anchors and policies from now on; what was fetched stays."""
        self._trust = trust
        self._verifier = Verifier(trust.anchors, self._chain) if trust.anchors is not None else None

    async def close(self) -> None:
        """Ask for no certificate any more."""
        tasks = list(self._fetching.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def judge(self, request: Request, inbound: InboundCall) -> tuple[Verdict | None, bool]:
        """Return the verdict on a call, None where nobody wants one, and whether the call is refused for it."""
        carrier = self._carrier(inbound.carrier) if inbound.carrier else None
        policy: Policy = self._trust.policy
        if carrier is not None and carrier.identity_verify != "default":
            policy = carrier.identity_verify
        # Who has proved who he is needs no signature, and neither does a telephone of this network.
        if policy == "off" or self._verifier is None or (carrier is None and inbound.trusted):
            return None, False
        country = carrier.country if carrier is not None else ""
        called = tuple(numbers.read(number, country).best for number in (inbound.to_user, inbound.number))
        asked = Asked(numbers.read(inbound.caller, country).best, called, request.call_id)
        headers = request.headers.all("Identity")
        verdict = self._verifier.verify(headers, asked, wall=clock.wall(), now=clock.now())
        self.counts[verdict.result] += 1
        return verdict, bool(verdict.kind) and policy == "require"

    # Certificates --------------------------------------------------------------------------------------------------

    def _chain(self, url: str) -> Chain | None:
        """Return a certificate that is here; one that is not is asked for, if it may be."""
        own = self._trust.certificates.get(url)
        if own is not None:
            return own
        chain, until = self._kept.get(url, (None, 0.0))
        if clock.now() < max(until, self._missing.get(url, 0.0)):
            return chain
        if url not in self._fetching and len(self._fetching) < MAX_FETCHES and may_fetch(url, self._trust.hosts):
            task = asyncio.get_running_loop().create_task(self._get(url), name="fetch certificate")
            self._fetching[url] = task
            task.add_done_callback(lambda _: self._fetching.pop(url, None))
        return chain  # an old one serves until there is a new one: whether it is valid is looked at each time

    async def _get(self, url: str) -> None:
        try:
            chain = Chain.read(await self._fetch(url))
        except ResourceError as error:
            self._failed(url, f"could not be had: {error}")
        except ValueError as error:
            self._failed(url, f"cannot be used: {url}: {error}")
        else:
            self._missing.pop(url, None)
            _put(self._kept, url, (chain, clock.now() + self._keep))

    def _failed(self, url: str, words: str) -> None:
        """Do not ask for a certificate again for a while; say so, not for each file that somebody makes up."""
        _put(self._missing, url, clock.now() + AGAIN_SECONDS)
        more = self._seldom.due(urllib.parse.urlsplit(url).hostname, now=clock.now())
        if more is not None:
            log.warning("a certificate of a signed call %s%s", words, more)


def _put(known: dict[str, Value], url: str, value: Value) -> None:
    """Remember something of a URL, in place of the first where there are too many."""
    if url not in known and len(known) >= MAX_KEPT:
        del known[next(iter(known))]
    known[url] = value


def may_fetch(url: str, hosts: Collection[str]) -> bool:
    """Say whether a certificate may be asked for: over https, at a host that is allowed, without anything besides."""
    try:
        parts = urllib.parse.urlsplit(url)
        allowed = parts.hostname in hosts and parts.port in PORTS
    except ValueError:
        return False
    return (
        allowed
        and parts.scheme == "https"
        and not (parts.username or parts.password or parts.query or parts.fragment or ";" in parts.path)
    )
