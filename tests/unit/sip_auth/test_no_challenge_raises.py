"""Whatever stands in WWW-Authenticate: a verdict comes out, in bounded time and memory."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from softswitch.clock import seeded_token
from softswitch.sip.auth import MAX_CHALLENGES, Credentials, DigestClient, Verdict, challenges_in
from softswitch.sip.message import Headers, Request, Response
from softswitch.sip.uri import Uri

# pieces that make a challenge often enough, and break it often enough
WORDS = "Digest|digest |realm|nonce|opaque|qop|stale|algorithm|=|, |,| |\t|MD5|SHA-256-sess|auth|auth-int|true|<|>|;"
PIECES = st.sampled_from(
    [*WORDS.split("|"), '"', "\\", 'realm="r"', 'nonce="n"', 'realm="a\\"b"', "ü", "\udcff", "\x00"]
)
LINES = st.lists(PIECES, max_size=30).map("".join).map(lambda text: text.replace("\r", "").replace("\n", ""))


def _request() -> Request:
    return Request("REGISTER", Uri.parse("sip:example.org"), Headers([("Call-ID", "c"), ("CSeq", "1 REGISTER")]))


@settings(max_examples=400, deadline=None)
@given(st.lists(LINES, max_size=4), st.booleans())
def test_anything_gets_a_verdict_and_ends(lines: list[str], proxy: bool) -> None:
    client = DigestClient(Credentials("alice", "secret"), token=seeded_token(1))
    name = "Proxy-Authenticate" if proxy else "WWW-Authenticate"
    answer = Response(401, "Unauthorized", Headers([(name, line) for line in lines]))
    request = _request()
    tries = 0
    while client.challenged(request, answer) is Verdict.RETRY:
        client.authorize(request)
        bytes(request)
        tries += 1
        assert tries < 3


_TEXT = st.text(st.characters(blacklist_categories=("Cc", "Cs")), max_size=20)


@settings(max_examples=200, deadline=None)
@given(_TEXT, _TEXT.filter(bool), _TEXT)
def test_any_realm_nonce_and_opaque_come_back_as_they_were(realm: str, nonce: str, opaque: str) -> None:
    def quoted(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    line = f"Digest realm={quoted(realm)}, nonce={quoted(nonce)}, opaque={quoted(opaque)}, qop=auth"
    client = DigestClient(Credentials("alice", "secret"), token=seeded_token(1))
    answer = Response(401, "Unauthorized", Headers([("WWW-Authenticate", line)]))
    request = _request()
    assert client.challenged(request, answer) is Verdict.RETRY
    client.authorize(request)
    said = request.headers.get("Authorization") or ""
    assert all(
        f"{name}={quoted(text)}" in said for name, text in (("realm", realm), ("nonce", nonce), ("opaque", opaque))
    )
    assert client.challenged(request, answer) is Verdict.REFUSED  # it recognises its own line


def test_a_flood_of_challenges_is_cut(account: Any, asks: Any) -> None:
    answer = asks(*(f'Digest realm="{number}", nonce="n"' for number in range(5000)))
    assert len(challenges_in(answer)) == MAX_CHALLENGES
    joined = asks(", ".join(f'Digest realm="{number}", nonce="n"' for number in range(200)))
    assert len(challenges_in(joined)) == MAX_CHALLENGES
    assert account.client.challenged(account.request(), answer) is Verdict.ENDLESS
    huge = asks(f'Digest realm="r", nonce="{"x" * 100_000}"')
    assert account.client.challenged(account.request(), huge) is Verdict.UNSUPPORTED


def test_a_thousand_realms_leave_little_behind(account: Any, asks: Any) -> None:
    for number in range(1000):
        request = account.signed()
        account.client.challenged(request, asks(f'Digest realm="{number}", nonce="n{number}"'))
    assert len(account.signed().headers) < 12


def test_half_a_challenge_spoils_no_whole_one(account: Any, asks: Any) -> None:
    answer = asks('Digest realm="broken', "Digest", "", "Digest realm=x", 'Negotiate, Digest realm="good", nonce="1"')
    assert [challenge.realm for challenge in challenges_in(answer)] == ["good"]
