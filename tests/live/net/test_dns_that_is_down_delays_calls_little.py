"""What a name server does not answer, answers with rubbish, or answered a while ago."""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from softswitch.errors import ResourceError
from softswitch.net.dns_lookup import DnsSettings
from softswitch.net.resolve import Resolver, Target
from tests.live.peers.dns_server import DnsServer

Run = Callable[[Coroutine[Any, Any, None]], None]
HERE = [Target("udp", "127.0.0.7", 5060)]


class Clock:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Scene:
    """A name server with one name, a resolver and its clock."""

    def __init__(self, server: DnsServer, **settings: Any) -> None:
        self.server = server
        self.clock = Clock()
        server.add("pbx.example", "A", "127.0.0.7", ttl=60)
        wanted: dict[str, Any] = {"attempt": 0.2, "lookup": 0.4, "total": 0.8, "stale_wait": 0.1, **settings}
        self.resolver = Resolver(
            DnsSettings(nameservers=(server.address,), hosts=None, **wanted),
            families=lambda: (socket.AF_INET,),
            now=self.clock,
        )

    async def ask(self, name: str = "pbx.example", port: int | None = 5060) -> list[Target]:
        return list(await self.resolver.resolve(name, port))

    @property
    def questions(self) -> int:
        return self.server.asked["pbx.example A"]


@pytest.fixture
def scene(run: Run) -> Callable[..., None]:
    """Play a story on a scene of its own."""

    def play(story: Callable[[Scene], Coroutine[Any, Any, None]], **settings: Any) -> None:
        async def main() -> None:
            async with DnsServer() as server:
                one = Scene(server, **settings)
                await story(one)
                await one.resolver.close()

        run(main())

    return play


Play = Callable[..., None]


def test_an_answer_is_kept_for_its_time_to_live(scene: Play) -> None:
    async def story(one: Scene) -> None:
        assert await one.ask() == await one.ask() == HERE
        assert one.questions == 1
        one.clock.now += 61
        assert await one.ask() == HERE
        assert one.questions == 2

    scene(story)


def test_a_time_to_live_of_0_does_not_ask_for_each_call(scene: Play) -> None:
    async def story(one: Scene) -> None:
        one.server.add("pbx.example", "A", "127.0.0.7", ttl=0)
        assert await one.ask() == await one.ask() == HERE
        assert one.questions == 1
        one.clock.now += 5.1
        assert await one.ask() == HERE
        assert one.questions == 2

    scene(story)


def test_many_calls_ask_once(scene: Play) -> None:
    async def story(one: Scene) -> None:
        found = await asyncio.gather(*(one.ask() for _ in range(200)))
        assert all(targets == HERE for targets in found)
        assert one.questions == 1

    scene(story)


def test_an_old_answer_serves_while_nobody_answers(scene: Play) -> None:
    async def story(one: Scene) -> None:
        await one.ask()
        one.server.mood = "silent"
        one.clock.now += 3600
        loop = asyncio.get_running_loop()
        begun = loop.time()
        assert await one.ask() == HERE
        assert loop.time() - begun < 0.35  # stale_wait, and not the whole time of a lookup
        await asyncio.sleep(0.5)
        asked = one.questions
        assert await one.ask() == HERE
        assert one.questions == asked  # the server is left alone for a while
        one.clock.now += 31
        assert await one.ask() == HERE
        assert one.questions == asked + 1

    scene(story)


def test_an_old_answer_is_too_old_after_a_day(scene: Play) -> None:
    async def story(one: Scene) -> None:
        await one.ask()
        one.server.mood = "silent"
        one.clock.now += 60 + 86400
        with pytest.raises(ResourceError, match="gave no answer for pbx.example"):
            await one.ask()

    scene(story)


def test_a_server_that_is_back_is_believed_again(scene: Play) -> None:
    async def story(one: Scene) -> None:
        await one.ask()
        one.server.mood = "servfail"
        one.clock.now += 61
        assert await one.ask() == HERE
        one.server.mood = "honest"
        one.server.add("pbx.example", "A", "127.0.0.8")
        one.clock.now += 31
        assert await one.ask() == [Target("udp", "127.0.0.8", 5060)]

    scene(story)


@pytest.mark.parametrize("mood", ["silent", "garbage", "cut", "wrong_id", "servfail"])
def test_a_server_without_an_honest_answer_is_a_sentence_in_time(scene: Play, mood: str) -> None:
    async def story(one: Scene) -> None:
        one.server.mood = mood
        loop = asyncio.get_running_loop()
        begun = loop.time()
        for _ in range(3):
            with pytest.raises(ResourceError) as raised:
                await one.ask()
            assert "pbx.example" in str(raised.value)
        assert loop.time() - begun < 1.0
        one.server.mood = "honest"
        one.clock.now += 5.1
        assert await one.ask() == HERE

    scene(story)


def test_an_answer_too_large_for_a_datagram_comes_over_tcp(scene: Play) -> None:
    async def story(one: Scene) -> None:
        one.server.mood = "truncated"
        assert await one.ask() == HERE
        assert one.server.by_tcp == 1

    scene(story)


def test_a_server_that_knows_no_naptr_and_no_srv_still_has_addresses(scene: Play) -> None:
    async def story(one: Scene) -> None:
        for question in ("pbx.example NAPTR", "_sip._udp.pbx.example SRV", "_sip._tcp.pbx.example SRV"):
            one.server.moods[question] = "servfail"
        assert await one.ask(port=None) == HERE

    scene(story)


def test_a_name_that_does_not_exist_is_remembered_as_its_zone_says(scene: Play) -> None:
    async def story(one: Scene) -> None:
        one.server.negative_ttl = 20
        for later, questions in ((0, 1), (19, 1), (2, 2)):
            one.clock.now += later
            with pytest.raises(ResourceError, match="no address"):
                await one.ask("nobody.example")
            assert one.server.asked["nobody.example A"] == questions

    scene(story)


def test_an_alias_of_itself_ends(scene: Play) -> None:
    async def story(one: Scene) -> None:
        one.server.add("circle.example", "CNAME", "other.example.")
        one.server.add("other.example", "CNAME", "circle.example.")
        with pytest.raises(ResourceError, match="circle.example"):
            await one.ask("circle.example")

    scene(story)


def test_the_memory_is_bounded(scene: Play) -> None:
    async def story(one: Scene) -> None:
        for number in range(12):
            one.server.add(f"n{number}.example", "A", "127.0.0.7")
            await one.ask(f"n{number}.example")
        assert len(one.resolver._lookup._cache) == 8
        await one.ask("n11.example")
        assert one.server.asked["n11.example A"] == 1
        await one.ask("n0.example")
        assert one.server.asked["n0.example A"] == 2

    scene(story, entries=8)


def test_without_any_name_server_only_names_fail(run: Run) -> None:
    async def story() -> None:
        resolver = Resolver(DnsSettings(nameservers=(), hosts=None))
        assert await resolver.resolve("127.0.0.1", 5060) == (Target("udp", "127.0.0.1", 5060),)
        with pytest.raises(ResourceError, match="the machine knows no name server"):
            await resolver.resolve("pbx.example", 5060)
        await resolver.close()

    run(story())
