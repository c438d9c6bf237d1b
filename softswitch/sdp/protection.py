"""Encrypted sound in offers and answers: what we wish, what the other side says, and what both come to.

Keys come in two ways. In the description itself (SDES, RFC 4568): each side says what it encrypts with. Or by a DTLS
handshake on the way of the sound (RFC 5763, RFC 5764): the descriptions say whose certificate it must be, and who
begins. Profiles that end in SAVP or SAVPF are encrypted or nothing; carriers offer RTP/AVP with a key as well, which
whoever knows no keys answers without one: that is how we offer encryption that is only a wish.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

from softswitch.errors import LocalError
from softswitch.sdp.crypto import SUITES, CryptoLine, readable
from softswitch.sdp.description import Media, SessionDescription
from softswitch.sdp.fingerprint import Fingerprint, Setup, fingerprints_of, setup_of

Policy = Literal["none", "accept", "offer", "require"]
KeyMethod = Literal["sdes", "dtls", "both"]
#: The a= lines of a medium, as (name, value).
Lines = tuple[tuple[str, str | None], ...]

PLAIN_PROFILES: Final = ("RTP/AVP", "RTP/AVPF")
DTLS_PROFILES: Final = ("UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF")
SECURE_PROFILES: Final = ("RTP/SAVP", "RTP/SAVPF", *DTLS_PROFILES)
#: What is offered where nothing is configured: the one that everybody has (RFC 4568 section 6.2.1) and the best one.
#: With a line for each suite, an INVITE with credentials would no longer fit into one packet.
OFFERED_SUITES: Final = ("AES_CM_128_HMAC_SHA1_80", "AEAD_AES_256_GCM")


@dataclass(frozen=True, slots=True)
class Encryption:
    """What we wish. policy: `none` (plain only), `accept` (plain ourselves, and as the peer offers it), `offer`
    (encrypted where the peer can), `require` (encrypted or not at all).

    keys: the way we offer; an offer of the peer is answered in its own. suites: those we offer and take, in our order;
    empty for `OFFERED_SUITES` and all.
    """

    policy: Policy = "none"
    keys: KeyMethod = "sdes"
    suites: tuple[str, ...] = ()

    @property
    def taken(self) -> tuple[str, ...]:
        """The suites that we take."""
        return self.suites or tuple(SUITES)


PLAIN: Final = Encryption()


@dataclass(frozen=True, slots=True)
class Sdes:
    """Keys said in the descriptions. ours: what we encrypt with; theirs: what the peer does; mki: in its packets."""

    tag: int
    suite: str
    ours: bytes = field(repr=False)
    theirs: bytes = field(repr=False)
    mki: bytes = b""


@dataclass(frozen=True, slots=True)
class Dtls:
    """Keys by a handshake. fingerprints: of the peer's certificate. active: we begin. suites: that may come of it."""

    fingerprints: tuple[Fingerprint, ...]
    active: bool
    suites: tuple[str, ...]


Protection = Sdes | Dtls


@dataclass(frozen=True, slots=True)
class DtlsOffer:
    """An offer of the peer to make keys by a handshake."""

    fingerprints: tuple[Fingerprint, ...]
    setup: Setup


class OwnKeys:
    """Our side of the keys of one session; each is made when it is first needed, and stays."""

    __slots__ = ("_fingerprint", "_random", "_secrets")

    def __init__(
        self,
        random: Callable[[int], bytes] | None = None,
        fingerprint: Callable[[], Fingerprint] | None = None,
    ) -> None:
        """random: unguessable octets, so many. fingerprint: of our certificate. Without them all is plain."""
        self._random = random
        self._fingerprint = fingerprint
        self._secrets: dict[str, bytes] = {}

    def secret(self, suite: str, *, fresh: bool = False) -> bytes:
        """Return the key and salt that we encrypt with; fresh: another one from now on."""
        if self._random is None:
            raise LocalError("no source of keys was given to a session that is to be encrypted")
        if fresh or suite not in self._secrets:
            self._secrets[suite] = self._random(SUITES[suite].secret_bytes)
        return self._secrets[suite]

    @property
    def shakes_hands(self) -> bool:
        """Whether there is a certificate, without which no handshake can be made."""
        return self._fingerprint is not None

    def fingerprint(self) -> Fingerprint:
        """Return the fingerprint of our certificate."""
        if self._fingerprint is None:
            raise LocalError("no certificate was given to a session that is to be encrypted")
        return self._fingerprint()


