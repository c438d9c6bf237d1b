"""`softswitch call`: place one call and say what came of it."""

import asyncio
import signal
from collections.abc import Sequence

from softswitch import clock
from softswitch.app import App
from softswitch.call.dialplan import Query
from softswitch.call.news import CallEnded
from softswitch.call.record import CallRecord
from softswitch.call.routing import is_secure
from softswitch.call.step import BaseStep
from softswitch.call.steps import Agent, HangUp, Say, Wait
from softswitch.catalog import Catalog
from softswitch.config import Settings
from softswitch.errors import ResourceError
from softswitch.ladder import as_written
from softswitch.net import loop

#: How long a call without anything to say stays up: long enough for the other side to be heard in its record.
BARE_CALL_SECONDS = 2.0


def steps_for(catalog: Catalog, *, flow: str, dial: str, say: str) -> Sequence[BaseStep]:
    """Return what to do once the call is answered; ResourceError where the flow or the number is unknown."""
    if flow:
        if flow not in catalog.flows:
            known = ", ".join(sorted(catalog.flows)) or "none"
            raise ResourceError(f"flow {flow} does not exist; known flows: {known}")
        return (Agent(flow=flow),)
    if dial:
        rule = catalog.dialplan.match(Query(dial, trusted=True, wall=clock.wall()))
        if rule is None:
            raise ResourceError(f"no rule of the dialplan knows the number {dial}")
        return rule.steps
    if say:
        return (Say(text=say), HangUp())
    return (Wait(seconds=BARE_CALL_SECONDS), HangUp())


def run(
    settings: Settings,
    catalog: Catalog,
    target: str,
    steps: Sequence[BaseStep],
    *,
    caller_id: str,
    carrier: str,
    any_port: bool,
) -> CallRecord:
    """Place the call and return its record. any_port: let the system choose the SIP port, so that `run` may go on."""
    free = {"listen": (settings.sip.listen[0], 0), "listen_also": (settings.sip.listen_also[0], 0)}
    sip = settings.sip.model_copy(update=free) if any_port else settings.sip
    if is_secure(target) or any(one.secure for one in catalog.carriers):
        # On a port of its own, where the far end finds us if the connection is lost: 5061 is the running switch's.
        tls = settings.sip.tls
        ports = {"listen": (tls.listen[0] or sip.listen[0], 0), "listen_also": (tls.listen_also[0], 0)}
        sip = sip.model_copy(update={"tls": tls.model_copy(update=ports)})
    http = settings.http.model_copy(update={"enabled": False})
    own = settings.model_copy(update={"sip": sip, "http": http})
    return loop.run(_place(own, catalog, target, steps, caller_id=caller_id, carrier=carrier))


async def _place(
    settings: Settings, catalog: Catalog, target: str, steps: Sequence[BaseStep], *, caller_id: str, carrier: str
) -> CallRecord:
    async with App(settings, catalog, serving=False) as app:
        await app.engines.warm()
        events = app.switchboard.watch()
        carrier = app.check_target(target, carrier)
        call = app.switchboard.dial(target, steps, caller_id=caller_id, carrier=carrier)
        loop_ = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            # Whoever stops the command ends the call too: the far end must not be left talking to nobody.
            loop_.add_signal_handler(number, app.switchboard.hang_up, call)
        async for event in events:
            if event.call == call and isinstance(event.what, CallEnded):
                await app.release()
                return event.what.record
    raise ResourceError("the call was lost sight of")


def print_record(record: CallRecord) -> None:
    """Print a call record as a table."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=as_written(f"{record.to}: {record.outcome}"), show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")

    def add(name: str, value: str) -> None:
        table.add_row(as_written(name), as_written(value))  # half of it is what the far end said

    data = record.as_json()
    received = data["quality"]["received"]
    for name in ("id", "from", "carrier", "started_at", "answered_at", "ended_at", "cause", "sip_code", "ended_by"):
        if data[name]:
            add(name, str(data[name]))
    add("duration", f"{record.duration_ms / 1000:.1f} s")
    if record.media.codec:
        add(
            "heard",
            f"{received['packets']} packets {record.media.codec}, {received['loss_percent']} % lost, "
            f"jitter {received['jitter_ms']} ms",
        )
    for turn in record.turns:
        if turn.heard:
            add("caller", turn.heard)
        if turn.said:
            add("switch", turn.said + (" (interrupted)" if turn.interrupted else ""))
    for name, value in sorted(record.variables.items()):
        add(f"variable {name}", value)
    if record.dtmf:
        add("keys", record.dtmf)
    if record.verdict:
        add("verdict", record.verdict)
    Console().print(table)
