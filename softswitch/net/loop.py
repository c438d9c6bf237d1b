"""The event loop the switch runs on, and how many files the machine lets it open."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")

_log = logging.getLogger("softswitch.net")


def new_loop() -> asyncio.AbstractEventLoop:
    """Return a new event loop: uvloop where it is installed, else asyncio's own."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def run(main: Coroutine[Any, Any, Result]) -> Result:
    """Run `main` to its end on a new loop and return what it returned."""
    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(main)


def raise_open_files() -> int:
    """Raise the limit of open files to the hard limit and return what holds now; 0 where the system has none.

    The soft limit of 1024 that most systems start a process with is an RTP port for fewer than a thousand calls.
    """
    try:
        import resource
    except ImportError:
        return 0
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == hard:
        return soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError) as error:  # macOS refuses "unlimited"
        _log.warning("open files limit kept", extra={"limit": soft, "reason": str(error)})
        return soft
    return hard
