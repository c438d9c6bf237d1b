"""Words of the SIP grammar (RFC 3261 section 25.1): tokens, quoted strings, percent escapes, parameters, lists.

Everything here runs in time linear in its input, because the input is a stranger's datagram.
"""

import re
import string

from softswitch.errors import LocalError, RemoteError

#: Linear white space left after unfolding; `str.strip()` alone would also eat control and Unicode characters.
SPACE = " \t"

#: Values of one header, on one line or several: each costs time, and 30 KiB of commas cost 20 ms.
MAX_PIECES = 1024
#: Parameters of one value; the field knows some twenty. Each costs a third of a microsecond, and with a hundred to each
#: of a hundred contacts one datagram held the loop for 5 ms.
MAX_PARAMS = 64

#: Parameters as they stand on the wire: a value keeps its quotes, None means that there was no `=`.
Params = tuple[tuple[str, str | None], ...]

_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.\-]*)")
_IPV6 = re.compile(r"[0-9A-Fa-f:.]{2,45}")
# one string of 30 KiB may be nothing but escapes
_QUOTED = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
# up to a separator or the end; what is taken is never given back, so that no text is read twice
_PIECE = {
    mark: re.compile(
        rf'([^{mark}"<]*+(?:(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"|<[^>]*+>)[^{mark}"<]*+)*+)({mark}|\Z)', re.DOTALL
    )
    for mark in ",;"
}
_OPENING = re.compile('["<]')
_ESCAPE = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
# how an octet that is no UTF-8 stands in text (PEP 383)
_SURROGATE = re.compile("[\ud800-\udfff]")
_UNRESERVED = frozenset(string.ascii_letters + string.digits + "-_.!~*'()")


def broken(what: str, text: str = "", *, kind: str, status: int = 400) -> RemoteError:
    """Return the error for text that breaks the grammar; a short piece of it is quoted."""
    return RemoteError(f"{what}: {text[:80]!r}" if text else what, kind=kind, status=status)


def is_token(text: str) -> bool:
    """Tell whether text is a `token`."""
    return _TOKEN.fullmatch(text) is not None


def number(text: str, *, below: int, what: str, kind: str) -> int:
    """Return decimal digits as an integer, or raise RemoteError: `int()` alone takes `+1`, `1_0` and foreign digits."""
    # twenty digits hold every scalar of SIP with leading zeros to spare; int() of more is quadratic
    if not (text.isascii() and text.isdigit() and len(text) <= 20):
        raise broken(f"{what} is not a number", text, kind=kind)
    value = int(text)
    if value >= below:
        raise broken(f"{what} is out of range", text, kind=kind)
    return value


def quoted_end(text: str, start: int) -> int:
    """Return the index of the quote that closes the one at `start`; RemoteError when none does."""
    found = _QUOTED.match(text, start)
    if found is None:
        raise broken("a quoted string never ends", text[start:], kind="unbalanced_quote")
    return found.end() - 1


def unquote(text: str) -> str:
    """Return what a quoted string says; text without quotes is returned as it is."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    inner = text[1:-1]
    return re.sub(r"\\(.)", r"\1", inner, flags=re.DOTALL) if "\\" in inner else inner


def quote(text: str) -> str:
    """Return text as a quoted string; line ends, which no quoted string can hold, become spaces."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    plain = text.replace("\r", " ").replace("\n", " ")
    return '"' + re.sub(r'(["\\\x00-\x08\x0b\x0c\x0e-\x1f\x7f])', r"\\\1", plain) + '"'


