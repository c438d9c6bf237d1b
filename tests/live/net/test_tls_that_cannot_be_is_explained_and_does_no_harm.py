"""No TLS with a peer: counted by reason, said in words, everybody who waits is told, and the others notice nothing."""

import asyncio
import contextlib
import socket
import ssl
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path

import pytest

from softswitch.net import sip_streams
from softswitch.net.patience import StreamLimits
from softswitch.net.sip_socket import SipSockets
from softswitch.net.sip_tls import PeerTls, ServerTls, TlsContexts
from softswitch.net.tls_files import KeyPair
from softswitch.sip.flow import Flow
from tests.live.peers.free_ports import free_port
from tests.tools.certificates import Authority

Run = Callable[[Coroutine[None, None, None]], None]
Until = Callable[[Callable[[], object]], Awaitable[None]]
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
MESSAGE = b"OPTIONS sip:a@b SIP/2.0\r\nCall-ID: one\r\nContent-Length: 0\r\n\r\n"


class Switch:
    """A switch, what it heard, and what it could not deliver."""

    def __init__(self, tls: TlsContexts, limits: StreamLimits | None = None) -> None:
        self.heard: list[tuple[bytes, Flow]] = []
        self.failed: list[Flow] = []
        self.sockets = SipSockets(
            lambda data, flow: self.heard.append((data, flow)), self.failed.append, tls=tls, limits=limits
        )

    @property
    def failures(self) -> dict[tuple[str, str], int]:
        return dict(self.sockets.streams.tls_failures)

    def flow(self, remote: tuple[str, int], name: str = "a.example") -> Flow:
        return self.sockets.flow_to("TLS", remote)._replace(name=name, carrier="acme")

    async def __aenter__(self) -> "Switch":
        self.address = await self.sockets.listen_tls("127.0.0.1", 0)
        return self

    async def __aexit__(self, *anything: object) -> None:
        await self.sockets.close()
        assert self.sockets.connections == 0
        assert not self.sockets.streams._handshaking and not self.sockets.streams._hosts


@pytest.fixture(autouse=True)
def look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sip_streams, "CHECK_SECONDS", 0.05)


class Files:
    def __init__(self, folder: Path) -> None:
        self.authority, self.other = Authority("Good"), Authority("Bad")
        self.folder, self.ca = folder, self.authority.write(folder)
        self.ours = self.authority.sign("us.example").write(folder, "ours")
        self.good = self.authority.sign("sip:a.example").write(folder, "good")

    def switch(self, limits: StreamLimits | None = None, **peer: object) -> Switch:
        peers = {"acme": PeerTls(ca=self.ca, **peer)}  # type: ignore[arg-type]
        return Switch(TlsContexts(ServerTls(self.ours), peers), limits)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("files"))


@contextlib.asynccontextmanager
async def peer(pair: KeyPair | None, serve: Serve, client_ca: Path | None = None) -> AsyncIterator[tuple[str, int]]:
    """A server of Python's own, over TLS with this certificate, or without."""
    context = None
    if pair is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair.certificate, pair.key)
        if client_ca is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(client_ca)
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # what the peer has to complain of
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    host, port = server.sockets[0].getsockname()
    try:
        yield host, port
    finally:
        server.close()
        await asyncio.sleep(0.05)


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        await reader.read()
    writer.close()


async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SIP/2.0 400 Bad request\r\n\r\n")
    await silent(reader, writer)


