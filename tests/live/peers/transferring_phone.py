"""A telephone over a bare socket that transfers, takes calls over, presses keys, and says whom it hears."""

import asyncio
import time
from collections.abc import Callable

from softswitch.sip.message import Request
from tests.live.peers.heard import Heard, tone
from tests.live.peers.raw_phone import RawPhone
from tests.live.peers.spoken import was_said

SIPFRAG = "message/sipfrag"
#: Key presses by RFC 4733, as an attribute of the session description.
KEYS = "0 101\r\na=rtpmap:101 telephone-event/8000"


class Phone(RawPhone):
    """A telephone that also presses keys, and says whom it hears."""

    _sent = 0
    #: What it says that it can do, where it says so.
    allows = ""

    def call(self, user: str, lines: str = "") -> None:
        """Call a number of the switch."""
        self._user = user
        lines += f"Allow: {self.allows}\r\n" if self.allows else ""
        invite = self.peer.request("INVITE", user, call=self.name, body=self.sdp, branch=f"{self.name}-i", lines=lines)
        self.peer.send(invite)

    @property
    def sdp(self) -> str:
        return str(self.peer.sdp(port=self.probe.port, direction=self.direction, codec=KEYS))

    def falls_silent(self) -> None:
        """Say nothing more."""
        self.probe._queue.clear()

    def _asked(self, request: Request) -> None:
        super()._asked(request)
        if request.method == "NOTIFY":
            self.peer.reply(request, 200, tag=request.to.tag or "")

    @property
    def notified(self) -> list[int]:
        """The statuses that it was told of its transfer."""
        bodies = [request.body.decode() for request in self.log if request.method == "NOTIFY"]
        return [int(body.split()[1]) for body in bodies]

    async def is_told(self, status: int, seconds: float = 5.0) -> None:
        """Wait until it is told so of its transfer."""
        for _ in range(round(seconds / 0.02)):
            if status in self.notified:
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"{self.name} was told {self.notified}, not {status}")

    @property
    def dialog(self) -> str:
        """Our call with the switch, as Replaces names it to the switch."""
        if self._called is not None:
            return f"{self._called.call_id};to-tag={self._called.from_.tag};from-tag={self.name}-tag"
        return f"{self.name};to-tag={self._tag};from-tag=ours-{self.name}"

    def refer(self, target: str, replaces: str = "") -> None:
        """Ask that whoever talks with us talk with `target`."""
        place = "?Replaces=" + replaces.replace(";", "%3B").replace("=", "%3D") if replaces else ""
        self.ask("REFER", f"Refer-To: <{target}{place}>\r\nReferred-By: <{self.uri}>\r\n")

    def hold(self, held: bool) -> None:
        """Put the switch on hold, or take it back."""
        self.direction = "sendonly" if held else "sendrecv"
        self.ask("INVITE", body=self.sdp)

    def call_instead(self, user: str, replaces: str) -> None:
        """Call in order to take the place of a call."""
        self.call(user, f"Replaces: {replaces}\r\n")

    def says(self, hz: int, seconds: float = 30.0) -> None:
        """Say a tone."""
        self.probe.say(tone(hz, -16, seconds))

    async def is_referred(self, status: int = 202, seconds: float = 3.0) -> str:
        """Wait for a REFER, answer it, and return whom it names."""
        request = await self.asked("REFER", seconds)
        self.peer.reply(request, status, tag=request.to.tag or "")
        return (request.headers.get("Refer-To") or "").strip("<>")

    def notify(self, status: int) -> None:
        """Say how the transfer goes that the switch has asked for."""
        state = "terminated;reason=noresource" if status >= 200 else "active;expires=60"
        self.ask("NOTIFY", f"Event: refer\r\nSubscription-State: {state}\r\n", f"SIP/2.0 {status} So\r\n", SIPFRAG)

    def ask(self, method: str, lines: str = "", body: str = "", kind: str = "application/sdp") -> None:
        """Send a request inside our call, whichever side began it; lines: more headers, each with its end."""
        self._cseq += 1
        if self._called is None:
            peer = self.peer.request(
                method,
                self._user,
                call=self.name,
                cseq=self._cseq,
                to_tag=self._tag,
                lines=lines,
                body=body,
                content_type=kind,
            )
            self.peer.send(peer)
            return
        invite = self._called
        self._sent += 1
        if body:
            lines += f"Content-Type: {kind}\r\n"
        self.peer.send(
            f"{method} {invite.contact.uri} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.peer.port};branch=z9hG4bK-{self.name}-{self._sent}\r\n"
            f"Max-Forwards: 70\r\nFrom: {invite.to};tag={self.name}-tag\r\nTo: {invite.from_}\r\n"
            f"Call-ID: {invite.call_id}\r\nCSeq: {self._cseq} {method}\r\n"
            f"Contact: <{self.uri}>\r\n{lines}Content-Length: {len(body)}\r\n\r\n{body}"
        )

    async def hears(self, hz: int, seconds: float = 5.0) -> None:
        """Wait until 0.2 s of this tone are heard; what was heard before does not count."""
        await self.until(
            lambda heard: heard.seconds >= 0.2 and abs(heard.tone(heard.seconds - 0.2).hz - hz) < 8, seconds
        )

    async def hears_said(self, words: str, seconds: float = 20.0) -> None:
        """Wait until these words were heard, from the beginning of all that was heard."""
        for _ in range(round(seconds / 0.5)):
            if await asyncio.to_thread(was_said, self.probe.heard.samples, words):
                return
            await asyncio.sleep(0.5)
        raise AssertionError(f"{self.name} does not hear {words!r}")

    async def until(self, what: Callable[[Heard], bool], seconds: float) -> None:
        """Wait for something in what is heard from now on."""
        began = time.monotonic()
        while time.monotonic() < began + seconds:
            await asyncio.sleep(0.05)
            if what(self.probe.heard.since(began)):
                return
        raise AssertionError(f"{self.name} does not hear it within {seconds} s")

    async def is_quiet(self, seconds: float) -> None:
        """Hold that nothing is heard for so long."""
        began = time.monotonic()
        await asyncio.sleep(seconds)
        heard = self.probe.heard.since(began)
        assert heard.audible_seconds() < 0.05, f"{self.name} hears something for {heard.audible_seconds():.2f} s"
