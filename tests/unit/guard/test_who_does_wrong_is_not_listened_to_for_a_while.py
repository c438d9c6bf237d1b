"""Offences become bans, bans expire and grow, and honest mistakes stay cheap."""

from collections.abc import Callable

import pytest

from softswitch.net.bans import MAX_BANS, Bans
from softswitch.net.gate import PLEA_SECONDS, Standing
from tests.unit.guard.conftest import INVITE, REINVITE, RESPONSE, Door

Make = Callable[..., Door]

HOST = "198.51.100.7"


@pytest.mark.parametrize(
    "line",
    [
        b"User-Agent: friendly-scanner",
        b"user-agent:SIPCLI/v1.8",
        b"User-Agent : pplsip",
        b"User-Agent: VaxSIPUserAgent/3.5",
        b"User-Agent: sundayddr",
        b"User-Agent: Mozilla friendly-request",
        b'From: "sipvicious"<sip:100@1.1.1.1>;tag=6434',
    ],
)
def test_a_scanner_gets_silence_from_its_first_message_on(door: Make, line: bytes) -> None:
    here = door()
    assert not here.admitted(HOST, b"OPTIONS sip:1000@192.0.2.1 SIP/2.0\r\nTo: <sip:1@x>\r\n" + line + b"\r\n\r\n")
    assert here.bans == [(HOST, "scanner", 60.0)]
    assert not here.admitted(HOST, RESPONSE)
    assert here.gate.dropped == {"scanner": 1, "banned": 1}


def test_what_only_stands_in_a_body_makes_nobody_a_scanner(door: Make) -> None:
    here = door()
    assert here.admitted(HOST, b"MESSAGE sip:1@x SIP/2.0\r\nUser-Agent: Linphone\r\n\r\nbeware of friendly-scanner")
    assert here.admitted(HOST, b"INVITE sip:sipcli@x SIP/2.0\r\nSubject: sipvicious\r\n\r\n")


def test_a_stranger_who_floods_is_banned_within_a_second(door: Make) -> None:
    here = door()
    here.admitted(HOST, a_second=2000, seconds=1)
    assert here.bans == [(HOST, "flood", 60.0)]
    assert here.admitted(HOST, a_second=2000, seconds=50) == 0


def test_bans_end_and_are_longer_each_time(door: Make) -> None:
    here = door(ban_max_seconds=200)
    for expected in (60, 120, 200, 200):
        here.gate.offended(HOST, "scanner", now=here.now)
        assert here.bans[-1][2] == expected
        here.now += expected - 0.1
        assert not here.admitted(HOST)
        here.now += 0.2
        assert here.admitted(HOST)


def test_what_comes_of_before_makes_no_ban_longer(door: Make) -> None:
    here = door()
    for _ in range(100):  # connections that it had opened, and that time out one by one
        here.gate.offended(HOST, "stalled_connection", now=here.now)
        here.now += 0.1
    assert here.bans == [(HOST, "stalled_connection", 60.0)]


def test_a_ban_that_is_long_over_is_forgotten(door: Make) -> None:
    here = door()
    here.gate.offended(HOST, "scanner", now=here.now)
    here.now += 60 + 3601
    here.gate.offended(HOST, "scanner", now=here.now)
    assert [seconds for _, _, seconds in here.bans] == [60, 60]


def test_a_telephone_with_a_wrong_password_is_never_banned(door: Make) -> None:
    here = door()
    for _ in range(24 * 120):  # every 30 s, for a day
        here.gate.offended(HOST, "bad_password", now=here.now)
        here.now += 30
        assert here.admitted(HOST)
    assert not here.bans


def test_ten_telephones_with_wrong_passwords_behind_one_address_are_not_banned(door: Make) -> None:
    here = door()
    for _ in range(60):
        for _ in range(10):
            here.gate.offended(HOST, "bad_password", now=here.now)
        here.now += 30
    assert not here.bans


def test_whoever_guesses_passwords_is_banned_but_never_for_long(door: Make) -> None:
    here = door()
    for _ in range(600):
        here.now += 0.1
        if here.admitted(HOST):
            here.gate.offended(HOST, "bad_password", now=here.now)
    assert {seconds for _, kind, seconds in here.bans if kind == "bad_password"} == {60.0}


