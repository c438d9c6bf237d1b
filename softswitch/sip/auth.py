"""Digest authentication as a client (RFC 3261 section 22 with RFC 8760, RFC 7616 and, for old servers, RFC 2617).

Theory of operation
-------------------
A 401 or 407 carries challenges, each for one realm. `DigestClient.challenged` learns them and says whether sending the
request again makes sense; `authorize` then writes one credentials line for each realm that is known, into this request
and into every later one, so that a server which lets its nonces live is asked once and not before each call. The nonce
count rises with each use.

When is a password wrong? When a realm challenges again although the request carried credentials made of a nonce that
this very request had just been given. A nonce that was in use for longer may simply be over, whether the server says
`stale=true` or not (many say nothing after a restart), and is replaced without a complaint. Which request was the
first to use a nonce is remembered by its Call-ID, for without qop nothing in the line tells.
"""

import enum
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import NamedTuple

from softswitch.clock import Token
from softswitch.sip import grammar
from softswitch.sip.digest import HASHES, Hash, account_key, hashed, inner, plain, response_of, schemes
from softswitch.sip.grammar import SPACE
from softswitch.sip.message import Request, Response

#: Challenges of one message that are looked at: a few realms of a forked request, a few algorithms each.
MAX_CHALLENGES = 16
#: Realms one account is known in at a time. Each puts a line into every request: more than a few is a fault.
MAX_REALMS = 8
#: How often in a row a server may call a nonce stale that it has just made; farms that share no nonces do it once.
MAX_STALE = 3
#: First uses of nonces that are remembered: requests of one account that wait for an answer at the same time.
MAX_FIRST_USES = 1024
#: RFC 7616 section 3.4: the count has eight hexadecimal digits.
_MAX_COUNT = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who we are to a carrier. realm: the only realm that is answered; empty: any."""

    username: str
    password: str = field(repr=False)
    realm: str = ""


class Verdict(enum.Enum):
    """What a 401 or 407 means for the request that got it."""

    RETRY = "send it again with credentials"
    REFUSED = "the credentials are wrong"
    UNSUPPORTED = "there is no challenge that we can answer"
    NO_CREDENTIALS = "the credentials are for another realm"
    ENDLESS = "the server challenges again and again"


@dataclass(frozen=True, slots=True)
class Challenge:
    """One challenge of the Digest scheme. Texts are in plain form, except nonce and opaque, which stand as received.

    algorithm: as the server wrote it, empty where it wrote none. qop: in lower case, empty for RFC 2069 servers.
    proxy: it came in Proxy-Authenticate. quoted_realm: the realm as it stands within its quotes.
    """

    realm: str
    nonce: str
    proxy: bool = False
    algorithm: str = ""
    qop: tuple[str, ...] = ()
    opaque: str | None = None
    stale: bool = False
    quoted_realm: str = ""

    @property
    def answerable(self) -> bool:
        """Whether we know its algorithm and one of its qualities of protection."""
        return self._base in HASHES and (not self.qop or bool({"auth", "auth-int"} & set(self.qop)))

    @property
    def hash(self) -> Hash:
        """The hash of its algorithm (RFC 7616 section 3.3: MD5 where none is named)."""
        return HASHES[self._base]

    @property
    def session(self) -> bool:
        """Whether the key is that of a session (the `-sess` algorithms)."""
        return self.algorithm.lower().endswith("-sess")

    @property
    def protection(self) -> str:
        """The qop we use: `auth` before `auth-int`, because gateways on the way may change bodies."""
        return "auth" if "auth" in self.qop else "auth-int" if self.qop else ""

    @property
    def _base(self) -> str:
        return (self.algorithm.lower() or "md5").removesuffix("-sess")


def challenges_in(response: Response) -> tuple[Challenge, ...]:
    """Return the Digest challenges of a 401 or 407 in their order, at most MAX_CHALLENGES; what cannot be read is
    left out."""
    found: list[Challenge] = []
    for name, proxy in (("WWW-Authenticate", False), ("Proxy-Authenticate", True)):
        for text in response.headers.all(name)[:MAX_CHALLENGES]:
            found += (challenge for params in schemes(text) if (challenge := _challenge(params, proxy)) is not None)
    return tuple(found[:MAX_CHALLENGES])


def response_digest(
    challenge: Challenge,
    credentials: Credentials,
    *,
    method: str,
    uri: str,
    body: bytes = b"",
    count: int = 1,
    cnonce: str = "",
) -> str:
    """Return the `response` of RFC 7616 section 3.4.1 in lower-case hexadecimal; without qop that of RFC 2617."""
    digest = challenge.hash
    nonce = grammar.unquote(f'"{challenge.nonce}"')
    key = account_key(digest, credentials.username, challenge.realm, credentials.password)
    if challenge.session:
        key = hashed(digest, key, nonce, cnonce)
    return response_of(
        digest,
        key,
        nonce=nonce,
        method=method,
        uri=uri,
        qop=challenge.protection,
        count=f"{count:08x}",
        cnonce=cnonce,
        body=body,
    )


class _Realm(NamedTuple):
    """Where a challenge belongs: a proxy and a server of the same realm are answered in different headers.

    registering: of a registrar's own challenge, whose answer goes to nobody else. A registrar takes its credentials out
    of no INVITE that it lets through as a proxy: whoever is called could try passwords on them at leisure.
    """

    proxy: bool
    realm: str
    registering: bool = False


@dataclass(slots=True)
class _Known:
    """A challenge in use. count: uses of its nonce. stale: in how many a row fresh nonces were called stale."""

    challenge: Challenge
    cnonce: str
    count: int = 0
    stale: int = 0


class DigestClient:
    """Answers challenges for one account, in registrations and calls alike. token: makes the client's nonces."""

    def __init__(self, credentials: Credentials, *, token: Token) -> None:
        self.credentials = credentials
        self._token = token
        self._known: OrderedDict[_Realm, _Known] = OrderedDict()
        # (realm, nonce) -> Call-ID of the request that was the first to use it, and how many before it were stale
        self._first: OrderedDict[tuple[_Realm, str], tuple[str, int]] = OrderedDict()

    def __repr__(self) -> str:
        return f"<DigestClient {self.credentials.username}>"

    def authorize(self, request: Request) -> None:
        """Put credentials into a request, in place of older ones, for every known realm that it may meet."""
        if not self._known:
            return
        request.headers.remove("Authorization")
        request.headers.remove("Proxy-Authorization")
        call_id = request.headers.get("Call-ID") or ""
        registering = request.method == "REGISTER"
        for where, known in self._known.items():
            if not where.proxy and where.registering is not registering:
                continue
            known.count = known.count % _MAX_COUNT + 1
            self._note_use(where, known, call_id)
            name = "Proxy-Authorization" if where.proxy else "Authorization"
            request.headers.add(name, self._line(known, request))

    def challenged(self, request: Request, response: Response) -> Verdict:
        """Learn from a 401 or 407 to `request`, which carries what `authorize` wrote, and say what it means."""
        challenges = challenges_in(response)
        usable = [challenge for challenge in challenges if challenge.answerable]
        if not usable:
            return Verdict.UNSUPPORTED
        wanted = self.credentials.realm
        # RFC 8760 section 2.4: the topmost one of a realm that we support, for the server puts its favourite first
        chosen: dict[_Realm, Challenge] = {}
        for challenge in usable:
            if not wanted or challenge.realm == wanted:
                chosen.setdefault(_where(request, challenge.realm, proxy=challenge.proxy), challenge)
        if not chosen:
            return Verdict.NO_CREDENTIALS
        given = _given(request)
        if len(chosen.keys() | given.keys()) > MAX_REALMS:
            self.forget()  # a new realm for each answer: the next request begins anew
            return Verdict.ENDLESS
        call_id = request.headers.get("Call-ID") or ""
        verdicts = [self._learn(where, challenge, given.get(where), call_id) for where, challenge in chosen.items()]
        for verdict in (Verdict.RETRY, Verdict.ENDLESS):
            if verdict in verdicts:
                return verdict
        return Verdict.REFUSED

    def forget(self) -> None:
        """Forget every challenge, as after a change of the account."""
        self._known.clear()
        self._first.clear()

    def _learn(self, where: _Realm, challenge: Challenge, used: str | None, call_id: str) -> Verdict:
        """Take the challenge of one realm. used: the nonce whose credentials the request carried, None without."""
        stale, fresh = 0, False
        if used is not None and (first := self._first.get((where, used))) is not None and first[0] == call_id:
            fresh = True
            stale = first[1] + 1 if challenge.stale else 0
            del self._first[(where, used)]
        known = self._known.get(where)
        if known is None or known.challenge.nonce != challenge.nonce:
            self._remember(where, _Known(challenge, self._token(), stale=stale))
        if used is None:
            return Verdict.RETRY
        if challenge.stale:
            # The same nonce again would be answered in the same way.
            return Verdict.ENDLESS if used == challenge.nonce or stale > MAX_STALE else Verdict.RETRY
        return Verdict.REFUSED if fresh or used == challenge.nonce else Verdict.RETRY

    def _remember(self, where: _Realm, known: _Known) -> None:
        self._known.pop(where, None)
        self._known[where] = known
        if len(self._known) > MAX_REALMS:
            self._known.popitem(last=False)

    def _note_use(self, where: _Realm, known: _Known, call_id: str) -> None:
        use = (where, known.challenge.nonce)
        if known.count == 1:
            self._first[use] = (call_id, known.stale)
            if len(self._first) > MAX_FIRST_USES:
                self._first.popitem(last=False)
        elif (first := self._first.get(use)) is not None and first[0] == call_id:
            del self._first[use]  # the same call again: the nonce is in use by now

    def _line(self, known: _Known, request: Request) -> str:
        """Return the value of the credentials line (RFC 7616 section 3.4; which parts are quoted: RFC 3261 25.1)."""
        challenge, uri = known.challenge, str(request.uri)
        response = response_digest(
            challenge,
            self.credentials,
            method=request.method,
            uri=uri,
            body=request.body,
            count=known.count,
            cnonce=known.cnonce,
        )
        parts = [
            f"username={grammar.quote(self.credentials.username)}",
            f'realm="{challenge.quoted_realm}"',
            f'nonce="{challenge.nonce}"',
            f'uri="{uri}"',
            f'response="{response}"',
        ]
        if challenge.algorithm:
            parts.append(f"algorithm={challenge.algorithm}")
        if challenge.protection:
            parts += [f'cnonce="{known.cnonce}"', f"qop={challenge.protection}", f"nc={known.count:08x}"]
        elif challenge.session:  # RFC 2617 section 3.2.2.2: the key cannot be computed without it
            parts.append(f'cnonce="{known.cnonce}"')
        if challenge.opaque is not None:
            parts.append(f'opaque="{challenge.opaque}"')
        return "Digest " + ", ".join(parts)


