"""Who may speak SIP to us, and how much, decided before a message is read. Pure, in virtual time.

Theory of operation
-------------------
A source is an IPv4 address, or a /64 of IPv6, which is what one subscriber has. It stands to us as one of `Standing`.
Trusted networks pass unlooked at. Everybody else has two buckets: for messages, and for new requests, which make us
work the most. What does not fit is dropped without an answer: an answer would cost more than the question, and an
attacker who forges his address would have it sent to somebody else.

Strangers share one allowance besides, so that those who are known are served however many hosts somebody makes up. It
is asked last: what one source alone has too much of takes nothing from the others.

What a source does wrong counts towards a ban (`OFFENCES`). Those who are known are never banned, peers of running calls
not for what they send too much of: a datagram proves nothing about where it comes from, and who could get a carrier
banned by forging its address would need no other attack. Of anybody else:

* datagrams and connections are two sides with books of their own: whatever is forged by datagrams, who connects from
  that address is heard;
* of a source whose datagrams are banned a REGISTER passes now and then, and what belongs to a call that we are on with
  it. Whoever proves by it who he is was no attacker, and his ban is lifted (`vindicated`).

Everything here is bounded. Sources stand in two generations: when the younger one is full it becomes the elder, and the
elder is forgotten; who keeps sending moves up and stays.
"""

import enum
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from softswitch.net.bans import Bans, BanStatus
from softswitch.net.networks import Networks, subscriber
from softswitch.sip.bucket import Bucket
from softswitch.sip.scanners import asks_for_extensions, scanner

#: Sources of one generation; about 500 octets each, so 8 MB at most for both.
MAX_SOURCES: Final = 8192
#: A message counts once for each so many octets of it: a datagram of 64 KiB costs as much as 44 of the usual size.
MESSAGE_BYTES: Final = 1500
#: So long it is believed what was answered about a source.
ASK_SECONDS: Final = 10.0
#: And so long before somebody who has too much is asked about again: he may have registered since.
ASK_AGAIN_SECONDS: Final = 1.0
#: A connection costs what so many messages cost: a socket, two calls of the loop, an entry in three tables.
CONNECTION_MESSAGES: Final = 5.0

#: A REGISTER passes so often from a source whose datagrams are banned: it is repeated until one of them does.
PLEA_SECONDS: Final = 2.0

#: What begins no work of ours outside of a dialog. Anything else is a new request.
_INSIDE: Final = (b"SIP/2.0 ", b"ACK ", b"BYE ", b"CANCEL ", b"PRACK ", b"UPDATE ", b"INFO ", b"NOTIFY ")

_INVITE, _REGISTER = b"INVITE ", b"REGISTER "
_OF_REQUESTS: Final = ("requests", "all_requests")
#: A tag in To: the request belongs to a dialog, or says that it does.
_TO_TAG: Final = re.compile(rb"\n(?:To|t)[ \t]*:[^\r\n]*;[ \t]*tag=", re.IGNORECASE)


class Standing(enum.Enum):
    """What a source is to us."""

    TRUSTED = "trusted"
    #: A registered telephone, or a gateway of a carrier.
    KNOWN = "known"
    #: Somebody we are on a call with.
    PEER = "peer"
    STRANGER = "stranger"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class Offence:
    """points: towards a ban. grows: it is no mistake, and the next ban is longer."""

    points: float
    grows: bool


#: What is done wrong -> how much it counts. 30 points within a few seconds are a ban by default.
OFFENCES: Final = {
    "scanner": Offence(1000.0, grows=True),  # names itself
    "extension_100": Offence(10.0, grows=True),  # asks for what scanners ask for first
    "closed_number": Offence(3.0, grows=True),  # dials what is not open to strangers
    "bad_message": Offence(2.0, grows=True),  # cannot be read
    "stalled_connection": Offence(3.0, grows=True),  # opens one and says nothing, or an octet a second
    "bad_password": Offence(1.0, grows=False),  # a telephone with a wrong one tries twice a minute
    "flood": Offence(0.1, grows=True),  # each message that did not fit
}


