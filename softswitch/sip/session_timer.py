"""Session timers (RFC 4028): whether a call whose far end says nothing still stands, in both roles.

One side of a call refreshes it by a re-INVITE or UPDATE at half the interval; both count, and whoever hears of no
refresh ends the call a little before the interval is over. Who refreshes is agreed anew by each 2xx: `uac` is whoever
sent the request it answers, so the same side is `uac` in its own refresh and `uas` in a re-INVITE of its peer.

The owner puts `request_headers` into each INVITE, re-INVITE and UPDATE of ours, and `answering` into each 2xx to one;
Supported: timer is its own business. It gives every 2xx to `answered` and every 422 to `refused`.
"""

from dataclasses import dataclass

from softswitch.errors import RemoteError
from softswitch.sip import grammar
from softswitch.sip.message import Request, Response
from softswitch.sip.option_tags import supports

Lines = tuple[tuple[str, str], ...]

#: The option tag of RFC 4028.
OPTION = "timer"
#: The longest interval that a peer's Min-SE may make us ask for; a longer one keeps the dead alive for a working day.
MAX_INTERVAL = 6 * 3600
#: 422 in a row, each with a larger Min-SE: one for each proxy on the way is honest, more is a game (section 7.3).
MAX_TOO_SMALL = 5
#: Refreshes that are tried in one interval, where the first ones met glare or a refusal (section 10 warns of more).
MAX_REFRESHES = 3
#: Section 10: the call is ended this long before its interval is over, or a third of the interval before.
MARGIN = 32.0


@dataclass(frozen=True, slots=True)
class SessionTimerSettings:
    """What we ask for and what we stand, in seconds; RFC 4028 recommends 1800 (section 4), and forbids less than 90.

    expires: 0 asks for no timer; what a peer asks for is kept to nevertheless.
    """

    expires: int = 1800
    min_se: int = 90


@dataclass(frozen=True, slots=True)
class Refresh:
    """Send a re-INVITE, or an UPDATE where the peer allows it; comes again where no 2xx answers it.

    A request that is on its way already is as good.
    """


@dataclass(frozen=True, slots=True)
class Expired:
    """No refresh has succeeded: the owner sends BYE (section 10)."""


@dataclass(frozen=True, slots=True)
class SessionExpires:
    """The value of a Session-Expires header (section 4). refresher: `uac`, `uas` or `""`."""

    seconds: int
    refresher: str = ""

    def __str__(self) -> str:
        return f"{self.seconds};refresher={self.refresher}" if self.refresher else str(self.seconds)


