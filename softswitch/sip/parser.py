"""SIP messages from bytes (RFC 3261 section 7), and everything about them that makes an answer 400, 505 or 513.

A message that `parse_message` returns has a good top Via, From, To, Call-ID and CSeq, and a request good Contacts and
Routes: the machines need not be afraid of them. What is broken but was readable enough to be answered travels in the
error as a request, so that the answer can carry what RFC 3261 section 8.2.6 wants copied.
"""

from typing import Final

from softswitch.errors import RemoteError
from softswitch.sip import grammar
from softswitch.sip.admission import KNOWN_METHODS
from softswitch.sip.grammar import SPACE, broken
from softswitch.sip.headers import KNOWN, canonical
from softswitch.sip.message import Headers, Request, Response
from softswitch.sip.uri import Uri

#: The largest message: what a datagram can hold (RFC 3261 section 18.1.1 wants 65 535 bytes received).
MAX_MESSAGE_BYTES: Final = 65_535
#: The largest start line and headers together; the longest of RFC 4475 has about 4 KiB.
MAX_HEAD_BYTES: Final = 32_768
#: Of a larger one so much is read, for the way back of its answer: it must not cost more than one that is served.
ANSWERED_HEAD_BYTES: Final = 8_192
#: Header lines of one message: each costs time in every machine that looks at it.
MAX_HEADERS: Final = 256
#: Lines of one head: a header may be folded into thousands, each of which would be appended to all those before it.
MAX_LINES: Final = 2 * MAX_HEADERS

_VERSION: Final = "SIP/2.0"
#: Headers that hold one value only: a second one makes the message ambiguous (RFC 4475 section 3.3.8).
_SINGLE: Final = ("From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Type")
#: The one text of each method, so that the transactions that linger do not each keep their own.
_METHODS: Final = {method: method for method in KNOWN_METHODS}
#: Stands for a Request-URI that cannot be read, in a request that is only there to be answered.
_UNREADABLE: Final = Uri.of(None, "invalid")


class MessageError(RemoteError):
    """A message that does not parse. `request` is what could be read, for an answer; None where none is possible."""

    def __init__(self, message: str, *, kind: str, status: int = 400, request: Request | None = None) -> None:
        super().__init__(message, kind=kind, status=status)
        self.request = request


def parse_message(data: bytes, *, stream: bool = False) -> Request | Response:
    """Return the message that `data` holds; stream: it was cut out by its Content-Length, which it must have.

    Raises MessageError, whatever the bytes.
    """
    head, body, too_large = _split(data)
    start, items, fault = _read_head(head)
    fault = too_large or fault
    headers = Headers.received(items)
    try:
        if fault is not None:
            raise fault
        body = _body(headers, body, stream=stream)
        if start.startswith(_VERSION + " "):
            return _response(start, headers, body)
        return _request(start, headers, body)
    except MessageError:
        raise
    except RemoteError as error:
        answerable = _answerable(start, headers)
        raise MessageError(str(error), kind=error.kind, status=error.status, request=answerable) from error


def _split(data: bytes) -> tuple[str, bytes, RemoteError | None]:
    """Return the head as text, what follows the empty line, and whether only the beginning of the head is there.

    What is too large is answered as well, by the headers that are read of it.
    """
    if len(data) > MAX_MESSAGE_BYTES:
        raise MessageError("larger than a datagram can be", kind="message_too_large", status=513)
    if data[:1] in b"\r\n":
        data = data.lstrip(b"\r\n")  # RFC 3261 section 7.5
    end = data.find(b"\r\n\r\n")
    bare = data.find(b"\n\n", 0, end if end >= 0 else len(data))
    if bare >= 0:  # some senders end their lines with a line feed only
        head, body = data[:bare], data[bare + 2 :]
    elif end >= 0:
        head, body = data[:end], data[end + 4 :]
    else:
        head, body = data, b""
    fault: RemoteError | None = None
    if len(head) > MAX_HEAD_BYTES:
        fault = broken("headers larger than we read", kind="head_too_large", status=513)
        head = head[: head.rfind(b"\n", 0, ANSWERED_HEAD_BYTES) + 1].rstrip(b"\r\n")
    return head.decode("utf-8", "surrogateescape"), body, fault


