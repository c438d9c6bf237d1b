"""One try with credentials, then a verdict: nobody hammers a server, and no server keeps us busy."""

from typing import Any

import pytest

from softswitch.sip.auth import MAX_REALMS, Verdict


@pytest.mark.parametrize("qop", [', qop="auth"', ""])
def test_a_second_challenge_refuses(account: Any, asks: Any, qop: str) -> None:
    request = account.request()
    assert account.client.challenged(request, asks(f'Digest realm="r", nonce="1"{qop}')) is Verdict.RETRY
    account.client.authorize(request)
    assert account.client.challenged(request, asks(f'Digest realm="r", nonce="2"{qop}')) is Verdict.REFUSED


@pytest.mark.parametrize("qop", [', qop="auth"', ""])
def test_each_of_many_calls_at_once_is_refused_after_one_try(account: Any, asks: Any, qop: str) -> None:
    """The calls share the nonces, whoever was given them."""
    client, calls, tries = account.client, [account.request() for _ in range(20)], 0
    while calls and tries < 500:
        for request in list(calls):
            tries += 1
            verdict = client.challenged(request, asks(f'Digest realm="r", nonce="{tries}"{qop}'))
            if verdict is Verdict.REFUSED:
                calls.remove(request)
            else:
                client.authorize(request)
    assert not calls
    assert tries <= 60


def test_another_realm_than_ours_gets_no_credentials(make_account: Any, asks: Any) -> None:
    account = make_account(realm="ours")
    answer = asks('Digest realm="theirs", nonce="1", qop="auth"')
    assert account.client.challenged(account.request(), answer) is Verdict.NO_CREDENTIALS
    assert not account.signed().headers.all("Authorization")


def test_only_our_realm_among_several_gets_credentials(make_account: Any, asks: Any, said: Any) -> None:
    account = make_account(realm="ours")
    answer = asks('Digest realm="theirs", nonce="1", qop="auth"', 'Digest realm="ours", nonce="2", qop="auth"')
    assert account.client.challenged(account.request(), answer) is Verdict.RETRY
    assert [given["realm"] for given in said(account.signed())] == ["ours"]


def test_a_new_realm_for_each_answer_comes_to_an_end(account: Any, asks: Any) -> None:
    request = account.request()
    for number in range(MAX_REALMS):
        answer = asks(f'Digest realm="r{number}", nonce="n", qop="auth"')
        assert account.client.challenged(request, answer) is Verdict.RETRY
        account.client.authorize(request)
    answer = asks('Digest realm="one more", nonce="n", qop="auth"')
    assert account.client.challenged(request, answer) is Verdict.ENDLESS
    # and it is not for ever: the next request begins anew
    request = account.signed()
    assert not request.headers.all("Authorization")
    assert account.client.challenged(request, answer) is Verdict.RETRY
