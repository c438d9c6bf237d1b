"""A token bucket: so much in the long run, and a burst of it at once. Pure, in virtual time."""


class Bucket:
    """Holds at most `size` tokens and gets `rate` a second. It begins full."""

    __slots__ = ("_at", "rate", "size", "tokens")

    def __init__(self, rate: float, size: float, *, now: float) -> None:
        self.rate = rate
        self.size = size
        self.tokens = size
        self._at = now

    def holds(self, cost: float, *, now: float) -> bool:
        """Tell whether `cost` tokens are here, and take none."""
        tokens = self.tokens + (now - self._at) * self.rate
        self._at = now
        self.tokens = tokens if tokens < self.size else self.size
        # A tenth of a second ten times over is not quite a second in floating point.
        return self.tokens >= cost - 1e-9

    def take(self, cost: float, *, now: float) -> bool:
        """Take `cost` tokens; False, and none taken, where so many are not here."""
        if not self.holds(cost, now=now):
            return False
        self.tokens -= cost
        return True
