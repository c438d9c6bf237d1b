"""A carrier at work: how many calls it carries, which of its gateways live, and what went wrong last.

Theory of operation
-------------------
A call takes a slot when it begins and gives it back when it is over, whichever way. Calls in both directions take
slots; only calls of ours take a token of the rate, for only those we can slow down.

A gateway is down after two failed checks in a row and up after one good one: one lost datagram must not turn calls away
from a gateway that lives, and a gateway that answers does live. Whatever it answers proves that, refusals included;
503 alone says that it takes no calls (RFC 3261 section 21.5.4). A gateway that is down is tried last, not never: the
check may be wrong where the call is right.
"""

import ipaddress
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from softswitch import clock
from softswitch.call.carrier import Carrier
from softswitch.call.routing import Gateway
from softswitch.call.slots import Slot, Slots
from softswitch.net.address import Address, family, show
from softswitch.sip.auth import Credentials, DigestClient
from softswitch.sip.flow import default_port
from softswitch.sip.headers import NameAddr
from softswitch.sip.registration import RegistrationState, RegistrationStatus

log = logging.getLogger("softswitch.trunks")

#: Checks in a row that a gateway must fail to be down.
FAILURES_TO_BE_DOWN = 2
#: An error in words is cut here: it may hold what a peer wrote.
MAX_WORDS = 200

GatewayKey = tuple[str, int | None]


class Place(NamedTuple):
    """What the resolver is asked for: host, port (None: by SRV), transport."""

    host: str
    port: int | None
    transport: str


def canonical(host: str, port: int) -> Address:
    """Return an address as the system writes those that datagrams come from: IPv6 in its shortest form."""
    literal, percent, scope = host.partition("%")
    return str(ipaddress.ip_address(literal)) + percent + scope, port


class TokenBucket:
    """At most `rate` calls a second in the long run, and as many at once as one second allows, at least one."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._size = max(1.0, rate)
        self._tokens = self._size
        self._at: float | None = None

    def take(self, *, now: float) -> bool:
        """Take a token; False where none is left."""
        if self._at is not None:
            self._tokens = min(self._size, self._tokens + max(0.0, now - self._at) * self._rate)
        self._at = now
        # A tenth of a second ten times over is not quite a second in floating point.
        if self._tokens < 1.0 - 1e-9:
            return False
        self._tokens -= 1.0
        return True


@dataclass(slots=True)
class GatewayHealth:
    """What is known of one gateway. round_trip: seconds of its last answer to a check. error: why it is not well.

    seen: it has answered once. watched: it is checked from time to time; without that nobody would see it come back,
    so it never goes down.
    """

    host: str
    port: int | None
    watched: bool = True
    seen: bool = False
    failures: int = 0
    down: bool = False
    round_trip: float | None = None
    error: str = ""

    @property
    def state(self) -> str:
        """`up`, `down`, or `unknown` while it has never answered and not failed often enough."""
        return "down" if self.down else "up" if self.seen else "unknown"

    @property
    def name(self) -> str:
        """Host and port as the carrier's entry has them."""
        return self.host if self.port is None else show((self.host, self.port))

    def answered(self, status: int, round_trip: float | None = None) -> bool:
        """Take an answer to a check or a call; return whether the gateway came up or went down by it."""
        if status == 503:
            return self.failed("answers 503: it takes no calls now")
        if round_trip is not None:
            self.round_trip = round_trip
        came_up = self.down
        self.seen, self.failures, self.down, self.error = True, 0, False, ""
        return came_up

    def failed(self, why: str) -> bool:
        """Take a check or call that failed; return whether the gateway went down by it."""
        self.failures += 1
        self.error = why[:MAX_WORDS]
        if self.down or not self.watched or self.failures < FAILURES_TO_BE_DOWN:
            return False
        self.down = True
        return True


@dataclass(frozen=True, slots=True)
class GatewayStatus:
    """One gateway as operators see it. round_trip_ms: None where it has answered no check."""

    name: str
    state: str
    round_trip_ms: float | None
    error: str


