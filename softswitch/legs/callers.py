"""Who calls: what an INVITE says of it, and how much of that is believed."""

import ipaddress
from collections.abc import Sequence
from functools import lru_cache

from softswitch.call.cause import Cause
from softswitch.call.leg import LegId
from softswitch.errors import RemoteError
from softswitch.legs.signalling import InboundCall, Known
from softswitch.sip.flow import Flow
from softswitch.sip.headers import NameAddr
from softswitch.sip.history import Diversions
from softswitch.sip.message import Request

#: Numbers and names of callers longer than this are cut in records: nobody dials more.
MAX_NAME = 128
#: Hosts whose trust is remembered; a flood from made-up addresses empties the table, not the memory.
MAX_HOSTS = 4096
#: How many hops a call may take where the INVITE does not say (RFC 3261 section 8.1.1.6).
MAX_FORWARDS = 70


class Callers:
    """Knows the networks whose word is believed. trusted: networks in the notation of `ipaddress`."""

    def __init__(self, trusted: Sequence[str]) -> None:
        self.trust(trusted)

    def trust(self, trusted: Sequence[str]) -> None:
        """Believe these networks from now on, and no other."""
        self._networks = [ipaddress.ip_network(text) for text in trusted]
        self._trusts = lru_cache(maxsize=MAX_HOSTS)(self._inside)

    def trusts(self, flow: Flow) -> bool:
        """Tell whether what comes by this way comes from a network that is believed."""
        return self._trusts(flow.remote[0])

    def trusts_host(self, host: str) -> bool:
        """Tell whether what comes from this host is believed."""
        return self._trusts(host)

    def describe(self, leg: LegId, request: Request, flow: Flow, known: Known, refusal: Cause | None) -> InboundCall:
        """Return an INVITE as those see it who decide what becomes of it."""
        trusted = self.trusts(flow)
        asserted = trusted or bool(known.carrier)
        hops = request.max_forwards
        return InboundCall(
            leg,
            number=request.uri.username[:MAX_NAME],
            caller=known.caller or _caller(request, asserted=asserted),
            trusted=trusted or bool(known.user),
            refusal=refusal,
            carrier=known.carrier,
            user=known.user,
            to_user=request.to.uri.username[:MAX_NAME],
            uri=str(request.uri),
            source=flow.remote,
            hops=MAX_FORWARDS if hops is None else min(hops, MAX_FORWARDS),
            diversions=Diversions.of(request) if asserted else Diversions(),
        )

    def _inside(self, host: str) -> bool:
        try:
            address = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return False
        return any(address in network for network in self._networks)


def _caller(request: Request, *, asserted: bool) -> str:
    """Return who calls: as a trusted network asserts it (RFC 3325 section 9.1), else as the caller says it."""
    for value in request.headers.readable("P-Asserted-Identity") if asserted else ():
        if user := _user(value):
            return user
    return _user(request.headers.get("From") or "")


def _user(text: str) -> str:
    try:
        return NameAddr.parse(text).uri.username[:MAX_NAME]
    except RemoteError:  # a foreign scheme is legal, and is nobody we know
        return ""