def _where(request: Request, realm: str, *, proxy: bool) -> _Realm:
    return _Realm(proxy, realm, registering=not proxy and request.method == "REGISTER")


def _given(request: Request) -> dict[_Realm, str]:
    """Return the nonce of each realm for which a request of ours carries credentials."""
    found: dict[_Realm, str] = {}
    for name, proxy in (("Authorization", False), ("Proxy-Authorization", True)):
        for text in request.headers.all(name):
            for params in schemes(text):
                realm, nonce = params.get("realm"), params.get("nonce")
                if realm is not None and nonce is not None:
                    found[_where(request, plain(realm), proxy=proxy)] = inner(nonce)
    return found


def _challenge(params: dict[str, str], proxy: bool) -> Challenge | None:
    realm, nonce = params.get("realm"), params.get("nonce")
    if params[""] != "digest" or realm is None or not nonce:
        return None
    opaque = params.get("opaque")
    algorithm = plain(params.get("algorithm", ""))
    return Challenge(
        realm=plain(realm),
        nonce=inner(nonce),
        proxy=proxy,
        algorithm=algorithm if not algorithm or grammar.is_token(algorithm) else "unreadable",
        qop=tuple(word for piece in plain(params.get("qop", "")).lower().split(",") if (word := piece.strip(SPACE))),
        opaque=None if opaque is None else inner(opaque),
        # RFC 7616 section 3.3: any case, and anything else is false; servers put it into quotes, too
        stale=plain(params.get("stale", "")).lower() == "true",
        quoted_realm=inner(realm),
    )
