"""One account, requests of it, and a server that judges credentials by formulas written down a second time."""

import hashlib
import re
from collections.abc import Callable

import pytest

from softswitch.clock import seeded_token
from softswitch.sip.auth import Credentials, DigestClient
from softswitch.sip.message import Headers, Request, Response
from softswitch.sip.uri import Uri

PASSWORD = 's3cret: with "all" \\kinds of ünusual words'


class Account:
    """A digest client and the requests it signs. Each request has a Call-ID of its own unless one is given."""

    def __init__(self, *, realm: str = "", username: str = "alice", password: str = PASSWORD) -> None:
        self.client = DigestClient(Credentials(username, password, realm), token=seeded_token(1))
        self._calls = 0

    def request(self, method: str = "REGISTER", *, call_id: str = "", body: bytes = b"") -> Request:
        self._calls += 1
        pairs = [("Call-ID", call_id or f"call-{self._calls}"), ("CSeq", f"1 {method}")]
        return Request(method, Uri.parse("sip:example.org"), Headers(pairs), body)

    def signed(self, method: str = "REGISTER", *, call_id: str = "", body: bytes = b"") -> Request:
        request = self.request(method, call_id=call_id, body=body)
        self.client.authorize(request)
        return request


def challenge(*values: str, proxy: bool = False) -> Response:
    """Return a 401 or 407 with one line for each value."""
    name = "Proxy-Authenticate" if proxy else "WWW-Authenticate"
    return Response(407 if proxy else 401, "Unauthorized", Headers([(name, value) for value in values]))


def fields(request: Request, *, proxy: bool = False) -> list[dict[str, str]]:
    """Return what the credentials lines of a request say, quotes taken off."""
    name = "Proxy-Authorization" if proxy else "Authorization"
    found = []
    for text in request.headers.all(name):
        assert text.startswith("Digest ")
        pairs = re.findall(r'([a-z]+)=("(?:[^"\\]|\\.)*"|[^\s,"]+)', text)
        found.append({key: re.sub(r"\\(.)", r"\1", value[1:-1]) if value[0] == '"' else value for key, value in pairs})
    return found


def expected(given: dict[str, str], request: Request, password: str = PASSWORD) -> str:
    """Return the response that RFC 7616 section 3.4 wants for the fields of a credentials line."""
    algorithm = given.get("algorithm", "MD5").upper()
    library = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}[algorithm.removesuffix("-SESS")]

    def hashed(text: str) -> str:
        return hashlib.new(library, text.encode()).hexdigest()

    secret = hashed(f"{given['username']}:{given['realm']}:{password}")
    if algorithm.endswith("-SESS"):
        secret = hashed(f"{secret}:{given['nonce']}:{given['cnonce']}")
    about = f"{request.method}:{given['uri']}"
    if given.get("qop") == "auth-int":
        about += ":" + hashlib.new(library, request.body).hexdigest()
    between = f"{given['nc']}:{given['cnonce']}:{given['qop']}:" if "qop" in given else ""
    return hashed(f"{secret}:{given['nonce']}:{between}{hashed(about)}")


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def make_account() -> Callable[..., Account]:
    return Account


@pytest.fixture
def asks() -> Callable[..., Response]:
    return challenge


@pytest.fixture
def said() -> Callable[..., list[dict[str, str]]]:
    return fields


@pytest.fixture
def wanted() -> Callable[..., str]:
    return expected
