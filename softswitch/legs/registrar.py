"""Keeps one account registered: drives a `Registration` over the user agent, and keeps its way open.

The machine decides; here are the one timer, the resolver's task, and the keep-alives (RFC 5626 section 4.4.1) that hold
a NAT binding or a connection open between the refreshes. A connection that the registrar closes takes its way to us
with it, so the machine is told at once.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from softswitch import clock
from softswitch.errors import ResourceError
from softswitch.legs.signalling import Requester
from softswitch.sip.auth import DigestClient
from softswitch.sip.flow import Flow
from softswitch.sip.message import Request, Response
from softswitch.sip.registration import (
    Changed,
    Output,
    Registration,
    RegistrationSettings,
    RegistrationState,
    RegistrationStatus,
    Resolve,
    SendRegister,
)
from softswitch.sip.rota import Target
from softswitch.sip.transaction import Key

log = logging.getLogger("softswitch.trunks")

#: What the un-REGISTER gets when we shut down: three times sent and answered by a registrar that is there.
CLOSE_SECONDS = 2.0

#: Says where the registrar is now, the best address first; raises ResourceError with a sentence.
ResolveTargets = Callable[[], Awaitable[Sequence[Target]]]


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """Seconds between keep-alives, lower and upper bound (RFC 5626 section 4.4.1): NATs forget UDP within 30 s."""

    udp: tuple[float, float] = (24.0, 29.0)
    stream: tuple[float, float] = (95.0, 120.0)


class Watches(Protocol):
    """Whoever knows connections: the sockets of the user agent."""

    def watch(self, flow: Flow, lost: Callable[[], None]) -> Callable[[], None]: ...
    def why(self, flow: Flow) -> str: ...


class Sends(Protocol):
    """What a registration asks of the user agent."""

    @property
    def sockets(self) -> Watches: ...
    def send(self, request: Request, flow: Flow, owner: Requester, auth: DigestClient | None = None) -> Key: ...
    def flow(self, transport: str, host: str, port: int, *, name: str = "", carrier: str = "") -> Flow: ...
    def contact(self, flow: Flow, user: str = "", params: str = "") -> str: ...
    def keep_alive(self, flow: Flow) -> None: ...


class Registrant:
    """One account at one registrar. name: of the carrier, for logs. contact_user: user part of our Contact.

    host_of: the host that an address was found for, which TLS has to find there.
    auth: answers challenges, None where the registrar knows us by our address. keep_alive: CRLFs while registered; None
    where something else, as OPTIONS, goes the same way often enough. on_change: told of each new state.
    """

    def __init__(
        self,
        settings: RegistrationSettings,
        user_agent: Sends,
        resolve: ResolveTargets,
        *,
        name: str = "",
        host_of: Callable[[Target], str] = lambda target: "",
        auth: DigestClient | None = None,
        contact_user: str = "",
        keep_alive: KeepAlive | None = KeepAlive(),  # noqa: B008 - a value, it cannot change
        on_change: Callable[[RegistrationStatus], None] | None = None,
        token: clock.Token = clock.token,
        random: Callable[[], float] = clock.fraction,
    ) -> None:
        self._machine = Registration(settings, token=token, random=random)
        self._user_agent = user_agent
        self._resolve = resolve
        self._name = name
        self._host_of = host_of
        self._auth = auth
        self._contact_user = contact_user
        self._keep_alive = keep_alive
        self._on_change = on_change
        self._random = random
        self._key: Key | None = None
        self._trying: Flow | None = None  # the way of the REGISTER that is out
        self._flow: Flow | None = None  # that of the binding, while there is one
        self._keep_alive_at: float | None = None
        self._unwatch: Callable[[], None] = _nothing
        self._resolving: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._over = asyncio.Event()
        self._closed = False

    @property
    def state(self) -> RegistrationState:
        """Where the registration is."""
        return self._machine.state

    @property
    def line(self) -> str:
        """Value of the `line` parameter in our Contact: calls to it come from this registrar."""
        return self._machine.line

    def status(self) -> RegistrationStatus:
        """Return everything there is to say about the registration; times are on the scale of `clock.now`."""
        return self._machine.status()

    def start(self) -> None:
        """Register now, or try again at once what waits for its next try."""
        self._machine.start(now=clock.now())
        self._pump()

    def renew(self) -> None:
        """Register again at once, because the registrar was away: who starts anew may have forgotten who is there."""
        if self.state in (RegistrationState.REGISTERED, RegistrationState.FAILED):
            self.start()

    async def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """Take the binding back, wait for that at most `seconds`, and give back timer and task."""
        self._over.clear()
        self._machine.stop(now=clock.now())
        self._pump()
        if self.state is not RegistrationState.UNREGISTERED:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._over.wait()
        self._closed = True
        self._let_go()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._resolving is not None:
            self._resolving.cancel()
            await asyncio.gather(self._resolving, return_exceptions=True)

    # --- what the user agent tells (`signalling.Requester`)

    def response_received(self, key: Key, response: Response, flow: Flow) -> None:
        """Take a response to one of our REGISTERs; only the last one is of interest."""
        if key != self._key or self._closed:
            return
        if response.status >= 200:
            self._key = None
        self._machine.response(response, now=clock.now())
        if 200 <= response.status < 300 and self.state is RegistrationState.REGISTERED:
            self._hold(flow)
        self._pump()

    def request_failed(self, key: Key, why: str) -> None:
        """Take the end of a REGISTER without an answer."""
        if key == self._key and not self._closed:
            self._key = None
            words = self._user_agent.sockets.why(self._trying) if why == "transport" and self._trying else ""
            self._machine.failed(f"cannot be reached: {words}" if words else why, now=clock.now())
            self._pump()

    def request_resent(self, old: Key, new: Key, request: Request) -> None:
        """Take the news that a challenge was answered."""
        if old == self._key and not self._closed:
            self._key = new
            self._machine.resent(request.cseq.number, now=clock.now())
            self._pump()

    # --- what the machine wants

    def _pump(self) -> None:
        """Carry out all that the machine wants, then arm the one timer."""
        while outputs := self._machine.drain():
            for output in outputs:
                self._carry_out(output)
        self._arm()

    def _carry_out(self, output: Output) -> None:
        match output:
            case Resolve():
                if self._resolving is not None:
                    self._resolving.cancel()
                name = f"resolve registrar {self._name}"
                self._resolving = asyncio.get_running_loop().create_task(self._find(), name=name)
            case SendRegister(target=target):
                self._send(target)
            case Changed():
                self._changed(output)

    async def _find(self) -> None:
        try:
            targets = await self._resolve()
        except ResourceError as error:
            self._machine.unresolved(str(error), now=clock.now())
        except Exception:  # a fault at one carrier must leave its registration trying, as any other failure does
            log.exception("the registrar could not be resolved", extra={"carrier": self._name})
            self._machine.unresolved("the registrar's address could not be found (see the log)", now=clock.now())
        else:
            self._machine.resolved(targets, now=clock.now())
        self._pump()

    def _send(self, target: Target) -> None:
        try:
            flow = self._user_agent.flow(*target, name=self._host_of(target), carrier=self._name)
        except ResourceError as error:  # no socket of that family or transport; the next address may do
            self._machine.failed(f"cannot be tried: {error}", now=clock.now())
            return
        self._trying = flow
        contact = self._user_agent.contact(flow, self._contact_user, f";line={self.line}")
        self._key = self._user_agent.send(self._machine.request(contact), flow, self, self._auth)

    def _changed(self, change: Changed) -> None:
        state = change.state
        bad = state in (RegistrationState.FAILED, RegistrationState.REFUSED)
        fields = {"carrier": self._name, "state": state.value, "server": self._machine.status().server}
        log.log(logging.WARNING if bad else logging.INFO, "registration: %s", change.why or state.value, extra=fields)
        if state is not RegistrationState.REGISTERED:
            self._let_go()
        if state is RegistrationState.UNREGISTERED:
            self._over.set()
        if self._on_change is not None:
            self._on_change(self._machine.status())

    # --- the way

    def _hold(self, flow: Flow) -> None:
        """Keep the way open by which the registrar reaches us."""
        self._unwatch()
        self._flow = flow
        self._unwatch = self._user_agent.sockets.watch(flow, self._lost)
        self._keep_alive_at = self._next_keep_alive(flow)

    def _let_go(self) -> None:
        self._unwatch()
        self._unwatch, self._flow, self._keep_alive_at = _nothing, None, None

    def _lost(self) -> None:
        if not self._closed:
            self._flow = self._keep_alive_at = None
            self._machine.flow_lost(now=clock.now())
            self._pump()

    def _next_keep_alive(self, flow: Flow) -> float | None:
        if self._keep_alive is None:
            return None
        low, high = self._keep_alive.stream if flow.reliable else self._keep_alive.udp
        return clock.now() + low + (high - low) * self._random()

    # --- the timer

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        times = [at for at in (self._machine.next_timer(), self._keep_alive_at) if at is not None]
        if times and not self._closed:
            delay = max(0.0, min(times) - clock.now())
            self._timer = asyncio.get_running_loop().call_later(delay, self._timer_fired)

    def _timer_fired(self) -> None:
        self._timer = None
        now = clock.now()
        if self._keep_alive_at is not None and self._flow is not None and now >= self._keep_alive_at:
            self._keep_alive_at = self._next_keep_alive(self._flow)
            self._user_agent.keep_alive(self._flow)
        self._machine.handle_timer(now=now)
        self._pump()


def _nothing() -> None:
    """Watch nothing any more: nothing was watched."""