def test_numbers_that_are_closed_may_be_dialled_by_mistake(door: Make) -> None:
    here = door()
    for _ in range(30):
        here.gate.offended(HOST, "closed_number", now=here.now)
        here.now += 10
    assert not here.bans
    for _ in range(11):
        here.gate.offended(HOST, "closed_number", now=here.now)
    assert here.bans[0][:2] == (HOST, "closed_number")


@pytest.mark.parametrize("kind", ["scanner", "flood", "bad_password", "bad_message", "closed_number"])
def test_nobody_who_is_known_is_banned(door: Make, kind: str) -> None:
    here = door()
    here.standings[HOST] = Standing.KNOWN
    assert here.admitted(HOST)
    for _ in range(2000):
        here.gate.offended(HOST, kind, now=here.now)
    assert not here.bans and here.gate.offences[kind] == 2000
    assert here.admitted(HOST)


def test_a_peer_of_a_call_is_not_banned_for_what_it_sends_too_much_of(door: Make) -> None:
    here = door()
    here.standings[HOST] = Standing.PEER
    here.admitted(HOST, a_second=5000, seconds=5)
    assert here.gate.offences["flood"] > 1000 and not here.bans
    here.gate.offended(HOST, "scanner", now=here.now)
    assert here.bans


def test_denied_networks_get_silence_and_allowed_ones_alone_are_heard(door: Make) -> None:
    here = door(allow=("198.51.100.0/24",), deny=("198.51.100.128/25",), trusted=("127.0.0.0/8",))
    here.standings["203.0.113.5"] = Standing.KNOWN
    here.standings["203.0.113.6"] = Standing.PEER
    heard = {
        host: bool(here.admitted(host))
        for host in ("198.51.100.7", "198.51.100.200", "203.0.113.4", "203.0.113.5", "203.0.113.6", "127.0.0.1")
    }
    assert heard == {
        "198.51.100.7": True,
        "198.51.100.200": False,
        "203.0.113.4": False,
        "203.0.113.5": True,  # a carrier need not be written down twice
        "203.0.113.6": False,
        "127.0.0.1": True,
    }
    assert not here.gate.admit_connection("198.51.100.200", now=here.now)
    assert here.gate.dropped["denied"] == 4


def test_a_banned_host_is_not_let_connect_and_may_be_pardoned(door: Make) -> None:
    here = door()
    here.gate.offended("2001:db8::1", "scanner", now=here.now, connected=True)
    assert not here.gate.admit_connection("2001:db8::2", now=here.now)
    (ban,) = here.gate.running_bans(now=here.now)
    assert (ban.host, ban.kind, ban.seconds_left, ban.dropped) == ("2001:db8::/64", "scanner", 60.0, 1)
    assert here.gate.pardon(ban.host) and not here.gate.pardon(ban.host)
    assert here.gate.admit_connection("2001:db8::2", now=here.now)
    assert not here.gate.running_bans(now=here.now)


def test_connections_cost_as_well(door: Make) -> None:
    here = door(messages=50, burst_seconds=2)
    assert sum(here.gate.admit_connection(HOST, now=here.now) for _ in range(100)) == 20


def test_nobody_who_still_sends_is_pushed_out_of_the_list() -> None:
    bans = Bans(60.0, 3600.0, most=100)
    assert bans.add("attacker", "flood", grows=True, now=0.0)
    now = 0.0
    for number in range(10_000):
        now += 0.01
        assert bans.hit("attacker", now=now) or now > 60
        bans.add(f"made-up-{number}", "scanner", grows=True, now=now)
        assert len(bans) <= 100
    assert bans.add("attacker", "flood", grows=True, now=now) == 120.0, "it was remembered"