def readable(text: str) -> str:
    """Return text with each octet that was no UTF-8 replaced, so that it can go into files, databases and answers."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def unescape(text: str) -> str:
    """Return text with percent escapes resolved as UTF-8; what is no escape or no UTF-8 stays as it stands."""
    if "%" not in text:
        return text
    return _ESCAPE.sub(_unescape_run, text)


def _unescape_run(run: re.Match[str]) -> str:
    try:
        return bytes.fromhex(run.group().replace("%", "")).decode()
    except UnicodeDecodeError:
        return run.group()


def escape(text: str, also: str = "") -> str:
    """Return text with everything but unreserved characters (and those in `also`) percent-escaped."""
    return "".join(
        char if char in _UNRESERVED or char in also else "".join(f"%{octet:02X}" for octet in readable(char).encode())
        for char in text
    )


def split_outside(text: str, separator: str, most: int = MAX_PIECES) -> list[str]:
    """Split at a separator that stands outside quoted strings and angle brackets; pieces are stripped.

    RemoteError where a quote or a bracket never closes, and beyond `most` pieces.
    """
    if separator not in text:
        return [text.strip(SPACE)]
    if len(text) > MAX_PIECES and text.count(separator) >= MAX_PIECES:
        raise broken("more values than we read", kind="too_many_values")
    if '"' not in text and "<" not in text:
        return [piece.strip(SPACE) for piece in text.split(separator)]
    pieces: list[str] = []
    piece, position = _PIECE[separator], 0
    while found := piece.match(text, position):
        position = found.end()
        pieces.append(found[1].strip(SPACE))
        if not found[2]:
            return pieces
        if len(pieces) > most:
            raise broken("more values than we read", kind="too_many_values")
    raise _unbalanced(text, position)


def _unbalanced(text: str, position: int) -> RemoteError:
    """Return what is wrong with a piece that has no end."""
    while mark := _OPENING.search(text, position):
        if mark[0] == '"':
            position = quoted_end(text, mark.start()) + 1
        elif (position := text.find(">", mark.start()) + 1) == 0:
            return broken("an angle bracket never closes", text[mark.start() :], kind="unbalanced_bracket")
    raise LocalError("a text with all its quotes and brackets was not split")


def parse_params(text: str) -> Params:
    """Parse `name=value;name;…`, which is what follows the first semicolon.

    One semicolon too many at the end is forgiven, an empty parameter elsewhere is not (RFC 4475 section 3.1.2.1).
    """
    text = readable(text)
    pieces = text.split(";", MAX_PARAMS + 1) if '"' not in text else split_outside(text, ";", MAX_PARAMS + 1)
    if len(pieces) > 1 and not pieces[-1].strip(SPACE):
        pieces.pop()
    if len(pieces) > MAX_PARAMS:
        raise broken("more parameters than we read", kind="too_many_values")
    params: list[tuple[str, str | None]] = []
    for piece in pieces:
        name, equals, value = piece.partition("=")
        name = name.strip(SPACE)
        if not name or " " in name or '"' in name:
            raise broken("not a parameter", piece or text, kind="bad_parameter")
        params.append((name, value.strip(SPACE) if equals else None))
    return tuple(params)


def print_params(params: Params) -> str:
    """Return parameters as they stand on the wire, a semicolon before each."""
    return "".join([f";{name}" if value is None else f";{name}={value}" for name, value in params])


def find_param(params: Params, name: str) -> str | None:
    """Return the value of the first parameter of that name, `""` when it has none, None when it is absent."""
    for known, value in params:
        if known == name or known.lower() == name:
            return value or ""
    return None


def set_param(params: Params, name: str, value: str | None) -> Params:
    """Return the parameters with one replaced where it stands, or added at the end."""
    changed = tuple((known, value if known.lower() == name else old) for known, old in params)
    return changed if find_param(params, name) is not None else (*params, (name, value))


def parse_host_port(text: str, *, kind: str) -> tuple[str, int | None]:
    """Parse `host`, `host:port` or `[IPv6]:port`; the host is returned without brackets."""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        # RFC 5118 section 4.10: `:::` came out of a fault in the grammar and is to be accepted
        if not bracket or not _IPV6.fullmatch(host):
            raise broken("not an IPv6 reference", text, kind=kind)
        if not rest.strip(SPACE):
            return host, None
        empty, colon, port = rest.partition(":")
        if empty.strip(SPACE):
            raise broken("text after an IPv6 reference", text, kind=kind)
    else:
        host, colon, port = text.partition(":")
        host = host.rstrip(SPACE)
        if not _HOST.fullmatch(host):
            raise broken("not a host", text, kind=kind)
    if not colon:
        return host, None
    return host, number(port.strip(SPACE), below=65536, what="port", kind=kind)


def print_host_port(host: str, port: int | None) -> str:
    """Return `host:port` as it stands on the wire, an IPv6 address in brackets."""
    text = f"[{host}]" if ":" in host else host
    return text if port is None else f"{text}:{port}"
