"""Who is on hold on one call: by us, or by its own far end; and which of these holds are heard."""

from collections.abc import Collection, Iterator

from softswitch.call.commands import PlayHold
from softswitch.call.leg import LegId


class Holds:
    """The holds of one call."""

    def __init__(self) -> None:
        self._by_us: set[LegId] = set()
        self._by_peer: set[LegId] = set()
        self._played: dict[LegId, tuple[bool, bool]] = {}

    def __contains__(self, leg: LegId) -> bool:
        """Return whether a leg is on hold, whoever did it."""
        return leg in self._by_us or leg in self._by_peer

    def by_us(self, leg: LegId) -> bool:
        """Return whether it is we who have put a leg's far end on hold."""
        return leg in self._by_us

    def by_peer(self, leg: LegId) -> bool:
        """Return whether a leg's far end has put us on hold."""
        return leg in self._by_peer

    def change(self, leg: LegId, held: bool, *, by_us: bool) -> None:
        """Put a leg on hold, or take it back."""
        legs = self._by_us if by_us else self._by_peer
        if held:
            legs.add(leg)
        else:
            legs.discard(leg)

    def forget(self, leg: LegId) -> None:
        """A leg is over."""
        self._by_us.discard(leg)
        self._by_peer.discard(leg)
        self._played.pop(leg, None)

    def heard(self, subject: LegId, other: LegId, legs: Collection[LegId]) -> Iterator[PlayHold]:
        """Say which holds are heard from now on: one that a peer began only by a person who talks with it."""
        for leg in sorted({subject, other, *self._played}):
            if leg in legs:
                by_peer = leg in self._by_peer and other != "" and leg in (subject, other)
                played = (leg in self._by_us, by_peer)
                if played != self._played.get(leg, (False, False)):
                    self._played[leg] = played
                    yield PlayHold(leg, *played)
