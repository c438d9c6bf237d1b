"""NAPTR, SRV, A and AAAA against a name server on loopback: which address is tried first, second, third."""

import socket
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import pytest

from softswitch.errors import ResourceError
from softswitch.net.dns_lookup import DnsSettings
from softswitch.net.resolve import Resolver, Target
from tests.live.peers.dns_server import DnsServer

Run = Callable[[Coroutine[Any, Any, None]], None]
V4 = (socket.AF_INET,)


def a_zone(server: DnsServer) -> None:
    server.add("plain.example", "A", "127.0.0.7")
    server.add("many.example", "A", "127.0.0.7", "127.0.0.8")
    server.add("plain.example", "AAAA", "::1")
    server.add("srv.example", "A", "127.0.0.99")
    server.add("_sip._udp.srv.example", "SRV", "10 0 5070 plain.example.", "20 0 5071 second.example.")
    server.add("_sip._tcp.srv.example", "SRV", "10 0 5080 second.example.")
    server.add("second.example", "A", "127.0.0.9")
    server.add(
        "naptr.example",
        "NAPTR",
        '20 10 "s" "SIP+D2U" "" _sip._udp.srv.example.',
        '10 10 "s" "SIPS+D2T" "" _sips._tcp.srv.example.',
        '15 10 "s" "SIP+D2T" "" _sip._tcp.srv.example.',
        '5 10 "u" "E2U+sip" "!^.*$!sip:info@example.com!" .',
    )
    server.add("_sips._tcp.srv.example", "SRV", "10 0 5091 second.example.")
    server.add("alias.example", "CNAME", "middle.example.")
    server.add("middle.example", "CNAME", "second.example.")
    server.add("gone.example", "A", "127.0.0.99")
    server.add("_sip._udp.gone.example", "SRV", "0 0 0 .")
    server.add("half.example", "A", "127.0.0.99")
    server.add("_sip._udp.half.example", "SRV", "1 0 5060 missing.example.", "2 0 5062 second.example.")


@pytest.mark.parametrize(
    ("host", "port", "transport", "expected"),
    [
        ("192.0.2.1", None, None, [("udp", "192.0.2.1", 5060)]),
        ("192.0.2.1", 5071, "tcp", [("tcp", "192.0.2.1", 5071)]),
        ("[2001:db8::1]", None, None, [("udp", "2001:db8::1", 5060)]),
        ("localhost", 5071, None, [("udp", "127.0.0.1", 5071)]),
        ("plain.example", None, None, [("udp", "127.0.0.7", 5060)]),
        ("plain.example.", None, "tcp", [("tcp", "127.0.0.7", 5060)]),
        # a port: no SRV (RFC 3263 section 4.2)
        ("srv.example", 5065, None, [("udp", "127.0.0.99", 5065)]),
        (
            "srv.example",
            None,
            "udp",
            [("udp", "127.0.0.7", 5070), ("udp", "127.0.0.9", 5071)],
        ),
        ("srv.example", None, "tcp", [("tcp", "127.0.0.9", 5080)]),
        # no NAPTR: SRV of every transport
        (
            "srv.example",
            None,
            None,
            [
                ("udp", "127.0.0.7", 5070),
                ("udp", "127.0.0.9", 5071),
                ("tcp", "127.0.0.9", 5080),
            ],
        ),
        # NAPTR: its order, what we do not speak left out
        (
            "naptr.example",
            None,
            None,
            [
                ("tcp", "127.0.0.9", 5080),
                ("udp", "127.0.0.7", 5070),
                ("udp", "127.0.0.9", 5071),
            ],
        ),
        # TLS: its own records, its own port, and nothing else
        ("srv.example", None, "tls", [("tls", "127.0.0.9", 5091)]),
        ("plain.example", None, "tls", [("tls", "127.0.0.7", 5061)]),
        ("plain.example", 5060, "tls", [("tls", "127.0.0.7", 5060)]),
        ("192.0.2.1", None, "tls", [("tls", "192.0.2.1", 5061)]),
        ("alias.example", 5060, None, [("udp", "127.0.0.9", 5060)]),
        # one server of two has no address
        ("half.example", None, "udp", [("udp", "127.0.0.9", 5062)]),
    ],
)
def test_the_order_of_trying(
    run: Run, host: str, port: int | None, transport: str | None, expected: Sequence[tuple[str, str, int]]
) -> None:
    async def story() -> None:
        async with DnsServer() as server:
            a_zone(server)
            resolver = resolver_of(server)
            assert list(await resolver.resolve(host, port, transport)) == [Target(*one) for one in expected]
            await resolver.close()

    run(story())


