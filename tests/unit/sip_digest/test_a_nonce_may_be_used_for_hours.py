"""An honest client uses one nonce again and again (RFC 7616 section 3.4.5): it is asked once, and never fails."""

import random
from typing import Any

import pytest

from softswitch.sip.digest_server import LIFETIME, WINDOW, Outcome


def test_a_day_of_refreshes_costs_a_challenge_each_six_hours_and_no_failure(office: Any, phone: Any) -> None:
    asked = 0
    for _minute in range(24 * 60):
        outcomes = phone.ask()
        assert outcomes[-1] is Outcome.ACCEPTED
        assert outcomes in ([Outcome.ACCEPTED], [Outcome.STALE, Outcome.ACCEPTED], [Outcome.ABSENT, Outcome.ACCEPTED])
        asked += len(outcomes) - 1
        office.now += 60
    assert asked == 24 * 3600 / LIFETIME
    assert office.server.counts["wrong"] == 0
    assert len(office.server) <= 2


def test_requests_may_overtake_each_other(office: Any, phone: Any) -> None:
    phone.ask()
    requests = [phone.signed() for _ in range(WINDOW - 1)]
    random.Random(1).shuffle(requests)
    assert {office.judge(request).outcome for request in requests} == {Outcome.ACCEPTED}


def test_counts_may_jump(office: Any, phone: Any) -> None:
    phone.ask()
    for _ in range(50):
        for _lost in range(WINDOW + 3):
            phone.signed()
        assert office.judge(phone.signed()).outcome is Outcome.ACCEPTED


def test_two_phones_of_one_account_have_nonces_of_their_own(office: Any, make_phone: Any) -> None:
    one, other = make_phone(office, seed=1), make_phone(office, seed=2)
    one.ask(), other.ask()
    for _ in range(100):
        assert one.ask() == other.ask() == [Outcome.ACCEPTED]


def test_a_nonce_of_before_our_restart_is_stale_and_no_failure(office: Any, phone: Any) -> None:
    phone.ask()
    office.restart()
    assert phone.ask() == [Outcome.STALE, Outcome.ACCEPTED]
    assert office.server.counts["wrong"] == 0


def test_the_fresh_challenge_says_that_the_nonce_was_stale(office: Any) -> None:
    assert "stale=true" in (office.challenge(stale=True).headers.get("WWW-Authenticate") or "")
    assert "stale" not in (office.challenge().headers.get("WWW-Authenticate") or "")


def test_a_phone_that_knows_no_counts_is_asked_each_time(office: Any, make_phone: Any) -> None:
    # RFC 2069: nothing tells its second request from a recorded first one
    from softswitch.sip.message import Headers, Response

    phone = make_phone(office)
    for _ in range(3):
        line = (office.challenge().headers.get("WWW-Authenticate") or "").replace(', qop="auth"', "")
        request = phone.request()
        phone.client.challenged(request, Response(401, "Unauthorized", Headers([("WWW-Authenticate", line)])))
        phone.client.authorize(request)
        assert "qop" not in (request.headers.get("Authorization") or "")
        assert office.judge(request).outcome is Outcome.ACCEPTED
        assert office.judge(request).outcome is Outcome.STALE


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "SHA-512-256"])
def test_every_algorithm_of_rfc_8760_proves_a_password(make_office: Any, make_phone: Any, algorithm: str) -> None:
    office = make_office(algorithms=(algorithm,))
    for name in ("alice", "bob"):
        assert make_phone(office, name).ask() == [Outcome.ABSENT, Outcome.ACCEPTED]


def test_a_challenge_for_each_algorithm_stands_in_the_order_of_the_settings(make_office: Any, make_phone: Any) -> None:
    office = make_office(algorithms=("SHA-256", "MD5"))
    lines = office.challenge().headers.all("WWW-Authenticate")
    assert ["SHA-256" in line for line in lines] == [True, False]
    phone = make_phone(office)
    assert phone.ask() == [Outcome.ABSENT, Outcome.ACCEPTED]
    assert "SHA-256" in (phone.signed().headers.get("Authorization") or "")


def test_a_body_may_be_covered(office: Any, make_phone: Any) -> None:
    from softswitch.sip.message import Headers, Response

    phone = make_phone(office)
    line = (office.challenge().headers.get("WWW-Authenticate") or "").replace('"auth"', '"auth-int"')
    request = phone.request("INVITE", body=b"v=0")
    phone.client.challenged(request, Response(401, "Unauthorized", Headers([("WWW-Authenticate", line)])))
    phone.client.authorize(request)
    changed = request.copy()
    changed.body = b"v=1"
    assert office.judge(changed).outcome is Outcome.WRONG
    assert office.judge(request).outcome is Outcome.ACCEPTED
