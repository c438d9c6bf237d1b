"""A telephone's sound, independent of the switch: sends what it is told on time, keeps everything that comes.

One thread for one socket. It sends a PCMU packet every 20 ms by absolute deadlines (silence where nothing is to be
said), key presses as RFC 4733 events, and takes the kernel's own time of each packet that arrives.
"""

import collections
import random
import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from types import TracebackType

from tests.live.peers.free_ports import LOOPBACK
from tests.live.peers.g711 import alaw_encode, ulaw_encode
from tests.live.peers.heard import Heard, Packet
from tests.live.peers.srtp_by_the_book import Book

FRAME_SECONDS = 0.020
FRAME_SAMPLES = 160
KEYS = "0123456789*#ABCD"
PCMU, PCMA, EVENT = 0, 8, 101
SILENCE = {PCMU: b"\xff" * FRAME_SAMPLES, PCMA: b"\xd5" * FRAME_SAMPLES}
#: Linux's number for nanosecond time stamps; Python's socket module has no name for it.
SO_TIMESTAMPNS = 35
_HEADER = struct.Struct("!BBHII")


class RtpProbe:
    """A UDP port that sounds like a telephone; a context manager that owns its thread.

    event: the RTP payload type of its key presses. codec: that of its sound, PCMU or PCMA.
    """

    def __init__(self, event: int = EVENT, codec: int = PCMU) -> None:
        self._socket = _even_socket()
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]
        self._event = event
        self._codec = codec
        self._silence = SILENCE[codec]
        self._remote: tuple[str, int] | None = None
        # Payload, payload type, and for an event how many packets ago it began.
        self._queue: collections.deque[tuple[bytes, int, int | None]] = collections.deque()
        self._packets: list[Packet] = []
        self._said: list[float] = []
        self._sequence = random.randrange(1 << 16)
        self._timestamp = random.randrange(1 << 32)
        self._ssrc = random.randrange(1 << 32)
        self._marker = True
        self.sealed: Book | None = None
        self.opened: Book | None = None
        #: Takes what is no RTP, and answers it: a handshake.
        self.handshake: Callable[[bytes], list[bytes]] | None = None
        #: It has nothing to send with yet.
        self.silent = False
        #: The last packet that went out, as it went out.
        self.last_sent = b""
        #: Packets that could not be opened.
        self.rejected = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"rtp-probe-{self.port}", daemon=True)

    def __enter__(self) -> "RtpProbe":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join(5)
        self._socket.close()

    def talk_to(self, remote: tuple[str, int] | None) -> None:
        """Send to `remote` from now on; None falls silent altogether."""
        self._remote = remote

    def say(self, pcm: bytes) -> None:
        """Send 8 kHz signed 16-bit mono sound after what is already waiting; the last frame is filled with silence."""
        coded = (alaw_encode if self._codec == PCMA else ulaw_encode)(pcm)
        for start in range(0, len(coded), FRAME_SAMPLES):
            frame = coded[start : start + FRAME_SAMPLES].ljust(FRAME_SAMPLES, self._silence[:1])
            self._queue.append((frame, self._codec, None))

    def pause(self, seconds: float) -> None:
        """Say nothing for so long, after what is already waiting."""
        self._queue.extend([(self._silence, self._codec, None)] * round(seconds / FRAME_SECONDS))

    def press(self, keys: str, *, on_ms: int = 100, off_ms: int = 100, end_packets: int = 3) -> None:
        """Press keys as a telephone does: RFC 4733 events, the end said `end_packets` times over."""
        for key in keys:
            code = KEYS.index(key)
            steps = max(1, on_ms // 20)
            for step in range(1, steps + end_packets):
                end = step >= steps
                duration = min(step, steps) * FRAME_SAMPLES
                payload = struct.pack("!BBH", code, (0x80 if end else 0) | 10, duration)
                self._queue.append((payload, self._event, step - 1))
            self.pause(off_ms / 1000)

    def press_as(self, event: int) -> None:
        """Send the key presses to come under another payload type."""
        self._event = event

    def encrypt(self, sealed: Book | None, opened: Book | None) -> None:
        """Send SRTP, and hear nothing else, from now on; None for plain."""
        self.sealed, self.opened = sealed, opened

    def send_raw(self, data: bytes) -> None:
        """Send a datagram as it is."""
        assert self._remote is not None
        self._socket.sendto(data, self._remote)

    def begin_anew(self) -> None:
        """Go on as another source: another SSRC, other sequence numbers and time stamps, all at once."""
        self._ssrc, self._sequence, self._timestamp = (random.randrange(1 << bits) for bits in (32, 16, 32))

    def wait_said(self, seconds: float = 30.0) -> None:
        """Wait until everything was sent."""
        assert self.wait_for(lambda _: not self._queue, seconds), "the probe could not send all it was given in time"

    @property
    def said_at(self) -> float:
        """When the first packet left that was not silence (monotonic seconds)."""
        return self._said[0]

    @property
    def said_moments(self) -> tuple[float, ...]:
        """When each packet left that was not silence."""
        return tuple(self._said)

    @property
    def heard(self) -> Heard:
        """Everything heard so far."""
        return Heard(tuple(self._packets))

    def wait_for(self, condition: Callable[[Heard], bool], seconds: float) -> bool:
        """Wait until `condition` holds for what was heard; return whether it did within `seconds`."""
        deadline = time.monotonic() + seconds
        while not condition(self.heard):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stopping.is_set():
            due += FRAME_SECONDS
            while (left := due - time.monotonic()) > 0:
                if select.select([self._socket], [], [], left)[0]:
                    self._receive()
            self._send()

    def _send(self) -> None:
        payload, payload_type, age = self._queue.popleft() if self._queue else (self._silence, self._codec, None)
        # An event keeps the time stamp of its start for as long as it lasts (RFC 4733 section 2.3).
        timestamp = (self._timestamp - (age or 0) * FRAME_SAMPLES) & 0xFFFFFFFF
        marker = self._marker or age == 0
        packet = _HEADER.pack(0x80, payload_type | marker << 7, self._sequence, timestamp, self._ssrc) + payload
        if self._remote is not None and not self.silent:
            if self.sealed is not None:
                packet = self.sealed.protect(packet)
            self.last_sent = packet
            try:
                self._socket.sendto(packet, self._remote)
            except OSError:
                pass  # The far end closed its port: a telephone talks on until it is told.
            if payload is not self._silence:
                self._said.append(time.monotonic())
            self._marker = False
            self._sequence = (self._sequence + 1) & 0xFFFF
        self._timestamp = (self._timestamp + FRAME_SAMPLES) & 0xFFFFFFFF

    def _receive(self) -> None:
        try:
            data, ancillary, _, source = self._socket.recvmsg(4096, 64)
        except OSError:
            return  # An ICMP error of an earlier packet of ours.
        arrived = time.monotonic()
        for level, kind, value in ancillary:
            if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
                seconds, nanoseconds = struct.unpack("@qq", value[:16])
                arrived -= max(0.0, time.time() - (seconds + nanoseconds / 1e9))
        if self.handshake is not None and data and 20 <= data[0] <= 63:
            for reply in self.handshake(data):
                self._socket.sendto(reply, source)
            return
        if len(data) > 1 and 192 <= data[1] <= 223:
            return  # a report, which is no sound (RFC 5761 section 4)
        if self.opened is not None:
            opened = self.opened.unprotect(data)
            if opened is None:
                self.rejected += 1
                return
            data = opened
        if packet := Packet.parse(data, source, arrived):
            self._packets.append(packet)


def _even_socket() -> socket.socket:
    """Return a socket on an even port, as RTP has it (RFC 3550 section 11)."""
    while True:
        candidate = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        candidate.bind((LOOPBACK, 0))
        if candidate.getsockname()[1] % 2 == 0:
            return candidate
        candidate.close()
