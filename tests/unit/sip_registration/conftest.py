"""A registration in virtual time, and scripted registrars that answer each REGISTER the moment it is sent."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from softswitch.clock import seeded_token
from softswitch.sip.message import Headers, Request, Response
from softswitch.sip.registration import (
    Changed,
    Registration,
    RegistrationSettings,
    RegistrationState,
    Resolve,
    SendRegister,
)
from softswitch.sip.uri import Uri

FIRST, SECOND, THIRD = ("udp", "192.0.2.1", 5060), ("udp", "192.0.2.2", 5060), ("udp", "192.0.2.3", 5060)

#: What a registrar does with a request: a response, a sentence or `timeout`/`transport` for failure, None for silence.
Answer = Callable[[Request], Response | str | None]


class Rig:
    """Drives one registration. `answers` says what each address does; `sent` is what went out, with its time."""

    def __init__(self, *, seed: int = 1, **settings: Any) -> None:
        self.now = 1000.0
        made = RegistrationSettings(
            Uri.parse("sip:carrier.example"), Uri.parse("sip:alice@carrier.example"), username="alice"
        )
        source = random.Random(seed)
        self.machine = Registration(replace(made, **settings), token=seeded_token(seed), random=source.random)
        self.targets: Sequence[tuple[str, str, int]] | str = [FIRST]
        self.answers: dict[tuple[str, str, int], Answer] = {}
        self.otherwise: Answer = grant()
        self.sent: list[tuple[float, tuple[str, str, int], Request]] = []
        self.changes: list[Changed] = []
        self.contact = f"<sip:alice@198.51.100.7:5060;line={self.machine.line}>"

    def start(self) -> "Rig":
        self.machine.start(now=self.now)
        return self.pump()

    def stop(self) -> "Rig":
        self.machine.stop(now=self.now)
        return self.pump()

    def pump(self) -> "Rig":
        while outputs := self.machine.drain():
            for output in outputs:
                self._carry_out(output)
        return self

    def _carry_out(self, output: object) -> None:
        match output:
            case Resolve():
                if isinstance(self.targets, str):
                    self.machine.unresolved(self.targets, now=self.now)
                else:
                    self.machine.resolved(self.targets, now=self.now)
            case SendRegister(target):
                request = self.machine.request(self.contact)
                self.sent.append((self.now, target, request))
                answer = self.answers.get(target, self.otherwise)(request)
                if isinstance(answer, Response):
                    self.machine.response(answer, now=self.now)
                elif answer is not None:
                    self.machine.failed(answer, now=self.now)
            case Changed():
                self.changes.append(output)

    def run(self, seconds: float) -> "Rig":
        """Let time go on."""
        until = self.now + seconds
        while (at := self.machine.next_timer()) is not None and at <= until:
            assert at >= self.now - 1e-9, "a timer in the past would spin"
            self.now = at
            self.machine.handle_timer(now=at)
            self.pump()
        self.now = until
        return self

    @property
    def state(self) -> RegistrationState:
        return self.machine.state

    @property
    def last(self) -> Request:
        return self.sent[-1][2]

    @property
    def gaps(self) -> list[float]:
        """Seconds between one REGISTER and the next."""
        times = [at for at, _, _ in self.sent]
        return [later - earlier for earlier, later in zip(times, times[1:], strict=False)]

    @property
    def error(self) -> str:
        return self.machine.status().last_error


def grant(expires: int | str | None = 3600, *lines: tuple[str, str], contact: str = "") -> Answer:
    """Return a registrar that keeps every binding. expires: of our Contact; None: it lists no Contact."""

    def answer(request: Request) -> Response:
        listed = contact or (request.headers.get("Contact") or "").partition(">")[0] + ">"
        pairs = [] if expires is None else [("Contact", f"{listed};expires={expires}")]
        return Response(200, "OK", Headers([*pairs, *lines]))

    return answer


def refuse(status: int, *lines: tuple[str, str], reason: str = "No") -> Answer:
    """Return a registrar that answers with this status."""
    return lambda request: Response(status, reason, Headers(lines))


@pytest.fixture
def rig() -> Rig:
    return Rig()


@pytest.fixture
def make_rig() -> Callable[..., Rig]:
    return Rig


@pytest.fixture
def grants() -> Callable[..., Answer]:
    return grant


@pytest.fixture
def refuses() -> Callable[..., Answer]:
    return refuse


@pytest.fixture
def servers() -> tuple[tuple[str, str, int], ...]:
    return FIRST, SECOND, THIRD
