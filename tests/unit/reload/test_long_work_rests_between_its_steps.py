"""A thread that reads files rests so often that calls are not kept waiting; who set no pace is not slowed down."""

import threading

from softswitch import clock
from softswitch.pace import resting, step, steps


def test_without_a_pace_nothing_rests() -> None:
    began = clock.now()
    for _ in steps(range(1000)):
        step()
    assert clock.now() - began < 0.5


def test_work_and_rest_come_by_turns() -> None:
    began, worked = clock.now(), 0
    with resting(work=0.0, rest=0.001):
        for worked in steps(range(20)):  # noqa: B007 - how far it came is the point
            pass
        step()
    assert worked == 19 and clock.now() - began >= 0.020
    ended = clock.now()
    step()
    assert clock.now() - ended < 0.5, "it rests after its work is done"


def test_the_pace_is_that_of_one_thread() -> None:
    seconds: list[float] = []

    def other() -> None:
        began = clock.now()
        for _ in steps(range(50)):
            pass
        seconds.append(clock.now() - began)

    with resting(work=0.0, rest=0.02):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert seconds[0] < 0.5
