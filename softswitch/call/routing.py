"""Which carrier takes a number, through which gateways, in what form, and who calls: decided without sending anything.

A call and `softswitch route-test` ask the same function, so what the command prints is what a call does. Every decision
adds a sentence to `Route.why`.
"""

import hashlib
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from softswitch.call.carrier import Carrier, is_address
from softswitch.call.numbers import Kind, Number, read, write
from softswitch.errors import RemoteError, ResourceError
from softswitch.sip.history import ANONYMOUS
from softswitch.sip.uri import Uri

_DIALABLE = re.compile(r"\+?[0-9*#]+")

_TRANSPORTS = ("udp", "tcp", "tls")


@dataclass(frozen=True, slots=True)
class Gateway:
    """Where a carrier may be reached. host: a name or an IP literal. port None: DNS says it (RFC 3263)."""

    host: str
    port: int | None
    transport: str
    priority: int = 1
    weight: int = 1

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" if self.port else host


@dataclass(frozen=True, slots=True)
class Route:
    """How a call leaves. number: as the carrier wants it. caller_id: what we present, empty for nothing.

    from_user, from_uri, from_name: what stands in From; from_uri None: the user at our own address. identity: header
    lines besides. gateways: in the order of trying. why: a sentence for each decision.
    """

    carrier: Carrier
    number: str
    caller_id: str
    from_user: str
    from_uri: Uri | None
    from_name: str
    identity: tuple[tuple[str, str], ...]
    gateways: tuple[Gateway, ...]
    why: tuple[str, ...]

    def request_uri(self, gateway: Gateway) -> Uri:
        """Return the Request-URI at a gateway: with the carrier's own host, where it has one, by which it knows us.

        A port is named only where the configuration names one (RFC 3261 section 19.1.2): without it DNS decides.
        """
        own = self.carrier.host and self.carrier.host != gateway.host
        host, port = (self.carrier.host, self.carrier.port) if own else (gateway.host, gateway.port)
        uri = Uri.of(self.number, host, port)
        return uri.with_param("transport", gateway.transport) if gateway.transport != "udp" else uri


def route(
    number: str,
    carriers: Sequence[Carrier],
    *,
    carrier: str = "",
    caller_id: str = "",
    down: Collection[tuple[str, Gateway]] = (),
    random: Callable[[], float],
) -> Route:
    """Decide how a call to `number` leaves; raise ResourceError with a sentence where it cannot.

    carrier: empty for the first. caller_id: what the call brings, empty for nothing. down: (carrier name, gateway)
    pairs that do not answer at present. random: gives numbers from 0 up to 1, without 1.
    """
    why: list[str] = []
    chosen = _carrier(number, carriers, carrier, why)
    called = read(number, chosen.country)
    if called.kind is Kind.NAME:
        raise ResourceError(f"{number!r} is neither a number nor a sip: URI")
    why.append(f"{called.why}.")
    sent = _as_sent(called, chosen, why)
    presented = _caller_id(called, caller_id, chosen, why)
    from_user = chosen.from_user or presented or chosen.username
    return Route(
        carrier=chosen,
        number=sent,
        caller_id=presented,
        from_user=from_user,
        from_uri=ANONYMOUS if chosen.privacy else _from_uri(chosen, from_user),
        from_name="Anonymous" if chosen.privacy else "",
        identity=tuple(_identity(chosen, presented, why)),
        gateways=_gateways(chosen, down, random, why),
        why=tuple(why),
    )


def is_uri(target: str) -> bool:
    """Return whether a target is a SIP URI, which needs no carrier, and no number."""
    return target.lower().startswith(("sip:", "<sip:", "sips:", "<sips:"))


def is_secure(target: str) -> bool:
    """Return whether a target is a SIP URI that goes by TLS; what is wrong with it says `direct_uri`."""
    return is_uri(target) and direct_uri(target).transport == "tls"