@dataclass(frozen=True, slots=True)
class TrunkStatus:
    """One carrier as operators see it.

    state: of the registration where there is one (a `RegistrationState`), else `up` while one gateway lives, `down`, or
    `unknown` before the first check. registers: it has a registration. expires_in: seconds left of that. max_calls:
    None where the carrier has no limit. error: what went wrong last, empty while all is well. transport: udp, tcp or
    tls; tls_verify: false where it is TLS with anybody who answers. retry_in: seconds until a registration that failed
    or was refused is tried once more, None for any other.
    """

    name: str
    state: str
    registers: bool
    expires_in: float | None
    round_trip_ms: float | None
    calls: int
    max_calls: int | None
    error: str
    gateways: tuple[GatewayStatus, ...]
    transport: str = "udp"
    tls_verify: bool = True
    retry_in: float | None = None


#: States of a registration that came to nothing, and waits for minutes or for hours.
IN_VAIN = (RegistrationState.REFUSED, RegistrationState.FAILED)
#: Keys of an entry that say how calls are made and nothing of where the carrier is or who we are there: when only these
#: change, the registration and what is known of the gateways stay.
MANNERS = frozenset(
    {"codecs", "dtmf", "srtp", "late_offer", "session_expires", "max_calls", "max_cps", "allow", "recognise"}
    | {"country", "number_format", "prefix_strip", "prefix_add", "caller_id", "caller_id_rules", "identity", "privacy"}
    | {"from_user", "tariff", "identity_sign", "identity_verify", "srtp_keys", "srtp_suites"}
)


def only_manners_differ(one: Carrier, other: Carrier) -> bool:
    """Say whether two entries mean the same gateways and the same account there."""
    names = type(one).model_fields.keys() - MANNERS
    return all(getattr(one, name) == getattr(other, name) for name in names)


