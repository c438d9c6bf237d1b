"""Realms along a path and realms of a forked request: each gets its line, in the header it asked in."""

from typing import Any

from softswitch.sip.auth import Verdict


def test_a_proxy_and_the_server_behind_it(account: Any, asks: Any, said: Any, wanted: Any) -> None:
    request = account.request()
    answer = asks('Digest realm="proxy", nonce="p", qop="auth"', proxy=True)
    assert account.client.challenged(request, answer) is Verdict.RETRY
    account.client.authorize(request)
    assert account.client.challenged(request, asks('Digest realm="server", nonce="s"')) is Verdict.RETRY
    account.client.authorize(request)
    (to_proxy,), (to_server,) = said(request, proxy=True), said(request)
    assert (to_proxy["realm"], to_proxy["nc"]) == ("proxy", "00000002")
    assert to_server["realm"] == "server"
    assert to_proxy["response"] == wanted(to_proxy, request)
    assert to_server["response"] == wanted(to_server, request)


def test_one_realm_that_asks_as_proxy_and_as_server(account: Any, asks: Any, said: Any) -> None:
    request = account.request()
    account.client.challenged(request, asks('Digest realm="r", nonce="p"', proxy=True))
    account.client.authorize(request)
    assert account.client.challenged(request, asks('Digest realm="r", nonce="s"')) is Verdict.RETRY
    account.client.authorize(request)
    assert (len(said(request, proxy=True)), len(said(request))) == (1, 1)


def test_two_realms_of_a_forked_request(account: Any, asks: Any, said: Any) -> None:
    answer = asks('Digest realm="a", nonce="1", qop="auth"', 'Digest realm="b", nonce="2", algorithm=SHA-256')
    request = account.request()
    assert account.client.challenged(request, answer) is Verdict.RETRY
    account.client.authorize(request)
    assert [(given["realm"], given["nonce"]) for given in said(request)] == [("a", "1"), ("b", "2")]


def test_two_challenges_joined_in_one_line(account: Any, asks: Any, said: Any) -> None:
    answer = asks('Digest realm="a", nonce="1", qop="auth", Digest\trealm = "b", nonce=2')
    account.client.challenged(account.request(), answer)
    assert [given["realm"] for given in said(account.signed())] == ["a", "b"]


def test_old_credentials_are_replaced(account: Any, asks: Any, said: Any) -> None:
    request = account.request()
    for number in range(4):
        account.client.challenged(request, asks(f'Digest realm="r", nonce="{number}", stale=true'))
        account.client.authorize(request)
        assert [given["nonce"] for given in said(request)] == [str(number)]


def test_nothing_is_added_where_nothing_is_known(account: Any) -> None:
    assert len(account.signed().headers) == len(account.request().headers)
