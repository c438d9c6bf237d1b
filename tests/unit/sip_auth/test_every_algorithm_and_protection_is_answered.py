"""MD5, SHA-256, SHA-512/256, their sessions, qop auth, auth-int and none: computed here a second time."""

from typing import Any

import pytest

from softswitch.sip.auth import Verdict

ALGORITHMS = ["", "MD5", "MD5-sess", "SHA-256", "SHA-256-sess", "SHA-512-256", "SHA-512-256-sess", "md5", "sha-256"]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("qop", ['qop="auth"', 'qop="auth-int"', "qop=auth", 'qop="x, auth"', ""])
def test_the_response_is_that_of_the_rfc(
    algorithm: str, qop: str, account: Any, asks: Any, said: Any, wanted: Any
) -> None:
    line = ", ".join(part for part in ('Digest realm="r, r"', 'nonce="abc"', qop) if part)
    answer = asks(f"{line}, algorithm={algorithm}" if algorithm else line)
    request = account.request(body=b"v=0\r\n")
    assert account.client.challenged(request, answer) is Verdict.RETRY
    account.client.authorize(request)
    (given,) = said(request)
    assert given["response"] == wanted(given, request)
    assert given["username"] == "alice"
    assert given["uri"] == "sip:example.org"
    assert given.get("algorithm", "") == algorithm
    assert given.get("nc") == ("00000001" if qop else None)
    assert ("qop" in given) == bool(qop)


def test_auth_goes_before_auth_int(account: Any, asks: Any, said: Any) -> None:
    account.client.challenged(account.request(), asks('Digest realm="r", nonce="n", qop="auth-int,auth"'))
    assert said(account.signed())[0]["qop"] == "auth"


def test_the_topmost_algorithm_that_we_know_is_used(account: Any, asks: Any, said: Any) -> None:
    offers = [f'Digest realm="r", nonce="{name}", algorithm={name}, qop="auth"' for name in ("X", "SHA-256", "MD5")]
    account.client.challenged(account.request(), asks(*offers))
    assert [given["algorithm"] for given in said(account.signed())] == ["SHA-256"]
    account.client.challenged(account.request(), asks(*reversed(offers)))
    assert [given["algorithm"] for given in said(account.signed())] == ["MD5"]


def test_an_algorithm_or_protection_that_nobody_knows_is_said(account: Any, asks: Any) -> None:
    for line in ('algorithm=SHA3-999, qop="auth"', 'qop="auth-conf"', 'algorithm="MD5, x"'):
        answer = asks(f'Digest realm="r", nonce="n", {line}')
        assert account.client.challenged(account.request(), answer) is Verdict.UNSUPPORTED, line
    assert account.client.challenged(account.request(), asks('Basic realm="r"')) is Verdict.UNSUPPORTED
    assert account.client.challenged(account.request(), asks()) is Verdict.UNSUPPORTED
    assert not account.signed().headers.all("Authorization")


def test_opaque_comes_back_as_it_was(account: Any, asks: Any) -> None:
    account.client.challenged(account.request(), asks('Digest realm="r", nonce="n\\"1", opaque="o\\\\\\"2"'))
    line = account.signed().headers.get("Authorization")
    assert 'opaque="o\\\\\\"2"' in line
    assert 'nonce="n\\"1"' in line


def test_an_empty_opaque_comes_back_empty_and_an_absent_one_not_at_all(account: Any, asks: Any) -> None:
    account.client.challenged(account.request(), asks('Digest realm="r", nonce="n", opaque=""'))
    assert 'opaque=""' in account.signed().headers.get("Authorization")
    account.client.challenged(account.request(), asks('Digest realm="r", nonce="m"'))
    assert "opaque" not in account.signed().headers.get("Authorization")


def test_what_has_no_quotes_on_the_wire_has_none_here(account: Any, asks: Any) -> None:
    """RFC 3261 section 25.1: old parsers choke on `qop="auth"` in credentials."""
    account.client.challenged(account.request(), asks('Digest realm="r", nonce="n", algorithm="MD5", qop="auth"'))
    line = account.signed().headers.get("Authorization")
    assert ", qop=auth, nc=00000001" in line
    assert ", algorithm=MD5," in line


def test_escapes_are_resolved_before_the_digest_is_made(account: Any, asks: Any, said: Any, wanted: Any) -> None:
    account.client.challenged(account.request(), asks('Digest realm="a \\"b\\"", nonce="n\\\\1", qop="auth"'))
    request = account.signed()
    (given,) = said(request)
    assert (given["realm"], given["nonce"]) == ('a "b"', "n\\1")
    assert given["response"] == wanted(given, request)
