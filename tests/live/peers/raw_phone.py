"""A telephone over a bare socket of the rig: it does what the test says, and the rest as any telephone would.

It acknowledges answers, takes BYE and CANCEL, and refreshes; its sound is an `RtpProbe`.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Any

from softswitch.sip.message import Request, Response
from tests.live.peers.rtp_probe import RtpProbe


class RawPhone:
    """One telephone. `invites`: those it has not taken; `responses`: to its own INVITE; `log`: methods it was sent."""

    def __init__(self, rig: Any, probe: RtpProbe, name: str = "phone") -> None:
        self.peer = type(rig.peer)(rig)
        self.probe = probe
        self.name = name
        self.uri = f"sip:{name}@127.0.0.1:{self.peer.port}"
        self.direction = "sendrecv"
        self.responses: list[Response] = []
        self.log: list[Request] = []
        self._invites: asyncio.Queue[Request] = asyncio.Queue()
        self._called: Request | None = None
        self._user = ""
        self._cseq = 1
        self._tag = ""
        self._task = asyncio.create_task(self._run(), name=name)

    async def close(self) -> None:
        """Stop listening."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self.peer.close()

    @property
    def sdp(self) -> str:
        """Our session description."""
        return str(self.peer.sdp(port=self.probe.port, direction=self.direction))

    def described(self, body: bytes) -> None:
        """Take the switch's session description: talk to where it wants to hear."""
        self.probe.talk_to(remote_of(body))

    # Being called

    async def rings(self, seconds: float = 3.0) -> Request:
        """Wait until somebody calls."""
        async with asyncio.timeout(seconds):
            self._called = await self._invites.get()
        return self._called

    def reply(self, status: int, *, sdp: bool = False, probe: RtpProbe | None = None) -> None:
        """Answer the INVITE; sdp: with our session description and sound. probe: another ear and mouth."""
        assert self._called is not None
        if probe is not None:
            self.probe.talk_to(None)
            self.probe = probe
        if sdp:
            self.described(self._called.body)
        self.peer.reply(self._called, status, tag=f"{self.name}-tag", body=self.sdp if sdp else "")

    # Calling

    def call(self, user: str) -> None:
        """Call a number of the switch."""
        self._user = user
        self.peer.send(self.peer.request("INVITE", user, call=self.name, body=self.sdp, branch=f"{self.name}-i"))

    async def told(self, status: int, seconds: float = 3.0) -> Response:
        """Wait for this response to our INVITE."""
        return await _last(lambda: [one for one in self.responses if one.status == status], str(status), seconds)

    def offer(self, direction: str) -> None:
        """Send a re-INVITE with this direction: hold, or resume."""
        self.direction = direction
        self._cseq += 1
        self.peer.send(
            self.peer.request("INVITE", self._user, call=self.name, cseq=self._cseq, to_tag=self._tag, body=self.sdp)
        )

    def hang_up(self) -> None:
        """Send BYE as the caller."""
        self._cseq += 1
        self.peer.send(self.peer.request("BYE", self._user, call=self.name, cseq=self._cseq, to_tag=self._tag))

    async def asked(self, method: str, seconds: float = 3.0) -> Request:
        """Wait for a request of this method."""
        return await _last(lambda: [one for one in self.log if one.method == method], method, seconds)

    # What any telephone does

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                message = await self.peer.receive()
            except TimeoutError:
                continue
            if isinstance(message, Response):
                self._told(message)
            else:
                loop.call_soon(self._asked, message)

    def _told(self, response: Response) -> None:
        if response.cseq.method != "INVITE":
            return
        self.responses.append(response)
        if response.status < 200 and response.body:
            self.described(response.body)
        if response.status < 200:
            return
        tag, number = response.to.tag or "", response.cseq.number
        branch = "" if response.status < 300 else f"{self.name}-i"
        ack = self.peer.request("ACK", self._user, call=self.name, cseq=number, to_tag=tag, branch=branch)
        self.peer.send(ack)
        if response.status < 300:
            self._tag = tag
            self.described(response.body)

    def _asked(self, request: Request) -> None:
        self.log.append(request)
        tag = request.to.tag
        match request.method:
            case "INVITE" if not tag:
                if self._called is None or self._called.call_id != request.call_id:
                    self._invites.put_nowait(request)
            case "INVITE":
                self.peer.reply(request, 200, body=self.sdp)
            case "CANCEL" if self._called is not None:
                self.peer.reply(request, 200, tag=f"{self.name}-tag")
                self.peer.reply(self._called, 487, tag=f"{self.name}-tag")
            case "BYE" | "UPDATE":
                self.peer.reply(request, 200, body=self.sdp if request.body else "")
            case _:
                pass


async def _last(look: Callable[[], list[Any]], what: str, seconds: float) -> Any:
    for _ in range(round(seconds / 0.01)):
        if found := look():
            return found[-1]
        await asyncio.sleep(0.01)
    raise AssertionError(f"no {what} came")


def remote_of(body: bytes) -> tuple[str, int]:
    """Return where a session description wants to hear."""
    text = body.decode()
    host, port = re.search(r"c=IN IP4 (\S+)", text), re.search(r"m=audio (\d+)", text)
    assert host and port, text
    return host[1], int(port[1])
