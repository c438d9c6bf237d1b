"""One registration as a client: RFC 3261 section 10.2 with RFC 3608, RFC 3327 and the recovery of RFC 5626 section 4.5.

Theory of operation
-------------------
The machine sends nothing and resolves nothing. It asks its owner to `Resolve` the registrar's name, then to
`SendRegister` to one address, and is told what came of it. Challenges are answered below it, by the user agent: a 401
that reaches this machine is final.

    UNREGISTERED ──start──► REGISTERING ──2xx──► REGISTERED ──refresh in time──► REGISTERED
                              │    ▲                │ a whole round failed, or the connection is lost
                              │    └──back-off──────┴──► FAILED
                              └──403, 401, 407──► REFUSED   (no more tries, but for a rare one)
    any ──stop──► UNREGISTERING ──any answer, or none──► UNREGISTERED

One *round* tries each address in turn, as long as an address does not answer or answers that it cannot (408, 5xx); any
other refusal ends the round at once, because the next address would say the same. The first address of the first round
is *home*: while we are registered elsewhere, home is tried again every few minutes (`rota.py`).

Everything lasts a bounded time: an address that is silent is left after `try_seconds` if there is another one, and
every wait for the owner has a deadline of its own.
"""

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from softswitch.clock import Token
from softswitch.errors import LocalError
from softswitch.sip.binding import MAX_EXPIRES, Binding, read_binding
from softswitch.sip.grammar import print_host_port
from softswitch.sip.headers import NameAddr
from softswitch.sip.message import Headers, Request, Response
from softswitch.sip.refusal import Account, longer_interval, retry_after, said, turned_down, wrong_credentials
from softswitch.sip.rota import Rota, Target
from softswitch.sip.uri import Uri

#: A round has no end of its own when the owner forgets it: longer than 64*T1 of the REGISTER and of one more with
#: credentials, and longer than any resolver tries.
MAX_WAIT = 70.0
#: Times in one round that a registrar may ask for a longer interval (423).
MAX_TOO_BRIEF = 2
#: Seconds between refreshes at the least, however short the granted expiry is.
MIN_REFRESH = 5.0
#: From this expiry on a refresh at 75-90 % leaves minutes for a second try; shorter ones are refreshed at 50-70 %.
LONG_EXPIRES = 1200
#: 64*T1 and a little: what a refresh may need before the binding is gone.
REFRESH_MARGIN = 35.0
#: RFC 5626 section 4.5: a registration that held for so long ends the row of failures.
STABLE_SECONDS = 120.0
#: The first tries after a registrar that had us cannot be reached: it restarts, and is back before the row begins.
SOON = (2.0, 5.0, 12.0)
#: Tries after a refusal where the same credentials had worked: a registrar that restarts refuses everybody for a while.
SECOND_THOUGHTS = (60.0, 300.0, 1800.0)
#: Answers after which another address of the same registrar may do better (RFC 3263 section 4.3 and its kin).
ELSEWHERE = frozenset((408, 430, 500, 502, 503, 504))


class RegistrationState(enum.StrEnum):
    """Where a registration is."""

    UNREGISTERED = "unregistered"
    REGISTERING = "registering"
    REGISTERED = "registered"
    REFUSED = "refused"
    FAILED = "failed"
    UNREGISTERING = "unregistering"


@dataclass(frozen=True, slots=True)
class RegistrationSettings:
    """What to register where.

    registrar: Request-URI. address: the address of record. username, realm: of the credentials, for words only.
    expires: seconds asked for. routes: Route values, as an outbound proxy wants. headers: what every request carries.
    base, longest: of the back-off in seconds. refused: seconds until refused credentials are tried once more.
    """

    registrar: Uri
    address: Uri
    username: str = ""
    realm: str = ""
    expires: int = 3600
    routes: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    try_seconds: float = 10.0
    base: float = 30.0
    longest: float = 1800.0
    refused: float = 6 * 3600.0


@dataclass(frozen=True, slots=True)
class Resolve:
    """Find the registrar's addresses, then call `resolved` or `unresolved`."""


@dataclass(frozen=True, slots=True)
class SendRegister:
    """Send `request(contact)` to this address; only what comes of the last one is of interest."""

    target: Target


@dataclass(frozen=True, slots=True)
class Changed:
    """The state is another one. why: a sentence, empty where nothing is wrong."""

    before: RegistrationState
    state: RegistrationState
    why: str


Output = Resolve | SendRegister | Changed


