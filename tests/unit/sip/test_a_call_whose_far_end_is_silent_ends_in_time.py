"""Two session timers over a call of many hours in virtual time, with what the field does to them."""

from collections.abc import Callable
from math import inf

import pytest

from softswitch.sip.message import Headers, Request, Response
from softswitch.sip.session_timer import Expired, Lines, Refresh, SessionTimer, SessionTimerSettings
from softswitch.sip.uri import Uri

HOUR = 3600.0


class End:
    """One end of the call: answers while it is alive, and speaks of timers if it can."""

    def __init__(self, settings: SessionTimerSettings, *, able: bool = True) -> None:
        self.timer = SessionTimer(settings)
        self.able = able
        self.refreshed_at: list[float] = []
        self.expired_at: list[float] = []
        #: Says whether a request of the other end reaches this one and is answered at that time.
        self.answers: Callable[[float], bool] = lambda now: True

    def request(self, other: "End", now: float) -> bool:
        """Send an INVITE, re-INVITE or UPDATE; False where it is refused for good or nothing comes back."""
        if not other.answers(now):
            return False
        while True:
            lines: Lines = (("Supported", "timer"), *self.timer.request_headers()) if self.able else ()
            request = Request("INVITE", Uri.of("bob", "b"), Headers(lines))
            if other.able and other.timer.judge(request):
                refusal = Response(422, "", Headers(other.timer.too_small_headers()))
                if not self.timer.refused(refusal):
                    return False
                continue
            response = Response(200, "", Headers(other.timer.answering(request, now=now) if other.able else ()))
            if self.able:
                self.timer.answered(response, now=now)
            return True


def run(one: End, other: End, until: float) -> None:
    while True:
        ends = [(at, end) for end in (one, other) if (at := end.timer.next_timer()) is not None]
        now, end = min(ends, key=lambda pair: pair[0], default=(inf, one))
        if now > until:
            return
        end.timer.handle_timer(now=now)
        for output in end.timer.drain():
            match output:
                case Refresh():
                    end.refreshed_at.append(now)
                    end.request(other if end is one else one, now)
                case Expired():
                    end.expired_at.append(now)


def ends(*, able: bool = True, caller: int = 1800, callee: int = 1800, min_se: int = 90) -> tuple[End, End]:
    return End(SessionTimerSettings(caller)), End(SessionTimerSettings(callee, min_se), able=able)


def test_a_call_of_many_hours_is_refreshed_at_half_the_interval() -> None:
    caller, callee = ends()
    assert caller.request(callee, 0.0)
    run(caller, callee, 10 * HOUR)
    assert callee.refreshed_at == [900.0 * n for n in range(1, 41)] and not caller.refreshed_at
    assert not caller.expired_at and not callee.expired_at


def test_a_hold_by_the_other_end_counts_as_a_refresh_and_changes_no_role() -> None:
    caller, callee = ends()
    caller.request(callee, 0.0)
    run(caller, callee, 800.0)
    caller.request(callee, 800.0)
    run(caller, callee, 2000.0)
    assert callee.refreshed_at == [1700.0] and not caller.refreshed_at


@pytest.mark.parametrize("dead_from", [100.0, 5 * HOUR])
def test_a_call_whose_far_end_is_silent_ends_in_time(dead_from: float) -> None:
    caller, callee = ends()
    caller.request(callee, 0.0)
    caller.answers = lambda now: now < dead_from
    run(caller, callee, 10 * HOUR)
    refreshed = dead_from // 900 * 900 if dead_from % 900 else dead_from - 900
    assert callee.expired_at == [refreshed + 1800 - 32]
    assert callee.refreshed_at[-3:] == [refreshed + at for at in (900.0, 1334.0, 1551.0)]
    assert callee.timer.next_timer() is None


def test_the_end_that_waits_for_a_refresh_gives_up_in_time() -> None:
    caller, callee = ends()
    caller.request(callee, 0.0)
    callee.timer.stop()  # it has died and refreshes nothing
    run(caller, callee, 10 * HOUR)
    assert caller.expired_at == [1768.0] and not caller.refreshed_at


def test_a_refresh_that_met_glare_is_tried_again() -> None:
    caller, callee = ends()
    caller.request(callee, 0.0)
    caller.answers = lambda now: now > 1000.0
    run(caller, callee, 2 * HOUR)
    assert callee.refreshed_at[:3] == [900.0, 1334.0, 2234.0] and not callee.expired_at


def test_a_short_interval_ends_a_third_before_it_is_over() -> None:
    caller, callee = ends(caller=90)
    caller.request(callee, 0.0)
    caller.answers = lambda now: False
    run(caller, callee, HOUR)
    assert callee.refreshed_at == [45.0] and callee.expired_at == caller.expired_at == [60.0]


def test_a_peer_without_support_has_no_timer() -> None:
    caller, callee = ends(able=False)
    caller.request(callee, 0.0)
    assert caller.timer.next_timer() is None
    callee.request(caller, 10.0)
    assert caller.timer.next_timer() is None


def test_an_interval_that_the_callee_refuses_is_raised() -> None:
    caller, callee = ends(caller=100, callee=1800, min_se=600)
    assert caller.request(callee, 0.0)
    assert caller.timer.interval == callee.timer.interval == 600
    assert caller.request(callee, 10.0)  # and asked for at once from now on


def test_after_the_end_nothing_is_refreshed() -> None:
    caller, callee = ends()
    caller.request(callee, 0.0)
    for end in (caller, callee):
        end.timer.stop()
    caller.timer.answered(Response(200, "", Headers([("Session-Expires", "1800;refresher=uac")])), now=10.0)
    assert caller.timer.next_timer() is None and callee.timer.next_timer() is None
    caller.timer.handle_timer(now=HOUR)
    assert caller.timer.drain() == []
