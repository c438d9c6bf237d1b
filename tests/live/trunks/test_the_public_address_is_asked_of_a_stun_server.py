"""`sip.stun`: the address is known before the carriers are told where we are, and a silent server changes nothing."""

import asyncio
from collections.abc import Callable

import pytest

from softswitch.errors import ResourceError
from softswitch.legs import public_address
from softswitch.legs.public_address import PublicAddress
from tests.live.peers.dns_server import DnsServer
from tests.live.peers.stun_server import Address, StunServer, mapped, message
from tests.live.trunks.conftest import TrunkRig

Play = Callable[..., None]


class Nat:
    """What the server answers: this address, or nothing."""

    def __init__(self) -> None:
        self.address = bytes([203, 0, 113, 5])
        self.port = 61000
        self.silent = False

    def __call__(self, transaction: bytes, source: Address, number: int) -> list[bytes]:
        return [] if self.silent else [message(0x0101, transaction, mapped(self.address, self.port))]


def test_it_is_known_when_the_start_is_over(play: Play) -> None:
    async def story(rig: TrunkRig) -> None:
        async with StunServer(Nat()) as server, DnsServer() as dns:
            dns.add("stun.example", "A", "127.0.0.1")
            await rig.open(nameserver=dns.address)
            learner = PublicAddress(
                ("stun.example", server.address[1]), rig.user_agent, rig.user_agent.sockets.stun, rig.resolver
            )
            await learner.start()
            assert rig.user_agent.public == ("203.0.113.5", 61000)
            await learner.close()

    play(story)


def test_a_new_address_is_told_and_silence_is_not(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(public_address, "ASK_AGAIN_SECONDS", 0.05)
    changes: list[object] = []

    async def story(rig: TrunkRig) -> None:
        await rig.open()
        nat = Nat()
        async with StunServer(nat) as server:
            learner = PublicAddress(
                server.address,
                rig.user_agent,
                rig.user_agent.sockets.stun,
                rig.resolver,
                on_change=lambda: changes.append(rig.user_agent.public),
            )
            await learner.start()
            await rig.until(lambda: server.asked >= 3)
            assert changes == []
            nat.port = 61001
            await rig.until(lambda: changes)
            assert changes == [("203.0.113.5", 61001)]
            nat.silent = True
            asked = server.asked
            await rig.until(lambda: server.asked >= asked + 2)
            assert rig.user_agent.public == ("203.0.113.5", 61001)
            await learner.close()

    play(story)


def test_a_start_does_not_wait_long_for_a_silent_server(
    play: Play, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(public_address, "START_SECONDS", 0.2)

    async def story(rig: TrunkRig) -> None:
        await rig.open()
        nat = Nat()
        nat.silent = True
        async with StunServer(nat) as server:
            learner = PublicAddress(server.address, rig.user_agent, rig.user_agent.sockets.stun, rig.resolver)
            begun = asyncio.get_running_loop().time()
            await learner.start()
            assert asyncio.get_running_loop().time() - begun < 0.5
            assert rig.user_agent.public is None
            nat.silent = False
            await rig.until(lambda: rig.user_agent.public)  # asked again by itself
            await learner.close()

    play(story)
    assert "has not answered yet" in caplog.text


def test_an_unknown_server_is_complained_of_once(
    play: Play, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(public_address, "RETRY_SECONDS", 0.02)
    monkeypatch.setattr(public_address, "START_SECONDS", 0.3)

    async def story(rig: TrunkRig) -> None:
        await rig.open()

        async def nobody(server: Address) -> Address:
            raise ResourceError("nobody is there")

        learner = PublicAddress(("127.0.0.1", 3478), rig.user_agent, nobody, rig.resolver)
        await learner.start()
        await learner.close()

    play(story)
    assert caplog.text.count("our public address is not known: nobody is there") == 1
