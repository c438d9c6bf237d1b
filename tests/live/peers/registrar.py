"""A registrar on bare sockets, UDP and TCP on one port: it checks digests by formulas of its own and keeps a diary."""

import asyncio
import hashlib
import re
import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from softswitch.sip.message import Request, Response
from softswitch.sip.parser import parse_message

_LIBRARY = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}

#: Says something else than the registrar would: a response, raw bytes, None for silence; `...` leaves it to him.
Script = Callable[[Request], Any]


@dataclass
class Account:
    """What the registrar demands. password None: nothing is asked."""

    username: str = "alice"
    password: str | None = "s3cret"
    realms: tuple[str, ...] = ("carrier",)
    algorithms: tuple[str, ...] = ("MD5",)
    qop: str = "auth"
    proxy: bool = False
    #: How often one nonce may be used before it is stale.
    uses: int = 10**6
    expires: int = 3600
    least: int = 0


@dataclass
class Diary:
    """What came in."""

    requests: list[Request] = field(default_factory=list)
    bound: list[int] = field(default_factory=list)
    keep_alives: int = 0
    counts: Counter[str] = field(default_factory=Counter)


class Registrar:
    """Use `await open()`; everything that it was sent is in `diary`."""

    def __init__(self, account: Account | None = None) -> None:
        self.account = account or Account()
        self.diary = Diary()
        self.script: Script | None = None
        self.lines: tuple[tuple[str, str], ...] = ()
        self.port = 0
        self._nonces: Counter[str] = Counter()
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None
        self._streams: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def requests(self) -> list[Request]:
        return self.diary.requests

    async def open(self, port: int = 0) -> "Registrar":
        """Listen over UDP and TCP; the port that the system chooses for one may be taken for the other."""
        for attempt in range(50):
            try:
                await self._listen(port)
                return self
            except OSError:
                if self._udp is not None:
                    self._udp.close()
                # A port of ours that was closed just now may be the passing one of somebody's connection.
                await asyncio.sleep(0.05 if port else 0)
                if attempt == 49:
                    raise
        return self

    async def _listen(self, port: int) -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), local_addr=("127.0.0.1", port))
        self._udp = cast(asyncio.DatagramTransport, transport)
        self.port = transport.get_extra_info("sockname")[1]
        self._tcp = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def close(self) -> None:
        self.hang_up()
        if self._udp is not None:
            self._udp.close()
        if self._tcp is not None:
            self._tcp.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)

    def hang_up(self) -> None:
        """Close every connection."""
        for writer in self._streams:
            writer.close()

    def forget(self) -> None:
        """Forget every nonce, as a restart does."""
        self._nonces.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._streams.add(writer)
        try:
            while data := await reader.readuntil(b"\r\n\r\n"):
                if data == b"\r\n\r\n":
                    self.diary.keep_alives += 1
                    writer.write(b"\r\n")
                    continue
                if reply := self.received(data, "TCP"):
                    writer.write(reply)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._streams.discard(writer)
            writer.close()

    def received(self, data: bytes, transport: str) -> bytes:
        if not data.strip():
            self.diary.keep_alives += 1
            return b""
        request = parse_message(data)
        assert isinstance(request, Request)
        self.requests.append(request)
        self.diary.counts[transport] += 1
        answer = self.script(request) if self.script else ...
        if answer is ...:
            answer = self.judge(request)
        return answer if isinstance(answer, bytes) else bytes(answer) if answer is not None else b""

    def judge(self, request: Request) -> Response:
        """Answer as a registrar does."""
        account = self.account
        if account.password is not None:
            stale = [self._proves(request, realm) for realm in account.realms]
            if not all(verdict is None for verdict in stale):
                return request.reply(
                    407 if account.proxy else 401, to_tag="r", headers=self.challenges(stale="stale" in stale)
                )
        asked = int(request.headers.get("Expires") or 0)
        if 0 < asked < account.least:
            return request.reply(423, to_tag="r", headers=[("Min-Expires", account.least)])
        granted = min(asked, account.expires)
        self.diary.bound.append(granted)
        contact = re.sub(r";expires=\d+", "", request.headers.get("Contact") or "")
        headers: list[tuple[str, object]] = [("Contact", f"{contact};expires={granted}")] if granted else []
        return request.reply(200, to_tag="r", headers=[*headers, *self.lines])

    def challenges(self, *, stale: bool = False) -> list[tuple[str, object]]:
        name = "Proxy-Authenticate" if self.account.proxy else "WWW-Authenticate"
        found: list[tuple[str, object]] = []
        for realm in self.account.realms:
            for algorithm in self.account.algorithms:
                nonce = secrets.token_hex(8)
                self._nonces[nonce] = 0
                more = f', qop="{self.account.qop}"' if self.account.qop else ""
                more += ", stale=true" if stale else ""
                found.append(
                    (name, f'Digest realm="{realm}", nonce="{nonce}", algorithm={algorithm}{more}, opaque="o"')
                )
        return found

    def _proves(self, request: Request, realm: str) -> str | None:
        """Return None where a credentials line is right, else `stale` or `wrong`."""
        name = "Proxy-Authorization" if self.account.proxy else "Authorization"
        for text in request.headers.all(name):
            said = {key: value.strip('"') for key, value in re.findall(r'([a-z]+)=("[^"]*"|[^\s,]+)', text)}
            if said.get("realm") != realm:
                continue
            if said["nonce"] not in self._nonces:
                return "unknown"
            if said["response"] != self._wanted(said, request):
                return "wrong"
            self._nonces[said["nonce"]] += 1
            if "nc" in said:
                assert int(said["nc"], 16) == self._nonces[said["nonce"]], "each use is counted once"
            return None if self._nonces[said["nonce"]] <= self.account.uses else "stale"
        return "missing"

    def _wanted(self, said: dict[str, str], request: Request) -> str:
        library = _LIBRARY[said.get("algorithm", "MD5")]

        def hashed(text: str) -> str:
            return hashlib.new(library, text.encode()).hexdigest()

        secret = hashed(f"{self.account.username}:{said['realm']}:{self.account.password}")
        what = hashed(f"{request.method}:{request.uri}")
        middle = f"{said['nc']}:{said['cnonce']}:{said['qop']}:" if "qop" in said else ""
        return hashed(f"{secret}:{said['nonce']}:{middle}{what}")


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, registrar: Registrar) -> None:
        self._registrar = registrar
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        reply = self._registrar.received(data, "UDP")
        if reply and self._transport is not None:
            self._transport.sendto(reply, addr)
