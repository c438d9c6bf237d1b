"""The attended transfer: who talks on two calls connects the others, whether they are phones, an AI, or still ring."""

from collections.abc import Callable
from typing import Any

import pytest

from softswitch.call.cause import Cause
from softswitch.call.leg import Answered, Digit, Ended, Held, LegState, ReferRequested, Ringing
from softswitch.call.offer import Offer

AtWork = Callable[..., None]
BY_PEER = Ended(Cause.NORMAL, by_peer=True)
RULES = """
rules:
  - {number: 1, steps: [{dial: bob}]}
  - {number: 2, steps: [{dial: {to: carol, seconds: 20, after: continue}}, {dial: dave}]}
  - {number: 3, steps: [answer, {agent: x}]}
  - {number: 4, steps: [{dial: [carol, dave]}]}
"""


def calls_in(board: Any, name: str, number: str, **more: Any) -> Any:
    def make(sink: Any) -> Any:
        board.legs[name] = type(board.legs["bob"])(f"{name}-0", sink)
        return board.legs[name]

    board.board.offered(Offer(f"{name}-0", number, name, trusted=True, **more), make)
    return board.legs[name]


class Two:
    """Alice talks with bob, who has called `number` besides: on `bob2` he hears what comes of that."""

    def __init__(self, board: Any, number: str, first: str = "1") -> None:
        self.board = board
        self.alice = board.call(first)
        if first == "1":
            self.bob = board.legs["bob"]
            self.bob.says(Answered())
        else:
            self.bob, board.legs["bob"] = self.alice, self.alice
        self.ai = board.legs.get("agent")
        self.bob2 = calls_in(board, "bob2", number)
        self.first, self.second = (call for call, _ in board.board.calls())

    def join(self, by: Any = None) -> None:
        (by or self.bob).says(ReferRequested("sip:x@10.0.0.1:5060", "r;to-tag=1;from-tag=2", "bob2-0"))

    def progress(self, leg: Any = None) -> list[int]:
        told = (leg or self.bob).told
        return [one[1] for one in told if isinstance(one, tuple) and one[0] == "progress of the transfer"]

    def talk(self, one: Any, other: Any) -> bool:
        self.board.tick()
        return bool(one.heard[-1] is other.voice and other.heard[-1] is one.voice)


def test_a_caller_is_connected_with_whom_bob_has_called(at_work: AtWork) -> None:
    async def story(board: Any) -> None:
        two = Two(board, "2")
        carol = board.legs["carol"]
        carol.says(Answered())
        two.bob.says(Held(True))
        two.join()
        assert two.progress() == [200] and two.bob2.state is LegState.ENDED
        assert two.talk(two.alice, carol)
        two.alice.says(Digit("5", "rfc4733"))
        carol.says(Digit("6", "rfc4733"))
        assert carol.told == [("5", False)] and two.alice.told[-1] == ("6", False)
        two.bob.says(BY_PEER)
        [first] = board.records
        assert (first.from_, first.cause, first.ended_by) == ("1001", "16 transferred", "callee")
        assert first.variables["transferred_to"] == "carol" and first.variables["transferred_call"] == two.second.id
        carol.says(BY_PEER)
        assert board.placed[-1][0] == "dave", "the rule of the call goes on with who is in it now"
        assert board.placed[-1][1] == "1001"
        two.alice.says(BY_PEER)
        second = board.records[1]
        assert (second.from_, second.outcome, second.variables["replaced_by"]) == ("bob2", "answered", "1001")
        assert second.ended_by == "caller", "who has taken the caller's place is the caller"

    at_work(RULES, story)


def test_bob_does_not_hang_up_and_is_let_go(at_work: AtWork) -> None:
    async def story(board: Any) -> None:
        two = Two(board, "2")
        board.legs["carol"].says(Answered())
        two.join()
        assert two.bob.state is not LegState.ENDED and len(board.seats) == 2
        board.now += 5.0
        two.first.handle_timer(now=board.now)
        board.board._pump(board.board._calls[two.first.id])
        assert two.bob.state is LegState.ENDED and len(board.records) == 1
        two.alice.says(BY_PEER)

    at_work(RULES, story)


