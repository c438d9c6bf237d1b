"""A gate whose settings are replaced goes by the new ones at once, and no ban is lost over it."""

from collections.abc import Callable

from softswitch.net.gate import GateSettings
from tests.unit.guard.conftest import Door

Make = Callable[..., Door]
HOST = "198.51.100.7"


def test_networks_and_rates_are_the_new_ones_for_who_is_known_already(door: Make) -> None:
    here = door(requests=2, burst_seconds=1)
    assert here.admitted(HOST, a_second=100) < 10
    here.gate.adopt(GateSettings(requests=200, messages=200, burst_seconds=1), now=here.now)
    assert here.admitted(HOST, a_second=100) == 100
    here.gate.adopt(GateSettings(deny=("198.51.100.0/24",)), now=here.now)
    assert not here.admitted(HOST)
    here.gate.adopt(GateSettings(trusted=("198.51.100.0/24",), requests=1), now=here.now)
    assert here.admitted(HOST, a_second=100) == 100


def test_bans_stay_and_the_next_one_has_the_new_length(door: Make) -> None:
    here = door()
    here.gate.offended(HOST, "scanner", now=here.now)
    here.gate.adopt(GateSettings(ban_seconds=5, ban_max_seconds=5), now=here.now)
    here.now += 59
    assert not here.admitted(HOST)
    here.now += 2
    assert here.admitted(HOST)
    here.gate.offended(HOST, "scanner", now=here.now)
    assert here.bans[-1][2] == 5
