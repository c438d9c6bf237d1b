"""We ask the far end for a transfer: our REFER, and the NOTIFYs that say what came of it (RFC 3515, RFC 5589).

It waits until no offer is open, for a short while: many a peer refuses what comes in the middle of a hold. One transfer
of a leg is open at a time. What became of it is told to the call once, whatever the peer does: refuse, be silent,
hang up.
"""

import logging

from softswitch import clock
from softswitch.call.cause import from_status
from softswitch.call.leg import LegState, ReferProgress
from softswitch.errors import RemoteError
from softswitch.legs.session import glare_seconds
from softswitch.legs.whole import Attached, Whole
from softswitch.sip.message import Request, Response
from softswitch.sip.refer import PACKAGE, SCHEMES, SIPFRAG, Fragment, Replaces, SubscriptionState, event, refer_to
from softswitch.sip.subscription import Subscriber, Told
from softswitch.sip.transaction import Key
from softswitch.sip.uri import Uri

log = logging.getLogger("softswitch.sip")

#: How long a REFER waits for a hold to be agreed to: a peer that takes longer than that is asked all the same.
PATIENCE_SECONDS = 4.0
#: Times that a peer may say 491; it says so while an offer of its own is open.
MAX_GLARES = 3
#: Subscriptions of one leg that await their last NOTIFY; the oldest is forgotten for a new one.
MAX_SUBSCRIPTIONS = 8

Lines = tuple[tuple[str, str], ...]


