"""Accounts in virtual time."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest

from softswitch.call.numbers import read
from softswitch.call.toll import Refusal, Ticket, Toll
from softswitch.call.toll_rules import TollSection
from softswitch.call.who import Who


class Counter:
    """A toll, and the clocks on its wall: both go on by `later`."""

    def __init__(self, rules: dict[str, Any], wall: str) -> None:
        self.toll = Toll(TollSection.model_validate(rules))
        self.wall = datetime.datetime.fromisoformat(wall)
        self.now = 5000.0

    def later(self, seconds: float) -> None:
        self.now += seconds
        self.wall += datetime.timedelta(seconds=seconds)

    def call(self, number: str = "+4930123456", user: str = "ada", carrier: str = "sky") -> Ticket | Refusal:
        who = Who(user, trusted=True)
        return self.toll.begin(read(number, "DE"), "DE", who, carrier, wall=self.wall, now=self.now)

    def up(self, **whose: str) -> Ticket:
        """Place a call that is answered at once."""
        ticket = self.call(**whose)
        assert isinstance(ticket, Ticket), ticket
        self.toll.answered(ticket, wall=self.wall, now=self.now)
        return ticket

    def over(self, ticket: Ticket | Refusal) -> None:
        assert isinstance(ticket, Ticket)
        self.toll.over(ticket, wall=self.wall, now=self.now)

    def run(self, seconds: float) -> list[tuple[float, Ticket, Refusal]]:
        """Let time pass second by second; return which calls were ended, and after how long."""
        began, ended = self.now, []
        while self.now < began + seconds:
            self.later(1.0)
            for ticket, refusal in self.toll.handle_timer(wall=self.wall, now=self.now):
                ended.append((self.now - began, ticket, refusal))
                self.over(ticket)
        return ended


@pytest.fixture
def toll() -> Callable[..., Counter]:
    """Make a counter: `toll(each_user={"max_calls": 2})`."""
    return lambda wall="2024-03-01T12:00:00+00:00", **rules: Counter(rules, wall)
