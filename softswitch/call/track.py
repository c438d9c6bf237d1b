"""Steps that run one after another: each is a generator that yields how long it will wait, and receives what happened.

A track knows nothing of calls. It may be left standing while another one runs, and goes on from there: that is how a
transfer is tried over a conversation.
"""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

from softswitch.call.cause import Cause
from softswitch.call.leg import LegEvent, LegId

#: Steps that may run without waiting for anything: a dialplan that loops is ended, not followed for ever.
MAX_STEPS_IN_A_ROW = 100


@dataclass(frozen=True, slots=True)
class LegHappened:
    """Something happened to a leg of the call that is not the subject, or to the subject while a step waits."""

    leg: LegId
    event: LegEvent


@dataclass(frozen=True, slots=True)
class VoiceFinished:
    """What `Hear` with this number let a leg hear is over."""

    number: int


@dataclass(frozen=True, slots=True)
class Replaced:
    """The leg `new`, which is up, has taken the place of `old`."""

    old: LegId
    new: LegId


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The seconds that the step yielded have passed."""


Input = LegHappened | VoiceFinished | Replaced | TimedOut
Run = Generator[float | None, Input, None]
#: A part of a step that finds something out.
Asking = Generator[float | None, Input, bool]


class Track:
    """One row of steps on its way.

    due: when the running step wants its `TimedOut`, None for never. stood: seconds that the track stood still.
    """

    __slots__ = ("_halted", "_run", "_starts", "_stepping", "due", "stood")

    def __init__(self, starts: Iterator[Callable[[], Run]]) -> None:
        """starts: begins the steps, one after another."""
        self.due: float | None = None
        self.stood = 0.0
        self._starts = starts
        self._run: Run | None = None
        self._stepping = False
        self._halted = False

    @property
    def begun(self) -> bool:
        """Whether a step is running."""
        return self._run is not None

    def feed(self, given: Input | None, *, now: float) -> Cause | None:
        """Give the running step its input, None to begin; start the next ones as long as steps end without waiting.

        Return None as long as a step waits, else why it is over: no step is left, or they go round in circles.
        """
        for _ in range(MAX_STEPS_IN_A_ROW):
            if self.halted():
                self._close()
                return None
            self._stepping = True
            try:
                if self._run is not None and given is not None:
                    wait = self._run.send(given)
                else:
                    start = next(self._starts, None)
                    if start is None:
                        return Cause.NORMAL
                    self._run = start()
                    wait = next(self._run)
            except StopIteration:
                self._run = given = None
                continue
            finally:
                self._stepping = False
            if self.halted():
                self._close()
            else:
                self.due = None if wait is None else now + wait
            return None
        return Cause.INTERNAL

    def halted(self) -> bool:
        """Return whether it was told to halt."""
        return self._halted

    def halt(self) -> None:
        """Close the running step wherever it stands; one that asks for it itself, once it has come back."""
        self._halted = True
        if not self._stepping:
            self._close()

    def _close(self) -> None:
        run, self._run, self.due = self._run, None, None
        self._starts = iter(())  # they hold the call, which holds this track
        if run is not None:
            run.close()