def direct_uri(target: str) -> Uri:
    """Return a SIP URI that a call may go to; raise ResourceError with a sentence where none can."""
    try:
        uri = Uri.parse(target.strip("<>"))
    except RemoteError as error:
        raise ResourceError(f"{target!r} is not a SIP URI: {error}") from error
    if not uri.is_sip or not uri.host:
        raise ResourceError(f"{target!r} is not a sip: URI that can be called; write sip:NUMBER@HOST")
    if (uri.transport or "udp") not in _TRANSPORTS:
        raise ResourceError(
            f"{target!r} asks for {uri.transport}, which this version does not speak; use udp, tcp or tls"
        )
    if uri.scheme == "sips" and (uri.param("transport") or "").lower() == "udp":  # RFC 3261 section 26.2.2
        raise ResourceError(f"{target!r} asks for TLS over UDP, which there is not; leave transport out")
    return uri


def _carrier(number: str, carriers: Sequence[Carrier], name: str, why: list[str]) -> Carrier:
    if not name:
        if not carriers:
            raise ResourceError(
                f"no carrier is in carriers.yaml, so {number} cannot be called; add one, or call a sip: URI"
            )
        first = carriers[0]
        why.append(f"No carrier was named, so {first.name} serves: it stands first in carriers.yaml.")
        return first
    for carrier in carriers:
        if carrier.name == name:
            why.append(f"Carrier {name} was named.")
            return carrier
    known = ", ".join(carrier.name for carrier in carriers) or "none"
    raise ResourceError(
        f"carrier {name} is not in carriers.yaml, so {number} cannot be called; known carriers: {known}"
    )


# The number -----------------------------------------------------------------------------------------------------------


def _as_sent(called: Number, carrier: Carrier, why: list[str]) -> str:
    if called.kind in (Kind.EMERGENCY, Kind.SHORT, Kind.CODE):
        return called.dialled
    written = write(called, carrier.number_format, carrier.country)
    if written not in (called.dialled, called.e164):
        why.append(f"In the format {carrier.number_format} it is {written}.")
    sent = carrier.prefix_add + written.removeprefix(carrier.prefix_strip)
    if sent != written:
        why.append(f"With prefix_strip and prefix_add it is {sent}.")
    if not _DIALABLE.fullmatch(sent):
        raise ResourceError(
            f"carrier {carrier.name}: prefix_strip and prefix_add make {sent!r} of {written}, which nobody can dial"
        )
    return sent


# Who calls ------------------------------------------------------------------------------------------------------------


def _caller_id(called: Number, brought: str, carrier: Carrier, why: list[str]) -> str:
    """Return what we present: by rule, as the call brought it, or from the carrier's own numbers, in this order."""
    own = read(brought, carrier.country) if brought else None
    # An internal number tells the called nothing, and carriers refuse what is not assigned to us: but for a rule that
    # names it, and between switches that know each other's, it is as none.
    internal = own is not None and not own.e164 and carrier.number_format != "as_dialled"
    for known in ([own.best] if own else []) + ([""] if internal or own is None else []):
        for place, rule in enumerate(carrier.caller_id_rules, 1):
            if rule.matches(called.best, known):
                return _of_pool(rule.caller_id, called, f"caller ID rule {place}", why)
    if own is not None:
        if own.e164:
            written = write(own, carrier.number_format, carrier.country)
            why.append(f"The call brought the caller ID {written}.")
            return written
        if not internal or not carrier.caller_id:
            why.append(f"The call brought the caller ID {brought}.")
            return brought
        why.append(f"The call brought {brought}, which is no public number.")
    if carrier.caller_id:
        return _of_pool(carrier.caller_id, called, "caller_id", why)
    why.append("No caller ID is presented: neither the call nor the carrier has one.")
    return ""


def _of_pool(pool: Sequence[str], called: Number, what: str, why: list[str]) -> str:
    """Return the number of a pool that this called number always sees.

    Who calls somebody back, or blocks a number, does it to the number they saw: a second try, a reminder and a
    returned call must have the same. It needs no memory, and each process of several decides alike.
    """
    if len(pool) == 1:
        why.append(f"The caller ID is from {what}.")
        return pool[0]
    chosen = pool[_place(called.best, len(pool))]
    why.append(f"The caller ID is from {what}, {len(pool)} numbers: {called.best} always sees the same one.")
    return chosen


