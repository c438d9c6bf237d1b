"""The subscription of a REFER: each state and input of both tables, and both machines on a wire that loses messages."""

from collections.abc import Callable
from typing import Any

import pytest

from softswitch.sip.admission import CoreSettings
from softswitch.sip.core import RequestReceived, ResponseReceived, TransactionFailed
from softswitch.sip.message import Request
from softswitch.sip.refer import Fragment, SubscriptionState, event, refer_to
from softswitch.sip.subscription import (
    MAX_SECONDS,
    NO_SUBSCRIPTION,
    NOTIFIER,
    SILENT_SECONDS,
    SUBSCRIBER,
    SUBSCRIPTION_SECONDS,
    Notifier,
    NotifierInput,
    NotifierState,
    Subscriber,
    SubscriberInput,
    SubscriberState,
    Told,
)
from softswitch.sip.uri import Uri

ACTIVE = SubscriptionState("active", expires=60)
OVER = SubscriptionState("terminated", "noresource")
TABLES = [
    pytest.param(NOTIFIER, NotifierState, NotifierInput, NotifierState.ACTIVE, id="notifier"),
    pytest.param(SUBSCRIBER, SubscriberState, SubscriberInput, SubscriberState.ASKED, id="subscriber"),
]


@pytest.mark.parametrize(("table", "states", "inputs", "first"), TABLES)
def test_every_state_is_reached_and_left_by_time(table: Any, states: Any, inputs: Any, first: Any) -> None:
    reached, new = {first}, [first]
    while new:
        here = new.pop()
        for (state, _), (after, _) in table.items():
            if state is here and after not in reached:
                reached.add(after)
                new.append(after)
    assert reached == set(states)
    assert {what for _, what in table} == set(inputs)
    for state in states:
        if state is states.OVER:
            assert not [row for row in table if row[0] is state]
        else:
            assert table[state, inputs.EXPIRED][0] is not state


#: What is not in a table, and why nothing follows from it.
IGNORED = {
    (NotifierState.TOLD, NotifierInput.PROGRESS): "the end is said",
    (NotifierState.TOLD, NotifierInput.FINAL): "the end is said",
    (NotifierState.TOLD, NotifierInput.REFRESHED): "the end is said",
    (NotifierState.TOLD, NotifierInput.CANCELLED): "the end is said",
    (SubscriberState.ACCEPTED, SubscriberInput.ACCEPTED): "a transaction has one final answer",
    (SubscriberState.ACCEPTED, SubscriberInput.REFUSED): "a transaction has one final answer",
    (SubscriberState.HEARD, SubscriberInput.ACCEPTED): "a NOTIFY has said it before",
    (SubscriberState.HEARD, SubscriberInput.REFUSED): "the 2xx was lost: a NOTIFY has said that it was accepted",
    (SubscriberState.TOLD, SubscriberInput.ACCEPTED): "the end is said",
    (SubscriberState.TOLD, SubscriberInput.REFUSED): "the end is said",
    (SubscriberState.TOLD, SubscriberInput.PROGRESS): "the end is said",
    (SubscriberState.TOLD, SubscriberInput.FINAL): "the end is said",
}


@pytest.mark.parametrize(("table", "states", "inputs", "first"), TABLES)
def test_every_input_is_a_row_or_ignored_for_a_reason(table: Any, states: Any, inputs: Any, first: Any) -> None:
    absent = {(state, what) for state in states for what in inputs if (state, what) not in table}
    assert {row for row in absent if row[0] is not states.OVER} == {row for row in IGNORED if type(row[0]) is states}
    assert first is next(iter(states))


# The notifier


def notifier(named: bool = False) -> Notifier:
    return Notifier("7", named=named, last_seconds=32, now=0.0)


def said(machine: Notifier) -> list[tuple[str, int]]:
    return [(str(due.state).partition(";expires")[0], Fragment.parse(due.body).status) for due in machine.drain()]


def test_a_notifier_says_trying_at_once_and_names_itself_if_it_must() -> None:
    [first] = notifier().drain()
    assert (first.event, str(first.state), first.body) == (
        "refer",
        f"active;expires={SUBSCRIPTION_SECONDS}",
        b"SIP/2.0 100 Trying\r\n",
    )
    assert notifier(named=True).drain()[0].event == "refer;id=7"


