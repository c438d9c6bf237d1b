"""A running switch with a dialplan of the test's own, and telephones on bare sockets whose sound is heard."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.live.baresip.conftest import baresip as baresip
from tests.live.baresip.conftest import baresip_of_the_session as baresip_of_the_session
from tests.live.peers.bare_peer import Peer
from tests.live.peers.rtp_probe import RtpProbe
from tests.live.peers.switch import SwitchProcess, running_switch
from tests.live.peers.transferring_phone import Phone


class Line:
    """Where the telephones find the switch: what they ask of a rig. The switch may start after them."""

    def __init__(self) -> None:
        self.sip = ("", 0)
        self.peer: Any = Peer(self)


class Town:
    """Telephones and a switch. `start` starts the switch; in its files PORT_BOB is bob's port, and so on."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.line = Line()
        self.phones: dict[str, Phone] = {}
        self._folder = folder
        self._stack = stack
        self.switch: SwitchProcess

    def phone(self, name: str) -> Phone:
        """Return a telephone of this name."""
        if name not in self.phones:
            self.phones[name] = Phone(self.line, self._stack.enter_context(RtpProbe()), name)
        return self.phones[name]

    async def start(self, rules: str, *names: str, carriers: str = "[]") -> list[Phone]:
        """Start the switch with these rules and flows, and these carriers; return the telephones."""
        made = [self.phone(name) for name in names]
        for name, phone in self.phones.items():
            rules = rules.replace(f"PORT_{name.upper()}", str(phone.peer.port))
        (self._folder / "plans").mkdir(exist_ok=True)
        (self._folder / "plans" / "plan.yaml").write_text(rules, encoding="utf-8")
        config = self._folder / "softswitch.yaml"
        config.write_text(f"dialplans: {self._folder}/plans\ncarriers: carriers.yaml\n", encoding="utf-8")
        (self._folder / "carriers.yaml").write_text(f"{carriers}\n", encoding="utf-8")
        context = running_switch(self._folder, options=("--config", str(config)), number=10)
        self.switch = await asyncio.to_thread(self._stack.enter_context, context)
        self.line.sip = ("127.0.0.1", self.switch.sip_port)
        return made

    async def nothing_is_left(self) -> None:
        """Wait until no call is up."""
        for _ in range(100):
            if self.switch.metrics()["softswitch_calls_active"] == 0:
                return
            await asyncio.sleep(0.05)
        raise AssertionError("a call is still up")

    async def record(self, **fields: Any) -> dict[str, Any]:
        """Wait for the record of a call with these values."""
        return await asyncio.to_thread(lambda: self.switch.wait_record(**fields))


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Callable[[Callable[[Town], Coroutine[None, None, None]]], None]]:
    """Run a story in a town of its own; afterwards no call may be up."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Town]:
        with ExitStack() as stack:
            town = Town(tmp_path, stack)
            try:
                yield town
            finally:
                for phone in town.phones.values():
                    await phone.close()
                town.line.peer.close()

    def run(story: Callable[[Town], Coroutine[None, None, None]]) -> None:
        async def main() -> None:
            async with opened() as town, asyncio.timeout(90):
                await story(town)
                await town.nothing_is_left()

        asyncio.run(main())

    yield run
