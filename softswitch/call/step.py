"""What all steps of a dialplan share: their YAML model, their variables, and the ways in which they wait."""

import re
from collections.abc import Iterator
from typing import ClassVar

import pydantic

from softswitch.call.call import Call
from softswitch.call.commands import SilenceSource
from softswitch.call.leg import Ended, LegId
from softswitch.call.track import LegHappened, Run, TimedOut, VoiceFinished

_TEMPLATE = re.compile(r"\{([a-z_][a-z0-9_]*)(:spelled)?\}")
_SPOKEN_KEYS = {"*": "star", "#": "pound"}


class BaseStep(pydantic.BaseModel):
    """What all steps share: no unknown keys, no change after loading.

    short: the field that a bare value fills, so that `play: hello.wav` means `play: {file: hello.wav}`.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)
    short: ClassVar[str] = ""

    def run(self, call: Call) -> Run:
        """Do it: a generator as `call.Step` describes."""
        raise NotImplementedError

    @property
    def flow_ahead(self) -> str:
        """The flow this step will need an AI for; empty for none."""
        return ""

    @property
    def calls_people(self) -> bool:
        """Whether this step may take its time and end the call: nothing of what follows is made ready before it."""
        return False

    def calls(self) -> Iterator[tuple[str, str]]:
        """Yield whom this step may call, with its variables, and over which carrier where it names one."""
        yield from ()

    def sounds(self) -> Iterator[str]:
        """Yield the sound files this step plays, so that `check` can look for them."""
        yield from ()

    def reads(self) -> Iterator[str]:
        """Yield the variables this step needs."""
        yield from ()

    def writes(self) -> Iterator[str]:
        """Yield the variables this step sets."""
        yield from ()


def render(text: str, variables: dict[str, str]) -> str:
    """Return `text` with its `{name}` and `{name:spelled}` filled in; an unset variable is empty."""

    def value(match: re.Match[str]) -> str:
        found = variables.get(match.group(1), "")
        return spelled(found) if match.group(2) else found

    return _TEMPLATE.sub(value, text)


def variables_of(text: str) -> Iterator[str]:
    """Yield the variables that `render` would fill in."""
    yield from (match.group(1) for match in _TEMPLATE.finditer(text))


def spelled(keys: str) -> str:
    """Return keys as they are read out: `12#` is `1, 2, pound`."""
    return ", ".join(_SPOKEN_KEYS.get(key, key) for key in keys)


def audible(call: Call) -> Run:
    """See to it that the caller hears what follows: answer it, unless sound was opened before the answer already.

    Then wait until the leg is up: at once, but for a caller whose offer comes with its ACK.
    """
    if call.answered_at is not None or not call.early:
        yield from answered(call)


def answered(call: Call) -> Run:
    """Answer the caller unless it is answered, and wait until its leg is up."""
    if call.answered_at is None:
        call.answer()
    while call.answered_at is None:
        yield None
    call.reached()  # of a transfer: an announcement, a menu or an AI that takes the call is somebody who takes it


def wait(seconds: float, call: Call) -> Run:
    """Wait `seconds` in silence; what happens meanwhile is not for this step."""
    if seconds <= 0:
        return
    if call.answered_at is not None or call.early:
        call.hear(SilenceSource())
    yield from wait_hearing(seconds, call)


def wait_hearing(seconds: float, call: Call) -> Run:
    """Wait `seconds`; the caller goes on hearing what it hears."""
    deadline = call.time + seconds
    while True:
        given = yield max(0.0, deadline - call.time)
        if isinstance(given, TimedOut):
            return


def for_ever() -> Run:
    """Wait until the call ends."""
    while True:
        yield None


def until_finished(number: int) -> Run:
    """Wait until what `Call.hear` gave this number to is over."""
    while True:
        match (yield None):
            case VoiceFinished(number=ended) if ended == number:
                return
            case _:
                pass


def until_gone(leg: LegId) -> Run:
    """Wait until `leg` is over."""
    while True:
        match (yield None):
            case LegHappened(leg=ended, event=Ended()) if ended == leg:
                return
            case _:
                pass