def test_progress_waits_for_the_answer_to_the_notify_before() -> None:
    machine = notifier()
    assert said(machine) == [("active", 100)]
    machine.progress(180, now=1.0)
    machine.progress(183, now=2.0)
    assert said(machine) == []
    machine.answered(200, now=3.0)
    assert said(machine) == [("active", 183)]
    machine.answered(200, now=4.0)
    machine.progress(183, now=5.0)
    assert said(machine) == []  # nothing new
    machine.progress(486, now=6.0)
    assert said(machine) == [("terminated;reason=noresource", 486)]
    assert not machine.over and not machine.pending
    machine.answered(200, now=7.0)
    assert machine.over and machine.next_timer() is None


def test_the_end_waits_for_nobody_and_its_own_answer_counts() -> None:
    machine = notifier()
    machine.progress(200, now=0.5)
    assert said(machine) == [("active", 100), ("terminated;reason=noresource", 200)]
    machine.answered(200, now=1.0)
    assert not machine.over
    machine.answered(500, now=1.0)
    assert machine.over


@pytest.mark.parametrize("status", [None, *sorted(NO_SUBSCRIPTION)])
def test_a_peer_without_a_subscription_is_told_no_more(status: int | None) -> None:
    machine = notifier()
    machine.drain()
    machine.answered(status, now=1.0)
    assert machine.over
    machine.progress(200, now=2.0)
    assert machine.drain() == []


@pytest.mark.parametrize("status", [200, 202, 400, 408, 491, 500, 503])
def test_another_answer_is_no_reason_to_say_no_more(status: int) -> None:
    machine = notifier()
    machine.drain()
    machine.answered(status, now=1.0)
    machine.progress(180, now=2.0)
    assert said(machine) == [("active", 180)]


def test_a_subscription_that_nobody_refreshes_ends() -> None:
    machine = notifier()
    machine.drain()
    machine.answered(200, now=0.1)
    machine.progress(180, now=1.0)
    machine.drain()
    assert machine.next_timer() == SUBSCRIPTION_SECONDS
    machine.handle_timer(now=SUBSCRIPTION_SECONDS - 1)
    assert said(machine) == []
    machine.handle_timer(now=SUBSCRIPTION_SECONDS)
    assert said(machine) == [("terminated;reason=timeout", 180)]
    machine.progress(200, now=SUBSCRIPTION_SECONDS + 1)
    assert said(machine) == []
    machine.handle_timer(now=SUBSCRIPTION_SECONDS + 32)
    assert machine.over


@pytest.mark.parametrize(("asked", "granted"), [(None, 300), (60, 60), (3600, 300)])
def test_a_refresh_prolongs_it_and_says_where_it_is(asked: int | None, granted: int) -> None:
    machine = notifier()
    machine.drain()
    machine.answered(200, now=0.1)
    assert machine.subscribed(asked, now=200.0) == granted
    assert said(machine) == [("active", 100)]
    assert machine.next_timer() == 200.0 + granted


def test_no_refresh_prolongs_it_for_ever() -> None:
    machine, now = notifier(), 0.0
    while not machine.over:
        assert now <= MAX_SECONDS
        machine.drain()
        machine.answered(200, now=now)
        now += 100.0
        machine.handle_timer(now=now)
        machine.subscribed(None, now=now)
    assert now >= MAX_SECONDS


def test_a_subscribe_for_no_time_ends_it() -> None:
    machine = notifier()
    machine.drain()
    assert machine.subscribed(0, now=1.0) == 0
    assert said(machine) == [("terminated;reason=timeout", 100)]


# The subscriber


def subscriber() -> Subscriber:
    return Subscriber("2", first_seconds=32, now=0.0)


def test_nothing_new_is_not_told() -> None:
    machine = subscriber()
    machine.answered(202, now=0.1)
    machine.notified(ACTIVE, 100, now=0.2)
    machine.notified(ACTIVE, None, now=0.3)
    machine.notified(ACTIVE, 180, now=0.4)
    machine.notified(ACTIVE, 180, now=0.5)
    machine.notified(ACTIVE, 200, now=0.6)
    machine.notified(ACTIVE, 200, now=0.7)
    machine.notified(OVER, 200, now=0.8)
    assert machine.drain() == [Told(100, final=False), Told(180, final=False), Told(200, final=True)]
    assert machine.over


@pytest.mark.parametrize(
    ("state", "status", "told"),
    [
        (OVER, None, 480),
        (OVER, 180, 480),
        (SubscriptionState("terminated", "timeout"), None, 408),
        (SubscriptionState("terminated", "rejected"), None, 403),
        (SubscriptionState("terminated", "giveup"), 603, 603),
        (SubscriptionState("terminated"), 200, 200),
    ],
)
def test_the_end_of_the_subscription_is_the_end(state: SubscriptionState, status: int | None, told: int) -> None:
    machine = subscriber()
    machine.notified(state, status, now=0.2)
    assert machine.drain() == [Told(told, final=True)] and machine.over
    machine.answered(202, now=0.3)
    machine.answered(603, now=0.3)
    assert machine.drain() == []


