"""What answers a registrar goes to no one who is called: a digest that travels on could be guessed at leisure."""

from typing import Any

from softswitch.sip.auth import Verdict

ASK = 'Digest realm="r", nonce="{}", qop="auth"'


def test_a_call_carries_nothing_that_only_the_registrar_asked_for(account: Any, asks: Any, said: Any) -> None:
    account.client.challenged(account.request("REGISTER"), asks(ASK.format("one")))
    assert said(account.signed("REGISTER"))
    assert said(account.signed("INVITE")) == []


def test_a_registration_carries_nothing_that_only_a_call_was_asked_for(account: Any, asks: Any, said: Any) -> None:
    account.client.challenged(account.request("INVITE"), asks(ASK.format("one")))
    assert said(account.signed("BYE"))
    assert said(account.signed("REGISTER")) == []


def test_each_keeps_its_own_nonce(account: Any, asks: Any, said: Any) -> None:
    for method, nonce in (("REGISTER", "mine"), ("INVITE", "yours")):
        assert account.client.challenged(account.request(method), asks(ASK.format(nonce))) is Verdict.RETRY
    for _ in range(3):
        assert said(account.signed("REGISTER"))[0]["nonce"] == "mine"
        assert said(account.signed("INVITE"))[0]["nonce"] == "yours"


def test_a_proxy_on_the_way_is_answered_in_both(account: Any, asks: Any, said: Any) -> None:
    account.client.challenged(account.request("REGISTER"), asks(ASK.format("one"), proxy=True))
    for method in ("REGISTER", "INVITE", "BYE"):
        assert said(account.signed(method), proxy=True)[0]["nonce"] == "one"


def test_a_wrong_password_is_noticed_in_each(account: Any, asks: Any) -> None:
    for method in ("REGISTER", "INVITE"):
        request = account.request(method, call_id=method)
        assert account.client.challenged(request, asks(ASK.format(f"{method}1"))) is Verdict.RETRY
        account.client.authorize(request)
        assert account.client.challenged(request, asks(ASK.format(f"{method}2"))) is Verdict.REFUSED
