"""A real user agent that registers at registrars on loopback, with short timers."""

import asyncio
import gc
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import pytest

from softswitch.legs.registrar import Registrant
from softswitch.legs.user_agent import UserAgent, UserAgentSettings
from softswitch.net import loop
from softswitch.net.rtp_socket import RtpPorts
from softswitch.sip.admission import CoreSettings
from softswitch.sip.auth import Credentials, DigestClient
from softswitch.sip.registration import RegistrationSettings, RegistrationState
from softswitch.sip.transaction import TimerSettings
from softswitch.sip.uri import Uri
from tests.live.peers.registrar import Account, Registrar

LIMIT_SECONDS = 15.0
#: 64*T1 is 0.64 s.
TIMERS = TimerSettings(t1=0.01, t2=0.08, t4=0.1)
PASSWORD = "s3cret"


class Office:
    """One user agent, its registrars, and the registrations that a test makes."""

    def __init__(self) -> None:
        self.registrars: list[Registrar] = []
        self.registrants: list[Registrant] = []

    async def open(self) -> None:
        self.ports = RtpPorts("127.0.0.1", 43000, 43099, 0.0)
        settings = UserAgentSettings(agent="test", core=CoreSettings(timers=TIMERS))
        self.user_agent = UserAgent(settings, self.ports, lambda inbound, make: None)
        self.sip = await self.user_agent.listen("127.0.0.1", 0)

    async def close(self) -> None:
        for registrant in self.registrants:
            await registrant.close(0.2)
        for registrar in self.registrars:
            await registrar.close()
        await self.user_agent.close()
        self.ports.close()

    async def registrar(self, port: int = 0, **account: Any) -> Registrar:
        made = Registrar(Account(**account))
        self.registrars.append(made)  # first: what half opens must be closed, too, or the loop waits for it for ever
        return await made.open(port)

    def register(
        self,
        *registrars: Registrar | int,
        transport: str = "udp",
        password: str | None = PASSWORD,
        more: dict[str, Any] | None = None,
        **settings: Any,
    ) -> Registrant:
        """Register at these; a number is a port where nobody need be. more: for the Registrant itself."""
        ports = [one if isinstance(one, int) else one.port for one in registrars]

        async def resolve() -> Sequence[tuple[str, str, int]]:
            return [(transport, "127.0.0.1", port) for port in ports]

        auth = DigestClient(Credentials("alice", password), token=_tokens()) if password is not None else None
        values = {"base": 0.05, "longest": 0.4, "try_seconds": 0.4, "username": "alice" if auth else ""} | settings
        made = Registrant(
            RegistrationSettings(Uri.parse("sip:carrier.example"), Uri.parse("sip:alice@carrier.example"), **values),
            self.user_agent,
            resolve,
            name="carrier",
            auth=auth,
            contact_user="alice",
            **(more or {}),
        )
        self.registrants.append(made)
        made.start()
        return made

    async def until(self, condition: Callable[[], object], seconds: float = 5.0) -> None:
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - what is watched knows no events
                await asyncio.sleep(0.005)

    async def reaches(self, registrant: Registrant, state: RegistrationState | str) -> None:
        await self.until(lambda: registrant.state == state)


def _tokens() -> Callable[[], str]:
    numbers = iter(range(10**6))
    return lambda: f"token{next(numbers)}"


@pytest.fixture
def play(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[..., None]]:
    """Run a story; nothing may be raised, no task may be left, and no log line may hold the password."""

    def run(story: Callable[[Office], Awaitable[None]]) -> None:
        complaints: list[dict[str, object]] = []

        async def main() -> None:
            office = Office()
            try:
                await office.open()
                async with asyncio.timeout(LIMIT_SECONDS):
                    await story(office)
            finally:
                await office.close()
            assert asyncio.all_tasks() == {asyncio.current_task()}
            assert len(office.user_agent._outgoing) == 0 or office.user_agent._unanswered

        with asyncio.Runner(loop_factory=loop.new_loop) as runner:
            runner.get_loop().set_exception_handler(lambda _, context: complaints.append(context))
            runner.run(main())
        gc.collect()
        assert complaints == []
        assert [record.getMessage() for record in caplog.records if record.exc_info] == []
        assert PASSWORD not in caplog.text

    with caplog.at_level(logging.DEBUG):
        yield run