@pytest.mark.parametrize(("status", "told"), [(603, 603), (302, 302), (None, 408)])
def test_a_refusal_is_no_transfer(status: int | None, told: int) -> None:
    machine = subscriber()
    machine.answered(status, now=0.2)
    assert machine.drain() == [Told(told, final=True, accepted=False)] and machine.over


def test_an_answer_that_was_lost_is_made_up_for_by_a_notify() -> None:
    machine = subscriber()
    machine.notified(ACTIVE, 100, now=0.2)
    machine.answered(None, now=32.0)
    assert machine.drain() == [Told(100, final=False)] and machine.pending


@pytest.mark.parametrize(
    ("heard", "gives_up"),
    [
        ([], 32.1),
        ([ACTIVE], 1.0 + 65),
        ([SubscriptionState("active")], 1.0 + SILENT_SECONDS),
        ([SubscriptionState("active", expires=0)], 1.0 + 6),
        ([SubscriptionState("pending", expires=10**8)], MAX_SECONDS),
    ],
)
def test_nobody_is_awaited_for_ever(heard: list[SubscriptionState], gives_up: float) -> None:
    machine = subscriber()
    machine.answered(202, now=0.1)
    for state in heard:
        machine.notified(state, None, now=1.0)
    machine.drain()
    assert machine.next_timer() == pytest.approx(gives_up)
    machine.handle_timer(now=gives_up + 0.001)
    assert machine.drain() == [Told(408, final=True)] and machine.over


def test_an_end_that_is_told_awaits_the_end_of_the_subscription_for_a_while_only() -> None:
    machine = subscriber()
    machine.notified(ACTIVE, 200, now=1.0)
    machine.drain()
    machine.handle_timer(now=33.0)
    assert machine.over and machine.drain() == []


# Both on a wire


class Referring:
    """What a phone of the wire needs to refer (`refer`), and to accept a REFER and then tell of `progress`."""

    progress: tuple[tuple[float, int], ...] = ()

    def __init__(self, wire: Any, address: Any, peer: Any) -> None:
        methods = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "REFER", "NOTIFY")
        super().__init__(wire, address, peer, CoreSettings(allow=methods))
        self.told: list[Told] = []
        self.subscriber: Subscriber | None = None
        self.notifier: Notifier | None = None
        self.dialog: Any = None
        self.asked: dict[Any, Callable[[int | None], None]] = {}

    def refer(self, call: Any) -> None:
        self.dialog = call.dialog
        request = self.dialog.request("REFER", contact="<sip:a>", headers=(("Refer-To", refer_to(Uri.of("c", "h"))),))
        self.subscriber = Subscriber(str(request.cseq.number), first_seconds=32, now=self.wire.now)
        key = self.core.send_request(request, self.flow, now=self.wire.now)
        self.asked[key] = lambda status: self.subscriber.answered(status, now=self.wire.now)

    def _request(self, key: Any, request: Request) -> None:
        call = next(iter(self._dialogs.values()), None)
        if request.method == "REFER":
            self.dialog = call.dialog
            self.core.send_response(key, request.reply(202), now=self.wire.now)
            self.notifier = Notifier(str(request.cseq.number), named=False, last_seconds=32, now=self.wire.now)
            for delay, status in self.progress:
                self.wire.later(delay, self, lambda status=status: self.notifier.progress(status, now=self.wire.now))
        elif request.method == "NOTIFY":
            known = self.subscriber is not None and not self.subscriber.over and event(request)[0] == "refer"
            self.core.send_response(key, request.reply(200 if known else 481), now=self.wire.now)
            if known:
                status = Fragment.parse(request.body).status
                self.subscriber.notified(SubscriptionState.of(request), status, now=self.wire.now)
        else:
            super()._request(key, request)

    def _handle(self, output: object) -> None:
        match output:
            case ResponseReceived(key, response, _) if key in self.asked:
                if response.status >= 200:
                    self.asked.pop(key)(response.status)
            case TransactionFailed(key, _) if key in self.asked:
                self.asked.pop(key)(None)
            case RequestReceived() | _:
                super()._handle(output)

    def next_timer(self) -> float | None:
        times = [super().next_timer(), *(machine.next_timer() for machine in self._both)]
        return min((at for at in times if at is not None), default=None)

    def handle_timer(self) -> None:
        super().handle_timer()
        for machine in self._both:
            machine.handle_timer(now=self.wire.now)

    def pump(self) -> None:
        super().pump()
        if self.subscriber is not None:
            self.told.extend(self.subscriber.drain())
        for due in self.notifier.drain() if self.notifier is not None else ():
            headers = (("Event", due.event), ("Subscription-State", str(due.state)))
            request = self.dialog.request("NOTIFY", contact="<sip:b>", headers=headers, body=due.body)
            key = self.core.send_request(request, self.flow, now=self.wire.now)
            self.asked[key] = lambda status: self.notifier.answered(status, now=self.wire.now)
            super().pump()

    @property
    def _both(self) -> list[Any]:
        return [machine for machine in (self.subscriber, self.notifier) if machine is not None]


