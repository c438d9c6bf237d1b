"""What the two INVITE machines put out (RFC 3261 sections 9, 13, 14; RFC 3262).

The transaction ends its work at the 2xx. What follows belongs to the user agent: `invite_server.py` sends its 2xx again
until the ACK comes, `invite_client.py` sends its ACK again for every 2xx that comes again. Both settle the races:
CANCEL against 200, BYE against ACK, one INVITE answered by several phones.

Neither machine knows flows or transactions: what it outputs is sent by its owner, who is told `finished` when it may
forget the machine.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from softswitch.sip.dialog import Dialog
from softswitch.sip.message import Request, Response

HeaderLines = Iterable[tuple[str, str]]

#: Section 13.3.1.1: a proxy forgets an INVITE that stays silent for three minutes, so ring again each minute.
RING_AGAIN_SECONDS = 60.0
#: Phones that may ring for one INVITE; each is a dialog that we must keep.
MAX_FORKS = 16


@dataclass(frozen=True, slots=True)
class SendResponse:
    """Send this response through the transaction of the INVITE."""

    response: Response


@dataclass(frozen=True, slots=True)
class SendCancel:
    """Send a CANCEL for the transaction of the INVITE."""


@dataclass(frozen=True, slots=True)
class SendAck:
    """Send this ACK of a 2xx, without a transaction, to the next hop of `dialog`."""

    request: Request
    dialog: Dialog


@dataclass(frozen=True, slots=True)
class SendBye:
    """Send this BYE, in a transaction of its own, to the next hop of `dialog`: nobody here wants that answer."""

    request: Request
    dialog: Dialog


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The 2xx arrived: its ACK came, the first time. The ACK has the session description that an empty INVITE owed.

    ack: None where the ACK was lost and a later request of the peer has shown that the 2xx arrived.
    """

    ack: Request | None


@dataclass(frozen=True, slots=True)
class Unacknowledged:
    """No ACK for 64*T1: the owner sends BYE (section 13.3.1.4)."""


@dataclass(frozen=True, slots=True)
class NotPracked:
    """No PRACK for a reliable provisional response in 64*T1; 504 is on its way (RFC 3262 section 3)."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The caller gave up before a final answer; 487 is on its way."""


@dataclass(frozen=True, slots=True)
class Progressed:
    """A provisional response came. dialog: the early dialog it made, None for 100 and the like.

    rack: value of the RAck header of the PRACK that this reliable response wants, `""` for an unreliable one. The owner
    sends that PRACK: `dialog.request("PRACK", headers=(("RAck", rack),), …)` (RFC 3262 section 4).
    """

    response: Response
    dialog: Dialog | None
    rack: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """The first 2xx came; the owner calls `acknowledge`."""

    response: Response
    dialog: Dialog


@dataclass(frozen=True, slots=True)
class AnsweredTooLate:
    """A 2xx crossed our CANCEL; ACK and BYE are on their way, the call is over."""

    response: Response


@dataclass(frozen=True, slots=True)
class Refused:
    """A final response from 300 on; after a cancel it is usually 487."""

    response: Response


@dataclass(frozen=True, slots=True)
class Failed:
    """No final response will come. why: `timeout`, `transport`, or the kind of fault in an answer nobody can use."""

    why: str


ServerOutput = SendResponse | Acknowledged | Unacknowledged | NotPracked | Cancelled
ClientOutput = SendCancel | SendAck | SendBye | Progressed | Answered | AnsweredTooLate | Refused | Failed
