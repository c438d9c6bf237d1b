"""The commands that ask the switch that runs, over HTTP: what it does, who is on it, and that it shall do something."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from softswitch.cli_options import JsonOption, app, fail, print_json

Answer = TypeVar("Answer")

#: Where `softswitch --help` lists them.
PANEL = "Commands that ask the switch that runs"

calls = typer.Typer(epilog="Example: softswitch calls, softswitch calls show 5f1c9a")
app.add_typer(calls, name="calls", rich_help_panel=PANEL)
bans = typer.Typer(epilog="Example: softswitch bans, softswitch bans remove 203.0.113.9")
app.add_typer(bans, name="bans", rich_help_panel=PANEL)

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", metavar="FILE", help="softswitch.yaml, whose http.listen says where to ask."),
]
HttpOption = Annotated[str | None, typer.Option("--http", metavar="HOST:PORT", help="Where to ask, instead.")]


@app.command(rich_help_panel=PANEL, epilog="Example: softswitch trunks --http 127.0.0.1:8080")
def trunks(config: ConfigOption = None, http: HttpOption = None, json_: JsonOption = False) -> None:
    """Show how the carriers are: state, round trip, calls, last error; exit 1 if no switch runs."""
    from softswitch import trunks_view
    from softswitch.ask import ask_list

    address = _address(config, http)
    found = _asked(lambda: ask_list(address, "/v1/trunks", "trunks"))
    if json_:
        print_json({"trunks": found})
    else:
        trunks_view.print_trunks(found)


@app.command(rich_help_panel=PANEL, epilog="Example: softswitch registrations --user alice")
def registrations(
    user: Annotated[str, typer.Option(metavar="NAME", help="Only those of this user.")] = "",
    config: ConfigOption = None,
    http: HttpOption = None,
    json_: JsonOption = False,
) -> None:
    """Show the telephones that are registered; exit 1 if no switch runs."""
    from softswitch import users_view
    from softswitch.ask import ask_list, quoted

    path = "/v1/registrations" + (f"?user={quoted(user)}" if user else "")
    address = _address(config, http)
    found = _asked(lambda: ask_list(address, path, "registrations"))
    if json_:
        print_json({"registrations": found})
    else:
        users_view.print_registrations(found)


@calls.callback(invoke_without_command=True)
def list_calls(
    context: typer.Context,
    config: ConfigOption = None,
    http: HttpOption = None,
    json_: JsonOption = False,
    watch: Annotated[bool, typer.Option("--watch", help="Show them again each second, until Ctrl-C.")] = False,
) -> None:
    """Show the calls that are up; `show ID`: all of one call, also after its end."""
    if context.invoked_subcommand is not None:
        context.obj = (config, http)
        return
    from softswitch import calls_view
    from softswitch.ask import ask_list

    address = _address(config, http)

    def found() -> list[dict[str, Any]]:
        return _asked(lambda: ask_list(address, "/v1/calls", "calls"))

    if watch and not json_:
        calls_view.watch(found)
    elif json_:
        print_json({"calls": found()})
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

    address = _address(config, http, context)
    found = _asked(lambda: ask(address, f"/v1/calls/{quoted(call)}"))
    if pcap is not None:
        data = _asked(lambda: fetch(address, f"/v1/calls/{quoted(call)}/pcap"))
        try:
            pcap.write_bytes(data)
        except OSError as error:
            fail(f"{pcap} cannot be written: {error.strerror}; choose another file with --pcap")
    if json_:
        print_json(found)
    elif text:
        call_view.print_messages(found)
    elif pcap is None:
        call_view.print_call(found)
    else:
        print(f"{len(found['messages'])} messages are in {pcap}")  # noqa: T201 - this is what was asked for


@bans.callback(invoke_without_command=True)
def list_bans(
    context: typer.Context, config: ConfigOption = None, http: HttpOption = None, json_: JsonOption = False
) -> None:
    """Show who is not listened to, and why; `remove HOST`: listen again."""
    if context.invoked_subcommand is not None:
        context.obj = (config, http)
        return
    from softswitch import bans_view
    from softswitch.ask import ask

    address = _address(config, http)
    found = _asked(lambda: ask(address, "/v1/guard"))
    if json_:
        print_json(found)
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

    address = _address(config, http, context)
    _asked(lambda: fetch(address, f"/v1/guard/bans/{quoted(host)}", method="DELETE"))


@app.command(rich_help_panel=PANEL, epilog="Example: softswitch reload --config softswitch.yaml")
def reload(config: ConfigOption = None, http: HttpOption = None, json_: JsonOption = False) -> None:
    """Let it read its configuration anew; print what changed, or every fault (exit 1: refused)."""
    from softswitch.ask import post
    from softswitch.reload_view import SECONDS, print_report

    address = _address(config, http)
    report = _asked(lambda: post(address, "/v1/reload", takes=(409,), seconds=SECONDS))["reload"]
    if json_:
        print_json(report)
    else:
        print_report(report)
    raise SystemExit(1 if report["outcome"] == "refused" else 0)


def _address(config: Path | None, http: str | None, context: typer.Context | None = None) -> tuple[str, int]:
    """Return where the running switch is asked: by the options of a command, else by those of its group."""
    from softswitch.config import HttpSection, http_of, override_section

    if context is not None and context.obj:
        config, http = config or context.obj[0], http or context.obj[1]
    if http is not None:  # whatever stands in the file
        return override_section(HttpSection(), "listen", http, "--http").listen
    section = http_of(config, os.environ)
    if not section.enabled:
        fail(f"{config}: http.enabled is false, so nobody can ask the switch that runs by this file")
    return section.listen


def _asked(question: Callable[[], Answer]) -> Answer:
    """Return what the running switch answers; no answer, or a no, is a sentence and status 1."""
    from softswitch.ask import NoSwitch, NotThere

    try:
        return question()
    except (NoSwitch, NotThere) as error:
        print(f"softswitch: {error}", file=sys.stderr)  # noqa: T201 - the command line's own voice
        raise SystemExit(1) from error
