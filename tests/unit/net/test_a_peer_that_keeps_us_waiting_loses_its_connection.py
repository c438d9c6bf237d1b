"""First message, unfinished message, idle: each has its limit, and talk puts it off."""

from softswitch.net.patience import Patience, StreamLimits

LIMITS = StreamLimits(first_message=10.0, unfinished=5.0, idle=100.0)


def test_who_opens_a_connection_and_says_nothing_loses_it() -> None:
    patience = Patience(LIMITS, accepted=True, now=0.0)
    assert patience.next_timer() == 10.0
    assert patience.lost(now=9.9) is None
    assert patience.lost(now=10.0) == "first_message"


def test_line_ends_are_no_first_message() -> None:
    patience = Patience(LIMITS, accepted=True, now=0.0)
    patience.heard(messages=0, unfinished=False, now=9.0)
    assert patience.lost(now=10.0) == "first_message"


def test_one_octet_a_second_is_no_message() -> None:
    patience = Patience(LIMITS, accepted=True, now=0.0)
    patience.heard(messages=1, unfinished=False, now=1.0)
    for second in range(2, 7):
        patience.heard(messages=0, unfinished=True, now=float(second))
        assert patience.lost(now=float(second)) is None
    assert patience.next_timer() == 7.0
    assert patience.lost(now=7.0) == "unfinished"


def test_a_message_that_becomes_whole_in_time_is_welcome() -> None:
    patience = Patience(LIMITS, accepted=True, now=0.0)
    patience.heard(messages=0, unfinished=True, now=1.0)
    patience.heard(messages=1, unfinished=True, now=5.0)  # whole, and another begun
    assert patience.lost(now=9.9) is None
    patience.heard(messages=1, unfinished=False, now=9.9)
    assert patience.lost(now=50.0) is None


def test_a_connection_without_traffic_is_idle() -> None:
    patience = Patience(LIMITS, accepted=True, now=0.0)
    patience.heard(messages=1, unfinished=False, now=1.0)
    patience.heard(messages=0, unfinished=False, now=60.0)  # a keep-alive
    patience.used(now=90.0)
    assert patience.next_timer() == 190.0
    assert patience.lost(now=189.0) is None
    assert patience.lost(now=190.0) == "idle"


def test_a_connection_that_we_opened_owes_us_no_first_message() -> None:
    patience = Patience(LIMITS, accepted=False, now=0.0)
    assert patience.lost(now=99.0) is None
    assert patience.lost(now=100.0) == "idle"


def test_a_handshake_has_its_own_limit_and_the_first_message_begins_after_it() -> None:
    limits = StreamLimits(handshake=5.0, first_message=10.0, idle=100.0)
    half_open = Patience(limits, accepted=True, now=0.0, handshake=True)
    assert half_open.next_timer() == 5.0
    assert half_open.lost(now=4.9) is None
    assert half_open.lost(now=5.0) == "handshake"
    patience = Patience(limits, accepted=True, now=0.0, handshake=True)
    patience.ready(now=3.0)
    assert patience.next_timer() == 13.0
    assert patience.lost(now=12.9) is None
    assert patience.lost(now=13.0) == "first_message"


def test_a_tls_connection_that_we_opened_owes_us_its_handshake_only() -> None:
    limits = StreamLimits(handshake=5.0, idle=100.0)
    patience = Patience(limits, accepted=False, now=0.0, handshake=True)
    assert patience.lost(now=5.0) == "handshake"
    patience.ready(now=1.0)
    assert patience.lost(now=100.9) is None
    assert patience.lost(now=101.0) == "idle"
