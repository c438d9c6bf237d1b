"""RTP takes the even port, and the odd one above it is inside the range too."""

import pytest

from softswitch.errors import ResourceError
from softswitch.net.port_pool import PortPool


@pytest.mark.parametrize(
    ("first", "last", "ports"),
    [
        (20000, 20003, [20000, 20002]),
        (20001, 20004, [20002]),
        (20000, 20002, [20000]),
        (20000, 20001, [20000]),
        (1, 3, [2]),
        (65534, 65535, [65534]),
    ],
)
def test_rtp_ports_come_in_even_odd_pairs(first: int, last: int, ports: list[int]) -> None:
    pool = PortPool(first, last)
    assert pool.pairs == len(ports)
    assert [pool.take() for _ in ports] == ports


@pytest.mark.parametrize(
    ("first", "last"), [(20000, 20000), (20001, 20002), (20010, 20000), (0, 100), (65535, 65536), (-2, 2)]
)
def test_a_range_without_a_pair_is_refused_with_a_sentence(first: int, last: int) -> None:
    with pytest.raises(ResourceError, match=rf"^RTP ports {first}-{last} .*; use "):
        PortPool(first, last)
