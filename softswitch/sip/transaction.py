"""The four transactions of SIP: RFC 3261 figures 5 to 8 as amended by RFC 6026, as four tables and one executor.

An arrow of a figure is a row: (state, event) -> (next state, actions). A stray event is an absent row, and the executor
decides about it in one place: nothing happens. The executor knows nothing of SIP; it keeps the state and at most two
timers, one that repeats (A, E, G) and one that ends the state, and returns the actions for its owner (`core.py`).

A timer that both the old and the new state name keeps running (E and F from Trying to Proceeding); every other timer
stops when its state is left. A few rows go beyond the figures, because every state needs a way out: a ringing INVITE
has a hard lifetime, a cancelled one is given up after 64*T1 (section 9.1), and a request that our own user never
answers is dropped when the peer cannot be listening any more.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any, NamedTuple

from softswitch.sip.flow import Flow

Key = tuple[str, ...]


class State(enum.StrEnum):
    """States of the four figures; `CANCELLING` is Proceeding with a CANCEL sent (section 9.1)."""

    CALLING = "calling"
    TRYING = "trying"
    PROCEEDING = "proceeding"
    CANCELLING = "cancelling"
    COMPLETED = "completed"
    CONFIRMED = "confirmed"
    ACCEPTED = "accepted"
    TERMINATED = "terminated"


class Input(enum.StrEnum):
    """What happens to a transaction, apart from its timers."""

    REQUEST = "the request again"
    ACK = "ack"
    RECEIVED_1XX = "1xx received"
    RECEIVED_2XX = "2xx received"
    RECEIVED_FAILURE = "300-699 received"
    SENT_1XX = "1xx from the user"
    SENT_2XX = "2xx from the user"
    SENT_FAILURE = "300-699 from the user"
    CANCEL = "cancel from the user"
    TRANSPORT_FAILED = "transport failed"


class Timer(enum.StrEnum):
    """Timers of RFC 3261 table 4 and RFC 6026; the last three are the hard lifetimes."""

    A = "A"
    B = "B"
    D = "D"
    E = "E"
    F = "F"
    G = "G"
    H = "H"
    I = "I"  # noqa: E741 - the RFC's name
    J = "J"
    K = "K"
    L = "L"
    M = "M"
    RINGING = "hard lifetime of a ringing INVITE"
    CANCELLED = "64*T1 after CANCEL"
    UNANSWERED = "our user gave no answer"


class Action(enum.StrEnum):
    """What the owner must do, in order."""

    SEND = "send and keep what came with the event"
    RESEND = "send the kept message again"
    ACK = "build, send and keep the ACK of a non-2xx response"
    PASS = "hand what came up to the user"
    TIMED_OUT = "tell the user: timeout"
    TRANSPORT = "tell the user: transport failed"
    FORGET = "drop the kept message"


Event = Input | Timer
Row = tuple[State, tuple[Action, ...]]


class Timers(NamedTuple):
    """Timers of one state. slow: the repeating one runs at T2 from its next beat on (section 17.1.2.2)."""

    repeat: Timer | None
    end: Timer
    slow: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """One figure: its first state, the timers of each state, and its arrows."""

    figure: str
    first: State
    timers: Mapping[State, Timers]
    rows: Mapping[tuple[State, Event], Row]


CALLING, TRYING, PROCEEDING, CANCELLING = State.CALLING, State.TRYING, State.PROCEEDING, State.CANCELLING
COMPLETED, CONFIRMED, ACCEPTED, TERMINATED = State.COMPLETED, State.CONFIRMED, State.ACCEPTED, State.TERMINATED
SEND, RESEND, PASS, FORGET = Action.SEND, Action.RESEND, Action.PASS, Action.FORGET
TIMED_OUT, TRANSPORT = Action.TIMED_OUT, Action.TRANSPORT

INVITE_CLIENT = Table(
    figure="RFC 3261 figure 5 as amended by RFC 6026 section 7.2",
    first=CALLING,
    timers={
        CALLING: Timers(Timer.A, Timer.B),
        PROCEEDING: Timers(None, Timer.RINGING),
        CANCELLING: Timers(None, Timer.CANCELLED),
        COMPLETED: Timers(None, Timer.D),
        ACCEPTED: Timers(None, Timer.M),
    },
    rows={
        (CALLING, Timer.A): (CALLING, (RESEND,)),
        (CALLING, Timer.B): (TERMINATED, (TIMED_OUT,)),
        (CALLING, Input.TRANSPORT_FAILED): (TERMINATED, (TRANSPORT,)),
        (CALLING, Input.RECEIVED_1XX): (PROCEEDING, (FORGET, PASS)),
        (CALLING, Input.RECEIVED_2XX): (ACCEPTED, (FORGET, PASS)),
        (CALLING, Input.RECEIVED_FAILURE): (COMPLETED, (Action.ACK, PASS)),
        (PROCEEDING, Input.RECEIVED_1XX): (PROCEEDING, (PASS,)),
        (PROCEEDING, Input.RECEIVED_2XX): (ACCEPTED, (PASS,)),
        (PROCEEDING, Input.RECEIVED_FAILURE): (COMPLETED, (Action.ACK, PASS)),
        (PROCEEDING, Input.CANCEL): (CANCELLING, ()),  # 9.1
        (PROCEEDING, Timer.RINGING): (TERMINATED, (TIMED_OUT,)),  # hard lifetime
        (CANCELLING, Input.RECEIVED_1XX): (CANCELLING, (PASS,)),
        (CANCELLING, Input.RECEIVED_2XX): (ACCEPTED, (PASS,)),
        (CANCELLING, Input.RECEIVED_FAILURE): (COMPLETED, (Action.ACK, PASS)),
        (CANCELLING, Timer.CANCELLED): (TERMINATED, (TIMED_OUT,)),  # 9.1
        (COMPLETED, Input.RECEIVED_FAILURE): (COMPLETED, (RESEND,)),
        (COMPLETED, Input.TRANSPORT_FAILED): (TERMINATED, (TRANSPORT,)),
        (COMPLETED, Timer.D): (TERMINATED, ()),
        (ACCEPTED, Input.RECEIVED_2XX): (ACCEPTED, (PASS,)),
        (ACCEPTED, Timer.M): (TERMINATED, ()),
    },
)

CLIENT = Table(
    figure="RFC 3261 figure 6",
    first=TRYING,
    timers={
        TRYING: Timers(Timer.E, Timer.F),
        PROCEEDING: Timers(Timer.E, Timer.F, slow=True),
        COMPLETED: Timers(None, Timer.K),
    },
    rows={
        (TRYING, Timer.E): (TRYING, (RESEND,)),
        (TRYING, Timer.F): (TERMINATED, (TIMED_OUT,)),
        (TRYING, Input.TRANSPORT_FAILED): (TERMINATED, (TRANSPORT,)),
        (TRYING, Input.RECEIVED_1XX): (PROCEEDING, (PASS,)),
        (TRYING, Input.RECEIVED_2XX): (COMPLETED, (FORGET, PASS)),
        (TRYING, Input.RECEIVED_FAILURE): (COMPLETED, (FORGET, PASS)),
        (PROCEEDING, Timer.E): (PROCEEDING, (RESEND,)),
        (PROCEEDING, Timer.F): (TERMINATED, (TIMED_OUT,)),
        (PROCEEDING, Input.TRANSPORT_FAILED): (TERMINATED, (TRANSPORT,)),
        (PROCEEDING, Input.RECEIVED_1XX): (PROCEEDING, (PASS,)),
        (PROCEEDING, Input.RECEIVED_2XX): (COMPLETED, (FORGET, PASS)),
        (PROCEEDING, Input.RECEIVED_FAILURE): (COMPLETED, (FORGET, PASS)),
        (COMPLETED, Timer.K): (TERMINATED, ()),
    },
)

INVITE_SERVER = Table(
    figure="RFC 3261 figure 7 as amended by RFC 6026 section 7.1",
    first=PROCEEDING,
    timers={
        PROCEEDING: Timers(None, Timer.RINGING),
        COMPLETED: Timers(Timer.G, Timer.H),
        CONFIRMED: Timers(None, Timer.I),
        ACCEPTED: Timers(None, Timer.L),
    },
    rows={
        (PROCEEDING, Input.REQUEST): (PROCEEDING, (RESEND,)),
        (PROCEEDING, Input.SENT_1XX): (PROCEEDING, (SEND,)),
        (PROCEEDING, Input.SENT_2XX): (ACCEPTED, (SEND, FORGET)),
        (PROCEEDING, Input.SENT_FAILURE): (COMPLETED, (SEND,)),
        (PROCEEDING, Input.TRANSPORT_FAILED): (PROCEEDING, (TRANSPORT,)),
        (PROCEEDING, Timer.RINGING): (TERMINATED, (TIMED_OUT,)),  # hard lifetime
        (COMPLETED, Input.REQUEST): (COMPLETED, (RESEND,)),
        (COMPLETED, Input.ACK): (CONFIRMED, (FORGET,)),
        (COMPLETED, Input.TRANSPORT_FAILED): (COMPLETED, (TRANSPORT,)),
        (COMPLETED, Timer.G): (COMPLETED, (RESEND,)),
        (COMPLETED, Timer.H): (TERMINATED, (TIMED_OUT,)),  # the text of 17.2.1, which the figure of 6026 forgot
        (CONFIRMED, Timer.I): (TERMINATED, ()),
        (ACCEPTED, Input.SENT_2XX): (ACCEPTED, (SEND, FORGET)),
        (ACCEPTED, Input.ACK): (ACCEPTED, (PASS,)),
        (ACCEPTED, Input.TRANSPORT_FAILED): (ACCEPTED, (TRANSPORT,)),
        (ACCEPTED, Timer.L): (TERMINATED, ()),
    },
)

SERVER = Table(
    figure="RFC 3261 figure 8, transport failures as amended by RFC 6026 section 8.6",
    first=TRYING,
    timers={
        TRYING: Timers(None, Timer.UNANSWERED),
        PROCEEDING: Timers(None, Timer.UNANSWERED),
        COMPLETED: Timers(None, Timer.J),
    },
    rows={
        (TRYING, Input.SENT_1XX): (PROCEEDING, (SEND,)),
        (TRYING, Input.SENT_2XX): (COMPLETED, (SEND,)),
        (TRYING, Input.SENT_FAILURE): (COMPLETED, (SEND,)),
        (TRYING, Timer.UNANSWERED): (TERMINATED, (TIMED_OUT,)),  # no 408: RFC 4320 section 4.2
        (PROCEEDING, Input.REQUEST): (PROCEEDING, (RESEND,)),
        (PROCEEDING, Input.SENT_1XX): (PROCEEDING, (SEND,)),
        (PROCEEDING, Input.SENT_2XX): (COMPLETED, (SEND,)),
        (PROCEEDING, Input.SENT_FAILURE): (COMPLETED, (SEND,)),
        (PROCEEDING, Input.TRANSPORT_FAILED): (PROCEEDING, (TRANSPORT,)),
        (PROCEEDING, Timer.UNANSWERED): (TERMINATED, (TIMED_OUT,)),
        (COMPLETED, Input.REQUEST): (COMPLETED, (RESEND,)),
        (COMPLETED, Input.TRANSPORT_FAILED): (COMPLETED, (TRANSPORT,)),
        (COMPLETED, Timer.J): (TERMINATED, ()),
    },
)

TABLES = (INVITE_CLIENT, CLIENT, INVITE_SERVER, SERVER)


class Duration(NamedTuple):
    """How long a timer runs, in seconds. cap: a repeating timer doubles up to this."""

    unreliable: float
    reliable: float
    cap: float = inf


@dataclass(frozen=True, slots=True)
class TimerSettings:
    """T1, T2 and T4 of RFC 3261 table 4, in seconds.

    longest_ringing: no honest phone rings for an hour; a peer that answered 1xx and died is dropped after this.
    """

    t1: float = 0.5
    t2: float = 4.0
    t4: float = 5.0
    longest_ringing: float = 3600.0
    durations: Mapping[Timer, Duration] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        t1, t2, t4, end = self.t1, self.t2, self.t4, 64 * self.t1
        table = {
            Timer.A: Duration(t1, inf),
            Timer.B: Duration(end, end),
            Timer.D: Duration(end, 0.0),
            Timer.E: Duration(t1, inf, t2),
            Timer.F: Duration(end, end),
            Timer.G: Duration(t1, inf, t2),
            Timer.H: Duration(end, end),
            Timer.I: Duration(t4, 0.0),
            Timer.J: Duration(end, 0.0),
            Timer.K: Duration(t4, 0.0),
            Timer.L: Duration(end, end),
            Timer.M: Duration(end, end),
            Timer.RINGING: Duration(self.longest_ringing, self.longest_ringing),
            Timer.CANCELLED: Duration(end, end),
            Timer.UNANSWERED: Duration(end, end),
        }
        object.__setattr__(self, "durations", table)


class Transaction:
    """Executor of one table: the state, two deadlines, and what the owner wants kept with them.

    message: the bytes to retransmit. held: the request, only while an ACK or CANCEL may have to be built from it.
    merge: what recognises a merged request (section 8.2.2.2). armed_at: the earliest timer that the owner has set.
    """

    __slots__ = (
        "_end_at",
        "_interval",
        "_repeat_at",
        "_settings",
        "armed_at",
        "flow",
        "held",
        "key",
        "merge",
        "message",
        "state",
        "table",
        "tag",
    )

    def __init__(self, table: Table, key: Key, flow: Flow, settings: TimerSettings, *, now: float) -> None:
        self.table = table
        self.key = key
        self.flow = flow
        self.message = b""
        self.held: Any = None
        self.merge: Key | None = None
        self.tag = ""  # of To in our answers to an INVITE, when the message itself is forgotten
        self.armed_at = inf
        self._settings = settings
        self._interval = 0.0
        self._repeat_at = inf
        self._end_at = inf
        self.state = State.TERMINATED
        self._enter(table.first, now)

    def step(self, event: Event, *, now: float) -> tuple[Action, ...]:
        """Take one event; return what to do. An event that the state does not name changes nothing."""
        row = self.table.rows.get((self.state, event))
        if row is None:
            return ()
        state, actions = row
        if state is not self.state:
            self._enter(state, now)
        return actions

    def next_timer(self) -> float:
        """Return when the next timer fires; infinity if none runs."""
        return self._repeat_at if self._repeat_at < self._end_at else self._end_at

    def fired(self, *, now: float) -> Timer | None:
        """Return the timer that is due, already set again if it repeats; the owner gives it to `step`."""
        timers = self.table.timers.get(self.state)
        if timers is None:
            return None
        if self._end_at <= now:  # before the repeating one: after a stall of the loop nobody waits for one more copy
            return timers.end
        if self._repeat_at > now or timers.repeat is None:
            return None
        if timers.slow:
            self._interval = self._settings.t2
        else:
            self._interval = min(2 * self._interval, self._settings.durations[timers.repeat].cap)
        self._repeat_at = now + self._interval
        return timers.repeat

    def _enter(self, state: State, now: float) -> None:
        before = self.table.timers.get(self.state)
        self.state = state
        timers = self.table.timers.get(state)
        if timers is None:
            self._repeat_at = self._end_at = inf
            return
        durations, reliable = self._settings.durations, self.flow.reliable
        if before is None or before.end is not timers.end:
            duration = durations[timers.end]
            lasts = duration.reliable if reliable else duration.unreliable
            if not lasts:  # D, I, J, K over TCP fire at once
                self._enter(self.table.rows[state, timers.end][0], now)
                return
            self._end_at = now + lasts
        if timers.repeat is None or reliable:
            self._repeat_at = inf
        elif before is None or before.repeat is not timers.repeat:
            self._interval = durations[timers.repeat].unreliable
            self._repeat_at = now + self._interval
