"""Other files for a switch that runs: read and checked beside the calls, then put in force between two of them.

Everything is read into new values first, by a thread. A fault anywhere refuses the whole, and what was in force stays.
What cannot change while sockets are open is named, and everything else is put in force all the same, in one iteration
of the loop: no call sees half of it.
"""

import asyncio
import contextlib
import gc
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from softswitch import clock
from softswitch.catalog import Catalog
from softswitch.changes import Changes, settings_changed
from softswitch.config import Settings
from softswitch.errors import ConfigError, Fault
from softswitch.pace import resting

log = logging.getLogger("softswitch")

#: How many young objects the collector looks at at once while files are read: in a third of a millisecond. Older ones
#: wait.
SMALL_COLLECTIONS = (2000, 10_000, 10_000)

#: What was read: settings, and what they name. Raises ConfigError with every fault.
Load = Callable[[], tuple[Settings, Catalog]]
#: Puts it in force, at once; returns what that changed, in sentences.
Apply = Callable[[Settings, Catalog], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Report:
    """What came of one reload. changes: sentences. needs_restart: keys whose new value waits for a restart.

    outcome: `changed`, `unchanged` or `refused`. at: when, in ISO 8601. took_ms: reading included.
    """

    outcome: str
    at: str
    took_ms: float = 0.0
    changes: tuple[str, ...] = ()
    needs_restart: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return it as plain JSON data."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Found:
    """What was read, made ready to be put in force. fixed: keys that need a restart, whose old values stand here."""

    settings: Settings
    catalog: Catalog
    sentences: tuple[str, ...]
    fixed: tuple[str, ...]


class Reloader:
    """Reloads, one at a time. counts: by outcome. last: the report of the last one, None before the first."""

    def __init__(self, settings: Settings, catalog: Catalog, load: Load, apply: Apply) -> None:
        """settings, catalog: what is in force."""
        self.counts: Counter[str] = Counter({"changed": 0, "unchanged": 0, "refused": 0})
        self.last: Report | None = None
        #: Told of each beginning (None) and of what came of it.
        self.on_progress: Callable[[Report | None], None] = lambda _: None
        self._settings = settings
        self._catalog = catalog
        self._load = load
        self._apply = apply
        self._lock = asyncio.Lock()
        self._waiting: asyncio.Task[Report] | None = None
        self._tasks: set[asyncio.Task[Report]] = set()
        self._closed = ""

    def ask(self) -> "asyncio.Task[Report]":
        """Read everything anew from now on; whoever asks while a reload waits for its turn gets the same one."""
        if self._waiting is None:
            self._waiting = asyncio.get_running_loop().create_task(self._run(), name="reload")
            self._tasks.add(self._waiting)
            self._waiting.add_done_callback(self._tasks.discard)
        return self._waiting

    def refuse(self, why: str) -> None:
        """Refuse every reload from now on, with a sentence."""
        self._closed = why

    async def close(self) -> None:
        """Wait for what is being read; the thread that reads cannot be stopped."""
        self.refuse("the switch has stopped")
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self) -> Report:
        async with self._lock:
            self._waiting = None  # the files are read from here on: what is asked for later is another reload
            began = clock.now()
            self.on_progress(None)
            try:
                if self._closed:
                    raise ConfigError(Fault("reload", self._closed))
                with _small_collections():
                    found = await asyncio.to_thread(self._read)
                report = self._put_in_force(found, began)
            except ConfigError as error:
                report = _refused(error.faults, began)
            except Exception:  # a fault of ours at other files must not cost the switch what it has
                log.exception("the reload failed")
                fault = Fault("reload", "failed by a fault of the switch itself", "see the traceback in its log")
                report = _refused((fault,), began)
            self.counts[report.outcome] += 1
            self.last = report
            _tell(report)
            self.on_progress(report)
            return report

    def _read(self) -> _Found:
        """Read the files and compare, in a thread."""
        with resting():
            settings, catalog = self._load()
            merged, live, fixed = settings_changed(self._settings, settings)
            changes = Changes.between(self._settings, self._catalog, settings, catalog)
            return _Found(merged, catalog, (*live, *changes.sentences()), fixed)

    def _put_in_force(self, found: _Found, began: float) -> Report:
        sentences = (*found.sentences, *self._apply(found.settings, found.catalog))
        self._settings, self._catalog = found.settings, found.catalog
        outcome = "changed" if sentences else "unchanged"
        return Report(outcome, _now(), _milliseconds(began), sentences, found.fixed)


@contextlib.contextmanager
def _small_collections() -> Iterator[None]:
    """Let the collector look at few objects at a time while many are made: it holds the interpreter for all of them."""
    before = gc.get_threshold()
    gc.set_threshold(*SMALL_COLLECTIONS)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _refused(faults: tuple[Fault, ...], began: float) -> Report:
    return Report("refused", _now(), _milliseconds(began), faults=faults)


def _now() -> str:
    return clock.wall().isoformat(timespec="milliseconds")


def _milliseconds(began: float) -> float:
    return round((clock.now() - began) * 1000, 1)


def _tell(report: Report) -> None:
    fields = {"took_ms": report.took_ms}
    if report.outcome == "refused":
        for fault in report.faults:
            log.error("reload refused: %s", fault)
        log.error("the reload was refused, and what was in force stays", extra=fields)
        return
    for change in report.changes:
        log.info("reload: %s", change)
    for key in report.needs_restart:
        log.warning("reload: %s needs a restart", key)
    log.info("reloaded" if report.changes else "reloaded, nothing has changed", extra=fields)
