"""Breaking bytes at random, always in the same way for the same seed."""

import random
from collections.abc import Sequence

#: What parsers trip over: delimiters, numbers at the edges, halves of characters, and words of the formats.
PIECES = [
    *(b"\r\n", b"\n", b"\r", b" ", b"\t", b"\r\n ", b"\0", b"\xff", b"\xe2\x82", b'"', b"\\", b"<", b">", b"[", b"]"),
    *(b",", b";", b":", b"=", b"@", b"%", b"%00", b"?", b"&", b"*", b"/", b"-1", b"0", b"255", b"256", b"65535"),
    *(b"65536", b"\x80", b"2147483648", b"4294967296", b"9" * 40),
    *( b"1e9", b"0x10", b"[::1]", b"sip:", b"SIP/2.0", b"tag=", b"z9hG4bK"),
    *(b"Content-Length: 5\r\n", b"l:", b"v=0", b"m=audio 1 RTP/AVP 0\r\n", b"a=rtpmap:0 ", b"Digest ", b"nonce="),
]  # fmt: skip
#: Longer than this a mutant is cut: a datagram holds no more.
MAX_BYTES = 65_535


def mutant(chance: random.Random, seeds: Sequence[bytes]) -> bytes:
    """Return one of the seeds with one to eight changes."""
    data = chance.choice(seeds)
    for _ in range(chance.randint(1, 8)):
        data = _change(chance, data, seeds)
    return data[:MAX_BYTES]


def _change(chance: random.Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    at = chance.randint(0, len(data))
    end = min(len(data), at + chance.choice((1, 1, 2, 4, 16, 200)))
    match chance.randrange(8):
        case 0 if at < len(data):
            return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]
        case 1:
            return data[:at] + chance.choice(PIECES) + data[at:]
        case 2:
            return data[:at] + chance.choice(PIECES) + data[end:]
        case 3:
            return data[:at] + data[end:]
        case 4:
            return data[:end] + data[at:]
        case 5:
            return data[:at]
        case 6:
            return data[:at] + data[at:end] * chance.choice((2, 10, 300)) + data[end:]
        case _:
            other = chance.choice(seeds)
            return data[:at] + other[chance.randint(0, len(other)) :]
