"""Run inside a network namespace that has loopback only: every torture message to a real switch, then an ordinary call.

The messages name other people's addresses. Here none of them can be reached, whatever the switch would do. Started by
`test_torture_messages_do_a_running_switch_no_harm.py`; prints one line for each message, and ends with status 0.
"""

import contextlib
import fcntl
import select
import socket
import struct
import sys
import time
from pathlib import Path

from softswitch.sip.matching import server_key
from softswitch.sip.message import Request
from softswitch.sip.parser import parse_message
from softswitch.sip.transaction import Key
from tests.data.torture import MESSAGES, Torture
from tests.live.peers.switch import SwitchProcess, running_switch

LOOPBACK = "127.0.0.1"
#: Where answers go: the ports in the Vias of the messages, and 5060 where there is none. All are free in here.
PORTS = (5060, 5050, 6050, 19823)
ANSWER_SECONDS, SILENCE_SECONDS = 5.0, 0.3


def close_the_network() -> None:
    """Bring loopback up; raise where anything else is there."""
    names = [name for _, name in socket.if_nameindex()]
    if names != ["lo"]:
        raise SystemExit(f"this network is not closed: {names}")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as raw:
        SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(raw, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(raw, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))
        try:
            raw.connect(("192.0.2.1", 5060))
        except OSError:
            return
    raise SystemExit("this network is not closed: there is a way to 192.0.2.1")


class Caller:
    """Sockets on every port that an answer may go to."""

    def __init__(self, switch: SwitchProcess) -> None:
        self._to = (LOOPBACK, switch.sip_port)
        self._sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in PORTS]
        for raw, port in zip(self._sockets, PORTS, strict=True):
            raw.bind((LOOPBACK, port))

    def close(self) -> None:
        for raw in self._sockets:
            raw.close()

    def say(self, data: bytes) -> None:
        self._sockets[0].sendto(data, self._to)

    def final(self, cseq: bytes, seconds: float) -> tuple[int, bytes]:
        """Return status and bytes of the next final response with that CSeq, 0 where none comes."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            for raw in select.select(self._sockets, [], [], left)[0]:
                data = raw.recv(65_535)
                status = int(data[8:11])
                if status >= 200 and b"\r\nCSeq: " + cseq + b"\r\n" in data:
                    return status, data
        return 0, b""

    def forget(self) -> None:
        """Throw away what has come so far, such as copies of earlier answers."""
        while ready := select.select(self._sockets, [], [], 0)[0]:
            for raw in ready:
                raw.recv(65_535)


def cseq_of(message: Torture) -> bytes:
    """Return the CSeq as an answer repeats it: unfolded."""
    head = message.wire.partition(b"\r\n\r\n")[0].replace(b"\r\n ", b" ")
    lines = [line.partition(b":")[2] for line in head.split(b"\r\n") if line.lower().startswith(b"cseq")]
    return b" ".join(lines[0].split())


def judge(caller: Caller, message: Torture) -> bool:
    """Send a message; tell whether its answer is the RFC's. An accepted INVITE is 404 here: nobody has that number."""
    wanted = message.answer[0]
    if wanted == 200 and message.wire.startswith(b"INVITE"):
        wanted = 404
    caller.forget()
    caller.say(message.wire)
    status, _ = caller.final(cseq_of(message), ANSWER_SECONDS if wanted else SILENCE_SECONDS)
    print(f"{message.name:32} {status or '-'}{'' if status == wanted else f'  but {wanted} is right'}")
    return status == wanted


def ordinary_call(caller: Caller) -> bool:
    """Call the echo, and hang up."""

    def request(method: str, number: int, tag: bytes, body: bytes = b"") -> bytes:
        return (
            b"%s sip:600@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK-ordinary-%d-%s\r\n"
            b"Max-Forwards: 70\r\nFrom: <sip:alice@127.0.0.1>;tag=a\r\nTo: <sip:600@127.0.0.1>%s\r\n"
            b"Call-ID: ordinary\r\nCSeq: %d %s\r\nContact: <sip:alice@127.0.0.1:5060>\r\n"
            b"Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s"
        ) % (method.encode(), number, method.encode(), tag, number, method.encode(), len(body), body)

    offer = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
    caller.forget()
    caller.say(request("INVITE", 1, b"", offer))
    status, answer = caller.final(b"1 INVITE", ANSWER_SECONDS)
    tag = b";tag=" + answer.partition(b"\r\nTo: ")[2].partition(b"\r\n")[0].partition(b";tag=")[2]
    caller.say(request("ACK", 1, tag))
    caller.say(request("BYE", 2, tag))
    bye, _ = caller.final(b"2 BYE", ANSWER_SECONDS)
    print(f"an ordinary call: {status}, and its BYE: {bye}")
    return (status, bye) == (200, 200)


def rounds() -> list[list[Torture]]:
    """Return the messages in rounds, one for each switch.

    Some share branch, sent-by and method, as `cparam01` and `cparam02` do. To one switch the second is a copy of the
    first, which gets the first one's answer again (RFC 3261 section 17.2.3), and nothing would be proven of it.
    """
    found: list[dict[Key, Torture]] = []
    for message in MESSAGES:
        key: Key = (message.name,)
        if not message.fault and message.answer[0]:
            read = parse_message(message.wire)
            assert isinstance(read, Request)
            key = server_key(read)
        free = next((one for one in found if key not in one), None)
        if free is None:
            found.append(free := {})
        free[key] = message
    return [list(one.values()) for one in found]


def main(folder: str) -> int:
    close_the_network()
    right: list[bool] = []
    called: list[bool] = []
    for number, messages in enumerate(rounds()):
        place = Path(folder) / str(number)
        place.mkdir()
        with running_switch(place) as switch, contextlib.closing(Caller(switch)) as caller:
            right += [judge(caller, message) for message in messages]
            called.append(ordinary_call(caller))
    print(f"{sum(right)} of {len(right)}")
    return 0 if all(right) and all(called) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
