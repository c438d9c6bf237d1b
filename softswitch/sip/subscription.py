"""The subscription that a REFER makes without saying so (RFC 3515 section 2.4.4), from both sides, as two tables.

`Notifier`: we accepted a REFER, and owe NOTIFYs: one at once, one for each change, a last one that ends it. A change
that comes while a NOTIFY has no answer waits, and only the latest one is told then: so they cannot overtake each other.
The last one waits for nobody, for what follows it may be our BYE.

`Subscriber`: we sent a REFER, and are owed NOTIFYs. They come in any order with its answer, a final status may come
long before the end of the subscription, the end without a final status, or nothing at all.

A row is (state, input) -> (next state, action); what has no row does nothing. Neither machine knows dialogs: what it
puts out is sent, or told, by its owner.
"""

import enum
from dataclasses import dataclass

from softswitch.sip.refer import PACKAGE, Fragment, SubscriptionState

#: How long a subscription of ours lasts unless it is refreshed: longer than any telephone rings.
SUBSCRIPTION_SECONDS = 300
#: Refreshed or not, no transfer is told of for longer; one that takes this long is forgotten by everybody.
MAX_SECONDS = 900.0
#: How long a notifier that names no time may be silent after its last NOTIFY.
SILENT_SECONDS = 180.0
#: Above what a notifier says: its own last NOTIFY is on its way.
LATE_SECONDS = 5.0
#: Answers to a NOTIFY after which there is no subscription (RFC 6665 section 4.2.2).
NO_SUBSCRIPTION = frozenset({404, 405, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604})


class NotifierState(enum.StrEnum):
    """Where a subscription of the peer is. `TOLD`: the last NOTIFY is out, and awaits its answer."""

    ACTIVE = "active"
    TOLD = "told"
    OVER = "over"


class NotifierInput(enum.StrEnum):
    """What happens to it."""

    PROGRESS = "the call goes on"
    FINAL = "the call has its end, good or bad"
    REFRESHED = "subscribe"
    CANCELLED = "subscribe for no time"
    EXPIRED = "nobody refreshed it"
    TAKEN = "our NOTIFY was answered"
    REFUSED = "our NOTIFY was answered: there is no subscription"


class NotifierAction(enum.StrEnum):
    """What follows."""

    NONE = "nothing"
    TELL = "NOTIFY, once the one before is answered"
    REPEAT = "NOTIFY of what was told last"
    LAST = "the last NOTIFY"
    TIME_OUT = "the last NOTIFY: it is over because of its time"


_N, _NI, _NA = NotifierState, NotifierInput, NotifierAction

NOTIFIER: dict[tuple[NotifierState, NotifierInput], tuple[NotifierState, NotifierAction]] = {
    (_N.ACTIVE, _NI.PROGRESS): (_N.ACTIVE, _NA.TELL),
    (_N.ACTIVE, _NI.FINAL): (_N.TOLD, _NA.LAST),
    (_N.ACTIVE, _NI.REFRESHED): (_N.ACTIVE, _NA.REPEAT),
    (_N.ACTIVE, _NI.CANCELLED): (_N.TOLD, _NA.TIME_OUT),  # RFC 6665 section 4.4.1
    (_N.ACTIVE, _NI.EXPIRED): (_N.TOLD, _NA.TIME_OUT),
    (_N.ACTIVE, _NI.TAKEN): (_N.ACTIVE, _NA.TELL),
    (_N.ACTIVE, _NI.REFUSED): (_N.OVER, _NA.NONE),
    (_N.TOLD, _NI.TAKEN): (_N.OVER, _NA.NONE),
    (_N.TOLD, _NI.REFUSED): (_N.OVER, _NA.NONE),
    (_N.TOLD, _NI.EXPIRED): (_N.OVER, _NA.NONE),
}


@dataclass(frozen=True, slots=True)
class Notify:
    """Send a NOTIFY in the dialog of the REFER, and tell `answered` what came of it."""

    event: str
    state: SubscriptionState
    body: bytes


