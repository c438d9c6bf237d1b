"""The command line. Every command exits 0 (done), 1 (it ran and the answer is no), 2 (wrong usage or configuration)."""

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from softswitch import cli_recordings, cli_running  # noqa: F401 - they bring their commands
from softswitch.cli_options import (
    ConfigOption,
    DataOption,
    HttpOption,
    JsonOption,
    RtpOption,
    SipOption,
    WorkersOption,
    app,
    fail,
    print_json,
    settings_of,
)
from softswitch.errors import ConfigError, ResourceError


@app.command(epilog="Example: softswitch run --sip 0.0.0.0:5060 --data /var/lib/softswitch")
def run(
    config: ConfigOption = None,
    sip: SipOption = None,
    http: HttpOption = None,
    rtp_ports: RtpOption = None,
    data: DataOption = None,
    workers_speech: WorkersOption = None,
    json_: JsonOption = False,
) -> None:
    """Serve calls until stopped. SIGTERM lets running calls finish, a second one stops at once; SIGHUP reloads."""
    from softswitch import clock, logs, serve
    from softswitch.catalog import Catalog, load_catalog
    from softswitch.certificates import examine
    from softswitch.config import Settings

    def load() -> tuple[Settings, Catalog]:
        found = settings_of(config, sip=sip, http=http, rtp_ports=rtp_ports, data=data, workers=workers_speech)
        catalog = load_catalog(found, os.environ)
        examine(found, catalog, config=config, environment=os.environ, wall=clock.wall()).tell()
        return found, catalog

    logs.set_up("info")
    settings, catalog = load()
    logs.set_level(settings.observability.level)

    def ready(facts: dict[str, str]) -> None:
        line = json.dumps({"ready": facts}) if json_ else "ready " + " ".join(f"{k}={v}" for k, v in facts.items())
        print(line, flush=True)  # noqa: T201 - others wait for this line

    raise SystemExit(serve.run(settings, catalog, load, ready))


@app.command(epilog="Example: softswitch check --config softswitch.yaml")
def check(config: ConfigOption = None, json_: JsonOption = False) -> None:
    """Check configuration, carriers, certificates, dialplans, flows, sounds; print every fault with file and line."""
    from softswitch import clock
    from softswitch.catalog import advice, load_catalog, read_from
    from softswitch.certificates import examine
    from softswitch.providers.registry import check_engines
    from softswitch.route_test import place

    try:
        settings = settings_of(config)
        catalog = load_catalog(settings, os.environ)
        check_engines(settings.speech.stt, settings.speech.tts)
        found = examine(settings, catalog, config=config, environment=os.environ, wall=clock.wall())
        if found.faults or found.late:
            raise ConfigError(*found.faults, *found.late)
    except ConfigError as error:
        if not json_:
            raise
        print_json({"ok": False, "faults": [asdict(fault) for fault in error.faults]})
        raise SystemExit(2) from error
    counts = {
        "rules": len(catalog.dialplan.rules),
        "flows": len(catalog.flows),
        "sounds": len(catalog.sounds),
        "carriers": len(catalog.carriers),
        "users": len(settings.users),
    }
    files = read_from(settings)
    warnings = (*found.warnings, *advice(settings, catalog, os.environ, config=config))
    if json_:
        paths = {name: str(path) for name, path in files.items()}
        print_json({"ok": True, **counts, "files": paths, "warnings": [asdict(fault) for fault in warnings]})
        return
    from rich.console import Console

    # Lines, not a table of columns that fold: whoever greps for a path wants it whole.
    console = Console(soft_wrap=True, highlight=False, markup=False)
    console.print("Everything is in order." if not warnings else "It works, but look at this:")
    for fault in warnings:
        console.print(str(fault))
    if config is None:
        console.print("No --config was given, so this is the demo and what is shipped.")
    of = {"rules": files["dialplans"], "flows": files["dialplans"], "sounds": files["media"]}
    of |= {"carriers": files["carriers"], "users": config or Path()}
    for name, count in counts.items():
        where = place(str(of[name])) if of[name] != Path() else ""
        console.print(f"{count:7} {name:8}  {where}".rstrip())
    if settings.registrar.sql:
        console.print("There may be more users in SQL: ask `softswitch users`.")


