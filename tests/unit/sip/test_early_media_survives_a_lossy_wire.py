import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from softswitch.sip.core import RequestReceived, ResponseReceived
from softswitch.sip.flow import Flow
from softswitch.sip.invite import Answered, NotPracked, Progressed
from softswitch.sip.message import Request
from softswitch.sip.parser import parse_message

CALLS = 300
SUPPORTED = (("Supported", "100rel"),)
KNOWS = {"allow": ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "PRACK"), "supported": ("100rel",)}


def numbered(phone: Any) -> list[Progressed]:
    return [event for event in phone.saw(Progressed) if event.rack]


def carries_description(event: object) -> bool:
    return isinstance(event, Progressed) and bool(event.rack) and bool(event.response.body)


def reliable_copies(wire: Any) -> list[float]:
    return [round(at, 1) for at, data in wire.sent if data.startswith(b"SIP/2.0 183")]


def sent(wire: Any, start: bytes) -> list[float]:
    return [round(at, 1) for at, data in wire.sent if data.startswith(start)]


@pytest.mark.parametrize(("loss", "seed"), [(0.0, 1), (0.2, 2), (0.2, 3)])
def test_early_media_survives_a_lossy_wire(make_wire: Callable[..., Any], loss: float, seed: int) -> None:
    wire = make_wire(loss=loss, seed=seed)
    wire.double = 0.2
    here, there = ("192.0.2.1", 5060), ("192.0.2.2", 5060)
    alice, bob = wire.phone(here, there, **KNOWS), wire.phone(there, here, **KNOWS)
    chance = random.Random(seed)
    for _ in range(CALLS):
        early = round(chance.uniform(0, 1), 2)
        number = f"early={early}&answer={early + chance.choice((0, 0.05, 0.5, 2)):.2f}"
        plan = {"bye": 3.0} if chance.random() < 0.8 else {"cancel": chance.uniform(0, 3)}
        headers = SUPPORTED if chance.random() < 0.5 else (("Require", "100rel"),)
        wire.later(chance.uniform(0, 60), alice, lambda n=number, p=plan, h=headers: alice.call(n, headers=h, **p))
    wire.run(until=4000.0)

    ends = Counter(call.end for call in alice.calls)
    assert ends["hung up"] > CALLS / 2 and set(ends) <= {
        "hung up",
        "peer hung up",
        "refused 487",
        "cancelled too late",
        "timeout",
    }
    assert alice.is_empty() and bob.is_empty()
    seen = [(event.dialog.id, event.response.headers.get("RSeq")) for event in numbered(alice)]
    assert len(seen) == len(set(seen))  # no copy is heard twice
    # the 200 never overtakes the description
    told = {event.dialog.id: place for place, event in enumerate(alice.events) if carries_description(event)}
    answered = {event.dialog.id: place for place, event in enumerate(alice.events) if isinstance(event, Answered)}
    assert len(answered) > CALLS / 2 and all(told[dialog] < place for dialog, place in answered.items())
    pracked = [event.response for event in alice.saw(ResponseReceived) if event.response.cseq.method == "PRACK"]
    stood = {call_id for call_id, *_ in answered}
    statuses = [response.status for response in pracked if response.call_id in stood]
    assert len(statuses) > CALLS / 2 and set(statuses) == {200}  # in order, and known
    assert {response.status for response in pracked} <= {200, 481}  # 481: the call was cancelled meanwhile
    if loss == 0.0:
        assert ends["timeout"] == 0 and not bob.saw(NotPracked)


def test_a_200_waits_for_the_prack(reliable_pair: Any) -> None:
    wire, alice, bob = reliable_pair
    wire.passes = lambda data, now: not data.startswith(b"PRACK ") or now > 5.0
    alice.call("early=1&answer=1.2", headers=SUPPORTED, bye=1)
    wire.run(until=100.0)
    assert reliable_copies(wire) == [1.0, 1.5, 2.5, 4.5, 8.5]
    pracks = sent(wire, b"PRACK ")
    assert pracks == [1.0, 1.5, 2.5, 4.5, 8.5]  # one transaction: the copies of the 183 bring no more
    [ok] = [round(at, 1) for at, data in wire.sent if data.startswith(b"SIP/2.0 200") and b" INVITE\r\n" in data]
    assert ok == 8.5
    assert [call.end for call in (*alice.calls, *bob.calls)] == ["hung up", "peer hung up"]
    assert alice.is_empty() and bob.is_empty()


def test_a_caller_who_never_acknowledges_is_refused(reliable_pair: Any) -> None:
    wire, alice, bob = reliable_pair
    wire.passes = lambda data, now: not data.startswith(b"PRACK ")
    alice.call("early=1&answer=2", headers=SUPPORTED)
    wire.run(until=200.0)
    assert reliable_copies(wire) == [1.0, 1.5, 2.5, 4.5, 8.5, 16.5, 32.5]  # doubling, without an end at T2
    assert sent(wire, b"SIP/2.0 504") == [33.0]
    assert len(bob.saw(NotPracked)) == 1
    assert [call.end for call in (*alice.calls, *bob.calls)] == ["refused 504", "not pracked"]
    assert alice.is_empty() and bob.is_empty()


