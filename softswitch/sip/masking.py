"""What of a SIP message nobody needs to see, covered: credentials, keys of SRTP, pressed keys, foreign bodies.

Octet for octet, so that Content-Length and everything that counts octets stay true. It reads lines, not messages: what
no parser takes is covered all the same, and where it is not clear what something is, it is covered.

* Authorization, Proxy-Authorization, Authentication-Info: of a digest only what anybody may know stays (username,
  realm, nonce, cnonce, uri, algorithm, opaque, qop, nc); the response, and all of any other scheme, is covered.
* the password of a SIP URI, in whatever header or start line it stands;
* SDP: the keys of `a=crypto` and `a=key-mgmt`, `k=`, the password of ICE; nothing else;
* bodies: of a description everything else stays; a fragment of a message (RFC 3420) is read as a message; keys by INFO
  lose the key; every other body is covered as a whole, and so is the key. `private` shows these two.
"""

import re
from typing import Final

_SPOKEN: Final = frozenset((b"username", b"realm", b"nonce", b"cnonce", b"uri", b"algorithm", b"opaque", b"qop", b"nc"))
#: What is covered, but may be named: a name that is none of these may be the secret itself.
_NAMED: Final = frozenset((b"response", b"rspauth", b"auth-param", b"nextnonce"))
_SECRET_HEADERS: Final = frozenset((b"authorization", b"proxy-authorization", b"authentication-info"))
#: Every header but its continuation lines: name, colon, value.
_HEADER: Final = re.compile(rb"([^\s:]+)([ \t]*:[ \t]*)(.*)", re.DOTALL)
_WORD: Final = re.compile(rb"[!#$%&'*+.^_`|~\w-]+")
_PARAM: Final = re.compile(
    rb"([!#$%&'*+.^_`|~\w-]++)([ \t\r\n]*=[ \t\r\n]*)(\"(?:[^\"\\]|\\.)*\"|[^\s,\"]*)", re.DOTALL
)
_SCHEME: Final = re.compile(rb"[ \t\r\n]*(digest)[ \t\r\n]+", re.IGNORECASE)
#: sip:user:password@host, and what ends the part before the host. An escaped @ is %40, so that the first one ends it.
_URI: Final = re.compile(rb"sips?:", re.IGNORECASE)
_URI_END: Final = re.compile(rb"[@\s<>\"]")
#: Headers inside of a URI (RFC 3261 section 19.1.1).
_IN_URI: Final = re.compile(rb"((?:proxy-)?authorization=)([^&>\s\"]+)", re.IGNORECASE)
_SDP_KEY: Final = re.compile(
    rb"^(a=crypto:[^\r\n]*?inline:|k=|a=key-mgmt:[^\r\n ]*[ \t]*|a=ice-pwd:)([^\r\n]*)", re.IGNORECASE | re.MULTILINE
)
_SIGNAL: Final = re.compile(rb"^([ \t]*signal[ \t]*=[ \t]*)([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_VISIBLE: Final = re.compile(rb"[^\s]")
_BOUNDARY: Final = re.compile(rb"boundary[ \t]*=[ \t]*(?:\"([^\"]{1,200})\"|([^\s;,\"]{1,200}))", re.IGNORECASE)
#: Parts of a body that are read one by one, and how deep: what is beyond is covered as a whole.
MAX_PARTS: Final = 16
MAX_DEPTH: Final = 3


def mask(data: bytes, *, private: bool = False) -> bytes:
    """Return a message with everything covered that nobody needs to see; as long as it was."""
    return _message(data, private, 0)


def _message(data: bytes, private: bool, depth: int) -> bytes:
    head, gap, body = _split(data)
    kind = b""
    lines: list[bytes] = []
    for line in _unfolded(head):
        name, covered = _header(line)
        if name in (b"content-type", b"c") and not kind:
            kind = line.partition(b":")[2].strip()
        lines.append(covered)
    return b"".join(lines) + gap + _body(body, kind, private, depth)


def _split(data: bytes) -> tuple[bytes, bytes, bytes]:
    """Return head, the empty line, and body; whichever line ends are used."""
    found = re.search(rb"\r?\n\r?\n", data)
    if found is None:
        return data, b"", b""
    return data[: found.start()], found.group(), data[found.end() :]


def _unfolded(head: bytes) -> list[bytes]:
    """Return the lines of a head with their ends, continuation lines joined to what they continue."""
    lines: list[bytes] = []
    for line in re.split(rb"(?<=\n)", head):
        if lines and line[:1] in (b" ", b"\t"):
            lines[-1] += line
        elif line:
            lines.append(line)
    return lines


def _header(line: bytes) -> tuple[bytes, bytes]:
    """Return the name of a header in lower case and the line, covered."""
    found = _HEADER.match(line)
    name = found.group(1).lower() if found is not None else b""
    if found is not None and name in _SECRET_HEADERS:
        return name, found.group(1) + found.group(2) + _credentials(found.group(3))
    return name, _IN_URI.sub(_cover_second, _without_passwords(line))


def _without_passwords(line: bytes) -> bytes:
    """Cover the passwords of URIs. No octet is looked at twice, whatever a peer has written."""
    if b"@" not in line:
        return line
    pieces: list[bytes] = []
    done = at = 0
    while (uri := _URI.search(line, at)) is not None:
        end = _URI_END.search(line, uri.end())
        at = end.start() if end is not None else len(line)
        colon = line.find(b":", uri.end(), at)
        if end is not None and end.group() == b"@" and colon >= 0:
            pieces.extend((line[done : colon + 1], _covered(line[colon + 1 : at])))
            done = at
    return b"".join((*pieces, line[done:]))


def _credentials(value: bytes) -> bytes:
    scheme = _SCHEME.match(value)
    if scheme is None and _PARAM.match(value) is None:
        # Basic, Bearer and whatever else: the scheme stays, and all that follows is secret.
        kept = re.match(rb"[ \t]*[\w-]{1,32}(?=[ \t])", value)
        end = kept.end() if kept is not None else 0
        return value[:end] + _covered(value[end:])
    at = scheme.end() if scheme is not None else 0
    pieces = [value[:at]]
    while at < len(value):
        found = _PARAM.match(value, at)
        if found is None:
            # A word that is no parameter is passed over whole: from each of its octets the search would run to its end.
            word = _WORD.match(value, at)
            at_next = word.end() if word is not None else at + 1
            piece = value[at:at_next]
            pieces.append(piece if piece in b" \t\r\n," else _covered(piece))
        else:
            at_next = found.end()
            name, equals, given = found.groups()
            if name.lower() not in _SPOKEN:
                name, given = name if name.lower() in _NAMED else _covered(name), _covered_value(given)
            pieces.append(name + equals + given)
        at = at_next
    return b"".join(pieces)


def _covered_value(value: bytes) -> bytes:
    if value[:1] == b'"' and len(value) >= 2:
        return b'"' + _covered(value[1:-1]) + b'"'
    return _covered(value)


def _covered(data: bytes) -> bytes:
    """Cover everything but the white space, which shows where lines end."""
    return _VISIBLE.sub(b"*", data)


def _cover_second(found: "re.Match[bytes]") -> bytes:
    return found.group(1) + _covered(found.group(2))


def _body(body: bytes, kind: bytes, private: bool, depth: int) -> bytes:
    if not body:
        return body
    name = kind.partition(b";")[0].strip().lower()
    if name == b"application/sdp" or (not name and body.startswith(b"v=0")):
        return _SDP_KEY.sub(_cover_second, body)
    if name.startswith(b"multipart/") and depth < MAX_DEPTH:
        return _parts(body, kind, private, depth)
    if name in (b"message/sipfrag", b"message/sip") and depth < MAX_DEPTH:
        return _message(body, private, depth + 1)
    if private:
        return _SDP_KEY.sub(_cover_second, body)
    if name == b"application/dtmf-relay":
        return _SIGNAL.sub(_cover_second, body)
    return _covered(body)


def _parts(body: bytes, kind: bytes, private: bool, depth: int) -> bytes:
    found = _BOUNDARY.search(kind)
    mark = b"--" + (found.group(1) or found.group(2)) if found is not None else b""
    parts = body.split(mark, MAX_PARTS) if mark else []
    if len(parts) < 2:
        return _SDP_KEY.sub(_cover_second, body) if private else _covered(body)
    # Before the first mark and behind the last stands nothing that anybody reads; a part is a head and a body.
    return mark.join([_covered(parts[0]), *(_part(part, private, depth) for part in parts[1:])])


def _part(part: bytes, private: bool, depth: int) -> bytes:
    end = re.match(rb"(?:--)?[ \t]*\r?\n?", part)
    lead = end.group() if end is not None else b""
    rest = part[len(lead) :]
    if lead.startswith(b"--") or not re.search(rb"\r?\n\r?\n", rest):
        return lead + _covered(rest)
    return lead + _message(rest, private, depth + 1)
