"""Two machines that report to each other, in virtual time: when, what, and what each learns of the way between them."""

from dataclasses import dataclass, field

import pytest

from softswitch.rtp.reports import INTERVAL_SECONDS, Counts, Reports
from softswitch.rtp.rtcp import (
    Block,
    Bye,
    Description,
    Extended,
    LastReference,
    ReceiverReport,
    ReferenceTime,
    SenderReport,
    Voip,
    compound,
    parse,
)

NOBODY = Counts(-1, 0, 0, 0, 0, 0, 0, 0)


def reports(ssrc: int = 1, *, wall: float = 1_700_000_000.0, chance: float = 0.5) -> Reports:
    return Reports(ssrc=ssrc, first=100, cname="x@y", wall=wall, now=0.0, chance=chance)


@dataclass
class Pair:
    """Two sides whose walls do not agree, each 50 packets a second, with loss and delay on the way to the second."""

    delay: float = 0.040
    loss_of_a: float = 0.1
    one: Reports = field(default_factory=lambda: reports(1))
    two: Reports = field(default_factory=lambda: reports(2, wall=1_600_000_123.4))
    times: list[float] = field(default_factory=list)

    def run(self, seconds: int) -> None:
        wire: list[tuple[float, Reports, bytes]] = []
        for step in range(seconds * 100):
            now = step / 100
            for arrives, to, data in [one for one in wire if one[0] <= now]:
                to.receive(data, arrives)
            wire = [one for one in wire if one[0] > now]
            if step % 100 == 0:
                sent = step // 2
                lost = int(sent * self.loss_of_a)
                first = Counts(2, (99 + sent) & 0xFFFF, sent, 0, 8, sent, sent * 160, sent * 160)
                second = Counts(1, (99 + sent) & 0xFFFF, sent - lost, lost, 16, sent, sent * 160, sent * 160)
                for to, said in (
                    (self.two, self.one.look(first if sent else NOBODY, now=now, chance=0.3)),
                    (self.one, self.two.look(second if sent else NOBODY, now=now, chance=0.7)),
                ):
                    if said:
                        wire.append((now + self.delay, to, said))
                        if to is self.two:
                            self.times.append(now)


def test_a_round_trip_is_measured_though_the_clocks_on_the_walls_differ() -> None:
    pair = Pair(delay=0.040)
    pair.run(30)
    assert pair.one.round_trip == pytest.approx(0.080, abs=0.001)
    assert pair.two.round_trip == pytest.approx(0.080, abs=0.001)


def test_each_side_knows_what_the_other_has_lost_of_it() -> None:
    pair = Pair(loss_of_a=0.1)
    pair.run(60)
    assert pair.one.heard is not None
    assert pair.two.heard is not None
    assert pair.one.heard.loss_percent == pytest.approx(10.0, abs=0.2)
    assert pair.one.heard.jitter == 16
    assert pair.two.heard.loss_percent == 0.0


def test_reports_keep_the_intervals_of_the_rfc_and_the_first_is_early() -> None:
    pair = Pair()
    pair.run(120)
    gaps = [after - before for before, after in zip(pair.times, pair.times[1:], strict=False)]
    assert pair.times[0] <= INTERVAL_SECONDS / 2 + 1
    # 0.8 of 5 s, divided by e - 3/2, and up to the next whole second.
    assert set(gaps) == {4.0}


def test_numbers_that_begin_anew_are_counted_on() -> None:
    machine = reports()
    for second in range(2000):
        machine.look(Counts(2, (60000 + 50 * second) & 0xFFFF, 50 * second, 0, 0, 0, 0, 0), now=second, chance=0.5)
    said = parse(machine.leave(Counts(2, (60000 + 50 * 1999) & 0xFFFF, 0, 0, 0, 0, 0, 0), now=2000.0))
    assert isinstance(said[0], ReceiverReport)
    assert said[0].blocks[0].highest == 60000 + 50 * 1999


def test_another_source_begins_its_own_count_of_losses() -> None:
    machine = reports()
    machine.look(Counts(2, 500, 400, 100, 0, 0, 0, 0), now=1.0, chance=0.5)
    machine.look(Counts(3, 9, 410, 100, 0, 0, 0, 0), now=2.0, chance=0.5)
    said = parse(machine.leave(Counts(3, 19, 415, 105, 0, 0, 0, 0), now=3.0))
    assert said[0].blocks[0][:4] == (3, said[0].blocks[0].fraction, 5, 19)  # type: ignore[union-attr]


def test_who_sends_says_so_and_who_only_hears_as_well() -> None:
    machine = reports()
    first = parse(machine.look(Counts(2, 5, 5, 0, 0, 50, 8000, 77), now=5.0, chance=0.5))
    assert isinstance(first[0], SenderReport)
    assert (first[0].packets, first[0].octets, first[0].timestamp) == (50, 8000, 77)
    assert first[0].ntp >> 32 == 1_700_000_005 + 2_208_988_800
    assert first[1] == Description(1, "x@y")
    second = parse(machine.look(Counts(2, 5, 5, 0, 0, 50, 8000, 77), now=20.0, chance=0.5))
    assert isinstance(second[0], ReceiverReport)


def test_the_last_word_is_a_farewell() -> None:
    assert parse(reports().leave(NOBODY, now=1.0))[-1] == Bye((1,))


def test_who_asks_for_the_time_is_answered_once() -> None:
    machine = reports()
    machine.receive(compound([Extended(9, (ReferenceTime(0x0123456789ABCDEF),))]), 1.0)
    said = parse(machine.look(NOBODY, now=5.0, chance=0.5))
    assert said[-1] == Extended(1, (LastReference(((9, 0x456789AB, 4 * 65536),)),))
    assert not any(isinstance(one, Extended) for one in parse(machine.look(NOBODY, now=20.0, chance=0.5)))


def test_what_is_said_of_somebody_else_is_not_for_us() -> None:
    machine = reports()
    machine.receive(compound([ReceiverReport(2, (Block(77, 255, 1000, 2000),))]), 1.0)
    machine.receive(compound([Extended(2, (Voip(77, loss=99),))]), 1.0)
    assert machine.heard is None
    assert machine.theirs is None


@pytest.mark.parametrize("last", [1, 0x7FFFFFFF, 0xFFFFFFFF])
def test_an_echo_of_what_we_never_said_is_no_round_trip(last: int) -> None:
    machine = reports()
    machine.receive(compound([ReceiverReport(2, (Block(1, 0, 0, 200, 0, last, 5),))]), 1.0)
    assert machine.round_trip is None