def _read_head(head: str) -> tuple[str, list[tuple[str, str]], RemoteError | None]:
    """Return the start line, the headers, and the first fault in them; a header that is none is left out."""
    text = head.replace("\r\n", "\n")
    lines = text.split("\n")
    items: list[tuple[str, str]] = []
    fault: RemoteError | None = None
    if len(lines) > MAX_LINES:
        del lines[MAX_LINES:]
        fault = broken("more header lines than we read", kind="too_many_headers", status=513)
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        known = KNOWN.get(name)
        if known is None or not colon:
            if line[:1] in SPACE:
                if line and items:  # folding (section 7.3.1)
                    name, value = items[-1]
                    items[-1] = (name, f"{value} {line.strip(SPACE)}".strip(SPACE))
                continue
            try:
                if not colon:
                    raise broken("a header line without a colon", line, kind="bad_header")
                known = canonical(name)
            except RemoteError as error:
                fault = fault or error
                continue
        items.append((known, value.strip(SPACE)))
    if len(items) > MAX_HEADERS:
        del items[MAX_HEADERS:]
        fault = fault or broken("more headers than we read", kind="too_many_headers", status=513)
    if "\r" in text:
        items = [(name, value.replace("\r", " ")) for name, value in items]
        fault = fault or broken("a carriage return inside a line", kind="stray_cr")
    return lines[0], items, fault


def _answerable(start: str, headers: Headers) -> Request | None:
    """Return a request that is good for an answer, None for what looks like a response or like nothing."""
    method, _, _ = start.partition(" ")
    if start.startswith("SIP/") or not grammar.is_token(method):
        return None
    if "Via" not in headers or "CSeq" not in headers:
        return None
    return Request(method, _UNREADABLE, headers)


def _body(headers: Headers, rest: bytes, *, stream: bool) -> bytes:
    """Return the body by Content-Length, which is taken off the headers (section 18.3)."""
    text = headers.get("Content-Length")
    if text is None:
        if stream:
            raise broken("no Content-Length on a stream", kind="missing_content_length")
        return rest
    if headers.repeats and len(set(headers.all("Content-Length"))) > 1:
        raise broken("two different Content-Length", kind="bad_content_length")
    length = grammar.number(text, below=2**32, what="Content-Length", kind="bad_content_length")
    if stream and length > MAX_MESSAGE_BYTES:
        raise broken(f"Content-Length says {length}, more than we read", kind="message_too_large", status=513)
    if length > len(rest):
        raise broken(f"Content-Length says {length}, {len(rest)} bytes came", kind="body_too_short")
    headers.remove("Content-Length")
    return rest[:length]


def _request(start: str, headers: Headers, body: bytes) -> Request:
    parts = start.split(" ")
    if len(parts) != 3 or not grammar.is_token(parts[0]):
        raise broken("not a request line", start, kind="bad_request_line")
    method, target, version = parts
    method = _METHODS.get(method, method)
    if version.upper() != _VERSION:
        if version.upper().startswith("SIP/") and version[4:].replace(".", "").isdigit():
            raise broken("not our version of SIP", version, kind="bad_version", status=505)  # section 21.5.6
        raise broken("not a SIP version", version, kind="bad_request_line")
    if target.startswith("<"):
        raise broken("a Request-URI in angle brackets", target, kind="bad_request_uri")  # RFC 4475 section 3.1.2.7
    request = Request(method, _uri(target), headers, body)
    _mandatory(request)
    if request.cseq.method != method:
        # section 8.1.1.5; a method that nobody specified is the worse fault of the two (RFC 4475 section 3.1.2.18)
        status = 400 if method in KNOWN_METHODS else 501
        raise broken("CSeq names another method", request.cseq.method, kind="cseq_mismatch", status=status)
    _known_to_parse(request)
    return request


def _response(start: str, headers: Headers, body: bytes) -> Response:
    status = start[8:11]
    if not (status.isascii() and status.isdigit()) or start[11:12] not in ("", " ") or not 100 <= int(status) <= 699:
        raise MessageError(f"not a status line: {start[:80]!r}", kind="bad_status_line")
    response = Response(int(status), start[12:], headers, body)
    _mandatory(response)
    return response


def _uri(text: str) -> Uri:
    try:
        return Uri.parse(text)
    except RemoteError as error:
        raise broken("not a Request-URI", text, kind="bad_request_uri", status=error.status) from error


def _mandatory(message: Request | Response) -> None:
    """Look once at what every machine looks at (section 8.1.1)."""
    if message.headers.repeats:
        names = [name for name, _value in message.headers]
        for name in _SINGLE:
            if names.count(name) > 1:
                raise broken(f"two {name}", kind="repeated_header")
    _ = message.via, message.from_, message.to, message.call_id, message.cseq


def _known_to_parse(request: Request) -> None:
    headers = request.headers
    if "Contact" in headers:
        _ = request.contacts
    if "Route" in headers:
        _ = request.routes
    if (request.max_forwards or 0) > 255:
        raise broken("Max-Forwards above 255", kind="bad_max_forwards")  # section 20.22
