"""`refused` is a state with a sentence that says what to do, and no hammering: it leads to being locked out."""

from typing import Any

import pytest

from softswitch.sip.registration import RegistrationState

CHALLENGE = ("WWW-Authenticate", 'Digest realm="carrier", nonce="1", qop="auth"')
DAY = 86400.0


@pytest.mark.parametrize(("status", "lines"), [(403, ()), (401, (CHALLENGE,)), (407, (CHALLENGE,))])
def test_wrong_credentials_stop_the_tries(make_rig: Any, refuses: Any, status: int, lines: Any) -> None:
    rig = make_rig()
    rig.otherwise = refuses(status, *lines)
    rig.start()
    assert rig.state is RegistrationState.REFUSED
    assert "check username and password in carriers.yaml" in rig.error
    assert "alice" in rig.error
    rig.run(5 * 3600)
    assert len(rig.sent) == 1
    rig.run(10 * DAY)
    assert len(rig.sent) <= 41  # once in six hours


def test_the_realm_is_named(make_rig: Any, refuses: Any) -> None:
    rig = make_rig()
    rig.otherwise = refuses(401, ("WWW-Authenticate", 'Digest realm="a \x1b[31mred realm", nonce="1"'))
    assert "in realm 'a ?[31mred realm'" in rig.start().error


def test_only_the_first_address_is_asked(make_rig: Any, refuses: Any, servers: Any) -> None:
    rig = make_rig()
    rig.targets = servers
    rig.otherwise = refuses(403)
    rig.start().run(3600)
    assert len(rig.sent) == 1


def test_credentials_that_had_worked_get_a_few_second_thoughts(make_rig: Any, grants: Any, refuses: Any) -> None:
    """A registrar that restarts knows no accounts for a minute; one that changed our password is not hammered."""
    rig = make_rig()
    rig.start()
    rig.otherwise = refuses(403)
    rig.run(3600)
    assert rig.state is RegistrationState.REFUSED
    before = len(rig.sent)
    rig.run(3600)
    assert 1 <= len(rig.sent) - before <= 3
    after = len(rig.sent)
    rig.run(DAY)
    assert len(rig.sent) - after <= 4
    rig.otherwise = grants()
    rig.run(DAY / 3)
    assert rig.state is RegistrationState.REGISTERED
    assert rig.error == ""


def test_no_credentials_at_all_is_another_sentence(make_rig: Any, refuses: Any) -> None:
    rig = make_rig(username="")
    rig.otherwise = refuses(401, CHALLENGE)
    rig.start()
    assert rig.state is RegistrationState.REFUSED
    assert "set username and password" in rig.error


def test_another_realm_is_another_sentence(make_rig: Any, refuses: Any) -> None:
    rig = make_rig(realm="ours")
    rig.otherwise = refuses(401, CHALLENGE)
    rig.start()
    assert rig.state is RegistrationState.REFUSED
    assert "asks for realm 'carrier', but carriers.yaml says 'ours'" in rig.error


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ((), "no challenge can be read"),
        ((("WWW-Authenticate", 'Digest realm="broken'),), "no challenge can be read"),
        ((("WWW-Authenticate", 'Digest realm="r", nonce="1", algorithm=SHA3'),), "(SHA3)"),
        ((("WWW-Authenticate", 'Digest realm="r", nonce="1", stale=true'),), "stale"),
    ],
)
def test_nonsense_in_the_challenge_is_a_failure_and_no_verdict(
    make_rig: Any, grants: Any, refuses: Any, lines: Any, words: str
) -> None:
    rig = make_rig()
    rig.otherwise = refuses(401, *lines)
    rig.start()
    assert rig.state is RegistrationState.FAILED
    assert words in rig.error
    rig.otherwise = grants()
    assert rig.run(60).state is RegistrationState.REGISTERED


def test_an_operator_may_try_again_at_once(make_rig: Any, grants: Any, refuses: Any) -> None:
    rig = make_rig()
    rig.otherwise = refuses(403)
    rig.start()
    rig.otherwise = grants()
    rig.start()
    assert rig.state is RegistrationState.REGISTERED


def test_whoever_refuses_us_is_not_told_that_we_leave(make_rig: Any, refuses: Any) -> None:
    rig = make_rig()
    rig.start()
    rig.otherwise = refuses(403)
    rig.start()
    rig.stop()
    assert (rig.state, len(rig.sent)) == (RegistrationState.UNREGISTERED, 2)
