"""`softswitch reload`: asks the running switch to read its configuration anew, and shows what came of it."""

from typing import Any

#: How long it may take; thousands of users are read in a second.
SECONDS = 30.0


def print_report(report: dict[str, Any]) -> None:
    """Print what a reload changed, or why it was refused."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True, markup=False)
    if report.get("outcome") == "refused":
        for fault in report.get("faults", ()):
            hint = f" ({fault['hint']})" if fault.get("hint") else ""
            console.print(f"{fault.get('where')}: {fault.get('what')}{hint}")
        console.print("Refused: what was in force stays.")
        return
    for change in report.get("changes", ()):
        console.print(change)
    for key in report.get("needs_restart", ()):
        console.print(f"{key} needs a restart")
    nothing = "nothing else has changed" if report.get("needs_restart") else "nothing has changed"
    done = "Reloaded" if report.get("changes") else f"Reloaded, {nothing}"
    console.print(f"{done} ({report.get('took_ms', 0):.0f} ms).")