class SessionTimer:
    """The session timer of one dialog.

    interval: seconds that were agreed, 0 while the timer is off. refreshing: true where we refresh.
    """

    def __init__(self, settings: SessionTimerSettings) -> None:
        self.interval = 0
        self.refreshing = False
        self._settings = settings
        self._min_se = settings.min_se  # the largest that anybody on the way wants
        self._too_small = 0
        self._refreshes = 0
        self._refresh_at: float | None = None
        self._expire_at: float | None = None
        self._stopped = False
        self._outputs: list[Refresh | Expired] = []

    # --- our requests ---

    def request_headers(self) -> Lines:
        """Return what our INVITE, re-INVITE or UPDATE carries (sections 7.1, 7.4).

        Once the roles are agreed they are asked for again, so that they do not change with each refresh.
        """
        if not self.interval and not self._settings.expires:
            return ()
        refresher = ("uac" if self.refreshing else "uas") if self.interval else ""
        return (("Session-Expires", str(SessionExpires(self._wish, refresher))), ("Min-SE", str(self._min_se)))

    @property
    def _wish(self) -> int:
        return max(self.interval or self._settings.expires, self._min_se)

    def answered(self, response: Response, *, now: float) -> None:
        """Take the 2xx to a request of ours: from now on its Session-Expires counts, or no timer at all (section 7.2).

        A 2xx that does not say who refreshes leaves it to us: a refresh too many does no harm.
        """
        self._too_small = 0
        agreed = _session_expires(response)
        if agreed is None:
            self._off()
        else:
            self._arm(agreed.seconds, agreed.refresher != "uas", now)

    def refused(self, response: Response) -> bool:
        """Take a 422. True: `request_headers` now ask for enough, send the request again (section 7.3).

        False where its Min-SE is missing, absurd, or no more than we asked for, and after too many of them.
        """
        wanted = _min_se(response)
        self._too_small += 1
        if not self._wish < wanted <= MAX_INTERVAL or self._too_small > MAX_TOO_SMALL:
            return False
        self._min_se = wanted
        return True

    # --- the peer's requests ---

    def judge(self, request: Request) -> int:
        """Return 422 where the peer, who can ask again, asks for too short an interval, else 0 (section 9)."""
        wanted = _session_expires(request)
        small = wanted is not None and wanted.seconds < self._settings.min_se
        return 422 if small and supports(request, OPTION) else 0

    def too_small_headers(self) -> Lines:
        """Return what our 422 carries (section 6)."""
        return (("Min-SE", str(self._settings.min_se)),)

    def answering(self, request: Request, *, now: float) -> Lines:
        """Return what our 2xx to a request of the peer carries, and begin the interval (section 9).

        The interval is the peer's, shortened to ours as far as its Min-SE allows. A peer that can do it but did not ask
        for it gets ours. Nothing is begun where the peer can neither refresh nor asks, nor somebody on its behalf.
        """
        wanted, floor, able = _session_expires(request), _min_se(request), supports(request, OPTION)
        asked = wanted.seconds if wanted is not None and wanted.seconds >= self._settings.min_se else 0
        ours = self._settings.expires
        if floor > MAX_INTERVAL or not (asked or (able and ours)):
            self._off()
            return ()
        self._min_se = max(self._min_se, floor)
        seconds = max(ours, self._settings.min_se, floor) if ours else asked
        seconds = min(seconds, asked or seconds)
        refresher = self._refresher(wanted.refresher if wanted is not None else "", able)
        self._arm(seconds, refresher == "uas", now)
        # Without Require a peer that is to refresh might not know; for the others it is recommended (section 9).
        require = (("Require", OPTION),) if able else ()
        return (*require, ("Session-Expires", str(SessionExpires(seconds, refresher))))

    def _refresher(self, wanted: str, able: bool) -> str:
        """Return who refreshes from now on, as table 2 of section 9 says.

        Where the choice is ours, it stays as it was. At first we take it: then nothing depends on what the peer's
        claim is worth.
        """
        if not able:
            return "uas"
        if wanted:
            return wanted
        return "uac" if self.interval and not self.refreshing else "uas"

    # --- time ---

    def stop(self) -> None:
        """Stop for good: the call is over."""
        self._stopped = True
        self._off()

    def next_timer(self) -> float | None:
        """Return when to refresh or to give up."""
        return min((at for at in (self._refresh_at, self._expire_at) if at is not None), default=None)

    def handle_timer(self, *, now: float) -> None:
        """Ask for a refresh or give up, if it is time."""
        if self._expire_at is not None and now >= self._expire_at:
            self._off()
            self._outputs.append(Expired())
        elif self._refresh_at is not None and self._expire_at is not None and now >= self._refresh_at:
            self._outputs.append(Refresh())
            self._refreshes += 1
            # Again halfway to the end, as long as a transaction has the time to fail before it.
            wait = (self._expire_at - now) / 2
            self._refresh_at = now + wait if self._refreshes < MAX_REFRESHES and wait >= MARGIN else None

    def drain(self) -> list[Refresh | Expired]:
        """Return what to do, in order, once."""
        outputs, self._outputs = self._outputs, []
        return outputs

    def _arm(self, seconds: int, refreshing: bool, now: float) -> None:
        if self._stopped:
            return
        # No peer may make us refresh faster than we allow (section 5 forbids it to try).
        self.interval = max(seconds, self._settings.min_se)
        self.refreshing = refreshing
        self._refreshes = 0
        self._refresh_at = now + self.interval / 2 if refreshing else None  # section 7.4
        self._expire_at = now + self.interval - min(MARGIN, self.interval / 3)  # section 10

    def _off(self) -> None:
        self.interval, self.refreshing = 0, False
        self._refresh_at, self._expire_at = None, None


def _session_expires(message: Request | Response) -> SessionExpires | None:
    """Return the Session-Expires, None where there is none that can be read."""
    value = message.headers.get("Session-Expires")
    if value is None:
        return None
    text, _, rest = value.partition(";")
    try:
        seconds = grammar.number(text.strip(grammar.SPACE), below=2**32, what="Session-Expires", kind="bad_expires")
        refresher = (grammar.find_param(grammar.parse_params(rest), "refresher") or "").lower() if rest else ""
    except RemoteError:
        return None
    return SessionExpires(seconds, refresher if refresher in ("uac", "uas") else "")


def _min_se(message: Request | Response) -> int:
    """Return the Min-SE, 0 where there is none that can be read; it may carry parameters (section 5)."""
    value = message.headers.get("Min-SE")
    if value is None:
        return 0
    text = value.partition(";")[0].strip(grammar.SPACE)
    try:
        return grammar.number(text, below=2**32, what="Min-SE", kind="bad_min_se")
    except RemoteError:
        return 0