def referring(base: Any, wire: Any, address: Any, peer: Any, progress: tuple[tuple[float, int], ...]) -> Any:
    """Put a phone that can refer on the wire."""
    made = type("ReferringPhone", (Referring, base), {"progress": progress})(wire, address, peer)
    wire.phones[address] = made
    return made


def transfer(wire: Any, progress: tuple[tuple[float, int], ...]) -> tuple[Any, Any]:
    """Let Alice call Bob, ask him to call somebody else, and hang up two minutes later."""
    base = type(wire.phone(("192.0.2.9", 5060), ("192.0.2.8", 5060)))
    wire.phones.clear()
    alice, bob = ("192.0.2.1", 5060), ("192.0.2.2", 5060)
    a, b = referring(base, wire, alice, bob, ()), referring(base, wire, bob, alice, progress)
    call = a.call("answer=0", bye=1200.0)
    wire.later(30.0, a, lambda: a.refer(call))
    wire.run()
    assert a.is_empty() and b.is_empty() and not a.asked and not b.asked
    assert all(machine.over for machine in (*a._both, *b._both))
    return a, b


RINGS_AND_ANSWERS = ((1.0, 100), (2.0, 180), (2.1, 183), (9.0, 200))


def test_on_a_perfect_wire_every_step_is_told(make_wire: Callable[..., Any]) -> None:
    a, _ = transfer(make_wire(delay=(0.01, 0.01)), RINGS_AND_ANSWERS)
    assert a.told == [Told(100, False), Told(180, False), Told(183, False), Told(200, True)]


@pytest.mark.parametrize("seed", range(40))
def test_on_a_lossy_wire_the_end_is_told_once_and_rightly(make_wire: Callable[..., Any], seed: int) -> None:
    wire = make_wire(loss=0.25, seed=seed)
    a, _ = transfer(wire, ((1.0, 180), (5.0, 486 if seed % 2 else 200)))
    assert [told.status for told in a.told if told.final] == [486 if seed % 2 else 200]
    statuses = [told.status for told in a.told]
    assert statuses == sorted(statuses)  # nothing old after something new


@pytest.mark.parametrize("lost", [b"NOTIFY ", b"SIP/2.0 202", b"REFER "])
def test_whatever_is_always_lost_both_sides_come_to_an_end(make_wire: Callable[..., Any], lost: bytes) -> None:
    wire = make_wire(delay=(0.01, 0.02))
    wire.passes = lambda data, now: not data.startswith(lost)
    a, b = transfer(wire, RINGS_AND_ANSWERS)
    if lost == b"NOTIFY ":
        assert a.told == [Told(100, False), Told(408, True)]
    elif lost == b"REFER ":
        assert a.told == [Told(408, True, accepted=False)] and b.notifier is None
    else:
        assert a.told[-1] == Told(200, True)


def test_a_bye_in_between_leaves_the_subscription_its_end(make_wire: Callable[..., Any]) -> None:
    """The transferor hangs up as soon as it is accepted, and is told all the same (RFC 5589 section 6.1)."""
    wire = make_wire(delay=(0.01, 0.02))
    base = type(wire.phone(("192.0.2.9", 5060), ("192.0.2.8", 5060)))
    wire.phones.clear()
    alice, bob = ("192.0.2.1", 5060), ("192.0.2.2", 5060)
    a, b = referring(base, wire, alice, bob, ()), referring(base, wire, bob, alice, RINGS_AND_ANSWERS)
    call = a.call("answer=0")
    wire.later(30.0, a, lambda: a.refer(call))
    wire.later(31.5, a, lambda: a.hang_up(call))
    wire.run()
    assert a.told[-1] == Told(200, True) and b.notifier.over and a.is_empty() and b.is_empty()