class Trunk:
    """One carrier. auth: answers its challenges, for calls and registration alike. slots: calls, both directions."""

    def __init__(self, carrier: Carrier, *, slots: Slots | None = None, token: clock.Token = clock.token) -> None:
        """slots: those of the entry that this one takes the place of, whose calls go on."""
        self.carrier = carrier
        self.slots = slots or Slots(f"carrier {carrier.name}")
        self.slots.limit = carrier.max_calls
        self.error = ""
        #: Called when a gateway that was down lives again.
        self.on_return: Callable[[], None] = lambda: None
        #: Where its calls come from: addresses of its gateways, as DNS gave them last. Literals need no DNS.
        self.addresses: set[Address] = set()
        self.auth: DigestClient | None = None
        if carrier.login:
            password = carrier.password.get_secret_value()
            self.auth = DigestClient(Credentials(carrier.login, password, carrier.realm), token=token)
        self.gateways: dict[GatewayKey, GatewayHealth] = {
            (one.host, one.port): GatewayHealth(one.host, one.port, watched=carrier.health_seconds > 0)
            for one in carrier.all_gateways
        }
        for key in self.gateways:
            place = self.place_of(key, self.proxy)
            if family(place.host) is not None:
                self.addresses.add(canonical(place.host, place.port or default_port(place.transport)))
        self._rate = _rate(carrier)

    @property
    def name(self) -> str:
        """The carrier's name."""
        return self.carrier.name

    @property
    def proxy(self) -> tuple[str, ...]:
        """The outbound proxy as a Route, none where there is none."""
        return (f"<{self.carrier.outbound_proxy}>",) if self.carrier.outbound_proxy else ()

    def place_of(self, key: GatewayKey, routes: Sequence[str]) -> Place:
        """Return where a request for a gateway goes: to the first route, if there is one (RFC 3261 section 8.1.2)."""
        if not routes:
            return Place(*key, self.carrier.transport)
        uri = NameAddr.parse(routes[0]).uri
        return Place(uri.host, uri.port, uri.transport or self.carrier.transport)

    @property
    def tls_names(self) -> tuple[str, ...]:
        """Whom a certificate has to name to be the carrier's: one of these, none where it goes by another transport."""
        carrier = self.carrier
        if not carrier.secure:
            return ()
        hosts = (carrier.host, *(gateway.host for gateway in carrier.gateways))
        return (carrier.tls_name,) if carrier.tls_name else tuple(host for host in hosts if host)

    def adopt(self, carrier: Carrier) -> None:
        """Go on by an entry of which `only_manners_differ`."""
        if carrier.max_cps != self.carrier.max_cps:
            self._rate = _rate(carrier)
        self.carrier = carrier
        self.slots.limit = carrier.max_calls

    @property
    def calls(self) -> int:
        """Calls that are up or being set up."""
        return self.slots.taken

    def take_outbound(self, *, now: float) -> Slot | str:
        """Take a place and a token for a call of ours; return a sentence where there is none."""
        slot = self.slots.take()
        if isinstance(slot, Slot) and self._rate is not None and not self._rate.take(now=now):
            slot.give_back()
            return f"carrier {self.name} takes no more than {self.carrier.max_cps:g} calls a second (max_cps)"
        return slot

    def down(self) -> Iterator[tuple[str, Gateway]]:
        """Yield carrier name and gateway of those that are down, as `routing.route` takes them."""
        for one in self.carrier.all_gateways:
            if self.gateways[(one.host, one.port)].down:
                yield self.name, Gateway(one.host, one.port, self.carrier.transport, one.priority, one.weight)

    def failed(self, key: GatewayKey, why: str) -> None:
        """Take a failure of a gateway, at a check or at a call."""
        health = self.gateways.get(key)
        name = health.name if health is not None else key[0]
        self.error = (why if key[0] in why else f"{name}: {why}")[:MAX_WORDS]
        if health is not None and health.failed(why):
            self._changed(health)

    def answered(self, key: GatewayKey, status: int, round_trip: float | None = None) -> None:
        """Take an answer of a gateway, to a check or to a call."""
        health = self.gateways.get(key)
        if health is None:
            return
        changed = health.answered(status, round_trip)
        if health.error:
            self.error = f"{health.name} {health.error}"
        elif not any(one.error for one in self.gateways.values()):
            self.error = ""
        if changed:
            self._changed(health)

    def _changed(self, health: GatewayHealth) -> None:
        """Say that a gateway went or came: once, whether a check or a call noticed it."""
        fields = {"carrier": self.name, "gateway": health.name}
        if health.down:
            log.warning("a gateway is down: %s", health.error, extra=fields)
            return
        log.warning("a gateway is up again", extra=fields)
        self.on_return()

    def status(self, registration: RegistrationStatus | None, *, now: float) -> TrunkStatus:
        """Return what operators see. registration: where the carrier has one."""
        healths = list(self.gateways.values())
        state = next((word for word in ("up", "unknown") if any(one.state == word for one in healths)), "down")
        round_trip = min((one.round_trip for one in healths if one.round_trip and not one.down), default=None)
        expires_in, retry_in, error = None, None, self.error
        if registration is not None:
            state, error = registration.state.value, registration.last_error or error
            round_trip = round_trip if round_trip is not None else registration.round_trip
            if registration.expires_at > now:
                expires_in = round(registration.expires_at - now, 1)
            if registration.state in IN_VAIN and registration.next_at > now:
                retry_in = round(registration.next_at - now, 1)
        return TrunkStatus(
            self.name,
            state,
            registration is not None,
            expires_in,
            _milliseconds(round_trip),
            self.calls,
            self.carrier.max_calls,
            error,
            tuple(GatewayStatus(one.name, one.state, _milliseconds(one.round_trip), one.error) for one in healths),
            "tls" if self.carrier.secure else self.carrier.transport,
            self.carrier.tls_verify,
            retry_in,
        )


def _rate(carrier: Carrier) -> TokenBucket | None:
    return TokenBucket(carrier.max_cps) if carrier.max_cps is not None else None


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)