class Notifier:
    """The side that was asked. id: the CSeq number of the REFER."""

    def __init__(self, id: str, *, named: bool, last_seconds: float, now: float) -> None:
        """named: each NOTIFY says the id, as it must for every REFER of a dialog but the first (section 2.4.6).

        last_seconds: how long the last NOTIFY may wait for its answer. The first NOTIFY is due at once.
        """
        self.state = NotifierState.ACTIVE
        self.id = id
        self._event = f"{PACKAGE};id={id}" if named else PACKAGE
        self._last_seconds = last_seconds
        self._status = 0  # that was told last
        self._wanted = 100
        self._open = 0  # NOTIFYs without an answer
        self._outputs: list[Notify] = []
        self._end_at = now + MAX_SECONDS
        self._expires_at = now + SUBSCRIPTION_SECONDS
        self._step(NotifierInput.PROGRESS, now)

    @property
    def over(self) -> bool:
        """Whether nothing more is to be sent."""
        return self.state is NotifierState.OVER

    @property
    def pending(self) -> bool:
        """Whether the call that was asked for has no end yet."""
        return self.state is NotifierState.ACTIVE

    def progress(self, status: int, *, now: float) -> None:
        """Take how the call goes: a SIP status, from 200 on its end."""
        if self.state is NotifierState.ACTIVE:
            self._wanted = status
            self._step(NotifierInput.FINAL if status >= 200 else NotifierInput.PROGRESS, now)

    def subscribed(self, expires: int | None, *, now: float) -> int:
        """Take a SUBSCRIBE, 0 seconds to end it; return the seconds that it is granted."""
        if expires == 0:
            self._step(NotifierInput.CANCELLED, now)
            return 0
        granted = max(0, int(min(expires or SUBSCRIPTION_SECONDS, SUBSCRIPTION_SECONDS, self._end_at - now)))
        self._expires_at = now + granted
        self._step(NotifierInput.REFRESHED, now)
        return granted

    def expire(self, seconds: float, *, now: float) -> None:
        """Last no longer than this: the call that the REFER belongs to is over."""
        self._expires_at = min(self._expires_at, now + seconds)

    def answered(self, status: int | None, *, now: float) -> None:
        """Take the final answer to one NOTIFY, None where none came: then nobody is there (RFC 6665 section 4.2.2)."""
        self._open -= 1
        if status is None or status in NO_SUBSCRIPTION:
            self._step(NotifierInput.REFUSED, now)
        elif self.state is NotifierState.ACTIVE or self._open == 0:
            self._step(NotifierInput.TAKEN, now)

    def next_timer(self) -> float | None:
        """Return when the subscription is over by itself."""
        return None if self.over else self._expires_at

    def handle_timer(self, *, now: float) -> None:
        """End it, if it is time."""
        if not self.over and now >= self._expires_at:
            self._step(NotifierInput.EXPIRED, now)

    def drain(self) -> list[Notify]:
        """Return the NOTIFYs to send."""
        outputs, self._outputs = self._outputs, []
        return outputs

    def _step(self, what: NotifierInput, now: float) -> None:
        row = NOTIFIER.get((self.state, what))
        if row is None:
            return
        self.state, action = row
        if self.state is NotifierState.TOLD:
            self._expires_at = now + self._last_seconds
        match action:
            case NotifierAction.TELL if not self._open and self._wanted != self._status:
                self._tell(self._wanted, self._active(now))
            case NotifierAction.REPEAT:
                self._tell(self._wanted, self._active(now))
            case NotifierAction.LAST:
                self._tell(self._wanted, SubscriptionState("terminated", "noresource"))
            case NotifierAction.TIME_OUT:
                self._tell(self._wanted, SubscriptionState("terminated", "timeout"))
            case _:
                pass

    def _active(self, now: float) -> SubscriptionState:
        return SubscriptionState("active", expires=max(1, int(self._expires_at - now)))

    def _tell(self, status: int, state: SubscriptionState) -> None:
        self._status = status
        self._open += 1
        self._outputs.append(Notify(self._event, state, bytes(Fragment(status))))


class SubscriberState(enum.StrEnum):
    """Where a REFER of ours is.

    `ACCEPTED`: it has a 2xx, and no NOTIFY came. `HEARD`: NOTIFYs come. `TOLD`: the final status is known, the
    subscription not over.
    """

    ASKED = "asked"
    ACCEPTED = "accepted"
    HEARD = "heard"
    TOLD = "told"
    OVER = "over"


class SubscriberInput(enum.StrEnum):
    """What happens to it."""

    ACCEPTED = "2xx to the REFER"
    REFUSED = "no 2xx to the REFER"
    PROGRESS = "NOTIFY: 1xx"
    FINAL = "NOTIFY: a final status, the subscription goes on"
    LAST = "NOTIFY: a final status, the subscription is over"
    ENDED = "NOTIFY: the subscription is over without a final status"
    EXPIRED = "nothing came for too long"


class SubscriberAction(enum.StrEnum):
    """What follows."""

    NONE = "nothing"
    BEGUN = "tell that it was accepted"
    TELL = "tell the status"
    END = "tell the status, the last one"
    REFUSE = "tell that the REFER was refused"


_S, _SI, _SA = SubscriberState, SubscriberInput, SubscriberAction

