"""What both sides of digest authentication share: the hashes, the formula, and how its header lines are read.

RFC 7616 section 3.4 with the algorithms of RFC 8760, and RFC 2069 where a side names no quality of protection.
"""

import hashlib
import re
from collections.abc import Callable

from softswitch.errors import RemoteError
from softswitch.sip import grammar
from softswitch.sip.grammar import SPACE

#: Parameters of one challenge or of one credentials line; RFC 7616 knows eleven.
MAX_PARAMS = 32
#: Characters of one line; nonces that hold a whole encrypted session stay below 2 KiB.
MAX_LENGTH = 8192

# a scheme with its first parameter; a lone word may be half of a list that should have been quoted
_SCHEME = re.compile(r"([^ \t=\"]+)[ \t]+([^ \t=].*)", re.DOTALL)

Hash = Callable[[bytes], str]


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _sha_512_256(data: bytes) -> str:
    return hashlib.new("sha512_256", data).hexdigest()


#: Algorithms of RFC 8760 section 2.1, names in lower case; a library without SHA-512/256 does not offer it.
HASHES: dict[str, Hash] = {
    "md5": _md5,
    "sha-256": lambda data: hashlib.sha256(data).hexdigest(),
} | ({"sha-512-256": _sha_512_256} if "sha512_256" in hashlib.algorithms_available else {})


def hashed(digest: Hash, *parts: str) -> str:
    """Return the hash of texts joined by colons, in lower-case hexadecimal."""
    return digest(":".join(parts).encode("utf-8", "surrogateescape"))


def account_key(digest: Hash, username: str, realm: str, password: str) -> str:
    """Return H(A1) of RFC 7616 section 3.4.2: what stands for a password, in one realm and with one algorithm."""
    return hashed(digest, username, realm, password)


def response_of(
    digest: Hash,
    key: str,
    *,
    nonce: str,
    method: str,
    uri: str,
    qop: str = "",
    count: str = "",
    cnonce: str = "",
    body: bytes = b"",
) -> str:
    """Return the `response` of RFC 7616 section 3.4.1. count: eight digits as they stand in the line."""
    what = hashed(digest, method, uri, digest(body)) if qop == "auth-int" else hashed(digest, method, uri)
    if qop:
        return hashed(digest, key, nonce, count, cnonce, qop, what)
    return hashed(digest, key, nonce, what)


def schemes(text: str) -> list[dict[str, str]]:
    """Return the parameters of each challenge in one line, names in lower case, the scheme under the empty name.

    RFC 3261 section 7.3.1 wants a line for each challenge, but servers that come from HTTP join them by commas.
    """
    if len(text) > MAX_LENGTH:
        return []
    try:
        pieces = grammar.split_outside(text, ",")
    except RemoteError:
        return []
    found: list[dict[str, str]] = []
    for piece in pieces:
        scheme = _SCHEME.fullmatch(piece)
        if scheme is not None:
            found.append({"": scheme[1].lower()})
            piece = scheme[2]
        name, equals, value = piece.partition("=")
        if equals and found and len(found[-1]) <= MAX_PARAMS:
            found[-1].setdefault(name.strip(SPACE).lower(), value.strip(SPACE))
    return found


def plain(value: str) -> str:
    """Return what a parameter says."""
    return grammar.unquote(value) if _is_quoted(value) else value


def inner(value: str) -> str:
    """Return a parameter as it may stand within quotes: untouched if it came in quotes, escaped otherwise."""
    return value[1:-1] if _is_quoted(value) else grammar.quote(value)[1:-1]


def _is_quoted(value: str) -> bool:
    if len(value) < 2 or value[0] != '"':
        return False
    try:
        return grammar.quoted_end(value, 0) == len(value) - 1
    except RemoteError:  # it never ends: a line without a comma was not split, and nobody has looked yet
        return False
