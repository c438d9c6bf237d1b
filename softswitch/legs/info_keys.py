"""Keys by INFO: those of the peer, and ours, one request at a time, each when the last one was answered."""

import logging
from collections import deque

from softswitch import clock
from softswitch.call.cause import from_status
from softswitch.call.leg import DigitsSent, LegState
from softswitch.legs.signalling import GONE
from softswitch.legs.whole import Attached, Whole
from softswitch.sip.dtmf_info import PLAIN, RELAY, key_body, read_key
from softswitch.sip.message import Request, Response
from softswitch.sip.transaction import Key

log = logging.getLogger("softswitch.sip")

#: Keys that may wait; the same limit as the dialplan's.
MAX_WAITING = 64
#: From one key to the next: the peer plays each as a tone of 160 ms, and a pause makes two equal keys two.
PACE_SECONDS = 0.25
KEYS = "0123456789*#ABCD"


class InfoKeys(Attached):
    """The keys of one leg that wait to be sent."""

    finished = True

    def __init__(self, leg: Whole) -> None:
        super().__init__(leg)
        self._waiting: deque[str] = deque()
        self._kind = RELAY
        self._on_its_way = False
        self._next_at = 0.0

    def press(self, digits: str) -> None:
        """Send keys; what is none is left out, and so is what comes faster than anybody reads."""
        keys = [key for key in digits.upper() if key in KEYS]
        self._waiting.extend(keys[: MAX_WAITING - len(self._waiting)])
        if not self._waiting:
            self._leg.keys_happened(DigitsSent())

    def received(self, request: Request, key: Key) -> None:
        """Take an INFO of the peer: a key, a question whether we live, or what is nothing to us."""
        leg, digit = self._leg, read_key(request)
        if digit is not None and leg.media is not None:
            leg.media.key_told(digit)
        # An empty one asks whether we live; a body that is nothing to us is said to be so (RFC 2976 section 2.2).
        leg.answer_request(request, key, 200 if digit is not None or not request.body else 415)

    def stop(self) -> None:
        """Send no more."""
        self._waiting.clear()

    def carry_out(self) -> bool:
        """Send the next key, if it is its turn."""
        now = clock.now()
        leg, dialog = self._leg, self._leg.dialog
        if not self._waiting or self._on_its_way or now < self._next_at or dialog is None:
            return False
        if leg.state not in (LegState.UP, LegState.HELD):
            return False
        self._on_its_way = True
        self._next_at = now + PACE_SECONDS
        info = dialog.request(
            "INFO",
            contact=leg.contact,
            headers=leg.settings.requests,
            body=key_body(self._waiting[0], self._kind),
            content_type=self._kind,
        )
        leg.send(info, dialog, self._answered)
        return True

    def next_timer(self) -> float | None:
        """Return when the next key may go."""
        return self._next_at if self._waiting and not self._on_its_way else None

    def handle_timer(self, *, now: float) -> None:
        """Nothing: `carry_out` looks at the clock."""

    def _answered(self, response: Response | None) -> None:
        self._on_its_way = False
        if response is not None and response.status in GONE:
            self._leg.lost(from_status(response.status))
        if not self._waiting:
            return
        if response is not None and response.status == 415 and self._kind == RELAY:
            self._kind = PLAIN  # the peer knows the other form; the same key again
            self._next_at = 0.0
            return
        if response is None or response.status >= 300:
            status = "nothing" if response is None else response.status
            log.warning("%s a key sent by INFO was answered with %s: the peer does not take them", self._leg.id, status)
        self._waiting.popleft()
        if not self._waiting:
            self._leg.keys_happened(DigitsSent())
