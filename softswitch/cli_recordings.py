"""The commands for recordings on the disk: which there are, and how one is taken out."""

import os
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from softswitch.cli_options import ConfigOption, DataOption, JsonOption, app, fail, print_json, settings_of
from softswitch.errors import ConfigError, ResourceError

#: Holds the key where no configuration does.
KEY_NAME = "SOFTSWITCH_RECORDING_KEY"

recordings = typer.Typer(epilog="Example: softswitch recordings, softswitch recordings export 5f1c9a call.wav")
app.add_typer(recordings, name="recordings")

PartialOption = Annotated[bool, typer.Option("--partial", help="Write what can be read of a file that is damaged.")]


@recordings.callback(invoke_without_command=True)
def list_recordings(
    context: typer.Context, config: ConfigOption = None, data: DataOption = None, json_: JsonOption = False
) -> None:
    """Show the recordings on the disk; `decrypt FILE` and `export CALL` write one as a sound file."""
    if context.invoked_subcommand is not None:
        context.obj = (config, data)
        return
    from dataclasses import asdict

    from softswitch.apps.shelf import shelved
    from softswitch.recordings_view import print_recordings

    folder, _key = _shelf(config, data)
    found = shelved(folder)
    if json_:
        print_json({"folder": str(folder), "recordings": [asdict(one) for one in found]})
    else:
        print_recordings(found)


@recordings.command("decrypt", epilog="Example: softswitch recordings decrypt 101500-5f1c-a1.wav.enc call.wav")
def decrypt(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A recording, wherever it is.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The sound file to write.")],
    partial: PartialOption = False,
    config: ConfigOption = None,
) -> None:
    """Write one file as a sound file; exit 1 where it was cut, changed or never finished."""
    before = context.obj or (None, None)
    _folder, key = _shelf(config or before[0], before[1])
    _take_out(file, out, key, partial=partial)


@recordings.command("export", epilog="Example: softswitch recordings export 5f1c9a call.wav")
def export(
    context: typer.Context,
    call: Annotated[str, typer.Argument(metavar="CALL", help="The id of its call, or the beginning of it.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The sound file to write.")],
    partial: PartialOption = False,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Write the last recording of a call as a sound file; exit 1 where there is none, or it is damaged."""
    from softswitch.apps.shelf import shelved

    before = context.obj or (None, None)
    folder, key = _shelf(config or before[0], data or before[1])
    found = [one for one in shelved(folder) if one.call.startswith(call)]
    if not found:
        _no(f"no recording of a call {call} is in {folder}")
    _take_out(folder / found[-1].name, out, key, partial=partial)


def _shelf(config: Path | None, data: Path | None) -> tuple[Path, bytes]:
    """Return the folder of the recordings, and the key."""
    from softswitch.apps.sealed import read_key

    try:
        settings = settings_of(config, data=data)
        text = settings.recording.key.get_secret_value() or os.environ.get(KEY_NAME, "")
        return settings.data / settings.recording.folder, read_key(text) if text else b""
    except ConfigError as error:
        fail(str(error))
    except ValueError as error:
        fail(f"{KEY_NAME}: {error}")


def _take_out(file: Path, out: Path, key: bytes, *, partial: bool) -> None:
    from softswitch.apps.shelf import take_out

    try:
        fault = take_out(file, out, key, partial=partial)
    except ResourceError as error:
        _no(str(error))
    if fault:
        _no(f"{file} is not whole: {fault}" + ("" if partial else "; --partial writes what there is"))


def _no(sentence: str) -> NoReturn:
    typer.echo(f"softswitch: {sentence}", err=True)
    raise SystemExit(1)
