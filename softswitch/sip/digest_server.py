"""Digest authentication as a server (RFC 3261 section 22, RFC 7616, RFC 8760; RFC 2069 for old clients).

Theory of operation
-------------------
A nonce is the time it was made, a serial number, and an HMAC over both and over the place that it was sent to: whoever
asks costs us no memory, and who writes another's address into a datagram has no nonce for that address. A nonce is
remembered from the first request on that proved a password with it, as the highest count it was used with and a bit for
each of the counts below. So a client may use one nonce for hours with rising counts, its requests may overtake each
other on the way, several phones of one account have nonces of their own, and a request that somebody recorded and sends
again is found out by its count. A client that sends no count (RFC 2069) proves itself once with each nonce.

What is out of date is `stale`, never a failure: a nonce of an earlier run of ours, one beyond its lifetime or of
another place, a count that was used. It gets a fresh one, and the client answers that without asking anybody. Whether
the password is right is looked at only where the nonce is (RFC 7616 section 3.3): nobody's account pays for what
somebody else sends in its name and from its address.

Whatever else is wrong is `WRONG`, and nothing in the answer or in the work done for it tells what it was: an unknown
user costs the same hashes as a known one, against a key that nobody knows.

When the table is full, the nonce that was not used for longest is dropped, and with it every nonce that is older and
not in the table is stale from then on: dropping one must not let a recorded request in.
"""

import enum
import hmac
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from softswitch.errors import RemoteError
from softswitch.sip import grammar
from softswitch.sip.digest import HASHES, plain, response_of, schemes
from softswitch.sip.message import Request
from softswitch.sip.uri import Uri

#: Counts below the highest one that may still come late: far more than a phone has requests on their way.
WINDOW = 256
#: Nonces that are remembered, about 300 bytes each: 16 000 phones that take a new one for each of four requests.
MAX_NONCES = 65_536
#: Credentials lines of one request that are looked at: a few realms of the proxies on the way, and ours.
MAX_LINES = 8
#: How long a nonce serves. Counts keep it safe meanwhile; a change of it costs a client two messages. Seconds.
LIFETIME = 6 * 3600.0

_TIME_BYTES, _SERIAL_BYTES, _MAC_BYTES = 6, 4, 12
_BODY_BYTES = _TIME_BYTES + _SERIAL_BYTES
_MASK = (1 << WINDOW) - 1

#: Returns H(A1) of a user for an algorithm (lower case), None for a user nobody knows.
KeyOf = Callable[[str, str], str | None]


class Outcome(enum.Enum):
    """What the credentials of a request are worth."""

    ABSENT = "it has none for our realm"
    ACCEPTED = "they prove who it is"
    STALE = "they are made of a nonce that serves no more, or of one that was never theirs"
    WRONG = "they prove nothing"


class Judgement(NamedTuple):
    """What came of a request. username: whom it claims to be from, proved where it was accepted."""

    outcome: Outcome
    username: str = ""


@dataclass(frozen=True, slots=True)
class DigestSettings:
    """realm: whose passwords are asked for. algorithms: those that are offered, the favourite first."""

    realm: str
    algorithms: tuple[str, ...] = ("MD5",)
    lifetime: float = LIFETIME
    max_nonces: int = MAX_NONCES


class _Window:
    """Which counts of one nonce were used: the highest, and a bit for each of those below it."""

    __slots__ = ("_bits", "_top")

    def __init__(self) -> None:
        self._top, self._bits = -1, 0

    def take(self, count: int) -> bool:
        """Use a count; False where it was used, or lies too far back to know."""
        ahead = count - self._top
        if ahead > 0:
            self._bits = (self._bits << ahead | 1) & _MASK if ahead < WINDOW else 1
            self._top = count
            return True
        if -ahead >= WINDOW or self._bits >> -ahead & 1:
            return False
        self._bits |= 1 << -ahead
        return True