class Referring(Attached):
    """What we ask of the far end of one leg."""

    def __init__(self, leg: Whole) -> None:
        super().__init__(leg)
        #: What a REFER shall say that is still to be sent, and what the one on its way says.
        self._wanted: Lines = ()
        self._asked: Lines = ()
        self._not_before = 0.0
        self._patient_until = 0.0
        self._glares = 0
        self._key: Key = ()
        self._asking: Subscriber | None = None
        self._subscribers: list[Subscriber] = []

    # Commands --------------------------------------------------------------------------------------------------

    def refer(self, target: str, *, replaces: str, referred_by: str) -> None:
        """Want the far end to call `target`."""
        leg = self._leg
        if self._wanted or any(subscriber.pending for subscriber in self._subscribers):
            log.warning("%s a transfer is under way already", leg.id)
            return
        if leg.peer_allows and "REFER" not in leg.peer_allows:
            leg.report(ReferProgress(405, final=True, accepted=False))
            return
        try:
            uri = Uri.parse(target.strip("<>"))
            line = refer_to(uri, Replaces.parse(replaces) if replaces else None)
        except RemoteError as error:
            log.error("%s cannot be referred: %s", leg.id, error)
            leg.report(ReferProgress(400, final=True, accepted=False))
            return
        if uri.scheme not in SCHEMES:
            leg.report(ReferProgress(416, final=True, accepted=False))
            return
        by = (("Referred-By", f"<{referred_by.strip('<>')}>"),) if referred_by else ()
        self._wanted = (("Refer-To", line), *by)
        self._glares = 0
        self._not_before = 0.0
        self._patient_until = clock.now() + PATIENCE_SECONDS

    def stop(self) -> None:
        """Want nothing more: the leg is over. NOTIFYs that come after it are answered for a while."""
        self._wanted = ()
        for subscriber in self._subscribers:
            subscriber.expire(self._seconds, now=clock.now())

    # What the peer says ----------------------------------------------------------------------------------------

    def notified(self, request: Request, key: Key) -> None:
        """Take a NOTIFY inside the dialog."""
        leg = self._leg
        package, id = event(request)
        if package != PACKAGE:
            leg.answer_request(request, key, 489)
            return
        subscriber = self._find(id)
        if subscriber is None:
            leg.answer_request(request, key, 481)
            return
        status: int | None = None
        if request.body and request.content_type != SIPFRAG:
            leg.answer_request(request, key, 415, (("Accept", SIPFRAG),))
            leg.signalling.note("notify_body", leg.flow, f"a NOTIFY with {request.content_type}")
        else:
            try:
                status = Fragment.parse(request.body).status if request.body else None
                leg.answer_request(request, key, 200)
            except RemoteError as error:
                leg.answer_request(request, key, error.status)
                leg.signalling.note(error.kind, leg.flow, str(error))
        subscriber.notified(SubscriptionState.of(request), status, now=clock.now())

    def _find(self, id: str) -> Subscriber | None:
        """Return whose NOTIFY this is; one without an id means the first (RFC 3515 section 2.4.6), or the open one."""
        open_ = [subscriber for subscriber in self._subscribers if not subscriber.over]
        if id:
            return next((subscriber for subscriber in open_ if subscriber.id == id), None)
        return next((subscriber for subscriber in open_ if subscriber.pending), open_[0] if open_ else None)

    def resent(self, old: Key, new: Key, request: Request) -> None:
        """Follow the REFER that went out again with credentials: its number names the subscription."""
        if old == self._key and self._asking is not None:
            self._key = new
            self._asking.id = str(request.cseq.number)

    def _answered(self, response: Response | None) -> None:
        """Take the final answer to our REFER, None where none came."""
        leg, subscriber = self._leg, self._asking
        self._key, self._asking = (), None
        if subscriber is None:
            return
        status = response.status if response is not None else None
        if status == 491 and self._again(subscriber):
            return
        subscriber.answered(status, now=clock.now())
        if status == 481:
            self._tell()
            leg.lost(from_status(481))  # the peer knows no such call (RFC 3261 section 12.2.1.2)

    def _again(self, subscriber: Subscriber) -> bool:
        """Ask once more after a while, where the peer was only busy with an offer; False where it is to be told."""
        leg = self._leg
        if not subscriber.asking or self._glares >= MAX_GLARES or leg.state is LegState.ENDED:
            return False
        self._subscribers.remove(subscriber)
        self._glares += 1
        self._wanted, self._not_before = self._asked, clock.now() + glare_seconds(leg)
        return True

    # As a part of the leg ------------------------------------------------------------------------------------------

    @property
    def finished(self) -> bool:
        """True when no NOTIFY is awaited any more."""
        return not self._subscribers

    def carry_out(self) -> bool:
        """Send our REFER when it is time, and tell what came of it."""
        told = self._tell()
        return self._ask() or told

    def next_timer(self) -> float | None:
        """Return when to ask, or to await nothing more."""
        times = [subscriber.next_timer() for subscriber in self._subscribers]
        if self._wanted and not self._key:
            waits = self._leg.changing and self._not_before < self._patient_until
            times.append(self._patient_until if waits else self._not_before)
        return min((time for time in times if time is not None), default=None)

    def handle_timer(self, *, now: float) -> None:
        """Give up what is over."""
        for subscriber in self._subscribers:
            subscriber.handle_timer(now=now)

    # Inside --------------------------------------------------------------------------------------------------------

    @property
    def _seconds(self) -> float:
        return 64 * self._leg.settings.timers.t1

    def _ask(self) -> bool:
        leg, dialog, now = self._leg, self._leg.dialog, clock.now()
        if not self._wanted or self._key or dialog is None or leg.state not in (LegState.UP, LegState.HELD):
            return False
        if now < self._not_before or (leg.changing and now < self._patient_until):
            return False
        headers = (*self._wanted, *leg.settings.requests)
        request = dialog.request("REFER", contact=leg.contact, headers=headers)
        self._asked, self._wanted = self._wanted, ()
        self._asking = Subscriber(str(request.cseq.number), first_seconds=self._seconds, now=now)
        self._subscribers.append(self._asking)
        del self._subscribers[:-MAX_SUBSCRIPTIONS]
        self._key = leg.send(request, dialog, self._answered)
        return True

    def _tell(self) -> bool:
        did = False
        for subscriber in self._subscribers:
            for told in subscriber.drain():
                did = True
                self._report(told)
        self._subscribers = [subscriber for subscriber in self._subscribers if not subscriber.over]
        return did

    def _report(self, told: Told) -> None:
        leg = self._leg
        if told.final and not told.accepted:
            log.info("%s the peer refuses to be transferred: %d", leg.id, told.status)
        if leg.state is not LegState.ENDED:
            leg.report(ReferProgress(told.status, told.final, told.accepted))
