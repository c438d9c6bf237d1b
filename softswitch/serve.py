"""`softswitch run`: start, say that we are ready, and stop as the signals ask."""

import asyncio
import logging
import signal
from collections.abc import Callable

from softswitch.app import App
from softswitch.catalog import Catalog
from softswitch.config import Settings
from softswitch.net import loop
from softswitch.net.address import show

log = logging.getLogger("softswitch")


def run(settings: Settings, catalog: Catalog, ready: Callable[[dict[str, str]], None]) -> int:
    """Serve until SIGTERM or SIGINT; return the exit status. Raises ResourceError where the switch cannot start."""
    return loop.run(_serve(settings, catalog, ready))


async def _serve(settings: Settings, catalog: Catalog, ready: Callable[[dict[str, str]], None]) -> int:
    stop, stop_now = asyncio.Event(), asyncio.Event()

    def asked_to_stop() -> None:
        (stop_now if stop.is_set() else stop).set()

    events = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        events.add_signal_handler(number, asked_to_stop)
    async with App(settings, catalog) as app:
        facts = {"sip": show(app.addresses.sip)}
        if app.addresses.also is not None:
            facts["also"] = show(app.addresses.also)
        if app.addresses.http is not None:
            facts["http"] = show(app.addresses.http)
        facts["rtp"] = "-".join(str(port) for port in settings.rtp.ports)
        facts["data"] = str(settings.data)
        ready(facts)
        await stop.wait()
        log.info("draining: no new calls, %d running", app.switchboard.active)
        draining = asyncio.create_task(app.drain(), name="drain")
        at_once = asyncio.create_task(stop_now.wait(), name="stop-at-once")
        await asyncio.wait({draining, at_once}, return_when=asyncio.FIRST_COMPLETED)
        for task in (draining, at_once):
            task.cancel()
        await asyncio.gather(draining, at_once, return_exceptions=True)
        await app.release()
    return 0
