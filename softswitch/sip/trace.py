"""The SIP messages of each call, kept for a while as they were on the wire: what a ladder and a capture are made of.

Theory of operation
-------------------
A conversation is all that shares one Call-ID. It stands on one of three shelves, each with its own share of the memory:

* calls: a leg of ours belongs to it. Where the memory is full, those go first whose legs are over, the one that has
  been quiet for longest before all others; then, where even the calls that are up fill it, the oldest of these.
* refused: an INVITE that never became a leg (401, 404, 503 before there is a call). A flood of them pushes out older
  ones, never a call.
* others: REGISTER, OPTIONS and whatever else is no call, kept for the same reason on a shelf of their own.

A conversation begins on one of the last two and moves to the first with its first leg. Of one that is longer than its
limits the beginning and the end are kept: how it was set up and how it ended say most.

Nothing is read on the way but the Call-ID, and nothing is masked: that is done where something is shown. What has been
over for a moment is packed into one string of bytes, so that the collector of garbage has nothing to walk through.
"""

import marshal
import re
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from softswitch.sip.flow import Flow

#: Messages kept of one conversation: a call that is refreshed for four hours has fewer; one that was made to send
#: keys or REFER for ever is cut.
MAX_MESSAGES: Final = 200
#: Of these the first ones are never given up for later ones: INVITE, challenges, ringing, early media, answer.
HEAD: Final = 40
#: Bytes kept of one conversation: twice the longest message that a datagram can bring.
MAX_CONVERSATION_BYTES: Final = 128 * 1024
#: What is longer came over a stream, and is kept up to here; no one reads further.
MAX_MESSAGE_BYTES: Final = 65_535
#: Longer ones are no identifiers but an attempt on our memory; those that begin alike are taken for one.
MAX_CALL_ID_BYTES: Final = 256
#: Legs that are remembered for one Call-ID: a call that goes round in circles has two, a fork that reaches us more.
MAX_LEGS: Final = 16
#: Conversations that are over and not packed yet: their last answers are still to come.
COOLING: Final = 64
#: What Python needs to keep a message and a conversation besides its bytes, measured.
MESSAGE_BYTES: Final = 110
CONVERSATION_BYTES: Final = 730
MIB: Final = 1024 * 1024

#: How we write it, and almost everybody else.
_PLAIN: Final = b"\nCall-ID: "
_ANY: Final = re.compile(rb"\n(?:call-id|i)[ \t]*:[ \t]*(?:\r?\n[ \t]+)?([^\r\n]*)", re.IGNORECASE)
#: What stands for one message in the list of a conversation: at, which of its flows, data. A flow of ours is counted
#: from behind, from -1 on: it says that we sent the message.
_FIELDS: Final = 3


class Seen(NamedTuple):
    """One message as it was on the wire. at: monotonic seconds, wall: seconds since the epoch. sent: by us."""

    at: float
    wall: float
    sent: bool
    flow: Flow
    data: bytes


