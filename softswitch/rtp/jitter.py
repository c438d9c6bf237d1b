"""The jitter buffer of one stream: coded sound in at any time and in any order, 20 ms of it out at every tick.

Theory of operation. Packets lie in a table by RTP timestamp; `cursor` is the timestamp that the next `take` begins at,
and moves on by 20 ms with each. The time a packet has left when it arrives,

    lead = (time of the next take) + (timestamp - cursor) / clock - (arrival)

is all that is measured, and moving the cursor is all that is done.

* Grow at once: a lead below zero is a late packet. Where nothing younger was played, the cursor goes back to it:
  nothing is lost, and the delay has grown by just that. Where its successors were played it is lost, and if that
  happens again within `STRIKE_SECONDS` the cursor goes back by as much as they were late. A single straggler costs no
  delay.
* Shrink slowly: the least lead of the last seconds is what the buffer could do without. Where it stays above `SPARE_MS`
  the cursor skips 20 ms: of nothing if possible, of quiet if there is any within a window, of sound if not.

No clock but arrivals and ticks is needed, and none of the peer's: a peer whose clock runs fast makes leads grow and is
skipped, one that runs slow makes them fall and is waited for.

A packet whose timestamp is nowhere near the cursor is not believed until the next one agrees with it (as in RFC 3550
appendix A.1 for sequence numbers); then the cursor moves there.

What is not here may be lost, or was never sent: `missing` tells which, as far as the peer has said so. A frame that has
holes, or does not follow the one before it because the cursor was moved, is taken as `Parts`.

Packets of some codecs cannot be divided (Opus). One that begins within the 20 ms of a take is handed out whole, however
long it is, and the takes that it lasts for get `Packets` with nothing in it.
"""

from collections import deque
from math import ceil
from typing import Final

from softswitch.rtp.packet import TIMESTAMP_MASK
from softswitch.rtp.shape import SHAPES, Shape

FRAME_SECONDS = 0.020
#: Delay that the first packet gets, at least; at most one tick more. Nothing is gained by less.
START_SECONDS = 0.020
#: The delay never grows beyond this: ITU-T G.114 calls 150 ms one way good and 400 ms the limit.
MAX_SECONDS = 0.200
#: Skip 20 ms if every packet of two windows had more than this to spare. Above START_SECONDS and one tick, so that an
#: even stream is never touched.
SPARE_SECONDS = 0.045
#: Beyond this two frames are skipped in each window.
MUCH_SECONDS = 0.080
#: The least lead is known for this window and the one before.
WINDOW_SECONDS = 2.0
#: After growing, keep the delay: jitter that came once comes again.
HOLD_SECONDS = 8.0
#: Two stragglers within this are jitter, one is an accident.
STRIKE_SECONDS = 2.0
#: A lead outside this, either way, is a jump of the peer's timestamps and not a delay.
JUMP_SECONDS = 1.0
#: 1.28 s of 10 ms packets: more than a stall leaves, and a bound on what a flood can make us keep.
MAX_PACKETS = 128
#: After this many empty frames a new packet begins a talkspurt, and the cursor may move to its edge.
TALKSPURT_FRAMES = 3
#: What the peer said of pauses that have not begun yet: more begin in no buffer of 200 ms.
MAX_PAUSES = 8
#: A stall up to this is made good by further ticks (net/tick_plan.py), a longer one is not: its sound is stale.
STALL_SECONDS = 0.070

#: What `missing` says of sound that was lost, and of a pause; anything else is the payload of comfort noise (RFC 3389).
LOST: Final = None
PAUSE: Final = b""

_HALF = 0x80000000
_TICK_SLACK = 0.010
_FAR = 1e9


class Parts(bytes):
    """20 ms that are more than octets: put together from what was there.

    holes: the places (from, to) that were filled with silence. joint: whether it does not follow what was taken last.
    """

    holes: tuple[tuple[int, int], ...] = ()
    joint = False