def test_a_target_that_still_rings_is_waited_for(at_work: AtWork) -> None:
    async def story(board: Any) -> None:
        two = Two(board, "2")
        carol = board.legs["carol"]
        carol.says(Ringing())
        assert two.bob2.told == ["ring"]
        two.join()
        two.bob.says(BY_PEER)
        board.tick()
        assert any(two.alice.heard[-1].pcm), "she hears it ring"
        carol.says(Answered())
        assert two.talk(two.alice, carol) and "answer" not in two.alice.told[1:]
        two.alice.says(BY_PEER)
        assert carol.state is LegState.ENDED

    at_work(RULES, story)


def test_a_target_that_rings_and_does_not_come_leads_on_in_its_rule(at_work: AtWork) -> None:
    async def story(board: Any) -> None:
        two = Two(board, "2")
        two.join()
        two.bob.says(BY_PEER)
        board.legs["carol"].says(Ended(Cause.BUSY, by_peer=True))
        assert two.alice.state is LegState.ENDED
        assert board.records[1].cause == "17 user busy"

    at_work(RULES, story)


def test_a_caller_is_connected_with_an_ai(at_work: AtWork) -> None:
    async def story(board: Any) -> None:
        two = Two(board, "3")
        ai = board.legs["agent"]
        two.bob2.says(Held(True))
        assert ai.told[-1] == ("hold", True)
        two.join()
        assert ai.told[-1] == ("hold", False) and two.talk(two.alice, ai)
        two.alice.says(Digit("1", "rfc4733"))
        assert ai.told[-1] == ("1", False)
        assert two.second.variables["from"] == "1001"
        ai.says(BY_PEER)
        assert two.alice.state is LegState.ENDED
        two.bob.says(BY_PEER)

    at_work(RULES, story)


def test_an_ai_is_given_to_whom_its_caller_has_called(at_work: AtWork) -> None:
    async def story(board: Any) -> None:
        two = Two(board, "2", first="3")
        carol = board.legs["carol"]
        carol.says(Ringing())
        two.join()
        assert two.ai.told[-1] == ("hold", True), "it waits until somebody is there to talk with"
        assert board.moves == [(two.ai.id, two.second.id)]
        carol.says(Answered())
        assert two.ai.told[-1] == ("hold", False) and two.talk(two.ai, carol)
        two.bob.says(BY_PEER)
        assert board.board.call_of(two.ai.id) == two.second.id
        two.ai.says(BY_PEER)
        assert carol.state is LegState.ENDED and board.board.call_of(two.ai.id) == ""

    at_work(RULES, story)


def test_who_called_bob_is_connected_with_who_called_bob_before(at_work: AtWork) -> None:
    async def story(board: Any) -> None:
        alice = board.call("1")
        bob = board.legs["bob"]
        bob.says(Answered())
        dave = calls_in(board, "dave", "1")
        bob2 = board.legs["bob"]
        bob2.says(Answered())
        bob.says(ReferRequested("sip:x@10.0.0.1:5060", "r;to-tag=1;from-tag=2", bob2.id))
        board.tick()
        assert alice.heard[-1] is dave.voice and dave.heard[-1] is alice.voice
        bob.says(BY_PEER)
        dave.says(BY_PEER)
        assert alice.state is LegState.ENDED and board.records[1].ended_by == "caller"

    at_work(RULES, story)


@pytest.mark.parametrize("case", ["nobody", "itself", "stranger", "moving"])
def test_what_cannot_be_joined_is_refused_and_goes_on(at_work: AtWork, case: str) -> None:
    async def story(board: Any) -> None:
        two = Two(board, "2")
        carol = board.legs["carol"]
        carol.says(Answered())
        status = 481
        match case:
            case "nobody":
                two.bob.says(ReferRequested("sip:x@10.0.0.1:5060", "r;to-tag=1;from-tag=2", "gone"))
            case "itself":
                two.bob.says(ReferRequested("sip:x@10.0.0.1:5060", "r;to-tag=1;from-tag=2", "in-0"))
            case "stranger":
                two.bob.host = "203.0.113.9"
                two.join()
                status = 403
            case _:
                board.board.transfer(two.second.id, "erin")
                two.join()
                status = 491
        assert two.progress() == [status]
        assert two.talk(two.alice, two.bob)
        board.board.hang_up(two.first.id)
        board.board.hang_up(two.second.id)

    at_work(RULES, story)


# An INVITE that takes the place of a leg ----------------------------------------------------------------------------


def test_a_new_telephone_takes_the_place_of_one_in_a_call(at_work: AtWork) -> None:
    async def story(board: Any) -> None:
        two = Two(board, "2")
        carol = board.legs["carol"]
        carol.says(Answered())
        mobile = calls_in(board, "mobile", "1", replaces="bob2-0")
        assert mobile.told == ["answer"] and two.bob2.told[-1] == Cause.REPLACED
        assert two.talk(mobile, carol)
        assert board.board.active == 2, "it is no call of its own"
        desk = calls_in(board, "desk", "1", replaces=carol.id)
        assert carol.told[-1] == Cause.REPLACED and two.talk(mobile, desk)
        desk.says(BY_PEER)
        assert board.placed[-1][0] == "dave", "and its end is that of whose place it has"
        mobile.says(BY_PEER)
        assert board.records[0].variables["replaced_by"] == "desk"
        two.alice.says(BY_PEER)

    at_work(RULES, story)


def test_a_ringing_call_is_picked_up_by_another_telephone(at_work: AtWork) -> None:
    async def story(board: Any) -> None:
        two = Two(board, "4")
        carol, dave = board.legs["carol"], board.legs["dave"]
        carol.says(Ringing())
        desk = calls_in(board, "desk", "1", replaces=carol.id)
        assert two.talk(two.bob2, desk) and two.bob2.told == ["ring", "answer"]
        assert carol.state is dave.state is LegState.ENDED and dave.told == [Cause.ELSEWHERE]
        board.board.hang_up(two.first.id)
        two.bob2.says(BY_PEER)

    at_work(RULES, story)


def test_a_call_we_place_is_picked_up_while_it_rings(at_work: AtWork) -> None:
    async def story(board: Any) -> None:
        steps = board.board.dialplan.rules[0].steps
        board.legs["bob"] = None
        board.board.dial("x", steps, caller_id="7", carrier="c")
        x = board.legs["x"]
        board.legs["bob"] = x
        x.says(Ringing())
        desk = calls_in(board, "desk", "1", replaces=x.id)
        assert board.placed[-1][0] == "bob", "it is answered: its steps run"
        desk.says(BY_PEER)
        assert board.records[0].outcome == "answered"

    at_work(RULES, story)


def test_whose_place_is_gone_gets_481(at_work: AtWork) -> None:
    async def story(board: Any) -> None:
        two = Two(board, "2")
        late = calls_in(board, "late", "1", replaces="gone-0")
        assert late.told[-1].sip == 481 and board.records[0].sip_code == 481
        board.board.transfer(two.first.id, "erin")
        late = calls_in(board, "late", "1", replaces=two.bob.id)
        assert late.told[-1].sip == 491
        board.board.hang_up(two.first.id)
        board.board.hang_up(two.second.id)

    at_work(RULES, story)


def test_the_place_may_be_gone_when_the_new_one_is_up(at_work: AtWork) -> None:
    async def story(board: Any) -> None:
        two = Two(board, "2")
        carol = board.legs["carol"]
        carol.says(Answered())

        def make(sink: Any) -> Any:
            board.legs["late"] = Slow("late-0", sink)
            return board.legs["late"]

        class Slow(type(two.bob)):  # type: ignore[misc]
            def answer(self) -> None:  # its ACK brings the description
                self.told.append("answer")

        board.board.offered(Offer("late-0", "1", "late", trusted=True, replaces=carol.id), make)
        late = board.legs["late"]
        assert two.talk(two.bob2, carol), "nobody is cut off before the new one can be heard"
        carol.says(BY_PEER)
        late.says(Answered())
        assert late.told[-1].sip == 481
        board.board.hang_up(two.first.id)
        two.bob2.says(BY_PEER)

    at_work(RULES, story)
