"""Fail-over at once, and back to the first when it works again."""

from typing import Any

import pytest

from softswitch.sip.registration import RegistrationState


@pytest.mark.parametrize("failure", ["timeout", "transport", 408, 430, 500, 502, 503, 504])
def test_the_next_address_is_tried_at_once(make_rig: Any, refuses: Any, servers: Any, failure: int | str) -> None:
    rig = make_rig()
    rig.targets = servers
    rig.answers[servers[0]] = refuses(failure) if isinstance(failure, int) else lambda request: failure
    rig.start()
    assert rig.state is RegistrationState.REGISTERED
    assert [target for _, target, _ in rig.sent] == list(servers[:2])
    assert rig.machine.status().server == "192.0.2.2:5060/udp"
    assert "192.0.2.1:5060/udp" in rig.error  # why we are not at the first


@pytest.mark.parametrize("status", [302, 400, 404, 480, 501, 600, 603])
def test_an_answer_that_all_would_give_ends_the_round(make_rig: Any, refuses: Any, servers: Any, status: int) -> None:
    rig = make_rig()
    rig.targets = servers
    rig.otherwise = refuses(status)
    rig.start()
    assert len(rig.sent) == 1


def test_a_silent_address_is_left_after_ten_seconds(make_rig: Any, servers: Any) -> None:
    rig = make_rig()
    rig.targets = servers
    rig.answers[servers[0]] = rig.answers[servers[1]] = lambda request: None
    rig.start().run(30)
    assert rig.state is RegistrationState.REGISTERED
    assert rig.gaps == [10.0, 10.0]


def test_we_go_back_to_the_first_when_it_works_again(make_rig: Any, grants: Any, servers: Any) -> None:
    rig = make_rig()
    rig.targets = servers
    rig.answers[servers[0]] = lambda request: "transport"
    rig.start().run(3 * 3600)
    tries = [at for at, target, _ in rig.sent if target == servers[0]]
    pauses = [later - earlier for earlier, later in zip(tries, tries[1:], strict=False)]
    assert 290 < min(pauses)  # looked for often, but not all the time
    assert max(pauses) < 310
    assert {target for _, target, _ in rig.sent} == set(servers[:2])
    rig.answers[servers[0]] = grants()
    rig.run(310)
    assert rig.machine.status().server == "192.0.2.1:5060/udp"
    assert rig.error == ""
    before = len(rig.sent)
    rig.run(3600)
    assert {target for _, target, _ in rig.sent[before:]} == {servers[0]}


def test_a_refresh_stays_where_we_are_registered_whatever_order_names_have(make_rig: Any, servers: Any) -> None:
    rig = make_rig()
    rig.targets = servers
    rig.start()
    rig.targets = servers[::-1]
    rig.run(86400)
    assert {target for _, target, _ in rig.sent} == {servers[0]}


def test_an_address_that_left_the_name_is_left(make_rig: Any, servers: Any) -> None:
    rig = make_rig()
    rig.targets = servers
    rig.start()
    rig.targets = servers[1:]
    rig.run(7200)
    assert rig.sent[-1][1] == servers[1]


def test_a_refresh_fails_over_without_leaving_the_state(make_rig: Any, grants: Any, servers: Any) -> None:
    rig = make_rig()
    rig.targets = servers
    rig.start()
    rig.answers[servers[0]] = lambda request: None
    rig.run(3600)
    assert [change.state for change in rig.changes] == [RegistrationState.REGISTERING, RegistrationState.REGISTERED]
    assert rig.machine.status().server == "192.0.2.2:5060/udp"


def test_when_all_fail_the_round_begins_again_later(make_rig: Any, servers: Any) -> None:
    rig = make_rig()
    rig.targets = servers
    rig.otherwise = lambda request: "transport"
    rig.start()
    assert [target for _, target, _ in rig.sent] == list(servers)
    assert rig.state is RegistrationState.FAILED
    rig.run(60)
    assert [target for _, target, _ in rig.sent[3:]] == [servers[1], servers[2], servers[0]] or len(rig.sent) == 6


def test_a_hundred_addresses_are_not_all_tried(make_rig: Any) -> None:
    rig = make_rig()
    rig.targets = [("udp", f"192.0.2.{number}", 5060) for number in range(100)]
    rig.otherwise = lambda request: "transport"
    rig.start()
    assert len(rig.sent) == 8


def test_a_lost_connection_is_made_again_at_once(make_rig: Any) -> None:
    rig = make_rig()
    rig.start().run(200)
    rig.machine.flow_lost(now=rig.now)
    rig.pump()
    assert len(rig.sent) == 2
    assert rig.gaps == [200.0]
    assert [change.state.value for change in rig.changes[-2:]] == ["registering", "registered"]
    assert "was lost" in rig.changes[-2].why


def test_a_registrar_that_hangs_up_each_time_is_not_run_after(make_rig: Any) -> None:
    rig = make_rig()
    rig.start()
    for _ in range(2000):
        rig.machine.flow_lost(now=rig.now)
        rig.pump().run(1)
    assert len(rig.sent) < 10
    assert rig.gaps[0] >= 1, "a registrar that restarts is back soon"
    assert rig.gaps[3] >= 30
    assert rig.gaps[-1] > 200
