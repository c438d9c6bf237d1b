"""A telephone over a bare socket: it registers, calls, is called, and does what the test says."""

import asyncio
from collections.abc import Sequence
from typing import Any

from softswitch.clock import seeded_token
from softswitch.sip.auth import Credentials, DigestClient
from softswitch.sip.framing import StreamFramer
from softswitch.sip.message import Headers, Request, Response
from softswitch.sip.parser import parse_message
from softswitch.sip.uri import Uri

SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\na=sendrecv\r\n"
)


class Telephone(asyncio.DatagramProtocol):
    """A telephone of one account.

    rings: what an INVITE is answered with, in order. asked: the requests that came, each transaction once.
    """

    def __init__(self, rig: Any, name: str, password: str, *, host: str = "", rings: Sequence[int] = (180, 200)):
        self.rig, self.name, self.rings = rig, name, tuple(rings)
        self.host = host
        self.asked: list[Request] = []
        self.answers: list[Response] = []
        self.sent: list[Request] = []
        self.empty_lines = 0
        self.answers_options = True
        self._token = seeded_token(len(rig.telephones) + 1)
        self.client = DigestClient(Credentials(name, password), token=self._token)
        self.call_id = self._token()
        self._cseq = 0
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self.realm_host = "127.0.0.1"

    async def open(self, transport: str = "UDP", port: int = 0) -> None:
        self.transport = transport
        if transport == "UDP":
            made = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: self, local_addr=("127.0.0.1", port)
            )
            self._udp = made[0]
            self.port: int = self._udp.get_extra_info("sockname")[1]
            return
        reader, self._tcp = await asyncio.open_connection(*self.rig.sip)
        self.port = self._tcp.get_extra_info("sockname")[1]
        self._reading = asyncio.create_task(self._read(reader), name=f"telephone {self.name}")

    async def close(self) -> None:
        if self._udp is not None:
            self._udp.close()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        if self._tcp is not None:
            self._tcp.close()
            await asyncio.gather(self._tcp.wait_closed(), return_exceptions=True)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        framer = StreamFramer()
        while data := await reader.read(65536):
            for piece in framer.feed(data):
                self._received(piece, self.rig.sip)

    @property
    def shown_host(self) -> str:
        """The address that it writes about itself: another one behind a NAT."""
        return self.host or "127.0.0.1"

    @property
    def contact(self) -> str:
        extra = "" if self.transport == "UDP" else ";transport=tcp"
        return f"<sip:{self.name}@{self.shown_host}:{self.port}{extra}>"

    # What it does

    async def register(
        self,
        *contacts: str,
        expires: int | None = 60,
        lines: Sequence[tuple[str, str]] = (),
        to: str = "",
        tries: int = 3,
        call_id: str = "",
        via: str = "",
    ) -> Response:
        """Register, answer challenges, and return the last answer. contacts: its own without any."""
        self._cseq += 1
        request = self.request("REGISTER", Uri.parse("sip:127.0.0.1"), to or self.name, call_id or self.call_id)
        for contact in contacts or (self.contact,):
            if contact:
                request.headers.add("Contact", contact)
        if expires is not None:
            request.headers.add("Expires", str(expires))
        for name, value in lines:
            request.headers.add(name, value)
        if via:
            request.headers.set("Via", f"SIP/2.0/UDP {via};branch=z9hG4bK{self._token()}")
        return await self.ask(request, tries)

    async def call(
        self, number: str, *, tries: int = 3, from_: str = "", lines: Sequence[tuple[str, str]] = ()
    ) -> Response:
        """Call, answer challenges, and return the final answer."""
        self._cseq += 1
        uri = Uri.parse(f"sip:{number}@{self.rig.sip[0]}:{self.rig.sip[1]}")
        request = self.request("INVITE", uri, number, self._token(), from_=from_)
        request.headers.add("Contact", self.contact)
        request.headers.add("Content-Type", "application/sdp")
        for name, value in lines:
            request.headers.add(name, value)
        request.body = SDP.encode()
        self.called = request
        return await self.ask(request, tries)

    def request(self, method: str, uri: Uri, to: str, call_id: str, *, from_: str = "") -> Request:
        """Return a request outside of a dialog."""
        pairs = [
            ("Max-Forwards", "70"),
            ("From", f"{from_ or f'<sip:{self.name}@{self.realm_host}>'};tag={self._token()}"),
            ("To", f"<sip:{to}@{self.realm_host}>"),
            ("Call-ID", call_id),
            ("CSeq", f"{self._cseq} {method}"),
        ]
        return Request(method, uri, Headers(pairs))

    def _via(self) -> str:
        return f"SIP/2.0/{self.transport} {self.shown_host}:{self.port};branch=z9hG4bK{self._token()};rport"

    async def ask(self, request: Request, tries: int = 3) -> Response:
        """Send a request, answer challenges, and return the last answer."""
        if not request.headers.get("Via"):
            request.headers.prepend("Via", "SIP/2.0/UDP placeholder;branch=z9hG4bK-none")
            own_via = False
        else:
            own_via = True
        for _ in range(tries):
            if not own_via:
                request.headers.set("Via", self._via())
            self.client.authorize(request)
            self.sent.append(request.copy())
            self.send(bytes(request))
            response = await self.answered(request)
            if request.method == "INVITE":
                self._acknowledge(request, response)
            if response.status not in (401, 407) or self.client.challenged(request, response).name != "RETRY":
                return response
            self._cseq += 1
            request.headers.set("CSeq", f"{self._cseq} {request.method}")
            if own_via:
                request.headers.set("Via", f"{request.headers.get('Via')}x")
        return response

    def _acknowledge(self, request: Request, response: Response) -> None:
        ack = Request("ACK", request.uri, Headers([("Via", request.headers.get("Via") or "")]))
        if response.status < 300:
            ack.headers.set(
                "Via", f"SIP/2.0/{self.transport} {self.shown_host}:{self.port};branch=z9hG4bK{self._token()}"
            )
            self.tag = response.to.tag or ""
        for name in ("From", "Call-ID"):
            ack.headers.add(name, request.headers.get(name) or "")
        ack.headers.add("To", response.headers.get("To") or "")
        ack.headers.add("CSeq", f"{request.cseq.number} ACK")
        self.send(bytes(ack))

    def bye(self) -> None:
        """Hang up the call that it made."""
        self._cseq += 1
        request = self.request("BYE", self.called.uri, "x", self.called.call_id)
        request.headers.set("From", self.called.headers.get("From") or "")
        request.headers.set("To", f"{self.called.headers.get('To')};tag={self.tag}")
        request.headers.set("CSeq", f"{self._cseq + 100} BYE")
        request.headers.prepend("Via", self._via())
        self.send(bytes(request))

    def send(self, data: bytes) -> None:
        if self._udp is not None:
            self._udp.sendto(data, self.rig.sip)
        elif self._tcp is not None:
            self._tcp.write(data)

    async def answered(self, request: Request) -> Response:
        """Wait for the final answer to a request."""
        branch = request.via.branch
        return await self.rig.until(
            lambda: next((one for one in self.answers if one.via.branch == branch and one.status >= 200), None)
        )

    async def was_asked(self, method: str, count: int = 1) -> Request:
        """Wait for the nth request of a method."""
        found = await self.rig.until(lambda: self._of(method) if len(self._of(method)) >= count else None)
        return found[count - 1]

    def _of(self, method: str) -> list[Request]:
        return [one for one in self.asked if one.method == method]

    # What it is told

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._received(data, addr)

    def _received(self, data: bytes, addr: Any) -> None:
        if not data.strip():
            self.empty_lines += 1
            return
        message = parse_message(data)
        if isinstance(message, Response):
            self.answers.append(message)
            return
        if any(one.method == message.method and one.via.branch == message.via.branch for one in self.asked):
            return
        self.asked.append(message)
        match message.method:
            case "INVITE":
                for status in self.rings:
                    self.reply(message, status)
            case "CANCEL":
                self.reply(message, 200)
                self.reply(next(one for one in self.asked if one.call_id == message.call_id), 487)
            case "OPTIONS" if self.answers_options:
                self.reply(message, 200)
            case "BYE" | "NOTIFY":
                self.reply(message, 200)
            case _:
                pass

    def reply(self, request: Request, status: int) -> None:
        body = SDP if request.method == "INVITE" and status in (183, 200) else ""
        response = request.reply(
            status,
            to_tag=f"t-{self.port}",
            headers=[("Contact", self.contact)],
            body=body.encode(),
            content_type="application/sdp" if body else None,
        )
        self.send(bytes(response))