class Conversation:
    """What shares one Call-ID. legs: ids of the legs of ours that have it. dropped: messages that are not kept."""

    __slots__ = ("_flat", "_flows", "_offset", "_packed", "dropped", "key", "legs", "open", "shelf", "size")

    def __init__(self, key: bytes, shelf: "_Shelf", offset: float) -> None:
        """offset: from monotonic seconds to those since the epoch, when it begins."""
        self.key = key
        self.shelf = shelf
        self.legs: tuple[str, ...] = ()
        #: Those of them that are not over.
        self.open: tuple[str, ...] = ()
        self.dropped = 0
        self.size = CONVERSATION_BYTES
        self._offset = offset
        self._flat: list[Any] = []
        self._flows: list[Flow] = []
        self._packed = b""

    @property
    def call_id(self) -> str:
        """The Call-ID as a string, as `Message.call_id` has it."""
        return self.key.decode("utf-8", "surrogateescape")

    def messages(self) -> list[Seen]:
        """Return what is kept, in the order of the wire."""
        flat, flows = self._flat, self._flows
        if self._packed:
            flat, flows = _unpacked(self._packed)
        offset = self._offset
        return [
            Seen(at, at + offset, which < 0, flows[which if which >= 0 else -1 - which], data)
            for at, which, data in zip(flat[::_FIELDS], flat[1::_FIELDS], flat[2::_FIELDS], strict=True)
        ]

    def add(self, data: bytes, flow: Flow, sent: bool, now: float) -> None:
        """Keep one more message, at the cost of others where it is one too many."""
        flat, flows = self._flat, self._flows
        if flow in flows:
            which = flows.index(flow)
        else:
            which = len(flows)
            flows.append(flow)
        flat += (now, -1 - which if sent else which, data)
        self.size += len(data) + MESSAGE_BYTES
        if len(flat) > MAX_MESSAGES * _FIELDS or self.size > MAX_CONVERSATION_BYTES:
            self._trim()

    def _trim(self) -> None:
        """Give up what is beyond the limits, from behind the beginning on."""
        flat = self._flat
        while (count := len(flat) // _FIELDS) > 1 and (count > MAX_MESSAGES or self.size > MAX_CONVERSATION_BYTES):
            first = min(HEAD, count // 2) * _FIELDS
            self.size -= len(flat[first + 2]) + MESSAGE_BYTES
            self.dropped += 1
            del flat[first : first + _FIELDS]
        if len(self._flows) > MAX_MESSAGES:  # each message came by another way
            numbers = [which if which >= 0 else -1 - which for which in flat[1::_FIELDS]]
            places = {number: place for place, number in enumerate(dict.fromkeys(numbers))}
            self._flows = [self._flows[number] for number in places]
            flat[1::_FIELDS] = [
                places[number] if which >= 0 else -1 - places[number]
                for which, number in zip(flat[1::_FIELDS], numbers, strict=True)
            ]

    @property
    def packed(self) -> bool:
        """Whether it must be unpacked before anything is added."""
        return bool(self._packed)

    def pack(self) -> None:
        """Make one string of bytes of it."""
        self._packed = marshal.dumps((self._flat, [tuple(flow) for flow in self._flows]))
        self._flat, self._flows = [], []
        self.size = len(self._packed) + CONVERSATION_BYTES

    def unpack(self) -> None:
        """Undo `pack`."""
        self._flat, self._flows = _unpacked(self._packed)
        self._packed = b""
        self.size = CONVERSATION_BYTES + sum(len(data) + MESSAGE_BYTES for data in self._flat[2::_FIELDS])


def _unpacked(packed: bytes) -> tuple[list[Any], list[Flow]]:
    flat, flows = marshal.loads(packed)  # noqa: S302 - our own bytes, from `pack`
    return flat, [Flow(*flow) for flow in flows]


class _Shelf:
    """Conversations that share one part of the memory. over: those that are given up first, the quietest in front."""

    __slots__ = ("budget", "live", "over", "size")

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.size = 0
        self.live: dict[bytes, Conversation] = {}
        self.over: dict[bytes, Conversation] = {}


class Trace:
    """The last SIP messages of this process, by Call-ID."""

    def __init__(self, mib: float, wall: Callable[[], float]) -> None:
        """mib: memory for all of them; 0 keeps nothing. wall: seconds since the epoch, asked once for each Call-ID."""
        self.enabled = mib > 0
        self._wall = wall
        whole = int(mib * MIB)
        small = max(whole // 8, MAX_CONVERSATION_BYTES)
        self._calls = _Shelf(max(whole - 2 * small, MAX_CONVERSATION_BYTES))
        self._refused = _Shelf(small)
        self._others = _Shelf(small)
        self._known: dict[bytes, Conversation] = {}
        self._legs: dict[str, Conversation] = {}
        self._cooling: deque[Conversation] = deque()

    # On the way of each message --------------------------------------------------------------------------------

    def note(self, data: bytes, flow: Flow, *, sent: bool, now: float) -> None:
        """Keep one message that came or goes."""
        if not self.enabled:
            return
        start = data.find(_PLAIN)
        if start >= 0:
            start += 10
            key = data[start : data.find(b"\r", start)].rstrip()
        else:
            key = _unusual(data)
        conversation = self._known.get(key)
        if conversation is None:
            if not key:  # no SIP, or not enough of it to say whose it is
                return
            key = key[:MAX_CALL_ID_BYTES]
            conversation = self._known.get(key) or self._begin(key, data, now)
        shelf = conversation.shelf
        if not conversation.open:
            if conversation.packed:
                self._unpack(conversation)
            shelf.over[key] = shelf.over.pop(key)
        before = conversation.size
        conversation.add(data[:MAX_MESSAGE_BYTES], flow, sent, now)
        shelf.size += conversation.size - before
        if shelf.size > shelf.budget:
            self._make_room(shelf)

    def bind(self, call_id: str, leg: str, *, now: float) -> None:
        """Say that a leg has this Call-ID: its messages are those of a call from now on."""
        if not self.enabled or leg in self._legs:
            return
        key = call_id.encode("utf-8", "surrogateescape")[:MAX_CALL_ID_BYTES]
        conversation = self._known.get(key) or self._begin(key, b"INVITE ", now)
        if len(conversation.legs) >= MAX_LEGS:
            return
        if not conversation.open:
            if conversation.packed:
                self._unpack(conversation)
            self._take_down(conversation)
            conversation.shelf = self._calls
            self._calls.live[key] = conversation
            self._calls.size += conversation.size
        conversation.legs += (leg,)
        conversation.open += (leg,)
        self._legs[leg] = conversation
        self._make_room(self._calls)

    def over(self, leg: str) -> None:
        """Say that nothing more comes of a leg: its messages may be given up when room is needed."""
        conversation = self._legs.get(leg)
        if conversation is None or leg not in conversation.open:
            return
        conversation.open = tuple([one for one in conversation.open if one != leg])
        if not conversation.open:
            shelf = conversation.shelf
            shelf.over[conversation.key] = shelf.live.pop(conversation.key)
            self._cool(conversation)

    # For those who look ----------------------------------------------------------------------------------------

    def of_leg(self, leg: str) -> Conversation | None:
        """Return the conversation of a leg, None where it is kept no more."""
        return self._legs.get(leg)

    def of_call_id(self, call_id: str) -> Conversation | None:
        """Return the conversation with this Call-ID, None where it is kept no more."""
        return self._known.get(call_id.encode("utf-8", "surrogateescape")[:MAX_CALL_ID_BYTES])

    def __iter__(self) -> Iterator[Conversation]:
        return iter(self._known.values())

    def __len__(self) -> int:
        return len(self._known)

    @property
    def size(self) -> int:
        """Return about how many bytes are kept."""
        return self._calls.size + self._refused.size + self._others.size

    # Inside ----------------------------------------------------------------------------------------------------

    def _begin(self, key: bytes, data: bytes, now: float) -> Conversation:
        shelf = self._refused if data.startswith(b"INVITE ") else self._others
        conversation = self._known[key] = Conversation(key, shelf, self._wall() - now)
        shelf.over[key] = conversation
        shelf.size += conversation.size
        self._cool(conversation)
        return conversation

    def _cool(self, conversation: Conversation) -> None:
        """Pack conversations some time after they were over, or came to nothing."""
        self._cooling.append(conversation)
        if len(self._cooling) > COOLING:
            cold = self._cooling.popleft()
            if not cold.open and not cold.packed and self._known.get(cold.key) is cold:
                before = cold.size
                cold.pack()
                cold.shelf.size += cold.size - before

    def _unpack(self, conversation: Conversation) -> None:
        before = conversation.size
        conversation.unpack()
        conversation.shelf.size += conversation.size - before
        self._cool(conversation)

    def _take_down(self, conversation: Conversation) -> None:
        shelf, key = conversation.shelf, conversation.key
        (shelf.live if conversation.open else shelf.over).pop(key)
        shelf.size -= conversation.size

    def _make_room(self, shelf: _Shelf) -> None:
        """Give conversations up until the rest fits, but never the last one."""
        while shelf.size > shelf.budget and len(shelf.over) + len(shelf.live) > 1:
            conversation = next(iter((shelf.over or shelf.live).values()))
            self._take_down(conversation)
            del self._known[conversation.key]
            for leg in conversation.legs:
                self._legs.pop(leg, None)


def _unusual(data: bytes) -> bytes:
    """Return the Call-ID of a message that writes its name in another way, empty where there is none."""
    found = _ANY.search(data)
    return found.group(1).strip() if found is not None else b""
