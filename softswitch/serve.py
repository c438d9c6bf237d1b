"""`softswitch run`: start, say that we are ready, and do what the signals ask.

SIGTERM and SIGINT let calls finish, the second one of them does not. SIGHUP reads the configuration anew.
"""

import asyncio
import logging
import os
import signal
from collections.abc import Callable

from softswitch.app import App
from softswitch.catalog import Catalog
from softswitch.config import Settings
from softswitch.net import loop, notify
from softswitch.net.address import show
from softswitch.reload import Load
from softswitch.supervision import Supervision

log = logging.getLogger("softswitch")

#: Seconds between two lines that say how many calls a stopping switch still waits for.
PROGRESS_SECONDS = 5.0


def run(settings: Settings, catalog: Catalog, load: Load, ready: Callable[[dict[str, str]], None]) -> int:
    """Serve until SIGTERM or SIGINT; return the exit status. Raises ResourceError where the switch cannot start.

    load: reads settings and catalog anew.
    """
    return loop.run(_serve(settings, catalog, load, ready))


async def _serve(settings: Settings, catalog: Catalog, load: Load, ready: Callable[[dict[str, str]], None]) -> int:
    stop, stop_now = asyncio.Event(), asyncio.Event()

    def asked_to_stop() -> None:
        (stop_now if stop.is_set() else stop).set()

    events = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        events.add_signal_handler(number, asked_to_stop)
    # Until there is something to reload it must not end us, as it does by default.
    events.add_signal_handler(signal.SIGHUP, _too_early)
    async with App(settings, catalog, load=load) as app:
        supervision = Supervision(
            notify.from_environment(os.environ), app.ticker, lambda: app.switchboard.active, events.call_later
        )
        app.reloader.on_progress = supervision.reloading
        events.add_signal_handler(signal.SIGHUP, app.reloader.ask)
        try:
            ready(_facts(app))
            supervision.ready()
            await stop.wait()
            supervision.stopping()
            await _drain(app, stop_now)
            await app.release()
        finally:
            supervision.close()
    log.info("stopped")
    return 0


def _too_early() -> None:
    log.info("not reloaded: the switch is starting, and reads its files anyhow")


def _facts(app: App) -> dict[str, str]:
    """Return what the line `ready` says: where the switch is reached, and where it writes."""
    facts = {"sip": show(app.addresses.sip)}
    if app.addresses.also is not None:
        facts["also"] = show(app.addresses.also)
    if app.addresses.tls is not None:
        facts["tls"] = show(app.addresses.tls)
    if app.addresses.http is not None:
        facts["http"] = show(app.addresses.http)
    facts["rtp"] = "-".join(str(port) for port in app.settings.rtp.ports)
    facts["data"] = str(app.settings.data)
    return facts


async def _drain(app: App, stop_now: asyncio.Event) -> None:
    """Let the calls finish that are up, until they have, their time is over, or somebody asks a second time."""
    log.info("draining: no new calls, %d running", app.switchboard.active)
    draining = asyncio.create_task(app.drain(), name="drain")
    at_once = asyncio.create_task(stop_now.wait(), name="stop-at-once")
    tasks = {draining, at_once}
    while not (await asyncio.wait(tasks, timeout=PROGRESS_SECONDS, return_when=asyncio.FIRST_COMPLETED))[0]:
        log.info("draining: %d still running", app.switchboard.active)
    if not draining.done():
        log.info("asked a second time to stop: %d are hung up", app.switchboard.active)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
