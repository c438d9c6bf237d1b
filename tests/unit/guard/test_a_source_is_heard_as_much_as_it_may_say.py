"""Two buckets for each source and one for all strangers; who is known does not suffer from who is not."""

from collections.abc import Callable

import pytest

from softswitch.net.gate import Standing
from tests.unit.guard.conftest import INVITE, REINVITE, RESPONSE, Door

Make = Callable[..., Door]


def test_a_stranger_may_burst_and_then_has_a_rate(door: Make) -> None:
    here = door(requests=10, burst_seconds=5, ban_points=1e9)
    passed = here.admitted("198.51.100.7", a_second=2000, seconds=10)
    assert passed == pytest.approx(50 + 10 * 10, abs=2)
    here.now += 60
    assert here.admitted("198.51.100.7", a_second=10, seconds=60) == 600


def test_answers_and_requests_in_dialogs_are_no_new_requests(door: Make) -> None:
    here = door(requests=1, messages=50, burst_seconds=1)
    assert here.admitted("198.51.100.7", RESPONSE, a_second=40, seconds=5) == 200
    for method in (b"ACK", b"BYE", b"CANCEL", b"PRACK", b"UPDATE", b"INFO", b"NOTIFY"):
        here.now += 1
        assert here.admitted("198.51.100.7", method + b" sip:x@y SIP/2.0\r\n\r\n", a_second=20) == 20, method
    for method in (b"INVITE", b"REGISTER", b"OPTIONS", b"SUBSCRIBE", b"MESSAGE", b"REFER", b"invite", b"NONSENSE", b""):
        here.now += 10
        assert here.admitted("198.51.100.7", method + b" sip:x@y SIP/2.0\r\n\r\n", a_second=20) in (1, 2), method


def test_a_large_message_costs_as_much_as_it_is_large(door: Make) -> None:
    here = door(messages=50, burst_seconds=2)
    large = b"ACK sip:x@y SIP/2.0\r\n" + b"x" * 60_000
    assert here.admitted("198.51.100.7", large, a_second=100) == 3


def test_one_host_takes_nothing_from_another(door: Make) -> None:
    here = door()
    for _ in range(10):
        here.admitted("198.51.100.7", a_second=2000)
        assert here.admitted("198.51.100.8", a_second=5, seconds=2) == 10


def test_ten_thousand_made_up_hosts_do_not_starve_who_is_known(door: Make) -> None:
    here = door()
    here.standings["192.0.2.9"] = Standing.KNOWN
    passed = 0
    for number in range(10_000):
        here.now += 0.0005
        here.gate.admit(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", INVITE, now=here.now)
        if not number % 10:
            passed += here.admitted("192.0.2.9")
    assert passed == 1000
    assert here.gate.dropped["all_requests"] > 7000
    assert here.gate.banned.total() == 0


def test_the_allowance_of_all_is_not_used_up_by_one(door: Make) -> None:
    here = door(all_requests=20, burst_seconds=1, requests=5)
    here.admitted("198.51.100.7", a_second=2000, seconds=5)
    assert here.admitted("198.51.100.8") == 1


def test_trusted_networks_are_not_counted(door: Make) -> None:
    here = door(trusted=("127.0.0.0/8", "2001:db8::/32"), requests=1)
    assert here.admitted("127.3.2.1", a_second=5000) == 5000
    assert here.admitted("2001:db8::1", a_second=5000) == 5000
    here.gate.offended("127.3.2.1", "scanner", now=here.now)
    assert here.admitted("127.3.2.1") == 1


def test_who_registers_has_more_at_once(door: Make) -> None:
    here = door(requests=10, burst_seconds=1)
    here.admitted("198.51.100.7", a_second=20, seconds=2)
    here.standings["198.51.100.7"] = Standing.KNOWN
    here.now += 1.0
    assert here.admitted("198.51.100.7", a_second=400) == 400


def test_whoever_was_known_is_a_stranger_again_some_time_later(door: Make) -> None:
    here = door(requests=10, burst_seconds=1)
    here.standings["198.51.100.7"] = Standing.KNOWN
    assert here.admitted("198.51.100.7", a_second=400) == 400
    here.standings.clear()
    here.now += 10
    assert here.admitted("198.51.100.7", a_second=400) < 40


def test_a_peer_of_a_call_may_say_all_that_belongs_to_it(door: Make) -> None:
    here = door(requests=2, all_requests=2, messages=20, burst_seconds=1)
    here.standings["198.51.100.7"] = Standing.PEER
    assert here.admitted("198.51.100.7", REINVITE, a_second=300) == 300
    assert here.admitted("198.51.100.7", a_second=300) < 10


def test_addresses_of_one_ipv6_subscriber_are_one_source(door: Make) -> None:
    here = door(requests=10, burst_seconds=1)
    passed = sum(here.admitted(f"2001:db8:1:2::{number:x}") for number in range(1, 1000))
    assert passed == 10
    assert here.admitted("2001:db8:1:3::1") == 1
    assert here.gate.sources == 2


def test_the_table_of_sources_is_bounded_and_keeps_who_goes_on(door: Make) -> None:
    here = door(requests=10, burst_seconds=1, ban_points=1e9, all_requests=1e6, all_messages=1e6)
    here.admitted("198.51.100.7", a_second=2000)
    passed = 0
    for number in range(40_000):
        here.now += 0.00001
        here.gate.admit(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", INVITE, now=here.now)
        if not number % 1000:
            passed += here.admitted("198.51.100.7")
    assert here.gate.sources <= 2 * 8192
    assert passed <= 5, "its bucket began anew"


def test_networks_that_the_operator_knows_are_known(door: Make) -> None:
    here = door(known=("198.51.100.0/24",), allow=("192.0.2.0/24",), requests=1)
    assert here.admitted("198.51.100.7", a_second=400) == 400
    here.gate.offended("198.51.100.7", "scanner", now=here.now)
    assert here.admitted("198.51.100.7") and not here.bans