@dataclass(frozen=True, slots=True)
class GateSettings:
    """What sources may send. Rates are a second; `burst_seconds` worth of them may come at once.

    trusted: networks that pass unlooked at. deny: networks never listened to, before everything else. allow: where it
    names any, nobody else is listened to but them, trusted networks and who is known. known: networks that are, besides
    those of carriers. requests, messages: of one stranger. all_requests, all_messages: of all strangers together, by
    datagrams and by connections each. peer_messages: of one whom we are on a call with. known_…: of one who is known.
    ban_points: how many are a ban. forgive_seconds: until one point is forgiven. ban_seconds, ban_max_seconds: the
    first ban, and the longest. calls, all_calls: of one stranger and of all of them at once, which others than the gate
    see to.
    """

    trusted: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    requests: float = 10.0
    messages: float = 50.0
    all_requests: float = 200.0
    all_messages: float = 1000.0
    peer_messages: float = 200.0
    known_requests: float = 500.0
    known_messages: float = 5000.0
    burst_seconds: float = 5.0
    ban_points: float = 30.0
    forgive_seconds: float = 2.0
    ban_seconds: float = 60.0
    ban_max_seconds: float = 3600.0
    calls: int = 10
    all_calls: int = 200


class _Source:
    """One source that we have heard of."""

    __slots__ = ("asked_at", "messages", "offences", "requests", "standing")

    def __init__(self, settings: GateSettings, now: float) -> None:
        burst = settings.burst_seconds
        self.standing = Standing.STRANGER
        self.asked_at = float("-inf")
        self.messages = Bucket(settings.messages, settings.messages * burst, now=now)
        self.requests = Bucket(settings.requests, settings.requests * burst, now=now)
        #: What is left until a ban, and comes back with time.
        self.offences = Bucket(1.0 / settings.forgive_seconds, settings.ban_points, now=now)


class _Side:
    """What comes by datagrams, or by connections: its sources in two generations, its bans, what strangers share."""

    def __init__(self, settings: GateSettings, now: float) -> None:
        self.bans = Bans(settings.ban_seconds, settings.ban_max_seconds)
        self.adopt(settings, now)

    def adopt(self, settings: GateSettings, now: float) -> None:
        """Judge every source anew; bans stay."""
        burst = settings.burst_seconds
        self.bans.last(settings.ban_seconds, settings.ban_max_seconds)
        self.all_messages = Bucket(settings.all_messages, settings.all_messages * burst, now=now)
        self.all_requests = Bucket(settings.all_requests, settings.all_requests * burst, now=now)
        #: Of all whom we are on calls with, as many as of all strangers, and taken from none of them.
        self.all_peers = Bucket(settings.all_messages, settings.all_messages * burst, now=now)
        self.young: dict[str, _Source] = {}
        self.old: dict[str, _Source] = {}

    def find(self, key: str, settings: GateSettings, now: float) -> _Source:
        """Return a source, one that was never heard of as well."""
        source = self.young.get(key)
        if source is None:
            source = self.old.pop(key, None) or _Source(settings, now)
            if len(self.young) >= MAX_SOURCES:
                self.old, self.young = self.young, {}
            self.young[key] = source
        return source

    def pardon(self, key: str) -> bool:
        """Lift a ban and forget what was done; False where there was none."""
        self.young.pop(key, None)
        self.old.pop(key, None)
        return self.bans.remove(key)


