"""A digest server in virtual time, and honest phones that answer it: our own digest client."""

from collections.abc import Callable
from typing import Any

import pytest

from softswitch.clock import seeded_token
from softswitch.sip.auth import Credentials, DigestClient
from softswitch.sip.digest import HASHES, account_key
from softswitch.sip.digest_server import DigestServer, DigestSettings, Judgement, Outcome
from softswitch.sip.message import Headers, Request, Response
from softswitch.sip.uri import Uri

REALM = "example.com"
PASSWORDS = {"alice": "open sesame", "bob": 'wi"th \\all ünusual'}


class Office:
    """One server. `now` is its clock; `counts` what it has judged so far."""

    def __init__(self, **settings: Any) -> None:
        self.now = 1000.0
        self.server = DigestServer(DigestSettings(REALM, **settings), secret=b"known to nobody")

    def key_of(self, username: str, algorithm: str) -> str | None:
        password = PASSWORDS.get(username)
        return None if password is None else account_key(HASHES[algorithm], username, REALM, password)

    def judge(self, request: Request) -> Judgement:
        return self.server.judge(request, self.key_of, now=self.now)

    def challenge(self, *, stale: bool = False) -> Response:
        return Response(401, "Unauthorized", Headers(self.server.challenge(stale=stale, now=self.now)))

    def restart(self, secret: bytes = b"another one") -> None:
        self.server = DigestServer(self.server.settings, secret=secret)


class Phone:
    """A client of one account. `ask` sends a request, answers a challenge as phones do, and returns the outcomes."""

    def __init__(self, office: Office, name: str = "alice", password: str = "", *, seed: int = 1) -> None:
        self.office = office
        credentials = Credentials(name, password or PASSWORDS.get(name, "anything"))
        self.client = DigestClient(credentials, token=seeded_token(seed))
        self._calls = 0

    def request(self, method: str = "REGISTER", uri: str = "sip:example.com", body: bytes = b"") -> Request:
        self._calls += 1
        pairs = [("Call-ID", f"call-{self._calls}"), ("CSeq", f"1 {method}")]
        return Request(method, Uri.parse(uri), Headers(pairs), body)

    def signed(self, method: str = "REGISTER", uri: str = "sip:example.com", body: bytes = b"") -> Request:
        request = self.request(method, uri, body)
        self.client.authorize(request)
        return request

    def ask(self, method: str = "REGISTER", uri: str = "sip:example.com") -> list[Outcome]:
        request = self.signed(method, uri)
        outcomes = []
        for _ in range(4):
            outcome = self.office.judge(request).outcome
            outcomes.append(outcome)
            if outcome is Outcome.ACCEPTED:
                break
            self.client.challenged(request, self.office.challenge(stale=outcome is Outcome.STALE))
            self.client.authorize(request)
        return outcomes


@pytest.fixture
def make_office() -> Callable[..., Office]:
    return Office


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.fixture
def phone(office: Office) -> Phone:
    return Phone(office)


@pytest.fixture
def make_phone() -> Callable[..., Phone]:
    return Phone


@pytest.fixture
def changed() -> Callable[..., Request]:
    """Return a request whose credentials say something else."""

    def change(request: Request, **fields: str | None) -> Request:
        copy = request.copy()
        line = request.headers.get("Authorization") or ""
        parts = [part.strip() for part in line.removeprefix("Digest ").split(", ")]
        kept = [part for part in parts if part.partition("=")[0] not in fields]
        kept += [f"{name}={value}" for name, value in fields.items() if value is not None]
        copy.headers.set("Authorization", "Digest " + ", ".join(kept))
        return copy

    return change
