"""The far end asks for a transfer: its REFER, and the NOTIFYs we owe it for that (RFC 3515 section 2.4, RFC 5589).

What becomes of it is the call's to decide; here it is only read, answered, and told about. One transfer of a leg is
open at a time: the call cannot go to two people.
"""

from functools import partial

from softswitch import clock
from softswitch.call.leg import LegState, ReferRequested
from softswitch.errors import RemoteError
from softswitch.legs.signalling import Refusal
from softswitch.legs.whole import Attached, Whole
from softswitch.sip.headers import NameAddr
from softswitch.sip.message import Request, Response
from softswitch.sip.refer import PACKAGE, SIPFRAG_VERSIONED, Reference, event, read_refer
from softswitch.sip.subscription import Notifier, Notify
from softswitch.sip.transaction import Key
from softswitch.sip.uri import Uri

#: Subscriptions of one leg whose last NOTIFY awaits its answer; who makes more asks faster than anybody can transfer.
MAX_SUBSCRIPTIONS = 8


class Referred(Attached):
    """What the far end of one leg asks for."""

    def __init__(self, leg: Whole) -> None:
        super().__init__(leg)
        self._notifiers: list[Notifier] = []
        #: A transfer that the peer wants to hear nothing of is open (RFC 4488).
        self._silent = False
        self._asked_before = False

    def request_received(self, request: Request, key: Key) -> None:
        """Take a REFER or a SUBSCRIBE inside the dialog."""
        if request.method == "SUBSCRIBE":
            self._subscribed(request, key)
            return
        # Each NOTIFY of a second REFER must say which one it is about, that of the first may (section 2.4.6).
        named, self._asked_before = self._asked_before, True
        try:
            asked = read_refer(request)
        except RemoteError as error:
            self._refuse(request, key, Refusal(error.status), error.kind)
            return
        refusal = self._refusal()
        if refusal is None:
            self._accept(asked, request, key, named=named)
        else:
            self._refuse(request, key, refusal, "refer_refused")

    def progress(self, status: int) -> None:
        """Tell the far end how the transfer goes."""
        if status >= 200:
            self._silent = False
        for notifier in self._notifiers:
            notifier.progress(status, now=clock.now())

    def stop(self) -> None:
        """Await little more: the leg is over. What came of the transfer may still be said, within the time of a BYE."""
        self._silent = False
        for notifier in self._notifiers:
            notifier.expire(self._seconds, now=clock.now())

    # As a part of the leg ------------------------------------------------------------------------------------------

    @property
    def finished(self) -> bool:
        """True when nothing is owed to the peer any more."""
        return not self._notifiers

    def carry_out(self) -> bool:
        """Send the NOTIFYs that are due."""
        did = False
        for notifier in list(self._notifiers):
            for due in notifier.drain():
                did = True
                self._notify(notifier, due)
        self._notifiers = [notifier for notifier in self._notifiers if not notifier.over]
        return did

    def next_timer(self) -> float | None:
        """Return when a subscription is over by itself."""
        return min((at for notifier in self._notifiers if (at := notifier.next_timer()) is not None), default=None)

    def handle_timer(self, *, now: float) -> None:
        """End what is over."""
        for notifier in self._notifiers:
            notifier.handle_timer(now=now)

    # Inside --------------------------------------------------------------------------------------------------------

    @property
    def _seconds(self) -> float:
        return 64 * self._leg.settings.timers.t1

    def _refusal(self) -> Refusal | None:
        leg = self._leg
        if leg.state is LegState.ENDED:
            return Refusal(481)
        if leg.state not in (LegState.UP, LegState.HELD):
            return Refusal(500, (("Retry-After", "1"),))  # as a re-INVITE before the answer (RFC 3261 section 14.2)
        pending = self._silent or any(notifier.pending for notifier in self._notifiers)
        return Refusal(491) if pending or len(self._notifiers) >= MAX_SUBSCRIPTIONS else None

    def _refuse(self, request: Request, key: Key, refusal: Refusal, kind: str) -> None:
        leg = self._leg
        leg.answer_request(request, key, refusal.status, refusal.headers)
        leg.signalling.note(kind, leg.flow, f"a REFER was refused with {refusal.status}")

    def _accept(self, asked: Reference, request: Request, key: Key, *, named: bool) -> None:
        leg = self._leg
        quiet = (("Refer-Sub", "false"),) if asked.silent else ()
        leg.answer_request(request, key, 202, (("Contact", leg.contact), *quiet))
        if asked.silent:
            self._silent = True
        else:
            number = str(request.cseq.number)
            self._notifiers.append(Notifier(number, named=named, last_seconds=self._seconds, now=clock.now()))
        replaces = asked.replaces
        leg.report(
            ReferRequested(
                str(asked.target if asked.target.is_sip else self._here(asked.target)),
                str(replaces) if replaces is not None else "",
                leg.signalling.leg_of(replaces) if replaces is not None else "",
                asked.referred_by,
            )
        )

    def _here(self, number: Uri) -> Uri:
        """Return a telephone number as a SIP URI of ours (RFC 3261 section 19.1.6): where it goes is our dialplan's."""
        ours = NameAddr.parse(self._leg.contact).uri
        return Uri.of(number.username, ours.host, ours.port).with_param("user", "phone")

    def _subscribed(self, request: Request, key: Key) -> None:
        """Take a SUBSCRIBE: it may prolong or end what a REFER began, and begins nothing (RFC 3515 section 2.4.4)."""
        leg = self._leg
        package, id = event(request)
        if package != PACKAGE:
            leg.answer_request(request, key, 489)
            return
        notifier = next((one for one in self._notifiers if one.pending and id in ("", one.id)), None)
        if notifier is None:
            leg.answer_request(request, key, 403)
            return
        granted = notifier.subscribed(request.expires, now=clock.now())
        leg.answer_request(request, key, 200, (("Expires", str(granted)), ("Contact", leg.contact)))

    def _notify(self, notifier: Notifier, due: Notify) -> None:
        leg, dialog = self._leg, self._leg.dialog
        if dialog is None:
            return
        request = dialog.request(
            "NOTIFY",
            contact=leg.contact,
            headers=(("Event", due.event), ("Subscription-State", str(due.state)), *leg.settings.requests),
            body=due.body,
            content_type=SIPFRAG_VERSIONED,
        )
        leg.send(request, dialog, partial(self._answered, notifier))

    def _answered(self, notifier: Notifier, response: Response | None) -> None:
        notifier.answered(response.status if response is not None else None, now=clock.now())
