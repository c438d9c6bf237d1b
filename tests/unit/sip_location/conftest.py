"""The bindings of a registrar in virtual time, and REGISTERs as phones send them."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from softswitch.sip.flow import Flow
from softswitch.sip.location import Binding, Location, LocationSettings, Reply
from softswitch.sip.message import Headers, Request
from softswitch.sip.uri import Uri

FLOW = Flow("UDP", ("203.0.113.1", 5060), ("198.51.100.7", 40000))
TCP = Flow("TCP", ("203.0.113.1", 5060), ("198.51.100.7", 40000), 7)
PHONE = "<sip:alice@192.168.1.5:5060>"


class Desk:
    """One location service. Each REGISTER has the next CSeq of its Call-ID, unless another one is given."""

    def __init__(self, **settings: Any) -> None:
        self.now = 1000.0
        self.location = Location(LocationSettings(**settings))
        self._cseq = 0

    def register(
        self,
        *contacts: str,
        expires: str | None = None,
        user: str = "alice",
        call_id: str = "call",
        cseq: int | None = None,
        flow: Flow = FLOW,
        by_flow: bool = False,
        lines: Sequence[tuple[str, str]] = (),
        max_contacts: int | None = None,
    ) -> Reply:
        self._cseq += 1
        pairs = [("Call-ID", call_id), ("CSeq", f"{self._cseq if cseq is None else cseq} REGISTER")]
        pairs += [("Contact", contact) for contact in contacts]
        if expires is not None:
            pairs.append(("Expires", expires))
        request = Request("REGISTER", Uri.parse("sip:r"), Headers([*pairs, *lines]))
        return self.location.register(
            user, request, flow, by_flow=lambda _: by_flow, max_contacts=max_contacts, now=self.now
        )

    def bound(self, user: str = "alice") -> dict[str, float]:
        """Return the contacts of a user with the seconds that are left of each, in the order of ringing."""
        return {str(one.contact): one.expires_at - self.now for one in self.phones(user)}

    def phones(self, user: str = "alice") -> Sequence[Binding]:
        return self.location.look_up(user, now=self.now)

    def wait(self, seconds: float) -> None:
        """Let time go on, and every timer fire."""
        until = self.now + seconds
        while (at := self.location.next_timer()) is not None and at <= until:
            self.now = max(self.now, at)
            self.location.handle_timer(now=self.now)
        self.now = until


@pytest.fixture(scope="session")
def make_desk() -> Callable[..., Desk]:
    return Desk


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def phone() -> str:
    return PHONE


@pytest.fixture(scope="session")
def connection() -> Flow:
    return TCP