def test_a_pointer_to_tls_is_followed_where_we_speak_it(run: Run) -> None:
    async def story() -> None:
        async with DnsServer() as server:
            a_zone(server)
            resolver = resolver_of(server, tls=lambda: True)
            assert list(await resolver.resolve("naptr.example"))[:2] == [
                Target("tls", "127.0.0.9", 5091),
                Target("tcp", "127.0.0.9", 5080),
            ]
            # without NAPTR nobody has asked for it
            assert {one.transport for one in await resolver.resolve("srv.example")} == {"udp", "tcp"}
            await resolver.close()

    run(story())


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("missing.example", "missing.example has no address that could be called (A)"),
        ("gone.example", "gone.example has no address that could be called (A)"),  # SRV `.`: no such service here
        ("bad host", "'bad host' is neither an address nor a name"),
        ("a" * 64 + ".example", "is neither an address nor a name"),
        ("a..example", "is neither an address nor a name"),
        ("a" * 60 + "!", "is neither an address nor a name"),
        ("", "'' is neither an address nor a name"),
    ],
)
def test_what_cannot_be_resolved_is_a_sentence(run: Run, host: str, why: str) -> None:
    async def story() -> None:
        async with DnsServer() as server:
            a_zone(server)
            resolver = resolver_of(server)
            with pytest.raises(ResourceError) as raised:
                await resolver.resolve(host, None, None)
            assert why in str(raised.value)
            await resolver.close()

    run(story())


def test_addresses_are_of_the_families_we_have_sockets_for(run: Run) -> None:
    async def story() -> None:
        async with DnsServer() as server:
            a_zone(server)
            both = resolver_of(server, families=(socket.AF_INET6, socket.AF_INET))
            assert [one.host for one in await both.resolve("plain.example", 5060)] == ["::1", "127.0.0.7"]
            assert [one.host for one in await both.resolve("localhost", 5060)] == ["::1", "127.0.0.1"]
            await both.close()
            six = resolver_of(server, families=(socket.AF_INET6,))
            with pytest.raises(ResourceError, match="no address that could be called .AAAA."):
                await six.resolve("second.example", 5060)
            await six.close()

    run(story())


def test_every_address_of_a_name_is_tried(run: Run) -> None:
    async def story() -> None:
        async with DnsServer() as server:
            a_zone(server)
            resolver = resolver_of(server)
            found = await resolver.resolve("many.example", 5060)
            assert sorted(found) == [Target("udp", "127.0.0.7", 5060), Target("udp", "127.0.0.8", 5060)]
            await resolver.close()

    run(story())


def test_the_hosts_file_is_asked_before_any_server(run: Run, tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.42  pbx.example pbx # ours\nnonsense pbx.example\n::1 pbx.example\n")

    async def story() -> None:
        async with DnsServer() as server:
            server.add("_sip._udp.pbx.example", "SRV", "1 1 5070 elsewhere.example.")
            resolver = resolver_of(server, hosts=hosts)
            assert await resolver.resolve("PBX.example", None, None) == (Target("udp", "127.0.0.42", 5060),)
            assert not server.asked
            await resolver.close()

    run(story())


def test_servers_of_one_priority_share_the_calls_by_weight(run: Run) -> None:
    async def story() -> None:
        async with DnsServer() as server:
            a_zone(server)
            server.add("_sip._udp.w.example", "SRV", "1 90 5070 second.example.", "1 10 5071 second.example.")
            drawn = iter([0.05, 0.0, 0.5, 0.0])
            resolver = resolver_of(server, random=lambda: next(drawn))
            assert [one.port for one in await resolver.resolve("w.example", None, "udp")] == [5071, 5070]
            assert [one.port for one in await resolver.resolve("w.example", None, "udp")] == [5070, 5071]
            assert server.asked["_sip._udp.w.example SRV"] == 1  # a choice for each call, one question for both
            await resolver.close()

    run(story())


def resolver_of(
    server: DnsServer,
    *,
    families: Any = V4,
    hosts: Path | None = None,
    random: Callable[[], float] = lambda: 0.0,
    tls: Callable[[], bool] = lambda: False,
) -> Resolver:
    settings = DnsSettings(nameservers=(server.address,), hosts=hosts, attempt=0.4, lookup=0.8, total=1.5)
    return Resolver(settings, families=lambda: families, tls=tls, random=random)
