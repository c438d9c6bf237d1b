"""Bodies of several parts (RFC 5621, RFC 2046 section 5.1): the session description among what else came with it.

Carriers that carry ISUP through SIP (RFC 3204) and phones that send their place put a session description and something
else into one body. All that is of use to us is the description; a part that its sender calls required and that is none
of ours keeps the whole body from being used (RFC 5621 section 8.3).
"""

from softswitch.errors import RemoteError
from softswitch.sip import grammar
from softswitch.sip.message import Message

SDP = "application/sdp"
#: Parts of one body that are looked at; the field sends two or three.
MAX_PARTS = 16
#: Octets of the head of a part; the field has three lines there.
MAX_HEAD = 4096
#: Octets of a boundary (RFC 2046 section 5.1.1).
MAX_BOUNDARY = 70


def unwrap(message: Message) -> None:
    """Put the session description of a multipart body in its place; leave the message as it is where there is none.

    A body that stays is none that anybody here reads, and is answered with 415.
    """
    if not (message.content_type or "").startswith("multipart/"):
        return
    boundary = _boundary(message.headers.get("Content-Type") or "")
    if not boundary:
        return
    found: bytes | None = None
    for part in _parts(message.body, boundary):
        head, body = _split(part)
        kind = head.get("content-type", "text/plain").partition(";")[0].strip().lower()
        if kind == SDP and found is None:
            found = body
        elif kind != SDP and "handling=required" in head.get("content-disposition", "").replace(" ", "").lower():
            return
    if found is not None:
        message.body = found
        message.headers.set("Content-Type", SDP)


def _boundary(content_type: str) -> bytes:
    try:
        params = grammar.parse_params(content_type.partition(";")[2])
    except RemoteError:
        return b""
    text = grammar.find_param(params, "boundary") or ""
    if text.startswith('"'):
        try:
            text = grammar.unquote(text)
        except RemoteError:
            return b""
    data = text.encode("utf-8", "surrogateescape")
    return data if 0 < len(data) <= MAX_BOUNDARY else b""


def _parts(body: bytes, boundary: bytes) -> list[bytes]:
    """Return what stands between the boundaries, preamble and epilogue left out."""
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary, MAX_PARTS + 1)
    parts: list[bytes] = []
    for piece in pieces[1 : MAX_PARTS + 1]:
        if piece.startswith(b"--"):  # the closing boundary
            break
        parts.append(piece.partition(b"\r\n")[2])  # white space may follow a boundary
    return parts


def _split(part: bytes) -> tuple[dict[str, str], bytes]:
    """Return the headers of a part, names in lower case, and its body."""
    if part.startswith(b"\r\n"):
        return {}, part[2:]
    head, _, body = part.partition(b"\r\n\r\n")
    if len(head) > MAX_HEAD:
        return {}, body
    lines = head.decode("utf-8", "replace").split("\r\n")
    pairs = (line.partition(":") for line in lines if ":" in line)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}, body