@app.command(epilog="Example: softswitch call sip:600@127.0.0.1:5060 --say 'Hello, this is a test.'")
def call(
    target: Annotated[str, typer.Argument(metavar="TARGET", help="A number, or a sip: URI.")],
    carrier: Annotated[str, typer.Option(metavar="NAME", help="Carrier for a number; default the first.")] = "",
    flow: Annotated[str, typer.Option(metavar="NAME", help="Let the AI follow this flow.")] = "",
    dial: Annotated[str, typer.Option(metavar="NUMBER", help="Run this number's dialplan steps.")] = "",
    say: Annotated[str, typer.Option(metavar="TEXT", help="Say this, then hang up.")] = "",
    from_: Annotated[str, typer.Option("--from", metavar="NUMBER", help="Caller ID.")] = "",
    config: ConfigOption = None,
    sip: SipOption = None,
    data: DataOption = None,
    json_: JsonOption = False,
) -> None:
    """Place one call; exit 0 only if it was answered."""
    if sum(bool(choice) for choice in (flow, dial, say)) > 1:
        fail("choose one of --flow, --dial and --say")
    from softswitch import logs, outbound
    from softswitch.catalog import load_catalog

    settings = settings_of(config, sip=sip, data=data)
    logs.set_up("warning")
    catalog = load_catalog(settings, os.environ)
    steps = outbound.steps_for(catalog, flow=flow, dial=dial, say=say)
    record = outbound.run(settings, catalog, target, steps, caller_id=from_, carrier=carrier, any_port=sip is None)
    if json_:
        print_json(record.as_json())
    else:
        outbound.print_record(record)
    raise SystemExit(0 if record.outcome == "answered" else 1)


@app.command(epilog="Example: softswitch users add alice --number 101 --config softswitch.yaml")
def users(
    action: Annotated[str, typer.Argument(metavar="list|add|remove", help="What to do.")] = "list",
    name: Annotated[str, typer.Argument(metavar="NAME", help="The user to add or to remove.")] = "",
    number: Annotated[str, typer.Option(metavar="NUMBER", help="What others dial.")] = "",
    display: Annotated[str, typer.Option(metavar="TEXT", help="The name that telephones show.")] = "",
    caller_id: Annotated[str, typer.Option("--caller-id", metavar="NUMBER", help="Shown outside.")] = "",
    ha1: Annotated[str, typer.Option(metavar="HASH", help="MD5 of name:realm:password, instead of a password.")] = "",
    config: ConfigOption = None,
    data: DataOption = None,
    json_: JsonOption = False,
) -> None:
    """Show the users; add one to SQL (the password is asked for, or one line of the input), or remove one from it."""
    from softswitch import users_view

    if action not in ("list", "add", "remove") or bool(name) is (action == "list"):
        fail("say `softswitch users list`, `softswitch users add NAME` or `softswitch users remove NAME`")
    settings = settings_of(config, data=data)
    if action == "list":
        found = users_view.listed(settings)
        print_json({"users": found}) if json_ else users_view.print_users(found)
        return
    done = True
    if action == "add":
        values = {"name": name, "number": number, "display": display, "caller_id": caller_id, "ha1": ha1}
        users_view.add(settings, values)
    else:
        done = users_view.remove(settings, name)
    if json_:
        print_json({"ok": done, "user": name})
    else:
        users_view.print_done(settings, action, name, done=done)
    raise SystemExit(0 if done else 1)


@app.command("route-test", epilog="Example: softswitch route-test +4930123456 --from +4930123450")
def route_test(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="The number somebody dials.")],
    from_: Annotated[str, typer.Option("--from", metavar="NUMBER", help="Who dials it.")] = "",
    carrier: Annotated[str, typer.Option(metavar="NAME", help="Over this carrier, past the dialplan.")] = "",
    user: Annotated[str, typer.Option(metavar="NAME", help="Which of our users dials it, for the tolls.")] = "",
    config: ConfigOption = None,
    json_: JsonOption = False,
) -> None:
    """Say which rule, carrier, gateways and caller ID a number would get, and why. Nothing is sent."""
    from softswitch import clock
    from softswitch import route_test as test
    from softswitch.catalog import load_catalog, shipped

    settings = settings_of(config)
    catalog = load_catalog(settings, os.environ)
    decision = test.decide(
        catalog,
        number,
        caller=from_,
        carrier=carrier,
        wall=clock.wall(),
        random=clock.fraction,
        carriers_file=str(settings.carriers or shipped("carriers.yaml")),
        user=user,
        toll=settings.toll,
        own=next((one.toll for one in settings.users if one.name == user), None),
    )
    if json_:
        print_json(test.as_json(decision))
    else:
        test.print_decision(decision)
    raise SystemExit(1 if decision.fault else 0)


@app.command(epilog="Example: softswitch demo --record demo.wav")
def demo(
    record: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the call to this WAV file.")] = None,
    json_: JsonOption = False,
) -> None:
    """Make a real call on this machine: a scripted caller talks with the AI receptionist."""
    from softswitch import demo as show
    from softswitch import logs
    from softswitch.catalog import load_catalog

    settings = settings_of(None)
    logs.set_up("warning")
    raise SystemExit(show.run(settings, load_catalog(settings, os.environ), as_json=json_, recording=record))


def main() -> None:
    """Run the command line; mistakes of the user end in sentences and status 2, never in a traceback."""
    try:
        app()
    except ConfigError as error:
        for fault in error.faults:
            print(fault, file=sys.stderr)  # noqa: T201
        raise SystemExit(2) from error
    except ResourceError as error:
        fail(str(error))
