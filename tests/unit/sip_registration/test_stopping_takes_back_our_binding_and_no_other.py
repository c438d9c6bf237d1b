"""Un-REGISTER: our own Contact with expires 0, never `*`, and never a second request before the first is answered."""

from typing import Any

import pytest

from softswitch.sip.registration import RegistrationState


def test_stopping_takes_back_our_binding(make_rig: Any) -> None:
    rig = make_rig()
    rig.start().run(10)
    rig.stop()
    assert rig.state is RegistrationState.UNREGISTERED
    assert rig.last.headers.get("Expires") == "0"
    assert rig.last.headers.all("Contact") == [f"{rig.contact};expires=0"]
    assert rig.machine.next_timer() is None
    assert rig.machine.status().expires_at == 0
    assert [change.state.value for change in rig.changes[2:]] == ["unregistering", "unregistered"]


def test_it_goes_to_the_address_that_has_the_binding(make_rig: Any, servers: Any) -> None:
    rig = make_rig()
    rig.targets = servers
    rig.answers[servers[0]] = lambda request: "transport"
    rig.start()
    rig.stop()
    assert rig.sent[-1][1] == servers[1]


def test_nothing_is_sent_where_there_is_no_binding(make_rig: Any, refuses: Any) -> None:
    for answer in (refuses(403), refuses(500), lambda request: "timeout"):
        rig = make_rig()
        rig.otherwise = answer
        rig.start()
        rig.stop()
        assert (rig.state, len(rig.sent)) == (RegistrationState.UNREGISTERED, 1)
        rig.run(86400)
        assert len(rig.sent) == 1


def test_a_register_on_its_way_is_waited_for(make_rig: Any, grants: Any) -> None:
    rig = make_rig()
    rig.otherwise = lambda request: None
    rig.start()
    rig.stop()
    assert (rig.state, len(rig.sent)) == (RegistrationState.UNREGISTERING, 1)
    rig.otherwise = grants()
    rig.machine.response(grants()(rig.last), now=rig.now)
    rig.pump()
    assert (rig.state, len(rig.sent)) == (RegistrationState.UNREGISTERED, 2)
    assert rig.last.headers.get("Expires") == "0"


def test_a_register_on_its_way_that_is_refused_needs_no_more(make_rig: Any, refuses: Any) -> None:
    rig = make_rig()
    rig.otherwise = lambda request: None
    rig.start()
    rig.stop()
    rig.machine.response(refuses(401)(rig.last), now=rig.now)
    rig.pump()
    assert (rig.state, len(rig.sent)) == (RegistrationState.UNREGISTERED, 1)


@pytest.mark.parametrize("failure", [401, 403, 500, "timeout", "transport", None])
def test_a_registrar_that_will_not_hear_it_does_not_hold_us(make_rig: Any, refuses: Any, failure: Any) -> None:
    rig = make_rig()
    rig.start()
    rig.otherwise = refuses(failure) if isinstance(failure, int) else lambda request: failure
    rig.stop()
    rig.run(71)
    assert rig.state is RegistrationState.UNREGISTERED
    assert len(rig.sent) == 2
    assert "could not unregister" in rig.error


def test_a_stopped_registration_may_start_again(make_rig: Any) -> None:
    rig = make_rig()
    rig.start()
    rig.stop()
    rig.start()
    assert rig.state is RegistrationState.REGISTERED
    assert [request.cseq.number for _, _, request in rig.sent] == [1, 2, 3]
    assert rig.last.headers.get("Expires") == "3600"


def test_stopping_twice_or_never_started_is_nothing(make_rig: Any) -> None:
    rig = make_rig()
    rig.stop()
    assert not rig.sent
    rig.start()
    rig.stop()
    rig.stop()
    assert len(rig.sent) == 2
    rig.machine.flow_lost(now=rig.now)
    rig.machine.failed("timeout", now=rig.now)
    rig.machine.resolved(rig.targets, now=rig.now)
    assert rig.pump().state is RegistrationState.UNREGISTERED