SUBSCRIBER: dict[tuple[SubscriberState, SubscriberInput], tuple[SubscriberState, SubscriberAction]] = {
    (_S.ASKED, _SI.ACCEPTED): (_S.ACCEPTED, _SA.BEGUN),
    (_S.ASKED, _SI.REFUSED): (_S.OVER, _SA.REFUSE),
    (_S.ASKED, _SI.PROGRESS): (_S.HEARD, _SA.TELL),  # the NOTIFY came first, or the 2xx was lost
    (_S.ASKED, _SI.FINAL): (_S.TOLD, _SA.END),
    (_S.ASKED, _SI.LAST): (_S.OVER, _SA.END),
    (_S.ASKED, _SI.ENDED): (_S.OVER, _SA.END),
    (_S.ASKED, _SI.EXPIRED): (_S.OVER, _SA.END),
    (_S.ACCEPTED, _SI.PROGRESS): (_S.HEARD, _SA.TELL),
    (_S.ACCEPTED, _SI.FINAL): (_S.TOLD, _SA.END),
    (_S.ACCEPTED, _SI.LAST): (_S.OVER, _SA.END),
    (_S.ACCEPTED, _SI.ENDED): (_S.OVER, _SA.END),
    (_S.ACCEPTED, _SI.EXPIRED): (_S.OVER, _SA.END),
    (_S.HEARD, _SI.PROGRESS): (_S.HEARD, _SA.TELL),
    (_S.HEARD, _SI.FINAL): (_S.TOLD, _SA.END),
    (_S.HEARD, _SI.LAST): (_S.OVER, _SA.END),
    (_S.HEARD, _SI.ENDED): (_S.OVER, _SA.END),
    (_S.HEARD, _SI.EXPIRED): (_S.OVER, _SA.END),
    (_S.TOLD, _SI.LAST): (_S.OVER, _SA.NONE),
    (_S.TOLD, _SI.ENDED): (_S.OVER, _SA.NONE),
    (_S.TOLD, _SI.EXPIRED): (_S.OVER, _SA.NONE),
}

#: What the end of a subscription without a final status stands for, by its reason (RFC 6665 section 4.1.3).
_ENDED_AS = {"timeout": 408, "rejected": 403}
_ENDED = 480


@dataclass(frozen=True, slots=True)
class Told:
    """How the transfer goes, as `call.leg.ReferProgress` says it."""

    status: int
    final: bool
    accepted: bool = True


class Subscriber:
    """The side that asks. id: the CSeq number of the REFER; another one where the REFER goes out again."""

    def __init__(self, id: str, *, first_seconds: float, now: float) -> None:
        """first_seconds: how long the first NOTIFY may take after the 2xx (RFC 6665 section 4.1.2.4: 64*T1)."""
        self.state = SubscriberState.ASKED
        self.id = id
        self._first_seconds = first_seconds
        self._status = 0
        self._outputs: list[Told] = []
        self._end_at = self._give_up_at = now + MAX_SECONDS  # the transaction of the REFER has a time of its own

    @property
    def over(self) -> bool:
        """Whether a NOTIFY that comes now belongs to nothing."""
        return self.state is SubscriberState.OVER

    @property
    def asking(self) -> bool:
        """Whether nothing came yet, neither an answer nor a NOTIFY."""
        return self.state is SubscriberState.ASKED

    @property
    def pending(self) -> bool:
        """Whether nobody knows yet what comes of it."""
        return self.state in (SubscriberState.ASKED, SubscriberState.ACCEPTED, SubscriberState.HEARD)

    def answered(self, status: int | None, *, now: float) -> None:
        """Take the final answer to the REFER, None where none came."""
        if status is None:
            self._step(SubscriberInput.REFUSED, 408, now)
        else:
            self._step(SubscriberInput.ACCEPTED if status < 300 else SubscriberInput.REFUSED, status, now)

    def notified(self, state: SubscriptionState, status: int | None, *, now: float) -> None:
        """Take a NOTIFY. status: of its body, None where that has none that can be read."""
        if status is not None and status >= 200:
            what = SubscriberInput.LAST if state.over else SubscriberInput.FINAL
            self._step(what, status, now)
        elif state.over:
            self._step(SubscriberInput.ENDED, _ENDED_AS.get(state.reason, _ENDED), now)
        else:
            self._step(SubscriberInput.PROGRESS, status or 100, now, expires=state.expires)

    def expire(self, seconds: float, *, now: float) -> None:
        """Await nothing after this time: the call that was to be transferred is over."""
        self._give_up_at = min(self._give_up_at, now + seconds)

    def next_timer(self) -> float | None:
        """Return when nothing more is awaited."""
        return None if self.over else self._give_up_at

    def handle_timer(self, *, now: float) -> None:
        """Give up, if it is time."""
        if not self.over and now >= self._give_up_at:
            self._step(SubscriberInput.EXPIRED, 408, now)

    def drain(self) -> list[Told]:
        """Return what to tell."""
        outputs, self._outputs = self._outputs, []
        return outputs

    def _step(self, what: SubscriberInput, status: int, now: float, expires: int | None = None) -> None:
        row = SUBSCRIBER.get((self.state, what))
        if row is None:
            return
        self.state, action = row
        match self.state:
            case SubscriberState.ACCEPTED | SubscriberState.TOLD:
                self._give_up_at = now + self._first_seconds
            case SubscriberState.HEARD:
                seconds = SILENT_SECONDS if expires is None else max(expires, 1) + LATE_SECONDS
                self._give_up_at = min(now + seconds, self._end_at)
            case _:
                pass
        match action:
            case SubscriberAction.BEGUN:
                self._tell(100)
            case SubscriberAction.TELL:
                self._tell(status)
            case SubscriberAction.END:
                self._outputs.append(Told(status, final=True))
            case SubscriberAction.REFUSE:
                self._outputs.append(Told(status, final=True, accepted=False))
            case _:
                pass

    def _tell(self, status: int) -> None:
        if status != self._status:  # a 100 that follows the 2xx says nothing new, nor does a refreshed 180
            self._status = status
            self._outputs.append(Told(status, final=False))
