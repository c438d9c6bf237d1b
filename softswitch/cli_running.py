"""The commands that ask the switch that runs, over HTTP: what it does, who is on it, and that it shall do something."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from softswitch import clock
from softswitch.cli_options import JsonOption, app, fail, print_json, say

Answer = TypeVar("Answer")

#: Where `softswitch --help` lists them.
PANEL = "Commands that ask the switch that runs"

#: How long a transfer may take besides the ringing: a far end that calls somebody itself, a briefing.
TRANSFER_SECONDS = 400.0

#: How long levels are measured before they are shown.
LEVEL_SECONDS = 0.3

calls = typer.Typer(epilog="Example: softswitch calls, softswitch calls show 5f1c9a")
app.add_typer(calls, name="calls", rich_help_panel=PANEL)
bans = typer.Typer(epilog="Example: softswitch bans, softswitch bans remove 203.0.113.9")
app.add_typer(bans, name="bans", rich_help_panel=PANEL)

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", metavar="FILE", help="softswitch.yaml, whose http.listen says where to ask."),
]
CallArgument = Annotated[str, typer.Argument(metavar="ID", help="Its id, the beginning of it, or a SIP Call-ID.")]
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
    """Show the telephones that are registered, and who was turned away lately; exit 1 if no switch runs."""
    from softswitch import users_view
    from softswitch.ask import ask_lists, quoted

    path = "/v1/registrations" + (f"?user={quoted(user)}" if user else "")
    address = _address(config, http)
    found = _asked(lambda: ask_lists(address, path, "registrations", "refused"))
    if json_:
        print_json(found)
    else:
        users_view.print_registrations(found["registrations"])
        users_view.print_refused(found["refused"])


@calls.callback(invoke_without_command=True)
def list_calls(
    context: typer.Context,
    config: ConfigOption = None,
    http: HttpOption = None,
    json_: JsonOption = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Show them and how they sound, again each second, until Ctrl-C.")
    ] = False,
    sound: Annotated[bool, typer.Option("--sound", help="Show how they sound, too.")] = False,
) -> None:
    """Show the calls that are up; `show ID`: all of one call, also after its end."""
    if context.invoked_subcommand is not None:
        context.obj = (config, http)
        return
    from softswitch import calls_view
    from softswitch.ask import ask_list

    address = _address(config, http)

    path = "/v1/calls?levels=1" if watch or sound else "/v1/calls"

    def found() -> list[dict[str, Any]]:
        return _asked(lambda: ask_list(address, path, "calls"))

    if watch and not json_:
        calls_view.watch(found)
    elif json_:
        print_json({"calls": found()})
    else:
        if sound and found():
            clock.pause(LEVEL_SECONDS)  # levels are measured from now on
        calls_view.print_calls(found(), sound=sound)


@calls.command("show", epilog="Example: softswitch calls show 5f1c9a --pcap call.pcap")
def show_call(
    context: typer.Context,
    call: CallArgument,
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
        say(f"{len(found['messages'])} messages are in {pcap}")


@calls.command("transfer", epilog="Example: softswitch calls transfer 5f1c9a 102 --mode warm --brief 'In a hurry.'")
def transfer_call(
    context: typer.Context,
    call: CallArgument,
    to: Annotated[list[str], typer.Argument(metavar="TARGET...", help="Numbers, user:NAME or sip: URIs; all ring.")],
    mode: Annotated[str, typer.Option(metavar="MODE", help="bridge, warm, attended, refer or auto.")] = "bridge",
    brief: Annotated[str, typer.Option(metavar="TEXT", help="What the target is told first (warm, attended).")] = "",
    seconds: Annotated[float, typer.Option(metavar="N", help="How long it may ring.")] = 30.0,
    carrier: Annotated[str, typer.Option(metavar="NAME", help="Carrier for numbers; default the first.")] = "",
    caller_id: Annotated[str, typer.Option("--caller-id", metavar="NUMBER", help="What the target sees.")] = "",
    other: Annotated[bool, typer.Option("--other", help="Transfer who was called; the caller leaves.")] = False,
    config: ConfigOption = None,
    http: HttpOption = None,
    json_: JsonOption = False,
) -> None:
    """Let the caller talk with somebody else, and wait for what comes of it; exit 1 if nobody is reached."""
    from softswitch import calls_view
    from softswitch.ask import NotThere, post, quoted

    address = _address(config, http, context)
    order: dict[str, Any] = {"to": to, "mode": mode, "brief": brief, "seconds": seconds}
    order |= {"carrier": carrier, "caller_id": caller_id, "other": other}

    def transferred() -> dict[str, Any]:
        path, limit = f"/v1/calls/{quoted(call)}/transfer", TRANSFER_SECONDS + seconds
        answer = post(address, path, order, takes=(409,), seconds=limit)
        if "transfer" not in answer:
            raise NotThere(answer.get("error", "the switch refused to transfer the call"))
        return dict(answer["transfer"])

    with calls_view.waiting(f"calling {', '.join(to)}; Ctrl-C leaves the transfer to itself"):
        done = _asked(transferred)
    if json_:
        print_json(done)
    else:
        calls_view.print_transfer(done)
    raise SystemExit(0 if done["reached"] else 1)


@calls.command("hang-up", epilog="Example: softswitch calls hang-up 5f1c9a")
def hang_up_call(
    context: typer.Context,
    call: CallArgument,
    config: ConfigOption = None,
    http: HttpOption = None,
    json_: JsonOption = False,
) -> None:
    """End a call for everybody on it; exit 1 if it is not up."""
    from softswitch.ask import delete, quoted

    address = _address(config, http, context)
    done = _asked(lambda: delete(address, f"/v1/calls/{quoted(call)}"))
    print_json(done) if json_ else say(f"The call {done['ended']} is ended.")


@calls.command("record", epilog="Example: softswitch calls record 5f1c9a pause")
def record_call(
    context: typer.Context,
    call: CallArgument,
    do: Annotated[str, typer.Argument(metavar="DO", help="start, pause, resume, stop or refuse.")],
    config: ConfigOption = None,
    http: HttpOption = None,
    json_: JsonOption = False,
) -> None:
    """Record a call that is up, or pause, resume or stop that; `refuse` takes away what there is."""
    from softswitch.ask import post, quoted

    address = _address(config, http, context)
    found = _asked(lambda: post(address, f"/v1/calls/{quoted(call)}/recording/{quoted(do)}", takes=()))
    recording = found["recording"]
    print_json(found) if json_ else say(f"The recording is {recording['state']}. {recording['path']}".rstrip())


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
    json_: JsonOption = False,
) -> None:
    """Listen to a source again, and forget what it did; exit 1 if it is not banned."""
    from softswitch.ask import delete, quoted

    address = _address(config, http, context)
    done = _asked(lambda: delete(address, f"/v1/guard/bans/{quoted(host)}"))
    print_json(done) if json_ else say(f"{done['pardoned']} is listened to again.")


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
    from softswitch.ask import NoSwitch, NotThere, Wrong

    try:
        return question()
    except Wrong as error:
        fail(str(error))
    except (NoSwitch, NotThere) as error:
        print(f"softswitch: {error}", file=sys.stderr)  # noqa: T201 - the command line's own voice
        raise SystemExit(1) from error
