"""The sending half of a stream: frames to packets of any length, keys among them, one clock for both.

The clock of the sound, which is the RTP timestamp, runs with time and not with packets: 20 ms in every 20 ms, whether
there is sound, silence or a key in them. Sequence numbers run with packets.
"""

from collections.abc import Callable, Sequence

from softswitch.errors import LocalError
from softswitch.rtp.dtmf import EventSender
from softswitch.rtp.jitter import FRAME_SECONDS
from softswitch.rtp.packet import COMFORT_NOISE, HEADER, MARKER, SEQUENCE_MASK, TIMESTAMP_MASK, VERSION_2
from softswitch.rtp.shape import SHAPES, Shape

FRAMES_PER_SECOND = 50
#: How much later than its place on the 20 ms grid a frame may come before the clock is moved on: a tick may be late,
#: and one that was left out is made up for by the next.
MEDIA_SLACK_SECONDS = 0.050
#: The tick that ends a stall comes between two places on the grid, the next one is on the grid again: by then a frame
#: that is missing in the count is seen, and put right.
SETTLING_CALLS = 2
SETTLING_SLACK_SECONDS = 0.010


class Sender:
    """Makes the packets of one stream. sent, octets: how many there were, and what they carried.

    first: the first sequence number.
    """

    __slots__ = (
        "_event_hz",
        "_event_word",
        "_frame",
        "_keys",
        "_marker",
        "_media_time",
        "_on_keys_sent",
        "_octets",
        "_packet_bytes",
        "_plain",
        "_sending_keys",
        "_sequence",
        "_settling",
        "_slack",
        "_timestamp",
        "_waiting",
        "_waiting_end",
        "_word",
        "first",
        "octets",
        "sent",
        "ssrc",
    )

    def __init__(self, *, ssrc: int, sequence: int, timestamp: int, on_keys_sent: Callable[[], None]) -> None:
        """Call `follow` before anything else. on_keys_sent: called from within `packets` or `follow`."""
        self.sent = self.octets = 0
        self.ssrc = ssrc & TIMESTAMP_MASK
        self.first = self._sequence = sequence & SEQUENCE_MASK
        self._timestamp = timestamp & TIMESTAMP_MASK
        self._on_keys_sent = on_keys_sent
        self._word = VERSION_2
        self._event_word: int | None = None
        self._frame, self._octets = SHAPES["PCMU"].units, SHAPES["PCMU"].octets  # of 20 ms
        self._packet_bytes = self._octets
        self._keys = EventSender()
        self._event_hz = 8000
        self._sending_keys = False
        self._marker = True
        self._plain = False  # the next frame is just one packet: no marker, no key, nothing waiting
        self._media_time: float | None = None
        self._slack = MEDIA_SLACK_SECONDS
        self._settling = 0
        self._waiting = b""  # sound that does not fill a packet yet, and the timestamp behind it
        self._waiting_end = 0

    def follow(
        self,
        payload_type: int,
        ptime_ms: int,
        event_payload_type: int | None,
        shape: Shape = SHAPES["PCMU"],
        event_hz: int = 8000,
    ) -> None:
        """Send from now on as negotiated; keys that cannot be sent any more are forgotten.

        shape: of the codec; what cannot be divided goes out in packets of 20 ms. event_hz: the clock of keys.
        """
        word = VERSION_2 | payload_type
        if word != self._word:
            self._word = word
            self._waiting = b""  # of the codec before
        self._event_word = None if event_payload_type is None else VERSION_2 | event_payload_type
        self._frame, self._octets = shape.units, shape.octets
        self._packet_bytes = ptime_ms * shape.octets // 20
        self._plain = False
        if event_payload_type is None and self._sending_keys:
            self._keys = EventSender()
            self._keys_over()
        if event_hz != self._event_hz:
            self._event_hz, self._keys = event_hz, EventSender(event_hz // FRAMES_PER_SECOND)
            if self._sending_keys:
                self._keys_over()

    def packets(self, payload: bytes | None, now: float, noise: bytes = b"") -> Sequence[bytes]:
        """Return the datagrams for the 20 ms that begin now; see `RtpStream.packets`."""
        timestamp = self._timestamp
        media_time = self._media_time
        if media_time is None:
            media_time = now
        elif now - media_time > self._slack:
            # Calls were left out, by a stalled loop or by an owner with nothing to say: the sound's clock ran on.
            frames = self._left_out((now - media_time) / FRAME_SECONDS)
            timestamp = (timestamp + frames * self._frame) & TIMESTAMP_MASK
            media_time += frames * FRAME_SECONDS
            self._marker, self._plain = True, False
        self._media_time = media_time + FRAME_SECONDS
        self._timestamp = (timestamp + self._frame) & TIMESTAMP_MASK
        if payload is not None and self._plain:
            sequence = self._sequence
            self._sequence = (sequence + 1) & SEQUENCE_MASK
            self.sent += 1
            self.octets += len(payload)
            return (HEADER.pack(self._word, sequence, timestamp, self.ssrc) + payload,)
        return self._packets_unusual(payload, timestamp, noise)

    def _left_out(self, periods: float) -> int:
        """Return how many frames were left out of so many periods, as far as one can tell by now."""
        if self._settling:
            return round(periods)
        self._settling, self._slack = SETTLING_CALLS, SETTLING_SLACK_SECONDS
        return int(periods)

    def _packets_unusual(self, payload: bytes | None, timestamp: int, noise: bytes) -> Sequence[bytes]:
        sent: list[bytes] = []
        if self._settling:
            self._settling -= 1
            if not self._settling:
                self._slack = MEDIA_SLACK_SECONDS
        waiting = self._waiting
        if waiting and (payload is None or self._sending_keys or timestamp != self._waiting_end):
            # No more sound follows this, so it goes out as a short packet.
            marker, self._marker = self._marker, False
            sent.append(self._packet(self._word, self._waiting_end - self._units(waiting), waiting))
            self._marker, self._waiting = marker, b""
        if self._sending_keys:
            self._send_key(timestamp, sent)
        elif payload is None:
            if noise:
                self._marker = False
                sent.append(self._packet(VERSION_2 | COMFORT_NOISE, timestamp, noise))
            # RFC 3551 section 4.1: the first packet after silence carries the marker.
            self._marker, self._plain = True, False
        else:
            self._send_sound(payload, timestamp, sent)
        return sent

    def _send_sound(self, payload: bytes, timestamp: int, sent: list[bytes]) -> None:
        sound, size = self._waiting + payload, self._packet_bytes
        if not size:
            sent.append(self._packet(self._word, timestamp, payload))
            self._plain = not self._settling
            return
        start = timestamp - self._units(self._waiting)
        whole = len(sound) // size * size
        for place in range(0, whole, size):
            sent.append(self._packet(self._word, start + self._units(sound[:place]), sound[place : place + size]))
        self._waiting = sound[whole:]
        self._waiting_end = (timestamp + self._frame) & TIMESTAMP_MASK
        self._plain = size == self._octets and not self._waiting and not self._settling

    def _units(self, octets: bytes) -> int:
        """Return how long some sound is by its own clock."""
        return len(octets) * self._frame // self._octets

    def _send_key(self, timestamp: int, sent: list[bytes]) -> None:
        step = self._keys.step(timestamp)
        if step is not None and self._event_word is not None:
            self._marker, begun, payload = step
            sent.append(self._packet(self._event_word, begun, payload))
        if not self._keys.busy:
            self._keys_over()

    def _keys_over(self) -> None:
        self._sending_keys = False
        self._marker = True
        self._on_keys_sent()

    def _packet(self, word: int, timestamp: int, payload: bytes) -> bytes:
        if self._marker:
            word |= MARKER
            self._marker = False
        sequence = self._sequence
        self._sequence = (sequence + 1) & SEQUENCE_MASK
        self.sent += 1
        self.octets += len(payload)
        return HEADER.pack(word, sequence, timestamp & TIMESTAMP_MASK, self.ssrc) + payload

    def timestamp_at(self, now: float) -> int:
        """Return the timestamp of the sound of now, as reports say it beside the time (RFC 3550 section 6.4.1)."""
        late = 0.0 if self._media_time is None else now - self._media_time
        return (self._timestamp + int(late * self._frame / FRAME_SECONDS)) & TIMESTAMP_MASK

    def send_digits(self, digits: str, *, on_ms: int, off_ms: int) -> None:
        """Queue keys; see `RtpStream.send_digits`."""
        if self._event_word is None:
            raise LocalError("the peer takes no telephone-event; send the keys as tones")
        self._keys.send(digits, on_ms=on_ms, off_ms=off_ms)
        if self._keys.busy:
            self._sending_keys, self._plain = True, False

    def stop_digits(self) -> None:
        """Forget the keys that have not begun."""
        self._keys.stop()
        if self._sending_keys and not self._keys.busy:
            self._keys_over()