@pytest.mark.parametrize("number", ["early=1", "early=1&answer=1.5"])
def test_a_cancel_ends_what_waits_for_a_prack(reliable_pair: Any, number: str) -> None:
    wire, alice, bob = reliable_pair
    wire.passes = lambda data, now: not data.startswith(b"PRACK ") or now > 5.0
    alice.call(number, headers=SUPPORTED, cancel=2.0)
    wire.run(until=200.0)
    assert [call.end for call in (*alice.calls, *bob.calls)] == ["refused 487", "cancelled"]
    assert reliable_copies(wire) == [1.0, 1.5]  # a final response is out
    # The call is over on both sides when the PRACK gets through: it names no dialog any more.
    pracks = [event.response.status for event in alice.saw(ResponseReceived) if event.response.cseq.method == "PRACK"]
    assert pracks == [481] and not bob.saw(NotPracked)
    assert alice.is_empty() and bob.is_empty()


def test_a_callee_may_refuse_while_its_answer_waits(reliable_pair: Any) -> None:
    wire, alice, bob = reliable_pair
    wire.passes = lambda data, now: not data.startswith(b"PRACK ")
    alice.call("early=1&answer=1.5&bye=1", headers=SUPPORTED)
    wire.run(until=200.0)
    assert sent(wire, b"SIP/2.0 480") == [2.5] and not sent(wire, b"BYE ")
    assert [call.end for call in (*alice.calls, *bob.calls)] == ["refused 480", "refused it"]
    assert alice.is_empty() and bob.is_empty()


def test_without_support_the_183_goes_once_and_nothing_waits(pair: Any) -> None:
    wire, alice, bob = pair
    alice.call("early=1&answer=1.2", bye=1)
    wire.run(until=100.0)
    assert reliable_copies(wire) == [1.0] and not numbered(alice)
    assert [call.end for call in (*alice.calls, *bob.calls)] == ["hung up", "peer hung up"]


class Forking:
    """A proxy that remembers nothing: an INVITE without To tag goes to all phones, the rest where its URI says."""

    def __init__(self, wire: Any, address: tuple[str, int], phones: list[tuple[str, int]]) -> None:
        self.wire, self.address, self.phones = wire, address, phones
        self.core = self
        wire.phones[address] = self

    def receive(self, data: bytes, flow: Flow, *, now: float) -> None:
        message = parse_message(data)
        if isinstance(message, Request):
            fork = message.to.tag is None and message.method in ("INVITE", "CANCEL")
            targets = self.phones if fork else [(message.uri.host, message.uri.port or 5060)]
            for host, port in targets:
                copy = message.copy()
                branch = f"{message.via.branch}-{host}"
                copy.headers.prepend("Via", f"SIP/2.0/UDP {self.address[0]};branch={branch}")
                self.wire.carry(bytes(copy), Flow("UDP", self.address, (host, port)))
        elif message.status != 100:
            message.headers.remove_first("Via")
            via = message.via
            self.wire.carry(bytes(message), Flow("UDP", self.address, (via.host, via.port or 5060)))

    def next_timer(self) -> None:
        return None

    def pump(self) -> None:
        pass


@pytest.mark.parametrize(("loss", "seed"), [(0.0, 1), (0.1, 2), (0.1, 3), (0.1, 4)])
def test_each_phone_of_a_fork_has_its_own_numbers(make_wire: Callable[..., Any], loss: float, seed: int) -> None:
    wire = make_wire(loss=loss, seed=seed, delay=(0.01, 0.05))
    here, middle = ("192.0.2.1", 5060), ("192.0.2.9", 5060)
    there = [("192.0.2.2", 5060), ("192.0.2.3", 5060), ("192.0.2.4", 5060)]
    alice = wire.phone(here, middle, **KNOWS)
    phones = [wire.phone(address, middle, **KNOWS) for address in there]
    Forking(wire, middle, there)
    wire.double = 0.2
    for start in range(40):
        wire.later(start, alice, lambda: alice.call("early=0.1&answer=1", headers=SUPPORTED, bye=2))
    wire.run(until=4000.0)

    by_dialog = Counter(event.dialog.id for event in numbered(alice))
    assert set(by_dialog.values()) == {1} and len(by_dialog) > 100  # each phone's 183 once
    requests = [event.request for phone in phones for event in phone.saw(RequestReceived)]
    pracks, byes = ([request for request in requests if request.method == method] for method in ("PRACK", "BYE"))
    assert len(pracks) > 100 and {request.cseq.number for request in pracks} == {2}
    # Of three phones that answered, two were hung up at once, and each BYE goes on from its own PRACK.
    after_prack = {request.to.tag for request in pracks}
    assert len(byes) > 100 and {request.cseq.number for request in byes if request.to.tag in after_prack} == {3}
    if loss == 0.0:
        assert {call.end for call in alice.calls} == {"hung up"} and len(byes) == len(pracks) == 120
    assert alice.is_empty() and all(phone.is_empty() for phone in phones)