class Packets(bytes):
    """Packets that cannot be divided, where there is not just one of 20 ms.

    packets: those that begin in these 20 ms. joint: whether the first does not follow what was taken last.
    """

    packets: tuple[bytes, ...] = ()
    joint = False


class Jitter:
    """Holds the coded sound of one stream. shape: how its codec lies in packets."""

    __slots__ = (
        "_cursor",
        "_delay",
        "_due",
        "_fill",
        "_frame",
        "_hold_until",
        "_joint",
        "_late_at",
        "_late_by",
        "_length",
        "_least",
        "_least_before",
        "_packets",
        "_pauses",
        "_played",
        "_octets",
        "_quiet",
        "_seconds",
        "_skip",
        "_skip_by",
        "_spurt",
        "_started",
        "_stranger",
        "_window_end",
        "duplicate",
        "gap_frames",
        "grown",
        "jumps",
        "late",
        "lead",
        "skipped_frames",
    )

    def __init__(self, shape: Shape = SHAPES["PCMU"]) -> None:
        self.late = 0
        self.duplicate = 0
        self.jumps = 0
        #: Times the delay grew, and frames of the peer's time left out to shrink it.
        self.grown = 0
        self.skipped_frames = 0
        #: Frames since there was last sound to take: 0 now, 1 the first missing one. Concealment reads this.
        self.gap_frames = 0
        #: Seconds that the newest packet had left when it arrived.
        self.lead = 0.0
        self._form(shape)
        self._packets: dict[int, bytes] = {}
        self._cursor = 0
        self._played = 0  # end of the last sound taken
        self._due = -_FAR  # time of the next take
        self._delay = START_SECONDS  # what a new beginning is given
        self._started = False
        self._joint = False
        self._pauses: deque[tuple[int, bytes]] = deque(maxlen=MAX_PAUSES)
        self._spurt = -1
        self._least = self._least_before = _FAR
        self._window_end = -_FAR
        self._hold_until = -_FAR
        self._late_at = -_FAR
        self._late_by = 0.0
        self._skip = 0
        self._skip_by = _FAR
        self._stranger: tuple[int, bytes, float] | None = None

    def _form(self, shape: Shape) -> None:
        self._frame, self._octets = shape.units, shape.octets  # of 20 ms
        self._seconds = 1 / shape.clock_hz
        self._fill, self._quiet, self._length = bytes((shape.fill,)), shape.quiet, shape.length or len

    def put(self, timestamp: int, payload: bytes, arrived: float) -> None:
        """Keep one packet's sound. arrived: monotonic seconds, on the scale of the `now` of `take`."""
        ahead = (timestamp - self._cursor) & TIMESTAMP_MASK
        lead = self._due + ahead * self._seconds - arrived
        packets = self._packets
        if lead < MAX_SECONDS and not self.gap_frames and self._started and len(packets) < MAX_PACKETS:
            self.lead = lead
            if lead < self._least:
                self._least = lead
            if packets.setdefault(timestamp, payload) is not payload:
                self.duplicate += 1
            return
        self._put_unusual(timestamp, payload, arrived, ahead)

    def take(self, now: float) -> bytes | None:
        """Return the next 20 ms, in the codec followed; None if nothing of them is here."""
        shift = now - self._due
        if shift > _TICK_SLACK or shift < -_TICK_SLACK:
            self._shifted(shift)
        self._due = now + FRAME_SECONDS
        if now > self._window_end:
            self._turn_window(now)
        if self._skip:
            self._skip_one(now)
        cursor = self._cursor
        payload = self._packets.pop(cursor, None)
        if payload is not None and len(payload) == self._octets and not self._joint:
            self._cursor = self._played = (cursor + self._frame) & TIMESTAMP_MASK
            self.gap_frames = 0
            return payload
        return self._take_parts(cursor, payload) if self._octets else self._take_whole(cursor, payload)

    def pause(self, timestamp: int, noise: bytes = PAUSE) -> None:
        """Learn that the peer means to send no sound from `timestamp` on: a key, or comfort noise instead."""
        if not self._pauses or self._pauses[-1] != (timestamp, noise):
            self._pauses.append((timestamp, noise))

    def spurt(self, timestamp: int) -> None:
        """Learn that nothing was sent before the sound of `timestamp`, whatever seems to be missing."""
        self._spurt = timestamp

    @property
    def missing(self) -> bytes | None:
        """Why the end of what was taken last was not there: LOST, PAUSE, or the payload of comfort noise."""
        if not self._started:
            return PAUSE
        for timestamp, noise in reversed(self._pauses):
            if _before(timestamp, self._cursor):
                if not _before(timestamp, self._played):
                    return noise
                self._pauses.clear()
                break
        # The next sound may be far away, or is not here yet: then nobody can tell.
        near = (
            self._spurt >= 0
            and self._spurt in self._packets
            and self._nearest(self._cursor) == ((self._spurt - self._cursor) & TIMESTAMP_MASK)
        )
        return PAUSE if near else LOST

    def restart(self) -> None:
        """Forget everything that waits; the next packet begins anew (another source, another codec)."""
        self._packets.clear()
        self._pauses.clear()
        self._started = False
        self._stranger = None
        self._skip = 0

    def recode(self, shape: Shape, table: bytes | None = None) -> None:
        """Follow another codec: what waits is translated by a table of 256 octets, or forgotten where there is none."""
        self._form(shape)
        if table is None:
            self.restart()
        else:
            self._packets = {timestamp: payload.translate(table) for timestamp, payload in self._packets.items()}

    # What is rare: beginnings, gaps, lateness, jumps, floods.

    def _put_unusual(self, timestamp: int, payload: bytes, arrived: float, ahead: int) -> None:
        if not self._started:
            self._begin(timestamp, arrived)
            ahead = (timestamp - self._cursor) & TIMESTAMP_MASK
        elif len(self._packets) >= MAX_PACKETS:
            self._drop_passed()
            if len(self._packets) >= MAX_PACKETS:
                self._packets.clear()
                self._begin(timestamp, arrived)
                ahead = (timestamp - self._cursor) & TIMESTAMP_MASK
        if ahead >= _HALF:
            ahead -= TIMESTAMP_MASK + 1
        lead = self._due + ahead * self._seconds - arrived
        if not -JUMP_SECONDS <= lead <= JUMP_SECONDS:
            self._put_stranger(timestamp, payload, arrived)
            return
        self.lead = lead
        if _before(timestamp, self._played) or ahead < 0:
            if self._put_late(timestamp, payload, arrived, lead, -ahead):
                return
        elif lead >= MAX_SECONDS:
            self._advance(ceil((lead - MAX_SECONDS) / FRAME_SECONDS) * self._frame)
        elif self.gap_frames >= TALKSPURT_FRAMES and not self._packets:
            self._align(ahead % self._frame, lead)
        self._least = min(self._least, self.lead)
        if self._packets.setdefault(timestamp, payload) is not payload:
            self.duplicate += 1

    def _begin(self, timestamp: int, arrived: float) -> None:
        """Set the cursor so that a packet of now has START_SECONDS, at most one tick more, until it is taken."""
        if not -JUMP_SECONDS < arrived - self._due < JUMP_SECONDS:
            self._due = arrived  # nobody takes at present; the first take will tell by how much this is wrong
        frames = max(0, min(ceil((START_SECONDS - (self._due - arrived)) / FRAME_SECONDS), 10))
        self._cursor = self._played = (timestamp - frames * self._frame) & TIMESTAMP_MASK
        self._started = self._joint = True
        self._least = self._least_before = _FAR
        self._skip = 0
        self._stranger = None

    def _put_late(self, timestamp: int, payload: bytes, arrived: float, lead: float, behind: int) -> bool:
        """Deal with a packet whose turn is over; return True if it is of no use any more."""
        if not _before(timestamp, self._played):
            self._cursor = timestamp
            self._joint = True
            self._grew(behind * self._seconds)
            return False
        self.late += 1
        if lead < 0:
            if arrived - self._late_at < STRIKE_SECONDS:
                room = max(0, int((MAX_SECONDS - self._depth()) / FRAME_SECONDS))
                frames = min(ceil(max(-lead, self._late_by) / FRAME_SECONDS), room)
                self._cursor = (self._cursor - frames * self._frame) & TIMESTAMP_MASK
                self._joint = True
                # What was played already lies ahead of the cursor now; `_played` is asked while there is a gap.
                self.gap_frames = max(self.gap_frames, 1)
                self._grew(frames * FRAME_SECONDS)
                self._late_at = -_FAR
            else:
                self._late_at, self._late_by = arrived, -lead
        return True

    def _grew(self, seconds: float) -> None:
        self.grown += 1
        self._shift_leads(seconds)
        self._skip = 0
        self._hold_until = self._due + HOLD_SECONDS

    def _put_stranger(self, timestamp: int, payload: bytes, arrived: float) -> None:
        """Keep a packet from far away until a second one confirms it, then move there with both."""
        first, self._stranger = self._stranger, (timestamp, payload, arrived)
        if first is None or not 0 < (timestamp - first[0]) & TIMESTAMP_MASK <= JUMP_SECONDS / self._seconds:
            return
        self.jumps += 1
        self.restart()
        self._begin(first[0], first[2])
        self._packets[first[0]] = first[1]
        self._packets[timestamp] = payload

    def _align(self, offset: int, lead: float) -> None:
        """Move the cursor so that a frame begins where the talkspurt does: forward if there is time for it."""
        if offset:
            units = offset if lead - offset * self._seconds >= START_SECONDS else offset - self._frame
            self._cursor = (self._cursor + units) & TIMESTAMP_MASK
            self._shift_leads(-units * self._seconds)

    def _advance(self, units: int) -> None:
        """Leave out some of the peer's time, wanted or forced."""
        self._cursor = (self._cursor + units) & TIMESTAMP_MASK
        self._joint = True
        self.skipped_frames += units // self._frame
        self._skip = max(0, self._skip - units // self._frame)
        self._shift_leads(-units * self._seconds)
        self._drop_passed()

    def _shift_leads(self, seconds: float) -> None:
        self._least += seconds
        self._least_before += seconds
        self.lead += seconds

    def _drop_passed(self) -> None:
        cursor = self._cursor
        for timestamp in [timestamp for timestamp in self._packets if _before(timestamp, cursor)]:
            rest = self._packets.pop(timestamp)[self._octets_of((cursor - timestamp) & TIMESTAMP_MASK) :]
            if rest and self._octets:
                self._packets.setdefault(cursor, rest)

    def _depth(self) -> float:
        """Return how many seconds the youngest sound here will wait."""
        ahead = [(timestamp - self._cursor) & TIMESTAMP_MASK for timestamp in self._packets]
        return max((value for value in ahead if value < _HALF), default=0) * self._seconds

    def _shifted(self, shift: float) -> None:
        """Learn that this take comes `shift` later than expected: a stalled loop, a leg that was not asked."""
        if not self._started:
            return
        if not -JUMP_SECONDS <= shift <= JUMP_SECONDS:
            self.restart()
            return
        self._shift_leads(shift)
        if shift > STALL_SECONDS:
            # Nobody will ever ask for these frames, and heard now they would be a delay that lasts. The part of a
            # period that is left over is not: the next take comes that much sooner.
            self._advance(int(shift / FRAME_SECONDS) * self._frame)
        excess = self._depth() - MAX_SECONDS
        if excess > 0:
            self._advance(ceil(excess / FRAME_SECONDS) * self._frame)

    def _turn_window(self, now: float) -> None:
        least = min(self._least, self._least_before)
        known = max(self._least, self._least_before) < _FAR / 2
        self._least_before, self._least = self._least, _FAR
        self._window_end = now + WINDOW_SECONDS
        if known and least > SPARE_SECONDS and now >= self._hold_until and not self._skip:
            self._skip = 1 + (least > MUCH_SECONDS)
            self._skip_by = now + WINDOW_SECONDS

    def _skip_one(self, now: float) -> None:
        """Leave out the next 20 ms, if they are nothing or quiet, or if there was no quiet for a window."""
        payload = self._packets.get(self._cursor)
        if payload is None:
            if self._nearest(self._cursor) < self._frame:
                return
        elif now < self._skip_by and (payload.translate(None, self._quiet) or len(payload) < self._octets):
            return
        self._advance(self._frame)

    def _nearest(self, position: int) -> int:
        """Return the distance from `position` to the next sound after it."""
        return min(((timestamp - position) & TIMESTAMP_MASK for timestamp in self._packets), default=_HALF)

    def _octets_of(self, units: int) -> int:
        return units * self._octets // self._frame

    def _take_parts(self, cursor: int, payload: bytes | None) -> bytes | None:
        """Put 20 ms together from packets of any length; what is missing between them becomes silence."""
        frame_bytes = self._octets
        self._cursor = (cursor + self._frame) & TIMESTAMP_MASK
        frame, position = b"", cursor
        holes: tuple[tuple[int, int], ...] = ()
        while self._packets or payload:
            room = frame_bytes - len(frame)
            if payload is None:
                distance = self._nearest(position)
                empty = self._octets_of(distance)
                if empty >= room:
                    break
                if empty:
                    holes += ((len(frame), len(frame) + empty),)
                    frame += self._fill * empty
                position = (position + distance) & TIMESTAMP_MASK
                payload, room = self._packets.pop(position), room - empty
            if len(payload) >= room:
                frame += payload[:room]
                if len(payload) > room:
                    self._packets.setdefault(self._cursor, payload[room:])
                position = self._cursor
                break
            frame += payload
            position = (position + len(payload) * self._frame // frame_bytes) & TIMESTAMP_MASK
            payload = self._packets.pop(position, None)
        if not frame:
            self.gap_frames += 1
            return None
        self.gap_frames = 0
        self._played = position
        joint, self._joint = self._joint, False
        if len(frame) < frame_bytes:
            holes += ((len(frame), frame_bytes),)
            frame += self._fill * (frame_bytes - len(frame))
        if not (joint or holes):
            return frame
        parts = Parts(frame)
        parts.holes, parts.joint = holes, joint
        return parts

    def _take_whole(self, cursor: int, payload: bytes | None) -> bytes | None:
        """Hand out the packets that begin in these 20 ms, or say that an earlier one still lasts."""
        if payload is not None:
            self._packets[cursor] = payload
        self._cursor = end = (cursor + self._frame) & TIMESTAMP_MASK
        found, position, length = [], cursor, 0
        while _before(position, end) and (distance := self._nearest(position)) < (end - position) & TIMESTAMP_MASK:
            position = (position + distance) & TIMESTAMP_MASK
            found.append(self._packets.pop(position))
            length = self._length(found[-1])
            position = self._played = (position + max(1, length)) & TIMESTAMP_MASK
        if not found and (not self._started or _before(self._played, end)):
            self.gap_frames += 1
            return None
        self.gap_frames = 0
        joint, self._joint = self._joint and bool(found), self._joint and not found
        if len(found) == 1 and length == self._frame and not joint:
            return found[0]
        packets = Packets()
        packets.packets, packets.joint = tuple(found), joint
        return packets


def _before(first: int, second: int) -> bool:
    return (first - second) & TIMESTAMP_MASK >= _HALF
