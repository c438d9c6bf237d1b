"""Session timers of 90 s, the least that RFC 4028 allows: refreshed after 45 s, by us and by Asterisk."""

from concurrent.futures import Future

import pytest

from tests.live.asterisk.conftest import Refreshed

pytestmark = [pytest.mark.asterisk, pytest.mark.slow]


@pytest.mark.parametrize("refresher", ["uas", "uac"], ids=["by-the-switch", "by-asterisk"])
def test_a_session_timer_is_refreshed_by_either_side(
    refreshed_calls: dict[str, Future[Refreshed]], refresher: str
) -> None:
    call = refreshed_calls[refresher].result()
    assert call.agreed == f"90;refresher={refresher}"
    assert 40 < call.after < 50, "half the interval (RFC 4028 section 7.2)"
    assert call.cause == 16, "the call was still there to be hung up"
