"""Is a caller who his carrier says he is? Verification of an INVITE's Identity headers (RFC 8224 section 6.2), pure.

Theory of operation
-------------------
A call without a signature says nothing (`No-TN-Validation`), and so does one whose certificate is not here yet. One
with a signature passes, or fails for the first fault of `passport.FAULTS` that is found. The steps: a PASSporT of kind
`shaken` with ES256; its certificate; the certificate leads to an anchor and is valid now; the signature; it is
fresh; it names this caller and this called number, and the certificate speaks for the caller; it was not seen with
another call.

`iat` alone decides whether it is fresh: where Date says otherwise, RFC 8224 section 6.2 goes by a fresh `iat` too.

Of several headers the best verdict counts: whoever handed the call on could add what is wrong, not what is right.
"""

import datetime
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from softswitch.errors import RemoteError
from softswitch.sip.passport import Identity, Passport, canonical, fault, identities
from softswitch.sip.tn_authority import Anchors, Chain

#: Seconds that a signature is good for, in both directions (RFC 8224 section 6.2.2 recommends sixty).
FRESH_SECONDS = 60
#: Signatures that are remembered while they are fresh. Beyond it the oldest is forgotten: with 500 calls a second, all
#: of them signed, that is one of 130 s ago, and no longer fresh anyhow.
MAX_SEEN = 65_536
#: Chains that were judged are judged anew after so many seconds: a certificate ends in the middle of a day.
CHECK_SECONDS = 300.0
#: Verdicts on chains that are remembered; there are not as many carriers.
MAX_CHECKED = 1024


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of it. status: what refuses the call where a signature is required, 0 for one that passed.

    kind: the fault, empty where it passed. attest, origid: of the signature, empty where it cannot be trusted.
    """

    status: int = 0
    kind: str = ""
    words: str = ""
    attest: str = ""
    origid: str = ""

    @property
    def result(self) -> str:
        """`passed`, `failed`, or `unknown` where it says nothing of the caller."""
        return "passed" if not self.kind else "unknown" if self.kind in _UNKNOWN else "failed"

    @property
    def verstat(self) -> str:
        """The word of 3GPP TS 24.229 for it."""
        return _VERSTAT[self.result]


#: Faults that say nothing of the caller.
_UNKNOWN = frozenset({"identity_missing", "identity_unfetched"})
_VERSTAT = {
    "passed": "TN-Validation-Passed",
    "failed": "TN-Validation-Failed",
    "unknown": "No-TN-Validation",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A call that is to be verified. called: every number that it may mean. call_id: of its INVITE."""

    caller: str
    called: tuple[str, ...]
    call_id: str


class Verifier:
    """Verifies calls. anchors: what every certificate must lead to. chain: the certificate of a URL, None: not here."""

    def __init__(self, anchors: Anchors, chain: Callable[[str], Chain | None]) -> None:
        self._anchors = anchors
        self._chain = chain
        self._seen: dict[bytes, tuple[int, str]] = {}
        self._checked: dict[Chain, tuple[float, RemoteError | None]] = {}

    def verify(self, headers: Sequence[str], asked: Asked, *, wall: datetime.datetime, now: float) -> Verdict:
        """Return the verdict on a call with these Identity headers. Raises nothing."""
        try:
            found = identities(headers)
        except RemoteError as error:
            return _verdict(error)
        if not found:
            return _verdict(fault("identity_missing", "the call is not signed"))
        verdicts = [self._one(identity, asked, wall, now) for identity in found]
        return min(verdicts, key=lambda verdict: (bool(verdict.kind), verdict.kind in _UNKNOWN))

    def _one(self, identity: Identity, asked: Asked, wall: datetime.datetime, now: float) -> Verdict:
        try:
            identity.header()
            chain = self._chain(identity.info)
            if chain is None:
                raise fault("identity_unfetched", "the certificate of the signature is not here")
            self._check(chain, wall, now)
            passport = identity.open(chain.key)
            _matches(passport, asked, chain, wall)
            self._once(identity, passport, asked)
        except RemoteError as error:
            return _verdict(error)
        return Verdict(attest=passport.attest, origid=passport.origid)

    def _check(self, chain: Chain, wall: datetime.datetime, now: float) -> None:
        """Judge a chain, or remember what was found a short time ago."""
        at, error = self._checked.get(chain, (float("-inf"), None))
        if now >= at + CHECK_SECONDS:
            error = None
            try:
                self._anchors.check(chain, wall)
            except RemoteError as found:
                error = found
            if len(self._checked) >= MAX_CHECKED:
                self._checked.clear()
            self._checked[chain] = (now, error)
        if error is not None:
            raise fault(error.kind, str(error))

    def _once(self, identity: Identity, passport: Passport, asked: Asked) -> None:
        """Refuse a signature that came with another call: whoever heard it could use it for a call of his own."""
        key = hashlib.sha256(identity.token.encode()).digest()
        iat, call_id = self._seen.setdefault(key, (passport.iat, asked.call_id))
        if call_id != asked.call_id:
            raise fault("identity_replayed", "the signature was used for another call already")
        if len(self._seen) > MAX_SEEN:
            del self._seen[next(iter(self._seen))]


def _matches(passport: Passport, asked: Asked, chain: Chain, wall: datetime.datetime) -> None:
    if abs(wall.timestamp() - passport.iat) > FRESH_SECONDS:
        raise fault("identity_stale", f"the signature is not of the last {FRESH_SECONDS} s, or a clock is wrong")
    if passport.orig != canonical(asked.caller):
        raise fault("identity_caller", "the signature is for another caller")
    if not {canonical(number) for number in asked.called} & set(passport.dest):
        raise fault("identity_called", "the signature is for a call to another number")
    if chain.authority is not None and not chain.authority.covers(passport.orig):
        raise fault("identity_authority", "the certificate does not speak for the number that calls")


def _verdict(error: RemoteError) -> Verdict:
    return Verdict(error.status, error.kind, str(error))
