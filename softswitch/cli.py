"""The command line. Every command exits 0 (done), 1 (it ran and the answer is no), 2 (wrong usage or configuration)."""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from softswitch.errors import ConfigError, ResourceError

Answer = TypeVar("Answer")

app = typer.Typer(
    name="softswitch",
    help="A SIP/RTP telephone switch with an AI on the line.",
    epilog="Example: softswitch run, then softswitch call sip:600@127.0.0.1:5060. Each command has its own --help.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

calls = typer.Typer(epilog="Example: softswitch calls, softswitch calls show 5f1c9a")
app.add_typer(calls, name="calls")
bans = typer.Typer(epilog="Example: softswitch bans, softswitch bans remove 203.0.113.9")
app.add_typer(bans, name="bans")

ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", metavar="FILE", help="softswitch.yaml; without it the demo is served.")
]
SipOption = Annotated[str | None, typer.Option("--sip", metavar="HOST:PORT", help="Where SIP listens, UDP and TCP.")]
HttpOption = Annotated[str | None, typer.Option("--http", metavar="HOST:PORT", help="Where HTTP listens.")]
RtpOption = Annotated[str | None, typer.Option("--rtp-ports", metavar="A-B", help="Range of RTP ports.")]
DataOption = Annotated[Path | None, typer.Option("--data", metavar="DIR", help="Folder for records and recordings.")]
WorkersOption = Annotated[int | None, typer.Option("--workers-speech", metavar="N", help="Recogniser processes.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


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
        found = _settings(config, sip=sip, http=http, rtp_ports=rtp_ports, data=data, workers=workers_speech)
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
        settings = _settings(config)
        catalog = load_catalog(settings, os.environ)
        check_engines(settings.speech.stt, settings.speech.tts)
        found = examine(settings, catalog, config=config, environment=os.environ, wall=clock.wall())
        if found.faults or found.late:
            raise ConfigError(*found.faults, *found.late)
    except ConfigError as error:
        if not json_:
            raise
        _print_json({"ok": False, "faults": [asdict(fault) for fault in error.faults]})
        raise SystemExit(2) from error
    counts = {
        "rules": len(catalog.dialplan.rules),
        "flows": len(catalog.flows),
        "sounds": len(catalog.sounds),
        "carriers": len(catalog.carriers),
    }
    files = read_from(settings)
    warnings = (*found.warnings, *advice(settings, catalog, os.environ))
    if json_:
        paths = {name: str(path) for name, path in files.items()}
        _print_json({"ok": True, **counts, "files": paths, "warnings": [asdict(fault) for fault in warnings]})
        return
    from rich.console import Console
    from rich.table import Table

    Console().print("Everything is in order." if not warnings else "It works, but look at this:")
    for fault in warnings:
        Console().print(str(fault), soft_wrap=True, highlight=False, markup=False)
    table = Table()
    table.add_column("what")
    table.add_column("count", justify="right")
    for name, count in counts.items():
        table.add_row(name, str(count))
    Console().print(table)
    if config is None:
        Console().print("No --config was given, so this is the demo and what is shipped.")
    for name, path in files.items():
        Console().print(f"{name}: {place(str(path))}", soft_wrap=True, highlight=False, markup=False)


@app.command(epilog="Example: softswitch call sip:600@127.0.0.1:5060 --say 'Hello, this is a test.'")
def call(
    target: Annotated[str, typer.Argument(help="A number, or a sip: URI.")],
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
        _fail("choose one of --flow, --dial and --say")
    from softswitch import logs, outbound
    from softswitch.catalog import load_catalog

    settings = _settings(config, sip=sip, data=data)
    logs.set_up("warning")
    catalog = load_catalog(settings, os.environ)
    steps = outbound.steps_for(catalog, flow=flow, dial=dial, say=say)
    record = outbound.run(settings, catalog, target, steps, caller_id=from_, carrier=carrier, any_port=sip is None)
    if json_:
        _print_json(record.as_json())
    else:
        outbound.print_record(record)
    raise SystemExit(0 if record.outcome == "answered" else 1)


@app.command(epilog="Example: softswitch trunks --http 127.0.0.1:8080")
def trunks(config: ConfigOption = None, http: HttpOption = None, json_: JsonOption = False) -> None:
    """Show the carriers of the running switch: state, round trip, calls, last error; exit 1 if no switch runs."""
    from softswitch import trunks_view
    from softswitch.ask import ask_list

    found = _asked(lambda: ask_list(_settings(config, http=http).http.listen, "/v1/trunks", "trunks"))
    if json_:
        _print_json({"trunks": found})
    else:
        trunks_view.print_trunks(found)


@app.command(epilog="Example: softswitch registrations --user alice")
def registrations(
    user: Annotated[str, typer.Option(metavar="NAME", help="Only those of this user.")] = "",
    config: ConfigOption = None,
    http: HttpOption = None,
    json_: JsonOption = False,
) -> None:
    """Show the telephones that are registered with the running switch; exit 1 if no switch runs."""
    from softswitch import users_view
    from softswitch.ask import ask_list, quoted

    path = "/v1/registrations" + (f"?user={quoted(user)}" if user else "")
    found = _asked(lambda: ask_list(_settings(config, http=http).http.listen, path, "registrations"))
    if json_:
        _print_json({"registrations": found})
    else:
        users_view.print_registrations(found)


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
        _fail("say `softswitch users list`, `softswitch users add NAME` or `softswitch users remove NAME`")
    settings = _settings(config, data=data)
    if action == "list":
        found = users_view.listed(settings)
        _print_json({"users": found}) if json_ else users_view.print_users(found)
        return
    done = True
    if action == "add":
        values = {"name": name, "number": number, "display": display, "caller_id": caller_id, "ha1": ha1}
        users_view.add(settings, values)
    else:
        done = users_view.remove(settings, name)
    if json_:
        _print_json({"ok": done, "user": name})
    else:
        users_view.print_done(settings, action, name, done=done)
    raise SystemExit(0 if done else 1)


@bans.callback(invoke_without_command=True)
def list_bans(
    context: typer.Context, config: ConfigOption = None, http: HttpOption = None, json_: JsonOption = False
) -> None:
    """Show who the running switch does not listen to, and why; `remove HOST`: listen again."""
    if context.invoked_subcommand is not None:
        context.obj = (config, http)
        return
    from softswitch import bans_view
    from softswitch.ask import ask

    address = _settings(config, http=http).http.listen
    found = _asked(lambda: ask(address, "/v1/guard"))
    if json_:
        _print_json(found)
    else:
        bans_view.print_bans(found)


@bans.command("remove", epilog="Example: softswitch bans remove 203.0.113.9")
def remove_ban(
    context: typer.Context,
    host: Annotated[str, typer.Argument(metavar="HOST", help="An IP address, or a network as `bans` names it.")],
    config: ConfigOption = None,
    http: HttpOption = None,
) -> None:
    """Listen to a source again, and forget what it did; exit 1 if it is not banned."""
    from softswitch.ask import fetch, quoted

    outer_config, outer_http = context.obj or (None, None)
    address = _settings(config or outer_config, http=http or outer_http).http.listen
    _asked(lambda: fetch(address, f"/v1/guard/bans/{quoted(host)}", method="DELETE"))


@calls.callback(invoke_without_command=True)
def list_calls(
    context: typer.Context,
    config: ConfigOption = None,
    http: HttpOption = None,
    json_: JsonOption = False,
    watch: Annotated[bool, typer.Option("--watch", help="Show them again each second, until Ctrl-C.")] = False,
) -> None:
    """Show the calls that are up on the running switch; `show ID`: all of one call, also after its end."""
    if context.invoked_subcommand is not None:
        context.obj = (config, http)
        return
    from softswitch import calls_view
    from softswitch.ask import ask_list

    address = _settings(config, http=http).http.listen

    def found() -> list[dict[str, Any]]:
        return _asked(lambda: ask_list(address, "/v1/calls", "calls"))

    if watch and not json_:
        calls_view.watch(found)
    elif json_:
        _print_json({"calls": found()})
    else:
        calls_view.print_calls(found())


@calls.command("show", epilog="Example: softswitch calls show 5f1c9a --pcap call.pcap")
def show_call(
    context: typer.Context,
    call: Annotated[str, typer.Argument(metavar="ID", help="Its id, the beginning of it, or a SIP Call-ID.")],
    text: Annotated[bool, typer.Option("--text", help="Print the messages whole, credentials masked.")] = False,
    pcap: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the messages for Wireshark.")] = None,
    config: ConfigOption = None,
    http: HttpOption = None,
    json_: JsonOption = False,
) -> None:
    """Show one call, up or over: messages as a ladder, what happened, sound, turns, verdict; exit 1 if unknown."""
    from softswitch import call_view
    from softswitch.ask import ask, fetch, quoted

    outer_config, outer_http = context.obj or (None, None)
    address = _settings(config or outer_config, http=http or outer_http).http.listen
    found = _asked(lambda: ask(address, f"/v1/calls/{quoted(call)}"))
    if pcap is not None:
        data = _asked(lambda: fetch(address, f"/v1/calls/{quoted(call)}/pcap"))
        try:
            pcap.write_bytes(data)
        except OSError as error:
            _fail(f"{pcap} cannot be written: {error.strerror}; choose another file with --pcap")
    if json_:
        _print_json(found)
    elif text:
        call_view.print_messages(found)
    elif pcap is None:
        call_view.print_call(found)
    else:
        print(f"{len(found['messages'])} messages are in {pcap}")  # noqa: T201 - this is what was asked for


@app.command(epilog="Example: softswitch reload --config softswitch.yaml")
def reload(config: ConfigOption = None, http: HttpOption = None, json_: JsonOption = False) -> None:
    """Let the running switch read its configuration anew; print what changed, or every fault (exit 1: refused)."""
    from softswitch.ask import post
    from softswitch.reload_view import SECONDS, print_report

    address = _settings(config, http=http).http.listen
    report = _asked(lambda: post(address, "/v1/reload", takes=(409,), seconds=SECONDS))["reload"]
    if json_:
        _print_json(report)
    else:
        print_report(report)
    raise SystemExit(1 if report["outcome"] == "refused" else 0)


@app.command("route-test", epilog="Example: softswitch route-test +4930123456 --from +4930123450")
def route_test(
    number: Annotated[str, typer.Argument(help="The number somebody dials.")],
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

    settings = _settings(config)
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
        _print_json(test.as_json(decision))
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

    settings = _settings(None)
    logs.set_up("warning")
    raise SystemExit(show.run(settings, load_catalog(settings, os.environ), as_json=json_, recording=record))


def _settings(
    config: Path | None,
    *,
    sip: str | None = None,
    http: str | None = None,
    rtp_ports: str | None = None,
    data: Path | None = None,
    workers: int | None = None,
) -> Any:
    from softswitch.config import load_settings, override

    settings = load_settings(config, os.environ)
    for section, key, value, option in (
        ("sip", "listen", sip, "--sip"),
        ("http", "listen", http, "--http"),
        ("rtp", "ports", rtp_ports, "--rtp-ports"),
        ("speech", "workers", None if workers is None else str(workers), "--workers-speech"),
    ):
        if value is not None:
            settings = override(settings, section, key, value, option)
    return settings if data is None else settings.model_copy(update={"data": data})


def _asked(question: Callable[[], Answer]) -> Answer:
    """Return what the running switch answers; no answer, or a no, is a sentence and status 1."""
    from softswitch.ask import NoSwitch, NotThere

    try:
        return question()
    except (NoSwitch, NotThere) as error:
        print(f"softswitch: {error}", file=sys.stderr)  # noqa: T201 - the command line's own voice
        raise SystemExit(1) from error


def _print_json(data: Any) -> None:
    print(json.dumps(data, ensure_ascii=False, indent=2))  # noqa: T201 - this is what was asked for


def _fail(sentence: str) -> None:
    print(f"softswitch: {sentence}", file=sys.stderr)  # noqa: T201 - the command line's own voice
    raise SystemExit(2)


def main() -> None:
    """Run the command line; mistakes of the user end in sentences and status 2, never in a traceback."""
    try:
        app()
    except ConfigError as error:
        for fault in error.faults:
            print(fault, file=sys.stderr)  # noqa: T201
        raise SystemExit(2) from error
    except ResourceError as error:
        _fail(str(error))
