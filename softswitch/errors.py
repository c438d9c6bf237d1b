"""Whose fault is it? Ours crashes loudly, the peer's is answered and counted, the user's is explained.

* `LocalError`: a bug of ours, or a misuse of a machine by its driver. Never caught on the packet path.
* `RemoteError`: what a peer sent is wrong. It carries the SIP status that answers it and a short `kind` that metrics
  count (`sip_bad_messages_total{reason}`); where no answer is possible the message is dropped and counted.
* `ConfigError`: what the user wrote is wrong: file, line, what is wrong, what would be right. Exit status 2.
* `ResourceError`: the machine refuses (occupied port, unreadable file, missing engine). A sentence, exit status 2
  at start; in a call, a cause.
"""

from dataclasses import dataclass


class SoftswitchError(Exception):
    """Base of every error the switch raises on purpose."""


class LocalError(SoftswitchError):
    """A bug of ours: an input that the driver must never give to a machine in this state."""


class RemoteError(SoftswitchError):
    """What a peer sent is wrong.

    status: SIP status that answers it. kind: short snake_case word for metrics, constant for one sort of fault.
    """

    def __init__(self, message: str, *, kind: str, status: int = 400) -> None:
        super().__init__(message)
        self.kind = kind
        self.status = status


class ResourceError(SoftswitchError):
    """The machine refuses something; the message says what, where, and what to do."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in what the user wrote: `where` is file:line, `hint` says what would be right."""

    where: str
    what: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" + (f" ({self.hint})" if self.hint else "")


class ConfigError(SoftswitchError):
    """What the user wrote is wrong. `faults` holds every fault that was found, in file order."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults
