"""A bare UDP socket, and the few lines of SIP that tests say over it to a switch."""

import asyncio
import socket
from typing import Any, Protocol

from softswitch.sip.message import Request, Response
from softswitch.sip.parser import parse_message


class Line(Protocol):
    """Where the switch is."""

    sip: tuple[str, int]


class Peer:
    """A bare socket and the few lines of SIP that tests say over it."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._raw = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._raw.setblocking(False)
        self._raw.bind(("127.0.0.1", 0))
        self.port: int = self._raw.getsockname()[1]
        self._branches = 0

    def close(self) -> None:
        self._raw.close()

    def send(self, text: str | bytes) -> None:
        data = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
        self._raw.sendto(data, self._line.sip)

    def sdp(self, *, port: int = 40000, codec: str = "0", direction: str = "sendrecv") -> str:
        return (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {port} RTP/AVP {codec}\r\na={direction}\r\n"
        )

    def request(
        self,
        method: str,
        user: str = "600",
        *,
        call: str = "call",
        cseq: int = 1,
        to_tag: str = "",
        body: str = "",
        lines: str = "",
        branch: str = "",
        from_: str = "<sip:alice@127.0.0.1>",
        uri: str = "",
        content_type: str = "application/sdp",
    ) -> str:
        """Return a request; each has a branch of its own unless `branch` gives one."""
        self._branches += 1
        host, port = self._line.sip
        tag = f";tag={to_tag}" if to_tag else ""
        if body:
            lines += f"Content-Type: {content_type}\r\n"
        return (
            f"{method} {uri or f'sip:{user}@{host}:{port}'} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.port};branch=z9hG4bK-{branch or f'{call}-{self._branches}'}\r\n"
            f"Max-Forwards: 70\r\nFrom: {from_};tag=ours-{call}\r\nTo: <sip:{user}@{host}>{tag}\r\n"
            f"Call-ID: {call}\r\nCSeq: {cseq} {method}\r\nContact: <sip:alice@127.0.0.1:{self.port}>\r\n"
            f"{lines}Content-Length: {len(body.encode())}\r\n\r\n{body}"
        )

    def reply(self, request: Request, status: int, *, tag: str = "theirs", body: str = "", lines: str = "") -> None:
        """Answer a request of the switch."""
        contact = ("Contact", f"<sip:x@127.0.0.1:{self.port}>")
        extra = [tuple(line.split(": ", 1)) for line in lines.split("\r\n") if line]
        kind = "application/sdp" if body else None
        response = request.reply(
            status,
            to_tag=tag if status > 100 else None,
            headers=[contact, *extra],  # type: ignore[list-item]
            body=body.encode(),
            content_type=kind,
        )
        self.send(bytes(response))

    async def receive(self) -> Request | Response:
        """Return the next message."""
        async with asyncio.timeout(3):
            data = await asyncio.get_running_loop().sock_recv(self._raw, 65535)
        return parse_message(data)

    async def response(self, at_least: int = 200, *, method: str = "") -> Response:
        """Return the next response that has at least this status; others are thrown away."""
        while True:
            message = await self.receive()
            if isinstance(message, Response) and message.status >= at_least:
                if not method or message.cseq.method == method:
                    return message

    async def asked(self, method: str) -> Request:
        """Return the next request of this method; all else is thrown away."""
        while True:
            message = await self.receive()
            if isinstance(message, Request) and message.method == method:
                return message

    async def up(self, user: str = "600", *, call: str = "call", **more: Any) -> str:
        """Call, be answered, acknowledge; return the switch's tag."""
        self.send(self.request("INVITE", user, call=call, body=self.sdp(), **more))
        answer = await self.response()
        assert answer.status == 200, answer.status
        tag = answer.to.tag or ""
        self.send(self.request("ACK", user, call=call, to_tag=tag))
        return tag

    async def hang_up(self, tag: str, *, call: str = "call", cseq: int = 100, lines: str = "") -> Response:
        """Send BYE and return what it is answered with."""
        self.send(self.request("BYE", call=call, cseq=cseq, to_tag=tag, lines=lines))
        return await self.response(method="BYE")
