"""A speech engine in a process of its own: `python -m softswitch.providers.speech_worker stt|tts FD`.

It reads messages from the socket with that descriptor, answers on it, and ends when the switch does (end of file). It
imports as little as it can: every megabyte here is one for each worker.
"""

import importlib
import signal
import sys
from typing import Any, Final

from softswitch.providers import messages as m
from softswitch.providers.wire import Wire

#: Module and class of each kind: a worker imports its own only.
ENGINES: Final = {"stt": ("recogniser", "Recogniser"), "tts": ("synthesiser", "Synthesiser")}


def main() -> None:
    """Serve until the switch closes its end."""
    # Ctrl-C and a service manager's SIGTERM reach the whole group: running calls are drained first, and need us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    wire = Wire(int(sys.argv[2]))
    module, name = ENGINES[sys.argv[1]]
    try:
        engine: Any = getattr(importlib.import_module(f"softswitch.providers.{module}"), name)(wire)
        wire.send(m.READY, 0, engine.greeting)
        while True:
            engine.handle(wire.next())
    except (EOFError, ConnectionError):
        return


if __name__ == "__main__":
    main()
