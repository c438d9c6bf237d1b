"""An exhausted range says how many are in use, how many rest, and which option widens it."""

import pytest

from softswitch.errors import ResourceError
from softswitch.net.port_pool import PortPool


def test_no_free_rtp_port_is_a_sentence() -> None:
    pool = PortPool(20000, 20005)
    for _ in range(3):
        port = pool.take()
    pool.release(port, now=1.0)
    with pytest.raises(ResourceError) as caught:
        pool.take()
    assert str(caught.value) == (
        "all 3 RTP port pairs of 20000-20005 are in use (2 by calls, 1 waiting until their old peers are quiet); "
        "widen the range with --rtp-ports"
    )