def _place(key: str, places: int) -> int:
    """Return a place that depends only on `key`; a place more moves only its own share (jump hash, Lamping, Veach)."""
    state = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "big")
    place, following = 0, 0
    while following < places:
        place = following
        state = (state * 2862933555777941757 + 1) & (2**64 - 1)
        following = int((place + 1) * (2**31 / ((state >> 33) + 1)))
    return place


def domain(carrier: Carrier) -> str:
    """Return the domain of our account: its own key, the carrier's host, or its first gateway."""
    return carrier.from_domain or carrier.host or carrier.all_gateways[0].host


def _from_uri(carrier: Carrier, user: str) -> Uri | None:
    """Return the URI in From; None: at our own address, as a peer that knows us by it expects."""
    if not user or not (carrier.from_domain or carrier.username):
        return None
    return Uri.of(user, domain(carrier))


def _identity(carrier: Carrier, presented: str, why: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the header lines that assert who calls (RFC 3325), and ask to hide it (RFC 3323)."""
    if carrier.privacy:
        why.append("privacy hides the caller ID from the called: From is anonymous.")
    if presented and carrier.identity != "none":
        address = f"<{Uri.of(presented, domain(carrier))}>"
        match carrier.identity:
            case "pai":
                yield "P-Asserted-Identity", address
            case "ppi":
                yield "P-Preferred-Identity", address
            case "rpid":
                # draft-ietf-sip-privacy-04: the elder of P-Asserted-Identity, with its own word for privacy.
                hidden = "full" if carrier.privacy else "off"
                yield "Remote-Party-ID", f"{address};party=calling;privacy={hidden};screen=no"
    if carrier.privacy:
        yield "Privacy", "id"


# Where to -------------------------------------------------------------------------------------------------------------


def _gateways(
    carrier: Carrier, down: Collection[tuple[str, Gateway]], random: Callable[[], float], why: list[str]
) -> tuple[Gateway, ...]:
    """Return the gateways in the order of trying: those that are down last, for what we know of them may be old."""
    every = [
        Gateway(model.host, model.port, carrier.transport, model.priority, model.weight)
        for model in carrier.all_gateways
    ]
    ordered = list(_in_order(every, random))
    dead = [gateway for gateway in ordered if (carrier.name, gateway) in down]
    if len(every) > 1:
        why.append(f"{len(every)} gateways by priority; within one priority drawn by weight, anew for each call.")
    if dead:
        names = ", ".join(str(gateway) for gateway in dead)
        why.append(f"{names} {'do' if len(dead) > 1 else 'does'} not answer at present and {_last(dead, every)}.")
    if carrier.outbound_proxy:
        why.append(f"All goes through the outbound proxy {carrier.outbound_proxy}.")
    elif not every[0].port and not is_address(every[0].host):
        why.append("The port and the addresses of a name are asked of DNS (RFC 3263).")
    return tuple([gateway for gateway in ordered if gateway not in dead] + dead)


def _last(dead: Sequence[Gateway], every: Sequence[Gateway]) -> str:
    if len(dead) == len(every):
        return "is tried all the same" if len(dead) == 1 else "are tried all the same"
    return "is tried last" if len(dead) == 1 else "are tried last"


def _in_order(gateways: Sequence[Gateway], random: Callable[[], float]) -> Iterator[Gateway]:
    """Yield gateways by priority, lower first, and by weighted choice within one (RFC 2782, "Weight")."""
    # Those of weight 0 first: they are drawn only when the number is the very lowest.
    left = sorted(gateways, key=lambda gateway: (gateway.priority, gateway.weight))
    while left:
        group = [gateway for gateway in left if gateway.priority == left[0].priority]
        drawn, total = random() * sum(gateway.weight for gateway in group), 0
        for gateway in group:
            total += gateway.weight
            if total >= drawn:
                break
        left.remove(gateway)
        yield gateway
