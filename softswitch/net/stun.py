"""STUN (RFC 8489): asking a server outside which address and port our packets come from.

Only what a client behind a NAT needs: a Binding request without credentials, its answer, and the timing over UDP. The
question must leave by the very socket whose address is asked for, so `sip_socket` sends it and hands the answers here.
"""

import asyncio
import ipaddress
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from softswitch import clock
from softswitch.errors import RemoteError, ResourceError
from softswitch.net.address import Address, family, show

DEFAULT_PORT: Final = 3478
MAGIC_COOKIE: Final = 0x2112A442
_COOKIE: Final = MAGIC_COOKIE.to_bytes(4, "big")
_HEADER: Final = struct.Struct("!HH4s12s")

BINDING_REQUEST: Final = 0x0001
BINDING_SUCCESS: Final = 0x0101
BINDING_ERROR: Final = 0x0111

_MAPPED_ADDRESS: Final = 0x0001
_ERROR_CODE: Final = 0x0009
_XOR_MAPPED_ADDRESS: Final = 0x0020
#: RFC 3489 servers say where they answered from and where else they listen; USERNAME … NONCE are for authentication.
_KNOWN: Final = frozenset(
    {0x0001, 0x0002, 0x0003, 0x0004, 0x0005, 0x0006, 0x0008, 0x0009, 0x000A, 0x0014, 0x0015, 0x0020}
)

#: Seconds after which the question is asked again, doubled each time (RFC 8489 section 6.2.1, RTO), and how often.
RTO: Final = 0.5
#: The RFC's 7 requests and 39.5 s are for networks that lose nearly everything; nobody would wait so long for a call.
REQUESTS: Final = 5
#: How long after the last request an answer may still come: with the waits before, 9.5 s in all.
LAST_WAIT: Final = 2.0
#: Questions under way at once: one for each socket and server that is asked, and no more than a mistake can make.
MAX_QUESTIONS: Final = 16


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered: the address it saw, or why it did not say."""

    transaction: bytes
    address: Address | None
    error: str = ""


def request(transaction: bytes) -> bytes:
    """Return a Binding request (RFC 8489 section 5). transaction: 12 unguessable octets."""
    return _HEADER.pack(BINDING_REQUEST, 0, _COOKIE, transaction)


def is_stun(data: bytes) -> bool:
    """Tell a STUN message from SIP: two zero bits, and the magic cookie (RFC 8489 section 5)."""
    return len(data) >= _HEADER.size and data[0] < 2 and data[4:8] == _COOKIE


def read(data: bytes) -> Answer:
    """Read the answer to a Binding request. Raises RemoteError (`bad_stun`) for anything else."""
    if not is_stun(data):
        raise _bad("it is no STUN message")
    kind, length, _, transaction = _HEADER.unpack_from(data)
    if length % 4 or len(data) != _HEADER.size + length:
        raise _bad("its length is wrong")
    if kind not in (BINDING_SUCCESS, BINDING_ERROR):
        raise _bad("it answers no Binding request")
    attributes = _attributes(data)
    if kind == BINDING_ERROR:
        return Answer(transaction, None, _error(attributes.get(_ERROR_CODE, b"")))
    unknown = [number for number in attributes if number < 0x8000 and number not in _KNOWN]
    if unknown:  # section 6.3.3: what must be understood and is not makes the answer a failure
        return Answer(transaction, None, f"it needs attribute 0x{unknown[0]:04x} to be understood")
    # An address that is not scrambled may have been "corrected" by a NAT that looks into packets (section 14.2).
    if _XOR_MAPPED_ADDRESS in attributes:
        return Answer(transaction, _address(attributes[_XOR_MAPPED_ADDRESS], _COOKIE + transaction))
    if _MAPPED_ADDRESS in attributes:
        return Answer(transaction, _address(attributes[_MAPPED_ADDRESS], bytes(16)))
    return Answer(transaction, None, "it names no address")


def _attributes(data: bytes) -> dict[int, bytes]:
    """Return attributes by number, the first of each (section 14: copies are ignored)."""
    found: dict[int, bytes] = {}
    at = _HEADER.size
    while at < len(data):
        if at + 4 > len(data):
            raise _bad("an attribute is cut off")
        number, length = struct.unpack_from("!HH", data, at)
        at += 4
        if at + length > len(data):
            raise _bad("an attribute is cut off")
        found.setdefault(number, data[at : at + length])
        at += length + -length % 4
    return found


def _address(value: bytes, mask: bytes) -> Address:
    """Read (XOR-)MAPPED-ADDRESS (sections 14.1, 14.2). mask: cookie and transaction, or zeros."""
    size = {1: 4, 2: 16}.get(value[1]) if len(value) >= 4 else None
    if size is None or len(value) != 4 + size:
        raise _bad("its address is of no known family")
    port = int.from_bytes(value[2:4], "big") ^ int.from_bytes(mask[:2], "big")
    host = bytes(octet ^ key for octet, key in zip(value[4:], mask, strict=False))
    if not port:
        raise _bad("its port is 0")
    return str(ipaddress.ip_address(host)), port


def _error(value: bytes) -> str:
    if len(value) < 4:
        return "it refused and did not say why"
    words = "".join(char for char in value[4:].decode("utf-8", "replace")[:100] if char.isprintable())
    return f"it refused: {(value[2] & 7) * 100 + value[3]} {words}".rstrip()


def _bad(what: str) -> RemoteError:
    return RemoteError(f"STUN answer: {what}", kind="bad_stun")


class Questions:
    """The questions under way, by transaction; answers from anybody but the server that was asked are nobody's."""

    def __init__(self) -> None:
        self._waiting: dict[bytes, tuple[Address, asyncio.Future[Answer]]] = {}

    def received(self, data: bytes, source: Address) -> bool:
        """Take a STUN message; False where it answers nothing of ours."""
        try:
            answer = read(data)
        except RemoteError:
            return False
        server, future = self._waiting.get(answer.transaction, (None, None))
        if future is None or server != source or future.done():
            return False
        future.set_result(answer)
        return True

    async def ask(self, server: Address, send: Callable[[bytes], None]) -> Address:
        """Return our address as `server` sees it; `send` sends one datagram to it by the socket in question.

        Raises ResourceError with a sentence where no answer came, or none with an address.
        """
        if len(self._waiting) >= MAX_QUESTIONS:
            raise ResourceError(f"the STUN server {show(server)} is not asked: too many are asked already")
        transaction = clock.random_bits(96).to_bytes(12, "big")
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[transaction] = (server, future)
        try:
            answer = await self._answer(future, lambda: send(request(transaction)))
        finally:
            del self._waiting[transaction]
        if answer is None:
            raise ResourceError(f"the STUN server {show(server)} did not answer")
        if answer.address is None:
            raise ResourceError(f"the answer of the STUN server {show(server)} cannot be used: {answer.error}")
        if family(answer.address[0]) != family(server[0]):
            raise ResourceError(f"the STUN server {show(server)} answered with an address of another family")
        return answer.address

    @staticmethod
    async def _answer(future: asyncio.Future[Answer], send: Callable[[], None]) -> Answer | None:
        for number in range(REQUESTS):
            send()
            last = number == REQUESTS - 1
            done, _ = await asyncio.wait({future}, timeout=LAST_WAIT if last else RTO * 2**number)
            if done:
                return future.result()
        return None
