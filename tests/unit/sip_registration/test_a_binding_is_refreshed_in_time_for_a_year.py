"""Early, but not too early, never twice at the same fraction, and for ever."""

from typing import Any

import pytest

from softswitch.sip.registration import MIN_REFRESH, RegistrationState

YEAR = 365 * 86400.0


@pytest.mark.parametrize("expires", [60, 300, 3600, 86400])
def test_a_year_of_refreshes(make_rig: Any, grants: Any, expires: int) -> None:
    rig = make_rig(expires=expires)
    rig.otherwise = grants(expires)
    rig.start().run(YEAR if expires >= 3600 else YEAR / 50)
    assert rig.state is RegistrationState.REGISTERED
    fractions = [gap / expires for gap in rig.gaps]
    assert 0.49 < min(fractions)
    assert max(fractions) < 0.91
    assert len({round(fraction, 4) for fraction in fractions}) > 10 or len(fractions) < 20
    numbers = [request.cseq.number for _, _, request in rig.sent]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len({request.call_id for _, _, request in rig.sent}) == 1
    assert [change.state for change in rig.changes] == [RegistrationState.REGISTERING, RegistrationState.REGISTERED]


@pytest.mark.parametrize("expires", [70, 100, 300, 3600])
def test_a_refresh_that_times_out_leaves_time_for_another(make_rig: Any, grants: Any, expires: int) -> None:
    """64*T1 is 32 s: the binding must outlive a lost transaction."""
    for seed in range(20):
        rig = make_rig(seed=seed)
        rig.otherwise = grants(expires)
        rig.start().run(100 * expires)
        assert max(rig.gaps) <= expires - 35 + 1e-6


@pytest.mark.parametrize("expires", [1, 5, 10, 30])
def test_an_absurdly_short_expiry_is_no_reason_to_hammer(make_rig: Any, grants: Any, expires: int) -> None:
    rig = make_rig()
    rig.otherwise = grants(expires)
    rig.start().run(3600)
    assert rig.state is RegistrationState.REGISTERED
    assert min(rig.gaps) >= MIN_REFRESH
    assert max(rig.gaps) <= max(MIN_REFRESH, 0.7 * expires)


def test_two_clients_do_not_come_at_once(make_rig: Any) -> None:
    """A registrar that came back sees its clients spread out."""
    times = sorted(make_rig(seed=seed).start().run(3600).sent[1][0] for seed in range(50))
    assert times[-1] - times[0] > 300
    assert len(set(times)) == 50