def test_a_full_list_takes_no_more_until_somebody_is_quiet() -> None:
    bans = Bans(60.0, 3600.0, most=2)
    assert bans.add("a", "flood", grows=True, now=0.0) and bans.add("b", "flood", grows=True, now=1.0)
    assert not bans.add("c", "flood", grows=True, now=2.0)
    bans.hit("a", now=25.0)
    assert bans.add("c", "flood", grows=True, now=32.0)
    assert bans.holds("a", now=32.0) and not bans.holds("b", now=32.0)
    assert MAX_BANS >= 10_000


def test_the_gate_asks_no_more_often_than_it_must(door: Make) -> None:
    here = door()
    asked: list[str] = []
    here.gate.standing = lambda host: asked.append(host) or Standing.STRANGER  # type: ignore[func-returns-value]
    here.admitted(HOST, INVITE, a_second=1000, seconds=0.25)
    assert len(asked) == 1
    here.admitted(HOST, RESPONSE, a_second=5, seconds=20)
    assert 2 <= len(asked) <= 4


REGISTER = b"REGISTER sip:192.0.2.1 SIP/2.0\r\nTo: <sip:ada@192.0.2.1>\r\n\r\n"


def test_forged_datagrams_keep_nobody_from_connecting(door: Make) -> None:
    here = door()
    here.gate.offended(HOST, "scanner", now=here.now)
    here.admitted(HOST, a_second=2000)
    assert not here.admitted(HOST)
    assert here.gate.admit_connection(HOST, now=here.now)
    assert here.gate.admit(HOST, INVITE, now=here.now, connected=True)
    assert not here.gate.bans(HOST, now=here.now)


def test_who_is_banned_for_a_connection_is_not_let_connect_again(door: Make) -> None:
    here = door()
    here.gate.offended(HOST, "scanner", now=here.now, connected=True)
    assert here.gate.bans(HOST, now=here.now) and not here.gate.admit_connection(HOST, now=here.now)
    assert [(ban.host, ban.connections) for ban in here.gate.running_bans(now=here.now)] == [(HOST, True)]
    assert here.admitted(HOST), "what comes by datagrams is another matter: anybody could have sent it"


def test_a_register_passes_now_and_then_and_who_proves_himself_is_banned_no_more(door: Make) -> None:
    here = door()
    here.gate.offended(HOST, "scanner", now=here.now)
    passed = here.admitted(HOST, REGISTER, a_second=50, seconds=20)
    assert passed == pytest.approx(20 / PLEA_SECONDS, abs=1)
    here.gate.vindicated(HOST)
    assert here.admitted(HOST) and not here.gate.running_bans(now=here.now)


def test_pleas_are_no_way_around_what_all_strangers_share(door: Make) -> None:
    here = door(all_requests=20, burst_seconds=1)
    hosts = [f"10.0.{number >> 8}.{number & 255}" for number in range(2000)]
    for host in hosts:
        here.gate.offended(host, "scanner", now=here.now)
    assert sum(here.admitted(host, REGISTER) for host in hosts) == 20


def test_a_peer_whose_address_was_forged_still_ends_its_call(door: Make) -> None:
    here = door()
    here.standings[HOST] = Standing.PEER
    assert here.admitted(HOST)
    here.gate.offended(HOST, "scanner", now=here.now)
    bye = b"BYE sip:x@y SIP/2.0\r\nTo: <sip:1@x>;tag=2\r\n\r\n"
    assert [here.admitted(HOST, message) for message in (bye, RESPONSE, REINVITE, INVITE)] == [1, 1, 1, 0]


def test_a_call_makes_nobody_welcome_to_flood(door: Make) -> None:
    here = door()
    peers = [f"198.51.100.{number}" for number in range(1, 21)]
    here.standings.update(dict.fromkeys(peers, Standing.PEER))
    settings = here.gate.settings
    alone = here.admitted(peers[0], RESPONSE, a_second=5000, seconds=10)
    assert alone == pytest.approx(settings.peer_messages * (10 + settings.burst_seconds), rel=0.02)
    passed = 0
    for _ in range(1000):
        here.now += 0.01
        passed += sum(here.gate.admit(host, RESPONSE, now=here.now) for host in peers for _ in range(5))
    assert passed <= settings.all_messages * (10 + settings.burst_seconds)
    assert here.admitted("203.0.113.9"), "and strangers have their share all the while"
