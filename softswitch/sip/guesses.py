"""How often a password may be guessed: slowly, wherever the guesses come from, and without locking its owner out. Pure.

Theory of operation
-------------------
Whoever guesses from one address meets the gate. Who has ten thousand addresses guesses once from each: so all wrong
tries for one account draw from one allowance, whose size is what honest people get wrong in a row. When it is used up,
a try is looked at only now and then, and whoever made another one is answered as if it were wrong.

Its owner is not locked out by that: an address from which the account was proved before is a home of it, and homes have
an allowance of their own.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from softswitch.sip.bucket import Bucket

#: Wrong tries in a row: an office whose telephones all have yesterday's password.
TRIES: Final = 20
#: Until another one is looked at: at most 8 640 a day, of which a password of eight random signs has 10^14.
SECONDS: Final = 10.0
#: The same at home, where a telephone with a wrong password tries every 30 s, and perhaps ten of them do.
HOME_SECONDS: Final = 2.0
#: Addresses that an account was proved from last: a desk, a mobile, home, and the hotel.
MAX_HOMES: Final = 4
#: Accounts remembered: as many as there may be users.
MAX_ACCOUNTS: Final = 50_000


@dataclass(slots=True)
class _Account:
    """What is known of one account. elsewhere, home: what may still be tried from there, made when first needed."""

    homes: list[str] = field(default_factory=list)
    elsewhere: Bucket | None = None
    home: Bucket | None = None


class Guesses:
    """Counts wrong tries by account. slowed: tries that were not looked at."""

    def __init__(self) -> None:
        self.slowed = 0
        self._accounts: OrderedDict[str, _Account] = OrderedDict()

    def may_try(self, account: str, host: str, *, now: float) -> bool:
        """Tell whether credentials for an account that came from a host shall be looked at."""
        known = self._accounts.get(account)
        if known is None:
            return True
        bucket = known.home if host in known.homes else known.elsewhere
        if bucket is None or bucket.holds(1.0, now=now):
            return True
        self.slowed += 1
        return False

    def failed(self, account: str, host: str, *, now: float) -> None:
        """Note that credentials for an account that exists were wrong."""
        known = self._account(account)
        if host in known.homes:
            known.home = known.home or Bucket(1.0 / HOME_SECONDS, TRIES, now=now)
            known.home.take(1.0, now=now)
        else:
            known.elsewhere = known.elsewhere or Bucket(1.0 / SECONDS, TRIES, now=now)
            known.elsewhere.take(1.0, now=now)

    def proved(self, account: str, host: str) -> None:
        """Note that an account was proved from a host: it is a home of it now, the first of a few."""
        homes = self._account(account).homes
        if homes[:1] != [host]:
            if host in homes:
                homes.remove(host)
            homes.insert(0, host)
            del homes[MAX_HOMES:]

    def _account(self, name: str) -> _Account:
        known = self._accounts.get(name)
        if known is None:
            known = self._accounts[name] = _Account()
            if len(self._accounts) > MAX_ACCOUNTS:
                self._accounts.popitem(last=False)
        return known
