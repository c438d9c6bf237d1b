import pytest

from softswitch.sip.flow import Flow
from softswitch.sip.transaction import (
    CLIENT,
    INVITE_CLIENT,
    INVITE_SERVER,
    SERVER,
    Input,
    State,
    Table,
    Timer,
    TimerSettings,
    Transaction,
)

UDP = Flow("UDP", ("192.0.2.1", 5060), ("192.0.2.2", 5060))
TCP = Flow("TCP", ("192.0.2.1", 5060), ("192.0.2.2", 5060), 7)


def started(table: Table, flow: Flow, *events: Input) -> Transaction:
    transaction = Transaction(table, ("branch", "METHOD"), flow, TimerSettings(), now=0.0)
    for event in events:
        transaction.step(event, now=0.0)
    return transaction


def beats(transaction: Transaction, *, at_most: int = 50) -> list[tuple[float, str]]:
    """Let every timer fire; return when which did."""
    fired = []
    while transaction.state is not State.TERMINATED and len(fired) < at_most:
        now = transaction.next_timer()
        timer = transaction.fired(now=now)
        assert timer is not None
        transaction.step(timer, now=now)
        fired.append((now, timer.value))
    return fired


def test_an_invite_is_sent_seven_times() -> None:
    seen = beats(started(INVITE_CLIENT, UDP))
    assert seen == [(0.5, "A"), (1.5, "A"), (3.5, "A"), (7.5, "A"), (15.5, "A"), (31.5, "A"), (32.0, "B")]


def test_another_request_is_sent_eleven_times() -> None:
    seen = beats(started(CLIENT, UDP))
    assert [at for at, timer in seen if timer == "E"] == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert seen[-1] == (32.0, "F")


def test_a_provisional_response_slows_it_down_but_does_not_restart_it() -> None:
    transaction = started(CLIENT, UDP)
    assert transaction.fired(now=0.5) is Timer.E
    transaction.step(Input.RECEIVED_1XX, now=0.6)
    assert beats(transaction) == [*[(1.5 + 4 * n, "E") for n in range(8)], (32.0, "F")]


def test_a_refusal_is_repeated_until_the_ack() -> None:
    seen = beats(started(INVITE_SERVER, UDP, Input.SENT_FAILURE))
    assert [at for at, timer in seen if timer == "G"] == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert seen[-1] == (32.0, "H")


@pytest.mark.parametrize(
    ("table", "events", "over_udp", "over_tcp"),
    [
        (INVITE_CLIENT, (Input.RECEIVED_FAILURE,), [(32.0, "D")], []),
        (INVITE_CLIENT, (Input.RECEIVED_2XX,), [(32.0, "M")], [(32.0, "M")]),
        (INVITE_CLIENT, (Input.RECEIVED_1XX, Input.CANCEL), [(32.0, "64*T1 after CANCEL")], None),
        (CLIENT, (Input.RECEIVED_2XX,), [(5.0, "K")], []),
        (INVITE_SERVER, (Input.SENT_2XX,), [(32.0, "L")], [(32.0, "L")]),
        (INVITE_SERVER, (Input.SENT_FAILURE, Input.ACK), [(5.0, "I")], []),
        (SERVER, (Input.SENT_2XX,), [(32.0, "J")], []),
    ],
)
def test_a_finished_transaction_lingers(
    table: Table, events: tuple[Input, ...], over_udp: list[object], over_tcp: list[object] | None
) -> None:
    assert beats(started(table, UDP, *events)) == over_udp
    assert beats(started(table, TCP, *events)) == (over_udp if over_tcp is None else over_tcp)


def test_nothing_is_repeated_over_tcp() -> None:
    assert beats(started(INVITE_CLIENT, TCP)) == [(32.0, "B")]
    assert beats(started(CLIENT, TCP)) == [(32.0, "F")]
    assert beats(started(CLIENT, TCP, Input.RECEIVED_1XX)) == [(32.0, "F")]
    assert beats(started(INVITE_SERVER, TCP, Input.SENT_FAILURE)) == [(32.0, "H")]


def test_after_a_stall_one_copy_is_sent_and_not_all_that_were_missed() -> None:
    transaction = started(INVITE_CLIENT, UDP)
    assert transaction.fired(now=6.0) is Timer.A
    assert transaction.fired(now=6.0) is None
    assert transaction.fired(now=99.0) is Timer.B
