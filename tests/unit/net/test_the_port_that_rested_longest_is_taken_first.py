"""Round robin: a port that was just given back, or refused, comes last."""

from softswitch.net.port_pool import PortPool


def test_every_port_is_used_before_one_is_used_twice() -> None:
    pool = PortPool(20000, 20009, quiet_seconds=0.0)
    used = []
    for turn in range(15):
        used.append(pool.take())
        pool.release(used[-1], now=float(turn))
        pool.handle_timer(now=float(turn))
    assert used == [20000, 20002, 20004, 20006, 20008] * 3


def test_a_port_that_another_program_holds_goes_to_the_end() -> None:
    pool = PortPool(20000, 20005)
    pool.refuse(pool.take())
    assert [pool.take() for _ in range(3)] == [20002, 20004, 20000]


def test_a_jump_leads_out_of_a_row_that_another_switch_holds() -> None:
    pool = PortPool(20000, 21999)
    held = set(range(20000, 20800, 2))
    tries, jump = 0, 7919
    while (port := pool.take()) in held:
        pool.refuse(port, jump=jump)
        tries, jump = tries + 1, jump * 31 % 65536
    assert tries < 10
    taken = {port} | {pool.take() for _ in range(pool.free)}
    assert taken == set(range(20000, 22000, 2))  # none is lost, none comes twice
