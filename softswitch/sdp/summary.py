"""What a session description says of the sound, in one line: for people who look at a call.

It reads lines and refuses nothing: what the parser does not take must be seen as well.
"""

import re
from dataclasses import dataclass
from typing import Final

#: Static payload types that are met (RFC 3551 table 4); all others are named by an rtpmap.
_STATIC: Final = {"0": "PCMU", "3": "GSM", "4": "G723", "8": "PCMA", "9": "G722", "13": "CN", "18": "G729"}
#: Codecs that are named: more do not fit a line.
MAX_CODECS: Final = 8
_LINE: Final = re.compile(r"^[ \t]*([a-z])=([^\r\n]*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Summary:
    """The sound of a description. codecs: in their order. crypto: `SDES AES_CM_128_HMAC_SHA1_80`, `DTLS`, or empty."""

    address: str
    port: int
    codecs: tuple[str, ...]
    direction: str
    profile: str
    crypto: str
    others: int = 0

    def __str__(self) -> str:
        where = f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"
        parts = [",".join(self.codecs) or "no codec", where, self.direction, self.crypto or "no SRTP"]
        if not self.port:
            parts.append("refused")
        if self.others:
            parts.append(f"{self.others} more media")
        return " ".join(parts)


def summarise(body: bytes) -> Summary | None:
    """Return what a description says of its first sound; None where it speaks of none."""
    lines = _LINE.findall(body.decode("utf-8", "replace"))
    places = [index for index, (letter, value) in enumerate(lines) if letter == "m" and value.startswith("audio")]
    if not places:
        return None
    begin = places[0]
    end = next((index for index in range(begin + 1, len(lines)) if lines[index][0] == "m"), len(lines))
    first = next((index for index, (letter, _) in enumerate(lines) if letter == "m"), 0)
    words = lines[begin][1].split()
    session, medium = lines[:first], lines[begin + 1 : end]
    return Summary(
        address=_address(medium) or _address(session),
        port=_port(words),
        codecs=_codecs(words[3:], medium),
        direction=_direction(medium) or _direction(session) or "sendrecv",
        profile=words[2] if len(words) > 2 else "",
        crypto=_crypto(medium) or _crypto(session),
        others=sum(letter == "m" for letter, _ in lines) - 1,
    )


def _port(words: list[str]) -> int:
    text = words[1].partition("/")[0] if len(words) > 1 else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 5 else 0


def _address(lines: list[tuple[str, str]]) -> str:
    for letter, value in lines:
        words = value.split()
        if letter == "c" and len(words) >= 3:
            return words[2].partition("/")[0]
    return ""


def _codecs(formats: list[str], lines: list[tuple[str, str]]) -> tuple[str, ...]:
    named = dict(_STATIC)
    for letter, value in lines:
        if letter == "a" and value.startswith("rtpmap:"):
            number, _, rest = value.removeprefix("rtpmap:").strip().partition(" ")
            named[number] = rest.strip().partition("/")[0]
    names = ["keys" if named.get(one) == "telephone-event" else named.get(one, one) for one in formats]
    found = tuple(dict.fromkeys(names))
    return found if len(found) <= MAX_CODECS else (*found[:MAX_CODECS], "…")


def _direction(lines: list[tuple[str, str]]) -> str:
    known = ("sendrecv", "sendonly", "recvonly", "inactive")
    return next((value.strip() for letter, value in lines if letter == "a" and value.strip() in known), "")


def _crypto(lines: list[tuple[str, str]]) -> str:
    for letter, value in lines:
        if letter != "a":
            continue
        if value.startswith("crypto:"):
            words = value.split()
            return f"SDES {words[1]}" if len(words) > 1 else "SDES"
        if value.startswith("fingerprint:"):
            return "DTLS"
    return ""
