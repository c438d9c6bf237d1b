"""The order in which the addresses of one registrar are tried.

The first address ever is *home*. A round begins there, then goes to the address that we are registered at, then through
the rest; a home that failed is left out of this for a few minutes, so that not every refresh waits for a dead address.
"""

from collections.abc import Sequence

#: Transport as in Via, IP address, port.
Target = tuple[str, str, int]

#: Addresses tried in one round; with silent ones a round lasts a minute and a half.
MAX_TARGETS = 8
#: How often home is tried while we are registered elsewhere.
RETURN_SECONDS = 300.0


class Rota:
    """Addresses of one registrar and the place where the round is."""

    def __init__(self) -> None:
        #: What the name led to last.
        self.known: list[Target] = []
        #: From when on home is the first choice.
        self.home_again_at = 0.0
        self._home: Target | None = None
        self._round: list[Target] = []

    @property
    def target(self) -> Target:
        """The address whose turn it is."""
        return self._round[0]

    @property
    def at_home(self) -> bool:
        """Whether it is the turn of the first choice."""
        return self._round[0] == self._home

    @property
    def last(self) -> bool:
        """Whether no address is left after this one."""
        return len(self._round) < 2

    def begin(self, targets: Sequence[Target], current: Target | None, *, now: float) -> None:
        """Begin a round over at least one address. current: where we are registered."""
        if self._home not in targets:
            self._home, self.home_again_at = targets[0], now
        first = [target for target in (self._home if now >= self.home_again_at else None, current) if target in targets]
        self.known = list(targets[:MAX_TARGETS])
        self._round = list(dict.fromkeys([*(target for target in first if target), *targets]))[:MAX_TARGETS]

    def only(self, target: Target) -> None:
        """Begin a round over this address alone."""
        self._round = [target]

    def next(self, *, now: float) -> bool:
        """Go on to the next address because this one failed; False: there is none."""
        if self.at_home:
            self.home_again_at = now + RETURN_SECONDS
        if self.last:
            return False
        del self._round[0]
        return True
