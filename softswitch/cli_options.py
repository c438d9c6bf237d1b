"""What the commands have in common: the program itself, options, and the voice in which it answers."""

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from softswitch.config import Settings

app = typer.Typer(
    name="softswitch",
    help="A SIP/RTP telephone switch with an AI on the line.",
    epilog="Example: softswitch run, then softswitch call sip:600@127.0.0.1:5060. Each command has its own --help.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", metavar="FILE", help="softswitch.yaml; without it the demo is served.")
]
SipOption = Annotated[str | None, typer.Option("--sip", metavar="HOST:PORT", help="Where SIP listens, UDP and TCP.")]
HttpOption = Annotated[str | None, typer.Option("--http", metavar="HOST:PORT", help="Where HTTP listens.")]
RtpOption = Annotated[str | None, typer.Option("--rtp-ports", metavar="A-B", help="Range of RTP ports.")]
DataOption = Annotated[Path | None, typer.Option("--data", metavar="DIR", help="Folder for records and recordings.")]
WorkersOption = Annotated[int | None, typer.Option("--workers-speech", metavar="N", help="Recogniser processes.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def settings_of(
    config: Path | None,
    *,
    sip: str | None = None,
    http: str | None = None,
    rtp_ports: str | None = None,
    data: Path | None = None,
    workers: int | None = None,
) -> "Settings":
    """Return the settings of a file, the options of the command line before them."""
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


def print_json(data: Any) -> None:
    """Print what was asked for as JSON."""
    print(json.dumps(data, ensure_ascii=False, indent=2))  # noqa: T201 - this is what was asked for


def say(sentence: str) -> None:
    """Print what was asked for as a line."""
    print(sentence)  # noqa: T201 - this is what was asked for


def fail(sentence: str) -> NoReturn:
    """Say what is wrong with how a command was used, and end with status 2."""
    print(f"softswitch: {sentence}", file=sys.stderr)  # noqa: T201 - the command line's own voice
    raise SystemExit(2)
