"""Who has proved to be whom: users and carriers by their passwords, one challenge for all of them.

Whoever is refused gets the same 401, whether the user exists, the password is wrong, or nothing was proved at all.
"""

import logging
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from softswitch import clock
from softswitch.call.user import User, UserBook
from softswitch.legs.signalling import Refusal
from softswitch.legs.turned_away import Turnings
from softswitch.net.address import show
from softswitch.net.networks import subscriber
from softswitch.net.seldom import Seldom
from softswitch.sip import grammar
from softswitch.sip.digest import HASHES, account_key
from softswitch.sip.digest_server import DigestServer, DigestSettings, Outcome
from softswitch.sip.flow import Flow
from softswitch.sip.guesses import Guesses
from softswitch.sip.message import Request

log = logging.getLogger("softswitch.users")

#: Hosts that are remembered for what was proved from there; more than there are phones on one process.
MAX_HOSTS = 50_000
#: For how long that is worth something: longer than any registration lives.
PROVED_SECONDS = 2 * 3600.0
#: Of a name that somebody claims, this much stands in a log.
MAX_WORDS = 64


@dataclass(frozen=True, slots=True)
class Account:
    """The account of a carrier that proves itself when it calls in. carrier: its name."""

    carrier: str
    username: str
    password: str = field(repr=False)


class Proof:
    """Asks for credentials, and judges them.

    book: the users, with the keys of `settings.realm`. on_offence: told of each wrong try: by what flow, and its kind.
    on_proved: told of a host from which somebody has proved who he is. shared: whether a host is one of several by
    which the same telephones come, as proxies are: what one of them was asked another may answer. secret: makes nonces;
    a fresh one for each run.
    """

    def __init__(self, settings: DigestSettings, *, secret: bytes, now: Callable[[], float] = clock.now) -> None:
        self.book = UserBook()
        self.on_offence: Callable[[Flow, str], None] = _nobody_counts
        self.on_proved: Callable[[str], None] = lambda host: None
        self.shared: Callable[[str], bool] = lambda host: False
        self._digest = DigestServer(settings, secret=secret)
        self._now = now
        self._algorithms = tuple(name.lower() for name in settings.algorithms if name.lower() in HASHES)
        self._accounts: dict[str, str] = {}
        self._account_keys: dict[tuple[str, str], str] = {}
        self._proved: OrderedDict[str, float] = OrderedDict()
        self.guesses = Guesses()
        #: Whose credentials were wrong.
        self.turnings = Turnings()
        self._seldom = Seldom()

    @property
    def counts(self) -> Counter[str]:
        """How often each thing happened: `challenged`, `accepted`, `stale`, `wrong`, `replayed`."""
        return self._digest.counts

    @property
    def anybody(self) -> bool:
        """Whether there is anybody at all who could prove something."""
        return bool(self.book.users or self._account_keys)

    def replace_accounts(self, accounts: Sequence[Account]) -> None:
        """Know these accounts of carriers from now on; a user of the same name comes first."""
        realm = self._digest.settings.realm
        self._accounts = {account.username: account.carrier for account in accounts}
        self._account_keys = {
            (one.username, algorithm): account_key(HASHES[algorithm], one.username, realm, one.password)
            for one in accounts
            for algorithm in self._algorithms
        }

    def ask(self, flow: Flow, *, stale: bool = False) -> Refusal:
        """Return the 401 that asks for credentials."""
        return Refusal(401, self._digest.challenge(stale=stale, place=self._place(flow), now=self._now()))

    def _place(self, flow: Flow) -> str:
        """Return whose a nonce is: of who it was sent to, so that nobody answers with another's address."""
        host = flow.remote[0]
        return "" if self.shared(host) else subscriber(host)

    def judge(self, request: Request, flow: Flow) -> User | str | Refusal | None:
        """Return the user, or the name of the carrier, that a request is proved to be from.

        None: it claims nothing in our realm. A refusal: what it claims is not proved, or with a nonce that is over.
        """
        now, host = self._now(), flow.remote[0]
        outcome, username = self._digest.judge(
            request, partial(self._key_at, host, now), place=self._place(flow), now=now
        )
        match outcome:
            case Outcome.ABSENT:
                return None
            case Outcome.ACCEPTED:
                self._remember(host, now)
                self.on_proved(host)
                self.guesses.proved(username, host)
                self.turnings.proved(username, host)
                return self.book.named(username) or self._accounts[username]
            case Outcome.STALE:
                return self.ask(flow, stale=True)
        more = self._seldom.due(("wrong", host), now=now)
        name, where = grammar.readable(username)[:MAX_WORDS], show(flow.remote)
        if more is not None:
            log.info("wrong credentials for a %s from %s, as %r%s", request.method, where, name, more)
        known = any(self._key(username, algorithm) for algorithm in self._algorithms)
        self.turnings.refused(name, host, where, known=known, now=now)
        if known:
            self.guesses.failed(username, host, now=now)
        self.on_offence(flow, "bad_password")
        return self.ask(flow)

    def proved(self, host: str) -> bool:
        """Tell whether somebody has proved who he is from this host, not too long ago."""
        at = self._proved.get(host)
        return at is not None and self._now() - at < PROVED_SECONDS

    def _key_at(self, host: str, now: float, username: str, algorithm: str) -> str | None:
        """Return the key of an account, as if there were none while it is being guessed at from all over the world."""
        key = self._key(username, algorithm)
        return key if key is not None and self.guesses.may_try(username, host, now=now) else None

    def _key(self, username: str, algorithm: str) -> str | None:
        key, other = self.book.key(username, algorithm), self._account_keys.get((username, algorithm))
        return key or other

    def _remember(self, host: str, now: float) -> None:
        self._proved[host] = now
        self._proved.move_to_end(host)
        if len(self._proved) > MAX_HOSTS:
            self._proved.popitem(last=False)


def _nobody_counts(_flow: Flow, _kind: str) -> None:
    """Count nothing."""