class Gate:
    """Decides for each message, by where it comes from, whether anybody shall look at it.

    standing: says what a host is to us (`KNOWN`, `PEER` or `STRANGER`). on_ban: told of each ban: the host, the kind of
    offence, what it was in words, and for how long. dropped: messages and connections refused, by reason; offences,
    banned: how many, by kind. connected, in what follows: it came by a connection, so that its source is no forgery.
    """

    def __init__(
        self,
        settings: GateSettings,
        *,
        now: float,
        on_ban: Callable[[str, str, str, float], None] = lambda host, kind, words, seconds: None,
    ) -> None:
        self.standing: Callable[[str], Standing] = _nobody_known
        self.dropped: Counter[str] = Counter()
        self.offences: Counter[str] = Counter()
        self.banned: Counter[str] = Counter()
        self._on_ban = on_ban
        self._datagrams, self._connections = _Side(settings, now), _Side(settings, now)
        self.adopt(settings, now=now)

    def adopt(self, settings: GateSettings, *, now: float) -> None:
        """Go by these settings from now on: every source is judged anew. Bans stay as they are."""
        self.settings = settings
        self._trusted, self._known = Networks(settings.trusted), Networks(settings.known)
        self._allow, self._deny = Networks(settings.allow), Networks(settings.deny)
        self._datagrams.adopt(settings, now)
        self._connections.adopt(settings, now)

    def _side(self, connected: bool) -> _Side:
        return self._connections if connected else self._datagrams

    # What comes ----------------------------------------------------------------------------------------------------

    def admit(self, host: str, message: bytes, *, now: float, connected: bool = False) -> bool:
        """Tell whether a message that came from `host` (an IP address) shall be looked at."""
        key, side = subscriber(host), self._connections if connected else self._datagrams
        new = not message.startswith(_INSIDE)
        if side.bans.hit(key, now=now) and not (not connected and self._pleads(side, key, host, message, new, now)):
            self.dropped["banned"] += 1
            return False
        source = self._source(side, key, host, now)
        standing = source.standing
        if standing is Standing.TRUSTED:
            return True
        if standing is Standing.DENIED:
            self.dropped["denied"] += 1
            return False
        cost = 1.0 if len(message) <= MESSAGE_BYTES else len(message) / MESSAGE_BYTES
        why = self._fits(side, source, cost, new, now)
        if why and now >= source.asked_at + ASK_AGAIN_SECONDS:
            self._ask(source, host, now)
            if source.standing is not standing:
                standing = source.standing
                why = self._fits(side, source, cost, new, now)
        if why and not (standing is Standing.PEER and why in _OF_REQUESTS and _TO_TAG.search(message)):
            return self._too_much(side, key, source, why, now)
        return not new or standing is Standing.KNOWN or self._harmless(side, key, host, message, now)

    def _pleads(self, side: _Side, key: str, host: str, message: bytes, new: bool, now: float) -> bool:
        """Tell whether a datagram of a banned source is looked at all the same: it may not be its own fault."""
        if new and not message.startswith(_INVITE):
            return message.startswith(_REGISTER) and side.bans.pleads(key, PLEA_SECONDS, now=now)
        source = side.young.get(key)
        if source is None or self._source(side, key, host, now).standing is not Standing.PEER:
            return False
        return not new or _TO_TAG.search(message) is not None

    def admit_connection(self, host: str, *, now: float) -> bool:
        """Tell whether a connection that was made from `host` may stay."""
        return self._admit_unread(host, CONNECTION_MESSAGES, now)

    def admit_ping(self, host: str, *, now: float) -> bool:
        """Tell whether a keep-alive on a connection from `host` shall be answered."""
        return self._admit_unread(host, 1.0, now)

    def _admit_unread(self, host: str, cost: float, now: float) -> bool:
        """Tell whether something of a connection passes in which there is nothing to read."""
        key, side = subscriber(host), self._connections
        if side.bans.hit(key, now=now):
            self.dropped["banned"] += 1
            return False
        source = self._source(side, key, host, now)
        if source.standing is Standing.TRUSTED:
            return True
        if source.standing is Standing.DENIED:
            self.dropped["denied"] += 1
            return False
        why = self._fits(side, source, cost, False, now)
        return not why or self._too_much(side, key, source, why, now)

    def knows(self, host: str, *, now: float) -> bool:
        """Tell whether a host that has connected is trusted, or one of a carrier or a registered telephone."""
        source = self._source(self._connections, subscriber(host), host, now)
        return source.standing in (Standing.TRUSTED, Standing.KNOWN)

    def vouched(self, host: str) -> bool:
        """Tell whether the settings say of a host that it is known or trusted."""
        return host in self._trusted or host in self._known

    def bans(self, host: str, *, now: float) -> bool:
        """Tell whether a host may not connect."""
        return self._connections.bans.holds(subscriber(host), now=now)

    # What was done wrong -------------------------------------------------------------------------------------------

    def offended(self, host: str, kind: str, *, now: float, words: str = "", connected: bool = False) -> None:
        """Note something that a host did wrong, one of `OFFENCES`; it may be banned for it. words: more about it."""
        key, side = subscriber(host), self._side(connected)
        self._offended(side, key, self._source(side, key, host, now), kind, words, now)

    def _offended(self, side: _Side, key: str, source: _Source, kind: str, words: str, now: float) -> None:
        self.offences[kind] += 1
        offence = OFFENCES[kind]
        standing = source.standing
        if standing is Standing.TRUSTED or standing is Standing.KNOWN:
            return
        if standing is Standing.PEER and kind == "flood":
            return
        if side.bans.holds(key, now=now):  # what it began before, such as a connection that times out now
            return
        if source.offences.take(offence.points, now=now):
            return
        source.offences.tokens = source.offences.size  # it is paid for: what comes after the ban counts anew
        seconds = side.bans.add(key, kind, grows=offence.grows, now=now)
        if seconds:
            self.banned[kind] += 1
            self._on_ban(key, kind, words, seconds)

    def vindicated(self, host: str) -> None:
        """Take the news that somebody has proved from a host who he is: it is banned no more."""
        key = subscriber(host)
        for side in (self._datagrams, self._connections):
            if side.bans.remove(key):
                side.pardon(key)

    def running_bans(self, *, now: float) -> Sequence[BanStatus]:
        """Return the bans that are not over, those heard of last at the end; first those of datagrams."""
        connections = (replace(ban, connections=True) for ban in self._connections.bans.running(now=now))
        return [*self._datagrams.bans.running(now=now), *connections]

    def pardon(self, host: str) -> bool:
        """Lift the bans of a host, or of a network as `running_bans` names it, and forget what it did."""
        key = host if "/" in host else subscriber(host)
        found = [side.pardon(key) for side in (self._datagrams, self._connections)]
        return any(found)

    @property
    def sources(self) -> int:
        """How many sources are remembered."""
        return sum(len(side.young) + len(side.old) for side in (self._datagrams, self._connections))

    # Inside --------------------------------------------------------------------------------------------------------

    def _source(self, side: _Side, key: str, host: str, now: float) -> _Source:
        source = side.find(key, self.settings, now)
        if now >= source.asked_at + ASK_SECONDS:
            self._ask(source, host, now)
        return source

    def _ask(self, source: _Source, host: str, now: float) -> None:
        source.asked_at = now
        before, source.standing = source.standing, self._judge(host)
        if source.standing is before:
            return
        settings, burst = self.settings, self.settings.burst_seconds
        # Being on a call makes nobody's new requests more welcome: anybody can call a number that is open.
        known = source.standing is Standing.KNOWN
        requests = settings.known_requests if known else settings.requests
        messages = settings.known_messages if known else settings.messages
        if source.standing is Standing.PEER:
            messages = settings.peer_messages
        source.messages = Bucket(messages, messages * burst, now=now)
        if (source.requests.rate != requests) or known:
            source.requests = Bucket(requests, requests * burst, now=now)

    def _judge(self, host: str) -> Standing:
        if self._deny and host in self._deny:
            return Standing.DENIED
        if host in self._trusted:
            return Standing.TRUSTED
        standing = Standing.KNOWN if host in self._known else self.standing(host)
        if self._allow and standing is not Standing.KNOWN and host not in self._allow:
            return Standing.DENIED
        return standing

    def _fits(self, side: _Side, source: _Source, cost: float, new: bool, now: float) -> str:
        """Take what a message costs; return what of it there was too little of, empty for nothing."""
        standing = source.standing
        if standing is Standing.DENIED:
            return "denied"
        if not source.messages.take(cost, now=now):
            return "messages"
        if new and not source.requests.take(1.0, now=now):
            return "requests"
        if standing is Standing.STRANGER and not side.all_messages.take(cost, now=now):
            return "all_messages"
        if standing is Standing.PEER and not side.all_peers.take(cost, now=now):
            return "all_messages"
        if new and standing is not Standing.KNOWN and not side.all_requests.take(1.0, now=now):
            return "all_requests"
        return ""

    def _too_much(self, side: _Side, key: str, source: _Source, why: str, now: float) -> bool:
        self.dropped[why] += 1
        if why in ("messages", "requests"):  # of its own; that others have used up the common share is not its fault
            self._offended(side, key, source, "flood", "it sent more than it may", now)
        return False

    def _harmless(self, side: _Side, key: str, host: str, message: bytes, now: float) -> bool:
        """Look at a new request of a stranger for the marks of scanners."""
        name = scanner(message)
        if name:
            self.dropped["scanner"] += 1
            self.offended(host, "scanner", words=name, now=now, connected=side is self._connections)
            return False
        if asks_for_extensions(message):
            connected = side is self._connections
            self.offended(host, "extension_100", words="it asks for extension 100", now=now, connected=connected)
            return not side.bans.holds(key, now=now)
        return True


def _nobody_known(_host: str) -> Standing:
    """Know nobody."""
    return Standing.STRANGER
