"""RFC 5626 section 4.5: 30-60 s, 1-2 min, 2-4 min … 15-30 min; Retry-After counts, within reason."""

from typing import Any

import pytest

from softswitch.sip.message import Response
from softswitch.sip.registration import RegistrationState


@pytest.mark.parametrize("status", [302, 400, 404, 405, 420, 480, 500, 503, 505, 600, 603, 606, "timeout", "transport"])
def test_the_delay_grows(make_rig: Any, refuses: Any, status: int | str) -> None:
    rig = make_rig()
    rig.otherwise = refuses(status) if isinstance(status, int) else lambda request: status
    rig.start().run(3 * 3600)
    assert rig.state is RegistrationState.FAILED
    for number, gap in enumerate(rig.gaps):
        upper = min(1800.0, 30.0 * 2 ** (number + 1))
        assert upper / 2 <= gap <= upper, number
    assert len(rig.gaps) > 8


def test_a_year_of_failures_overflows_nothing(make_rig: Any, refuses: Any) -> None:
    rig = make_rig()
    rig.otherwise = refuses(500)
    rig.start().run(365 * 86400.0)
    assert 365 * 48 <= len(rig.sent) <= 365 * 96 + 10
    assert rig.gaps[-1] <= 1800


def test_delays_are_spread(make_rig: Any, refuses: Any) -> None:
    gaps = set()
    for seed in range(20):
        rig = make_rig(seed=seed)
        rig.otherwise = refuses(503)
        gaps.add(rig.start().run(60).gaps[0])
    assert len(gaps) == 20


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("120", 120, 132),
        ("120 (in a meeting);duration=60", 120, 132),
        ("0", 10, 11),
        ("1", 10, 11),
        ("999999999999999999999999", 3600, 3960),
        ("soon", 30, 60),
        ("-5", 30, 60),
        ("", 30, 60),
    ],
)
@pytest.mark.parametrize("status", [404, 503, 600])
def test_retry_after_is_honoured_within_reason(
    make_rig: Any, refuses: Any, status: int, text: str, low: float, high: float
) -> None:
    rig = make_rig()
    rig.otherwise = refuses(status, ("Retry-After", text))
    rig.start().run(4000)
    assert low <= rig.gaps[0] <= high


def test_a_success_that_lasts_ends_the_row(make_rig: Any, grants: Any, refuses: Any) -> None:
    rig = make_rig()
    rig.otherwise = refuses(500)
    rig.start().run(2 * 3600)
    rig.otherwise = grants(600)
    rig.run(3600)
    assert rig.state is RegistrationState.REGISTERED
    assert rig.machine.status().failures == 0
    rig.otherwise = refuses(500)
    before = len(rig.sent)
    rig.run(3600)
    assert rig.state is RegistrationState.FAILED
    assert 30 <= rig.gaps[before] <= 60  # the row begins anew


def test_the_words_say_who_and_what(make_rig: Any, refuses: Any) -> None:
    rig = make_rig()
    rig.otherwise = refuses(503, reason="Out\x07 of \udcffluck" + "!" * 500)
    rig.start()
    assert rig.error.startswith("192.0.2.1:5060/udp answers 503 Out? of \ufffdluck!!!")
    assert len(rig.error) < 160
    rig = make_rig()
    rig.otherwise = lambda request: "timeout"
    assert rig.start().error == "192.0.2.1:5060/udp does not answer"
    rig = make_rig()
    rig.otherwise = refuses(302, ("Contact", "<sip:elsewhere.example>"))
    assert "sends us to <sip:elsewhere.example>" in rig.start().error
    assert len(rig.sent) == 1


def test_an_owner_that_never_reports_is_not_waited_for(make_rig: Any) -> None:
    rig = make_rig()
    rig.otherwise = lambda request: None
    rig.start().run(71)
    assert rig.state is RegistrationState.FAILED
    rig = make_rig()
    rig.machine.start(now=rig.now)
    rig.machine.drain()  # and nobody resolves
    rig.run(71)
    assert rig.state is RegistrationState.FAILED
    assert "carrier.example" in rig.error


def test_a_name_that_leads_nowhere_is_a_sentence(make_rig: Any) -> None:
    rig = make_rig()
    rig.targets = "carrier.example is unknown to the name server"
    rig.start()
    assert (rig.state, rig.error) == (RegistrationState.FAILED, "carrier.example is unknown to the name server")
    rig.targets = []
    assert "has no address" in rig.run(60).error


def test_while_names_cannot_be_resolved_the_known_address_serves(make_rig: Any, servers: Any) -> None:
    rig = make_rig()
    rig.start()
    rig.targets = "the name server is down"
    rig.run(7200)
    assert rig.state is RegistrationState.REGISTERED
    assert len(rig.sent) >= 3


def test_a_provisional_answer_keeps_us_waiting(make_rig: Any, grants: Any, servers: Any) -> None:
    rig = make_rig()
    rig.targets = servers
    rig.otherwise = lambda request: None
    rig.start()
    rig.machine.response(Response(100, "Trying"), now=rig.now)
    rig.run(20)
    assert len(rig.sent) == 1
    rig.machine.response(grants()(rig.last), now=rig.now)
    assert rig.pump().state is RegistrationState.REGISTERED


@pytest.mark.parametrize("why", ["timeout", "transport"])
def test_a_registrar_that_had_us_is_asked_again_soon(make_rig: Any, grants: Any, why: str) -> None:
    rig = make_rig()
    rig.otherwise = grants(600)
    rig.start().run(60)
    rig.otherwise = lambda request: why
    before = len(rig.sent)
    rig.run(3600)
    assert rig.state is RegistrationState.FAILED
    gaps = rig.gaps[before:]
    for gap, upper in zip(gaps, (2.0, 5.0, 12.0, 60.0, 120.0, 240.0), strict=False):
        assert upper / 2 <= gap <= upper


def test_a_registrar_that_never_had_us_is_not_hurried(make_rig: Any) -> None:
    rig = make_rig()
    rig.otherwise = lambda request: "timeout"
    rig.start().run(3600)
    assert rig.gaps[0] >= 30
