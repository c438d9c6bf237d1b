"""A user: somebody whose phones register with us. One entry of `users:`, or one row of the table of the same name.

Everything that calls users, registers them or takes their calls reads this model and no other. Passwords and the keys
made of them are `SecretStr`s: they are in no repr, log, fault or JSON.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Annotated, Any

import pydantic

from softswitch.audio.codecs import prepare
from softswitch.call.carrier import CallerId, Codecs, Dtmf, Entry, Secret, offered
from softswitch.call.toll_rules import TollLimits
from softswitch.document import digits_as_text
from softswitch.pace import steps
from softswitch.sdp.protection import Encryption, KeyMethod, Policy
from softswitch.sip.digest import HASHES, account_key

#: What may stand in front of a `user:` target, as in `dial: user:alice`.
SCHEME = "user:"
#: Users of one switch: 1 000 are the benchmark, and all of them stand in memory.
MAX_USERS = 50_000

_NAME = re.compile(r"[A-Za-z0-9_.+-]{1,64}")
_NUMBER = re.compile(r"[0-9+*#]{1,32}")
_KEY = {"ha1": 32, "ha1_sha256": 64}


def _text(value: str) -> str:
    if not value.isprintable():
        raise ValueError("it holds characters that nobody could read")
    return value


class User(Entry):
    """One user. `docs/users.md` explains each key."""

    name: Annotated[str, pydantic.BeforeValidator(digits_as_text)]
    # Each key follows the one that its validator looks at.
    ha1: Secret = pydantic.Field(default=pydantic.SecretStr(""), validate_default=True)
    ha1_sha256: Secret = pydantic.Field(default=pydantic.SecretStr(""), validate_default=True)
    password: Secret = pydantic.Field(default=pydantic.SecretStr(""), validate_default=True)
    number: Annotated[str, pydantic.BeforeValidator(digits_as_text)] = ""
    display: Annotated[str, pydantic.AfterValidator(_text)] = pydantic.Field(default="", max_length=64)
    caller_id: CallerId = ""
    codecs: Codecs = ("PCMU", "PCMA")
    dtmf: Dtmf = "auto"
    srtp: Policy = "accept"
    srtp_keys: KeyMethod = "sdes"
    max_contacts: int | None = pydantic.Field(default=None, ge=1, le=100)
    toll: TollLimits | None = None

    @property
    def extension(self) -> str:
        """How the other users call it: its number, else its name."""
        return self.number or self.name

    @property
    def identity(self) -> str:
        """Whom its calls come from: what it may show to the world, else its number, else its name."""
        return self.caller_id or self.extension

    @property
    def offered(self) -> tuple[str, ...]:
        """Those of `codecs` that can be used on this machine, in their order."""
        return offered(self.codecs)

    @cached_property
    def encryption(self) -> Encryption:
        """How the sound of its calls is encrypted."""
        return Encryption(self.srtp, self.srtp_keys)

    def key(self, algorithm: str, realm: str) -> str | None:
        """Return H(A1) of RFC 7616 for an algorithm (lower case), None where no key was given for that one."""
        password = self.password.get_secret_value()
        if password:
            return account_key(HASHES[algorithm], self.name, realm, password)
        given = {"md5": self.ha1, "sha-256": self.ha1_sha256}.get(algorithm)
        return (given.get_secret_value().lower() or None) if given is not None else None

    @pydantic.field_validator("name")
    @classmethod
    def _a_plain_name(cls, value: str) -> str:
        if not _NAME.fullmatch(value):
            raise ValueError(
                f"{value[:64]!r} is no name for a user; use up to 64 letters, digits, `-`, `_`, `.` and `+`"
            )
        return value

    @pydantic.field_validator("number")
    @classmethod
    def _a_number(cls, value: str) -> str:
        if value and not _NUMBER.fullmatch(value):
            raise ValueError(f"{value[:64]!r} is no number; write what others dial, as in 101")
        return value

    @pydantic.field_validator("ha1", "ha1_sha256")
    @classmethod
    def _a_hash(cls, value: pydantic.SecretStr, info: pydantic.ValidationInfo) -> pydantic.SecretStr:
        text, length = value.get_secret_value(), _KEY[info.field_name or "ha1"]
        if text and not re.fullmatch(f"[0-9a-fA-F]{{{length}}}", text):
            raise ValueError(f"it must be {length} hexadecimal digits: the hash of name:realm:password")
        return value

    @pydantic.field_validator("password")
    @classmethod
    def _one_way_to_prove_it(cls, value: pydantic.SecretStr, info: pydantic.ValidationInfo) -> pydantic.SecretStr:
        if "ha1" not in info.data or "ha1_sha256" not in info.data:
            return value  # that one is at fault, and says so
        keys = [name for name in _KEY if info.data[name].get_secret_value()]
        if value.get_secret_value() and keys:
            raise ValueError(f"it stands beside {keys[0]}; keep one of them")
        if not value.get_secret_value() and not keys:
            raise ValueError("a user needs password or ha1: without one, anybody could call as this user")
        return value


class UserBook:
    """All users, found by name, by number, and by what they show, with the keys that prove them.

    It never changes: another list is another book. To make one of a thousand users costs some milliseconds, which a
    thread may spend; to join two is a matter of microseconds.
    """

    def __init__(self, users: Iterable[User] = (), realm: str = "", algorithms: Sequence[str] = ()) -> None:
        self.users: tuple[User, ...] = tuple(users)[:MAX_USERS]
        self.made_for = (realm, *algorithms)
        self._names = {user.name: user for user in self.users}
        self._numbers = {user.number: user for user in reversed(self.users) if user.number}
        self._identities = {user.identity: user for user in reversed(self.users)}
        prepare({name for user in self.users for name in user.codecs})
        names = [algorithm.lower() for algorithm in algorithms]
        self._keys = {
            user.name: {name: key for name in names if (key := user.key(name, realm)) is not None}
            for user in steps(self.users)
        }

    def __len__(self) -> int:
        return len(self.users)

    def joined(self, other: "UserBook") -> "UserBook":
        """Return the users of both; where both have one of a name or number, it is the one of this book."""
        book = UserBook()
        book.made_for = self.made_for
        theirs = [user for user in other.users if user.name not in self._names]
        book.users = (*self.users, *theirs)[:MAX_USERS]
        book._names = {**other._names, **self._names}
        book._numbers = {user.number: user for user in reversed(theirs) if user.number} | self._numbers
        book._identities = {user.identity: user for user in reversed(theirs)} | self._identities
        book._keys = {**other._keys, **self._keys}
        return book

    def named(self, name: str) -> User | None:
        """Return a user by its name."""
        return self._names.get(name)

    def find(self, target: str) -> User | None:
        """Return whom somebody means who dials this: a name, or a number; with or without `user:` before it."""
        text = target.removeprefix(SCHEME)
        return self._names.get(text) or self._numbers.get(text)

    def showing(self, caller: str) -> User | None:
        """Return the user whose calls show this, None for anybody else."""
        return self.find(caller) or self._identities.get(caller)

    def key(self, name: str, algorithm: str) -> str | None:
        """Return what proves a user by an algorithm (lower case); None for nobody, and for one without such a key."""
        keys = self._keys.get(name)
        return keys.get(algorithm) if keys is not None else None

    def proves_alike(self, other: "UserBook", name: str) -> bool:
        """Tell whether a user proves itself by the same keys in both books."""
        return self._keys.get(name) == other._keys.get(name)


def faults_among(users: Sequence[User], algorithms: Sequence[str]) -> Iterator[tuple[int, str, str, str]]:
    """Yield what is wrong between users: index and key of the later one, what it is, what to do."""
    taken: dict[str, int] = {}
    for index, user in enumerate(steps(users)):
        for key, value in (("name", user.name), ("number", user.number)):
            first = taken.setdefault(value, index) if value else index
            if first != index:
                yield index, key, f"{key} {value} is that of user {users[first].name} already", "choose another"
        for algorithm in algorithms:
            if user.key(algorithm.lower(), "") is None:
                what = f"user {user.name} has no key for {algorithm}, which registrar.algorithms offers"
                yield index, "ha1", what, "write password, or add ha1_sha256; SHA-512-256 needs password"


def model_of(data: Any) -> User:
    """Return a user as it stands in a table; pydantic.ValidationError where it is none."""
    return User.model_validate({key: value for key, value in data.items() if value not in (None, "")})