async def closing(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


@pytest.mark.parametrize(
    ("names", "of", "dates", "kind", "words"),
    [
        (["sip:a.example"], "authority", {"begins": -9, "ends": -2}, "expired", "its certificate expired on 20"),
        (["sip:a.example"], "other", {}, "untrusted", "signed by CN=Bad, whom nobody here trusts"),
        (["b.example"], "authority", {}, "wrong_name", "is for b.example, not for a.example: set tls_name"),
    ],
)
def test_a_certificate_that_is_no_good(
    run: Run, until: Until, files: Files, names: list[str], of: str, dates: dict[str, float], kind: str, words: str
) -> None:
    pair = getattr(files, of).sign(*names, **dates).write(files.folder, kind)

    async def main() -> None:
        async with peer(pair, silent) as remote, files.switch() as switch:
            flow = switch.flow(remote)
            switch.sockets.send(flow, MESSAGE)
            switch.sockets.send(flow, MESSAGE)
            assert switch.sockets.why(flow) == "TLS is not set up yet"
            await until(lambda: switch.failed)
            assert switch.failed == [flow]
            assert words in switch.sockets.why(flow)
            assert switch.failures == {("out", kind): 1}
            assert switch.sockets.connections == 0

    run(main())


@pytest.mark.parametrize(
    ("serve", "kind", "words"),
    [
        (plain, "plain_text", "it answers in plain text"),
        (closing, "closed", "it closed the connection while TLS was set up"),
        (silent, "timeout", "TLS was not set up within 0.3 s"),
    ],
)
def test_a_peer_that_speaks_no_tls(run: Run, until: Until, files: Files, serve: Serve, kind: str, words: str) -> None:
    async def main() -> None:
        async with peer(None, serve) as remote, files.switch(StreamLimits(handshake=0.3)) as switch:
            flow = switch.flow(remote)
            switch.sockets.send(flow, MESSAGE)
            await until(lambda: switch.failed)
            assert words in switch.sockets.why(flow)
            assert switch.failures == {("out", kind): 1}

    run(main())


def test_a_port_where_nobody_listens(run: Run, until: Until, files: Files) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        remote = nobody.getsockname()

    async def main() -> None:
        async with files.switch() as switch:
            flow = switch.flow(remote)
            switch.sockets.send(flow, MESSAGE)
            await until(lambda: switch.failed)
            assert "refused" in switch.sockets.why(flow)

    run(main())


def test_a_peer_that_wants_a_certificate_of_ours(run: Run, until: Until, files: Files) -> None:
    async def main() -> None:
        async with s_server(files, "-Verify", "1", "-verify_return_error", "-CAfile", str(files.ca)) as remote:
            async with files.switch() as switch:
                flow = switch.flow(remote)
                switch.sockets.send(flow, MESSAGE)
                await until(lambda: switch.failed)
                assert switch.sockets.why(flow) == "it wants a certificate of ours: set tls_certificate and tls_key"
                assert switch.failures == {("out", "refused"): 1}
            async with files.switch(pair=files.ours) as switch:
                switch.sockets.send(switch.flow(remote), MESSAGE)
                await until(lambda: switch.sockets.counts["tls_opened"])
                await asyncio.sleep(0.2)
                assert switch.failed == [] and switch.sockets.connections == 1

    run(main())


def test_a_peer_that_does_not_believe_our_certificate(run: Run, until: Until, files: Files) -> None:
    async def main() -> None:
        untrusted = files.other.sign("us.example").write(files.folder, "untrusted")
        async with s_server(files, "-Verify", "1", "-verify_return_error", "-CAfile", str(files.ca)) as remote:
            async with files.switch(pair=untrusted) as switch:
                flow = switch.flow(remote)
                switch.sockets.send(flow, MESSAGE)
                await until(lambda: switch.failed)
                assert switch.sockets.why(flow) == "it refused the TLS handshake: unknown ca"

    run(main())


def test_a_peer_that_closes_without_a_word(run: Run, until: Until, files: Files) -> None:
    async def main() -> None:
        async with peer(files.good, closing) as remote, files.switch() as switch:
            flow = switch.flow(remote)
            lost: list[str] = []
            switch.sockets.send(flow, MESSAGE)
            switch.sockets.watch(flow, lambda: lost.append("lost"))
            await until(lambda: lost)
            assert switch.sockets.why(flow) == "it closed the connection without a word"

    run(main())


@contextlib.asynccontextmanager
async def s_server(files: Files, *options: str) -> AsyncIterator[tuple[str, int]]:
    """A server of OpenSSL's own, which says by an alert what it does not like."""
    port = free_port()
    command = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-quiet", *options]
    keys = ["-cert", str(files.good.certificate), "-key", str(files.good.key)]
    process = await asyncio.create_subprocess_exec(*command, *keys, stdin=PIPE, stdout=DEVNULL, stderr=DEVNULL)
    try:
        async with asyncio.timeout(5):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                await asyncio.sleep(0.02)
        yield "127.0.0.1", port
    finally:
        process.kill()
        await process.communicate()


def test_what_failed_is_forgotten_when_it_works(run: Run, until: Until, files: Files) -> None:
    bad = files.authority.sign("b.example").write(files.folder, "bad")

    async def main() -> None:
        async with files.switch() as switch:
            async with peer(bad, silent) as remote:
                flow = switch.flow(remote)
                switch.sockets.send(flow, MESSAGE)
                await until(lambda: switch.failed)
            assert switch.sockets.why(flow)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(files.good.certificate, files.good.key)
            server = await asyncio.start_server(silent, *remote, ssl=context)
            switch.sockets.send(flow, MESSAGE)
            await until(lambda: switch.sockets.counts["tls_opened"])
            assert switch.sockets.why(flow) == ""
            server.close()

    run(main())


def test_nobody_is_believed_to_be_anybody(run: Run, until: Until, files: Files) -> None:
    async def main() -> None:
        async with peer(files.good, silent) as remote, files.switch() as switch:
            flow = switch.sockets.flow_to("TLS", remote)  # says not whom it leads to
            switch.sockets.send(flow, MESSAGE)
            await until(lambda: switch.failed)
            assert switch.sockets.why(flow) == "nobody knows whom to expect there"
            assert switch.sockets.connections == 0

    run(main())


def test_a_connection_to_one_carrier_is_none_to_another(run: Run, until: Until, files: Files) -> None:
    async def main() -> None:
        async with peer(files.good, silent) as remote, files.switch() as switch:
            switch.sockets.send(switch.flow(remote), MESSAGE)
            await until(lambda: switch.sockets.counts["tls_opened"])
            other = switch.flow(remote, "b.example")
            switch.sockets.send(other, MESSAGE)
            await until(lambda: switch.failed)
            assert switch.failed == [other]
            assert "not for b.example" in switch.sockets.why(other)
            assert switch.sockets.why(switch.flow(remote)) == ""

    run(main())
