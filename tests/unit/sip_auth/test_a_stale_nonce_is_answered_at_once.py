"""A nonce that is over is replaced without a complaint, whether the server says `stale` or not."""

from typing import Any

from softswitch.sip.auth import MAX_STALE, Verdict


def test_a_stale_nonce_is_answered_at_once(account: Any, asks: Any, said: Any) -> None:
    client = account.client
    client.challenged(account.request(), asks('Digest realm="r", nonce="one", qop="auth"'))
    account.signed(call_id="a")
    again = account.signed(call_id="a")
    stale = asks('Digest realm="r", nonce="two", qop="auth", stale=TRUE')
    assert client.challenged(again, stale) is Verdict.RETRY
    client.authorize(again)
    assert [(given["nonce"], given["nc"]) for given in said(again)] == [("two", "00000001")]


def test_a_farm_that_shares_no_nonces_may_call_a_fresh_one_stale(account: Any, asks: Any) -> None:
    client = account.client
    request = account.request()
    client.challenged(request, asks('Digest realm="r", nonce="0", qop="auth"'))
    verdicts = []
    for number in range(1, 10):
        client.authorize(request)
        verdicts.append(client.challenged(request, asks(f'Digest realm="r", nonce="{number}", qop="auth", stale=true')))
    assert verdicts[:MAX_STALE] == [Verdict.RETRY] * MAX_STALE
    assert verdicts[MAX_STALE] is Verdict.ENDLESS


def test_a_stale_nonce_given_out_again_is_not_tried_again(account: Any, asks: Any) -> None:
    answer = asks('Digest realm="r", nonce="one", qop="auth", stale=true')
    request = account.request()
    assert account.client.challenged(request, answer) is Verdict.RETRY
    account.client.authorize(request)
    assert account.client.challenged(request, answer) is Verdict.ENDLESS


def test_a_server_that_restarted_and_says_nothing_of_stale_is_answered(account: Any, asks: Any) -> None:
    for qop in (', qop="auth"', ""):
        client = account.client
        request = account.request(call_id="reg")
        client.challenged(request, asks(f'Digest realm="r", nonce="old"{qop}'))
        account.signed(call_id="reg")
        refresh = account.signed(call_id="reg")
        assert client.challenged(refresh, asks(f'Digest realm="r", nonce="new"{qop}')) is Verdict.RETRY
        client.authorize(refresh)
        assert client.challenged(refresh, asks(f'Digest realm="r", nonce="newer"{qop}')) is Verdict.REFUSED
        client.forget()


def test_a_nonce_is_used_again_and_counted(account: Any, asks: Any, said: Any, wanted: Any) -> None:
    account.client.challenged(account.request("INVITE"), asks('Digest realm="r", nonce="one", qop="auth"'))
    for count in range(1, 20):
        request = account.signed("INVITE" if count % 2 else "BYE")
        (given,) = said(request)
        assert given["nc"] == f"{count:08x}"
        assert given["response"] == wanted(given, request)


def test_the_same_nonce_for_two_requests_at_once_is_counted_on(account: Any, asks: Any, said: Any) -> None:
    answer = asks('Digest realm="r", nonce="of this second", qop="auth"')
    counts = []
    for _ in range(3):
        request = account.request()
        assert account.client.challenged(request, answer) is Verdict.RETRY
        account.client.authorize(request)
        counts.append(said(request)[0]["nc"])
    assert counts == ["00000001", "00000002", "00000003"]


def test_a_nonce_that_another_call_was_given_may_be_over(account: Any, asks: Any) -> None:
    """Only who was first to use a nonce knows by its refusal that the password is wrong."""
    client = account.client
    client.challenged(account.request(), asks('Digest realm="r", nonce="one", qop="auth"'))
    first, second = account.signed(), account.signed()
    assert client.challenged(second, asks('Digest realm="r", nonce="two", qop="auth"')) is Verdict.RETRY
    assert client.challenged(first, asks('Digest realm="r", nonce="three", qop="auth"')) is Verdict.REFUSED