def offering(wish: Encryption, own: OwnKeys, profile: str | None, agreed: Protection | None) -> tuple[str, Lines]:
    """Return the profile and the lines of an offer of ours.

    profile: of this medium so far, None for the first offer; agreed: what holds now. Another offer changes neither, nor
    a key: a peer would have to guess where our packets are in their roll-over.
    """
    if profile is not None:
        match agreed:
            case Sdes(tag=tag, suite=suite):
                return profile, (("crypto", CryptoLine(tag, suite, own.secret(suite)).text()),)
            case Dtls(active=active):
                # The role that it has (RFC 8842 section 5.5): were the choice left to the peer once more, some would
                # take the other one, and then wait for a handshake that both think the other should begin.
                return profile, _dtls_lines(own, "active" if active else "passive")
            case None:
                return profile, ()
    if wish.policy in ("none", "accept"):
        return PLAIN_PROFILES[0], ()
    lines: Lines = ()
    if wish.keys != "dtls":
        suites = wish.suites or OFFERED_SUITES
        lines = tuple(
            ("crypto", CryptoLine(tag, suite, own.secret(suite)).text()) for tag, suite in enumerate(suites, 1)
        )
    if wish.keys != "sdes":
        lines += _dtls_lines(own, "actpass")
    if wish.policy == "offer":
        return PLAIN_PROFILES[0], lines
    return (DTLS_PROFILES[0] if wish.keys == "dtls" else SECURE_PROFILES[0]), lines


def _dtls_lines(own: OwnKeys, setup: Setup) -> Lines:
    # One port for both: a second handshake for RTCP alone would be one more that can fail (RFC 5764 section 3).
    return (("fingerprint", str(own.fingerprint())), ("setup", setup), ("rtcp-mux", None))


def offered(
    described: SessionDescription, medium: Media, wish: Encryption, own: OwnKeys
) -> CryptoLine | DtlsOffer | None:
    """Return the keys that an m= line of the peer's offer brings and that we take; None for none."""
    if wish.policy == "none":
        return None
    line, prints = None, fingerprints_of(described, medium) if own.shakes_hands else ()
    if medium.protocol.upper() not in DTLS_PROFILES:
        line = next((one for one in readable(medium.all_attributes("crypto")) if one.suite in wish.taken), None)
    if line is not None and not (prints and wish.keys == "dtls"):
        return line
    return DtlsOffer(prints, setup_of(described, medium)) if prints else None


def answering(
    theirs: CryptoLine | DtlsOffer | None,
    medium: Media,
    wish: Encryption,
    own: OwnKeys,
    before: Protection | None,
    *,
    moved: bool,
    hidden: bool,
) -> tuple[Protection | None, Lines]:
    """Return what comes of the keys of an offer, and the lines of our answer.

    moved: the peer has another address than before. hidden: nothing reaches that until it has sent something.
    """
    mux: Lines = (("rtcp-mux", None),) if medium.attribute("rtcp-mux") is not None else ()
    match theirs:
        case CryptoLine(tag=tag, suite=suite, secret=secret, mki=mki):
            # Whoever comes from elsewhere with another key is somebody else, who knows nothing of our roll-over
            # counter: both ways begin anew (RFC 4568 section 7.1.4). Else our key stays as it is.
            other = isinstance(before, Sdes) and before.theirs != secret and moved
            ours = own.secret(suite, fresh=other)
            return Sdes(tag, suite, ours, secret, mki), (("crypto", CryptoLine(tag, suite, ours).text()), *mux)
        case DtlsOffer(fingerprints=prints, setup=setup):
            active = setup not in ("active", "")  # RFC 4145 section 4: an offer that says nothing means active
            if setup == "actpass":
                # RFC 5763 section 5 wants the answer to be active. Who is behind a NAT must begin himself.
                active = not hidden
                if isinstance(before, Dtls) and before.fingerprints == prints:
                    active = before.active  # the handshake that was made still stands (RFC 8842 section 5.5)
            lines: Lines = (("fingerprint", str(own.fingerprint())), ("setup", "active" if active else "passive"))
            return Dtls(prints, active, wish.taken), (*lines, *mux)
    return None, ()


def accepted(mine: Media, answered: SessionDescription, theirs: Media, wish: Encryption) -> Protection | None:
    """Return what comes of the peer's answer `theirs` to our m= line `mine`; None where it has no key that fits."""
    ours = list(readable(mine.all_attributes("crypto")))
    for line in readable(theirs.all_attributes("crypto")):
        # Some answer under a tag of their own; the suite then says which of our keys they mean.
        for one in sorted(ours, key=lambda one: one.tag != line.tag):
            if one.suite == line.suite:
                return Sdes(one.tag, one.suite, one.secret, line.secret, line.mki)
    prints = fingerprints_of(answered, theirs)
    if not prints or mine.attribute("fingerprint") is None:
        return None
    setup = setup_of(answered, theirs)
    # RFC 4145 section 4: an answer that says nothing means passive, unless we have said so ourselves.
    active = setup in ("passive", "") if mine.attribute("setup") != "passive" else setup == "passive"
    return Dtls(prints, active, wish.taken)
