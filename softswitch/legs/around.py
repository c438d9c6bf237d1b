"""A leg around another one: what is asked of it goes to whichever leg carries the call in the end."""

from typing import Generic, TypeVar

from softswitch.audio.frame import Frame
from softswitch.call.leg import NOBODY_OUTSIDE, FarEnd, Leg

Inner = TypeVar("Inner", bound=Leg)


class Around(Generic[Inner]):
    """Hands on to `_inner` the commands of the call and the sound; while there is none, they come to nothing."""

    def __init__(self) -> None:
        self._inner: Inner | None = None

    @property
    def far_end(self) -> FarEnd:
        """Whom it leads to."""
        return self._inner.far_end if self._inner is not None else NOBODY_OUTSIDE

    def ring(self) -> None:
        """Ringing is what the far end does."""

    def progress(self, reliable: bool = False) -> None:
        """Early media is for the far end to open."""

    def answer(self) -> None:
        """Answering is for the far end."""

    def hold(self, held: bool) -> None:
        """Put the far end on hold, or take it back."""
        if self._inner is not None:
            self._inner.hold(held)

    def send_dtmf(self, digits: str, *, in_sound: bool = False) -> None:
        """Press keys towards the far end."""
        if self._inner is not None:
            self._inner.send_dtmf(digits, in_sound=in_sound)

    def refer(self, target: str, *, replaces: str = "", referred_by: str = "") -> None:
        """Ask the far end to call `target` instead."""
        if self._inner is not None:
            self._inner.refer(target, replaces=replaces, referred_by=referred_by)

    def refer_progress(self, status: int) -> None:
        """Tell the far end, which asked for a transfer, how that goes."""
        if self._inner is not None:
            self._inner.refer_progress(status)

    def take(self) -> Frame | None:
        """Return the next 20 ms the far end says."""
        inner = self._inner
        return inner.take() if inner is not None else None

    def give(self, frame: Frame) -> None:
        """Send 20 ms to the far end."""
        inner = self._inner
        if inner is not None:
            inner.give(frame)