@dataclass(frozen=True, slots=True)
class RegistrationStatus:
    """Everything there is to say about a registration at one moment. Times are on the scale of `now`, 0: never.

    line: value of the `line` parameter of our Contact, by which its calls are recognised. server: address in use.
    expires: seconds granted. expires_at: end of the binding. next_at: next refresh or try. round_trip: of the last
    answered REGISTER, in seconds, None before the first. status: last final answer. seen: our address as the registrar
    sees it. failures: failed rounds in a row.
    """

    state: RegistrationState
    address: str
    registrar: str
    line: str
    server: str = ""
    since: float = 0.0
    expires: int = 0
    expires_at: float = 0.0
    next_at: float = 0.0
    round_trip: float | None = None
    status: int = 0
    failures: int = 0
    last_error: str = ""
    last_error_at: float = 0.0
    service_route: tuple[str, ...] = ()
    path: tuple[str, ...] = ()
    seen: tuple[str, int] | None = None


class Registration:
    """One registration. token: makes Call-ID, tag and `line`. random: uniform in [0, 1), spreads retries."""

    def __init__(self, settings: RegistrationSettings, *, token: Token, random: Callable[[], float]) -> None:
        self.settings = settings
        self.line = token()
        self.state = RegistrationState.UNREGISTERED
        self._random = random
        self._call_id, self._tag = token(), token()
        self._account = Account(str(settings.address), settings.username, settings.realm)
        self._cseq = 0
        self._asked = max(1, min(settings.expires, MAX_EXPIRES))
        self._contact: Uri | None = None
        self._outputs: list[Output] = []
        self._rota = Rota()
        self._too_brief = 0
        self._resolving = self._waiting = self._leaving = False
        # the clock: when we stop waiting, and when we begin again
        self._wait_until: float | None = None
        self._next_at: float | None = None
        self._sent_at = 0.0
        # what came of it
        self._binding = Binding(0)
        self._server: Target | None = None
        self._since = self._expires_at = 0.0
        self._round_trip: float | None = None
        self._status = self._failures = self._refusals = 0
        self._worked = False
        self._soon: list[float] = []
        self._hurried = 0
        self._last_error, self._last_error_at = "", 0.0

    # --- inputs of the owner

    def start(self, *, now: float) -> None:
        """Register, or try at once what waits for its next try; nothing while a try is on its way."""
        if not (self._resolving or self._waiting):
            self._begin(now)

    def stop(self, *, now: float) -> None:
        """End the registration; `UNREGISTERED` comes when the registrar knows, or cannot be told."""
        if self.state in (RegistrationState.UNREGISTERED, RegistrationState.UNREGISTERING):
            return
        self._next_at = None
        self._resolving = False
        if self._waiting:  # section 10.2: no second REGISTER before the first is answered; it may bind us yet
            self._enter(RegistrationState.UNREGISTERING, now)
        elif self._expires_at > now and self._server is not None:
            self._enter(RegistrationState.UNREGISTERING, now)
            self._leave(now)
        else:
            self._end(now)

    def resolved(self, targets: Sequence[Target], *, now: float) -> None:
        """Take the addresses of the registrar, the best first."""
        if not self._resolving:
            return
        self._resolving = False
        if not targets:
            self._fail(f"{self.settings.registrar.host} has no address", now)
            return
        self._rota.begin(targets, self._server, now=now)
        self._too_brief = 0
        self._send(now)

    def unresolved(self, why: str, *, now: float) -> None:
        """Take the news that the registrar's name leads nowhere. why: a sentence."""
        if self._resolving and self._rota.known:  # a name that has led somewhere: what we know is better than nothing
            self._note(why, now)
            self.resolved(self._rota.known, now=now)
        elif self._resolving:
            self._resolving = False
            self._fail(why, now)

    def resent(self, cseq: int, *, now: float) -> None:
        """Take the news that the REGISTER went out again under this sequence number, with credentials."""
        self._cseq = max(self._cseq, cseq)
        self._sent_at = now
        if self._waiting:
            self._wait_until = now + MAX_WAIT  # whoever challenges is there

    def response(self, response: Response, *, now: float) -> None:
        """Take a response to the last REGISTER that was asked for."""
        if not self._waiting:
            return
        if response.status < 200:
            self._wait_until = now + MAX_WAIT
            return
        self._waiting, self._wait_until = False, None
        self._round_trip = max(0.0, now - self._sent_at)
        self._status = response.status
        if self.state is RegistrationState.UNREGISTERING:
            self._left(response, now)
        elif response.status < 300:
            self._bound(response, now)
        elif response.status in (401, 403, 407):
            self._rejected(response, now)
        elif response.status == 423:
            self._interval_too_brief(response, now)
        else:
            self._turned_down(response, now)

    def failed(self, why: str, *, now: float) -> None:
        """Take the news that the last REGISTER gets no answer: `timeout`, `transport`, or a sentence."""
        if not self._waiting:
            return
        self._waiting, self._wait_until = False, None
        words = {"timeout": "does not answer", "transport": "cannot be reached"}.get(why, why)
        text = f"{self._name(self._rota.target)} {words}"
        if self.state is RegistrationState.UNREGISTERING:
            self._note(f"could not unregister: {text}", now)
            self._end(now)
        else:
            self._try_next(text, now, unreachable=True)

    def flow_lost(self, *, now: float) -> None:
        """Take the news that the connection to the registrar is gone: calls cannot reach us until we come back."""
        if self.state is not RegistrationState.REGISTERED or self._waiting or self._resolving:
            return
        why = f"the connection to {self._name(self._server)} was lost"
        self._rota.home_again_at = now
        if now - self._since < STABLE_SECONDS:  # a registrar that hangs up on us each time is not run after for long
            self._fail(why, now, unreachable=True)
            return
        self._failures = 0
        self._note(why, now)
        self._enter(RegistrationState.REGISTERING, now, why)
        self._begin(now)

    # --- what the owner sends

    def request(self, contact: str) -> Request:
        """Return the REGISTER of the last `SendRegister`. contact: value of a Contact header, with our `line`."""
        address = NameAddr.parse(contact)
        if not self._waiting:
            raise LocalError("no REGISTER was asked for")
        self._contact = address.uri
        self._cseq += 1
        expires = 0 if self._leaving else self._asked
        pairs: list[tuple[str, object]] = [
            ("Max-Forwards", 70),
            *(("Route", route) for route in self.settings.routes),
            ("From", f"<{self.settings.address}>;tag={self._tag}"),
            ("To", f"<{self.settings.address}>"),
            ("Call-ID", self._call_id),
            ("CSeq", f"{self._cseq} REGISTER"),
            # both forms, because registrars read one or the other
            ("Contact", address.with_param("expires", str(expires))),
            ("Expires", expires),
            ("Supported", "path"),
            *self.settings.headers,
        ]
        return Request("REGISTER", self.settings.registrar, Headers(pairs))

    # --- time and outputs

    def next_timer(self) -> float | None:
        """Return when `handle_timer` has something to do."""
        return self._wait_until if self._wait_until is not None else self._next_at

    def handle_timer(self, *, now: float) -> None:
        """Let what is due happen."""
        if self._wait_until is not None:
            if now >= self._wait_until:
                self._wait_until = None
                if self._resolving:
                    self.unresolved(f"nobody could say where {self.settings.registrar.host} is", now=now)
                else:
                    self.failed("timeout", now=now)
        elif self._next_at is not None and now >= self._next_at:
            self._begin(now)

    def drain(self) -> list[Output]:
        """Return what to do and what happened, in order, once."""
        outputs, self._outputs = self._outputs, []
        return outputs

    def status(self) -> RegistrationStatus:
        """Return everything there is to say about this registration."""
        return RegistrationStatus(
            state=self.state,
            address=str(self.settings.address),
            registrar=str(self.settings.registrar),
            line=self.line,
            server=self._name(self._server) if self._server else "",
            since=self._since,
            expires=self._binding.expires,
            expires_at=self._expires_at,
            next_at=self._next_at or 0.0,
            round_trip=self._round_trip,
            status=self._status,
            failures=0 if self.state is RegistrationState.REGISTERED else self._failures,
            last_error=self._last_error,
            last_error_at=self._last_error_at,
            service_route=self._binding.service_route,
            path=self._binding.path,
            seen=self._binding.seen,
        )

    # --- a round

    def _begin(self, now: float) -> None:
        self._next_at = None
        self._resolving, self._leaving = True, False
        self._wait_until = now + MAX_WAIT
        if self.state is not RegistrationState.REGISTERED:  # a refresh leaves the binding alone until it is refused
            self._enter(RegistrationState.REGISTERING, now)
        self._outputs.append(Resolve())

    def _send(self, now: float) -> None:
        self._waiting = True
        self._sent_at = now
        self._wait_until = now + (MAX_WAIT if self._rota.last else self.settings.try_seconds)
        self._outputs.append(SendRegister(self._rota.target))

    def _try_next(self, why: str, now: float, not_before: float | None = None, *, unreachable: bool = False) -> None:
        """Go on with the next address of the round; after the last the round has failed."""
        if self._rota.next(now=now):
            self._note(why, now)
            self._send(now)
        else:
            self._fail(why, now, not_before, unreachable=unreachable)

    def _fail(self, why: str, now: float, not_before: float | None = None, *, unreachable: bool = False) -> None:
        """End the round as failed, and wait for the next one (RFC 5626 section 4.5)."""
        self._note(why, now)
        if self.state is RegistrationState.REGISTERED and now - self._since >= STABLE_SECONDS:
            self._failures = 0
        self._failures += 1
        settings = self.settings
        if not_before is not None:
            wait = not_before * (1 + 0.1 * self._random())
        elif unreachable and self._soon:
            self._hurried += 1
            wait = self._soon.pop(0) * (0.5 + 0.5 * self._random())
        else:
            row = self._failures - self._hurried
            # the exponent is bounded, for a power of two of a year of failures fits no float
            wait = min(settings.longest, settings.base * 2 ** min(row, 16)) * (0.5 + 0.5 * self._random())
        self._wait_until, self._next_at = None, now + wait
        self._enter(RegistrationState.FAILED, now, why)

    # --- answers

    def _bound(self, response: Response, now: float) -> None:
        if self._contact is None:
            raise LocalError("an answer to a REGISTER that was never made")
        binding = read_binding(response, self._contact, asked=self._asked)
        if binding.expires == 0:
            self._expires_at = 0.0
            self._fail(f"{self._name(self._rota.target)} takes the registration and keeps no binding (expires 0)", now)
            return
        if self.state is RegistrationState.REGISTERED:
            self._failures = 0
        self._binding, self._server, self._worked, self._refusals = binding, self._rota.target, True, 0
        if not self._failures:
            self._soon, self._hurried = list(SOON), 0
        self._expires_at = self._sent_at + binding.expires
        self._next_at = now + self._refresh_after(binding.expires)
        if self._rota.at_home:
            self._last_error, self._last_error_at = "", 0.0
        elif self._rota.home_again_at > now:
            self._next_at = min(self._next_at, self._rota.home_again_at)
        self._enter(RegistrationState.REGISTERED, now)

    def _refresh_after(self, expires: int) -> float:
        """Return how long a binding is left alone: spread, so that a registrar's clients do not come at once."""
        low, high = (0.75, 0.9) if expires >= LONG_EXPIRES else (0.5, 0.7)
        wait = expires * (low + (high - low) * self._random())
        if expires >= 2 * REFRESH_MARGIN:
            wait = min(wait, expires - REFRESH_MARGIN)
        return max(MIN_REFRESH, wait)

    def _rejected(self, response: Response, now: float) -> None:
        """Stop where the credentials are wrong: every further try brings us nearer to being locked out."""
        final, why = wrong_credentials(response, self._account, self._name(self._rota.target))
        if not final:
            self._fail(why, now, retry_after(response))
            return
        self._refusals += 1
        self._failures += 1
        if self._worked and self._refusals <= len(SECOND_THOUGHTS):
            wait = SECOND_THOUGHTS[self._refusals - 1]
        else:
            wait = self.settings.refused
        self._next_at = now + wait * (1 + 0.1 * self._random())
        self._expires_at = 0.0  # whoever refuses us will not take an un-REGISTER either
        self._note(why, now)
        self._enter(RegistrationState.REFUSED, now, why)

    def _interval_too_brief(self, response: Response, now: float) -> None:
        """Ask for longer (section 10.2.8), within reason."""
        least, why = longer_interval(response, self._asked, self._name(self._rota.target))
        if least == 0 or self._too_brief >= MAX_TOO_BRIEF:
            self._fail(why, now)
            return
        self._too_brief += 1
        self._asked = least
        self._send(now)

    def _turned_down(self, response: Response, now: float) -> None:
        why = turned_down(response, self._account, self._name(self._rota.target))
        if response.status in ELSEWHERE:
            self._try_next(why, now, retry_after(response))
        else:
            self._fail(why, now, retry_after(response))

    # --- the end

    def _leave(self, now: float) -> None:
        """Take back our binding, and only ours: `*` would take those of other phones with it (section 10.2.2)."""
        if self._server is None:
            raise LocalError("nothing to leave")
        self._rota.only(self._server)
        self._leaving = True
        self._send(now)

    def _left(self, response: Response, now: float) -> None:
        if not self._leaving and (response.status < 300 or self._expires_at > now):
            self._server = self._rota.target  # the REGISTER that was on its way when we stopped
            self._leave(now)
            return
        if self._leaving and response.status >= 300:
            self._note(f"could not unregister: {said(response)}", now)
        self._end(now)

    def _end(self, now: float) -> None:
        self._wait_until = self._next_at = None
        self._resolving = self._waiting = self._leaving = False
        self._binding, self._expires_at, self._failures = Binding(0), 0.0, 0
        self._enter(RegistrationState.UNREGISTERED, now)

    # ---

    def _enter(self, state: RegistrationState, now: float, why: str = "") -> None:
        if state is self.state:
            return
        self._outputs.append(Changed(self.state, state, why))
        self.state, self._since = state, now
        if state in (RegistrationState.FAILED, RegistrationState.REFUSED):
            self._wait_until = None

    def _note(self, why: str, now: float) -> None:
        self._last_error, self._last_error_at = why, now

    @staticmethod
    def _name(target: Target | None) -> str:
        return f"{print_host_port(target[1], target[2])}/{target[0].lower()}" if target else "nobody"
