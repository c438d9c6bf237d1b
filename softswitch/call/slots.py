"""How many calls at once something carries: a carrier, a user, the switch. A call takes a slot and gives it back.

A slot knows where it came from, not who holds it: whoever ends the call gives it back, and given back twice it counts
once. The count outlives what it was made for: a carrier that is changed while calls are up goes on with theirs.
"""


class Slot:
    """One call's place; `give_back` as often as one likes."""

    __slots__ = ("_of",)

    def __init__(self, of: "Slots | None") -> None:
        self._of = of

    def give_back(self) -> None:
        """Let another call have the place."""
        slots, self._of = self._of, None
        if slots is not None:
            slots.taken -= 1


class Slots:
    """The places of one owner. whose: who it is, for sentences. limit: None for any number of calls."""

    __slots__ = ("limit", "taken", "whose")

    def __init__(self, whose: str, limit: int | None = None) -> None:
        self.whose = whose
        self.limit = limit
        self.taken = 0

    def take(self) -> Slot | str:
        """Take a place; return a sentence where all are taken."""
        if self.limit is not None and self.taken >= self.limit:
            return f"{self.whose} carries {self.taken} calls already, and max_calls is {self.limit}"
        self.taken += 1
        return Slot(self)