class DigestServer:
    """Judges credentials for one realm. secret: nobody else knows it; a new one makes every nonce stale.

    counts: how often each outcome was, `replayed` among them (its requests are `stale` to the client).
    """

    def __init__(self, settings: DigestSettings, *, secret: bytes) -> None:
        self.settings = settings
        self.counts: Counter[str] = Counter()
        self._secret = secret
        self._algorithms = tuple(name.lower() for name in settings.algorithms if name.lower() in HASHES)
        self._serial = 0
        self._used: OrderedDict[bytes, _Window] = OrderedDict()
        self._floor = -1  # nonces up to this time (ms) serve only if they are in the table

    def __len__(self) -> int:
        return len(self._used)

    def challenge(self, *, stale: bool = False, place: str = "", now: float) -> tuple[tuple[str, str], ...]:
        """Return the headers that ask for credentials: one for each algorithm, as RFC 8760 section 2.3 wants them.

        place: where they are sent to.
        """
        nonce = self._nonce(place, now)
        realm = grammar.quote(self.settings.realm)
        end = ", stale=true" if stale else ""
        return tuple(
            ("WWW-Authenticate", f'Digest realm={realm}, nonce="{nonce}", algorithm={name}, qop="auth"{end}')
            for name in self.settings.algorithms
            if name.lower() in self._algorithms
        )

    def judge(self, request: Request, key_of: KeyOf, *, place: str = "", now: float) -> Judgement:
        """Say what the Authorization of a request is worth; `key_of` knows the users. place: where it came from."""
        params = self._credentials(request)
        if params is None:
            return Judgement(Outcome.ABSENT)
        username = plain(params.get("username", ""))
        body = self._ours(plain(params.get("nonce", "")), place)
        made = int.from_bytes(body[:_TIME_BYTES]) if body is not None else 0
        if body is None or now * 1000 - made > self.settings.lifetime * 1000:
            self._used.pop(body or b"", None)
            outcome = Outcome.STALE
        elif not self._proves(params, username, request, key_of):
            outcome = Outcome.WRONG
        else:
            outcome = self._use(body, made, _count(params), now)
        self.counts[outcome.name.lower()] += 1
        return Judgement(outcome, username)

    def _credentials(self, request: Request) -> dict[str, str] | None:
        for text in request.headers.all("Authorization")[:MAX_LINES]:
            for params in schemes(text):
                if params[""] == "digest" and plain(params.get("realm", "")) == self.settings.realm:
                    return params
        return None

    def _proves(self, params: dict[str, str], username: str, request: Request, key_of: KeyOf) -> bool:
        """Tell whether the response is that of the user's password, for this very request."""
        algorithm = plain(params.get("algorithm", "")).lower() or "md5"
        offered = algorithm in self._algorithms
        if not offered:
            algorithm = self._algorithms[0]
        digest = HASHES[algorithm]
        qop, count = plain(params.get("qop", "")).lower(), plain(params.get("nc", ""))
        cnonce, uri = plain(params.get("cnonce", "")), plain(params.get("uri", ""))
        # A key that nobody knows stands in for that of a user nobody knows: the same work, and never a match.
        nobody = digest(self._mac(username.encode("utf-8", "surrogateescape")))
        key = key_of(username, algorithm)
        expected = response_of(
            digest,
            nobody if key is None else key,
            nonce=plain(params.get("nonce", "")),
            method=request.method,
            uri=uri,
            qop=qop,
            count=count,
            cnonce=cnonce,
            body=request.body,
        )
        given = plain(params.get("response", "")).lower().encode("utf-8", "surrogateescape")
        right = hmac.compare_digest(expected.encode(), given)
        sound = qop in ("", "auth", "auth-int") and (not qop or (_is_count(count) and bool(cnonce)))
        return right & (key is not None) & offered & sound & _same_target(uri, request.uri)

    def _use(self, body: bytes, made: int, count: int, now: float) -> Outcome:
        """Use a nonce that came with right credentials. made: when it was, in ms."""
        window = self._used.get(body)
        if window is None:
            if made <= self._floor:
                return Outcome.STALE
            window = self._used[body] = _Window()
            self._make_room(now)
        else:
            self._used.move_to_end(body)
        if window.take(count):
            return Outcome.ACCEPTED
        self.counts["replayed"] += 1
        return Outcome.STALE

    def _make_room(self, now: float) -> None:
        """Drop nonces from the one on that was not used for longest: those that are over, and what is too many."""
        oldest = now * 1000 - self.settings.lifetime * 1000
        while self._used:
            body = next(iter(self._used))
            made = int.from_bytes(body[:_TIME_BYTES])
            if made >= oldest and len(self._used) <= self.settings.max_nonces:
                return
            del self._used[body]
            self._floor = max(self._floor, made)

    # --- nonces ---

    def _nonce(self, place: str, now: float) -> str:
        self.counts["challenged"] += 1
        self._serial = (self._serial + 1) % (1 << 8 * _SERIAL_BYTES)
        body = int(now * 1000).to_bytes(_TIME_BYTES) + self._serial.to_bytes(_SERIAL_BYTES)
        return (body + self._mac(body + place.encode())).hex()

    def _ours(self, nonce: str, place: str) -> bytes | None:
        """Return what a nonce says if we made it with our secret for this place, None otherwise."""
        if len(nonce) != 2 * (_BODY_BYTES + _MAC_BYTES):
            return None
        try:
            data = bytes.fromhex(nonce)
        except ValueError:
            return None
        body = data[:_BODY_BYTES]
        return body if hmac.compare_digest(self._mac(body + place.encode()), data[_BODY_BYTES:]) else None

    def _mac(self, data: bytes) -> bytes:
        return hmac.digest(self._secret, data, "sha256")[:_MAC_BYTES]


def _is_count(text: str) -> bool:
    return len(text) == 8 and all(char in "0123456789abcdefABCDEF" for char in text)


def _count(params: dict[str, str]) -> int:
    """Return the count of credentials that are sound; 0, which serves once, without one (RFC 2069)."""
    return int(plain(params["nc"]), 16) if plain(params.get("qop", "")) else 0


def _same_target(text: str, uri: Uri) -> bool:
    """Tell whether credentials made for `text` are for a request to `uri` (RFC 7616 section 3.4.6).

    Proxies and phones put ports and parameters to it and take them off; whom the request is for, they leave alone. Some
    (SIPp, gateways) name the server and nobody there: that is their own choice, and good for their requests alone.
    """
    try:
        named = Uri.parse(text)
    except RemoteError:
        return False
    return named.host.lower() == uri.host.lower() and (named.user is None or named.username == uri.username)
