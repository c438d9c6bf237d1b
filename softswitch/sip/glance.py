"""What a message is, at a glance, for those who look at a call.

It reads lines and refuses nothing: a broken message is what they look for.
"""

import re
from dataclasses import dataclass
from typing import Final

_CSEQ: Final = re.compile(rb"\ncseq[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE)
_TYPE: Final = re.compile(rb"\n(?:content-type|c)[ \t]*:[ \t]*([^\r\n;]*)", re.IGNORECASE)
_BRANCH: Final = re.compile(rb"\n(?:via|v)[ \t]*:[^\r\n]*?;[ \t]*branch=([^;,\s]*)", re.IGNORECASE)
_STATUS: Final = re.compile(rb"SIP/2\.0[ \t]+(\d{3})[ \t]*([^\r\n]*)")
_GAP: Final = re.compile(rb"\r?\n\r?\n")
_SDP: Final = re.compile(rb"^v=0[ \t]*\r?$", re.MULTILINE)
#: Characters of a method or a reason that are shown; a peer may have sent 60 kB of them.
MAX_WORDS: Final = 60


@dataclass(frozen=True, slots=True)
class Glance:
    """One message. method: of the request, or that a response answers. status: 0 for a request.

    sdp: its session description, empty for none. again: equal for a message and its copies.
    """

    method: str
    status: int
    reason: str
    cseq: str
    sdp: bytes
    again: tuple[bytes, bytes, bytes]

    @property
    def title(self) -> str:
        """What stands on an arrow."""
        return f"{self.status} {self.reason}".rstrip() if self.status else self.method


def glance(data: bytes) -> Glance:
    """Return what a message is."""
    gap = _GAP.search(data)
    head, body = (data[: gap.start()], data[gap.end() :]) if gap is not None else (data, b"")
    start = head.partition(b"\r\n")[0].partition(b"\n")[0]
    cseq = _text(_first(_CSEQ, head))
    found = _STATUS.match(start)
    if found is not None:
        status, reason, method = int(found.group(1)), _text(found.group(2)), cseq.partition(" ")[2].strip()
    else:
        status, reason, method = 0, "", _text(start.partition(b" ")[0])
    kind = _first(_TYPE, head).strip().lower()
    sdp = b""
    if kind == b"application/sdp" or kind.startswith(b"multipart/"):
        begin = _SDP.search(body)
        sdp = body[begin.start() :] if begin is not None else b""
    return Glance(method, status, reason, cseq, sdp, (start, _first(_CSEQ, head), _first(_BRANCH, head)))


def _first(pattern: "re.Pattern[bytes]", data: bytes) -> bytes:
    found = pattern.search(data)
    return found.group(1) if found is not None else b""


def _text(data: bytes) -> str:
    text = data.decode("utf-8", "replace").strip()
    text = "".join(character if character.isprintable() else "?" for character in text)
    return text if len(text) <= MAX_WORDS else text[: MAX_WORDS - 1] + "…"
