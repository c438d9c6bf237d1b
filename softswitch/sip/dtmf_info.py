"""Keys in INFO requests, the two forms the field uses: `application/dtmf-relay` and `application/dtmf`.

Neither has an RFC. Cisco's form is `Signal=5`, `Duration=160` (milliseconds) line by line, the other one the bare key.
Peers mix them, write `10` and `11` for `*` and `#`, and put blanks anywhere.
"""

from softswitch.sip.message import Request

RELAY = "application/dtmf-relay"
PLAIN = "application/dtmf"
#: How long a key of ours is said to have been pressed: twice the shortest that detectors must take (ITU-T Q.24).
DURATION_MS = 160
#: No body with one key is longer; what is, is not read.
MAX_BODY_BYTES = 256
_KEYS = "0123456789*#ABCD"
#: RFC 4733 numbers of the keys that are no digits, which some peers send instead of their signs.
_NUMBERED = {"10": "*", "11": "#", "12": "A", "13": "B", "14": "C", "15": "D"}


def read_key(request: Request) -> str | None:
    """Return the key of an INFO, None where its body is neither form or names no key (such as a hook flash)."""
    kind = request.content_type
    if kind not in (RELAY, PLAIN) or len(request.body) > MAX_BODY_BYTES:
        return None
    text = request.body.decode("ascii", "replace").strip()
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and name.strip().lower() == "signal":
            return _key(value)
    return _key(text) if "=" not in text else None


def _key(text: str) -> str | None:
    key = text.strip().upper()
    key = _NUMBERED.get(key, key)
    return key if len(key) == 1 and key in _KEYS else None


def key_body(key: str, kind: str) -> bytes:
    """Return the body of an INFO that presses `key`, in one of the two forms."""
    if kind == PLAIN:
        return key.encode()
    return f"Signal={key}\r\nDuration={DURATION_MS}\r\n".encode()
