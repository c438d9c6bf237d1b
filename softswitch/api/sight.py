"""One call as people look at it, as plain JSON data: its legs, what happened, its messages, its sound.

What is shown is masked (`sip/masking.py`), unless `observability.private` says that keys and words may be seen;
credentials never are.
"""

import datetime
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from softswitch.call.leg import LegId
from softswitch.call.record import CallRecord, MediaReport
from softswitch.call.story import Party, Story
from softswitch.net.address import show
from softswitch.net.pcap import Packet, capture
from softswitch.sdp.summary import summarise
from softswitch.sip.glance import glance
from softswitch.sip.masking import mask
from softswitch.sip.trace import Seen, Trace

#: Attempts of one leg, gateway after gateway, that have a Call-ID of their own (`legs/trunk_leg.py`).
MAX_ATTEMPTS: Final = 16


@dataclass(frozen=True, slots=True)
class Line:
    """The messages of one Call-ID. leg: of the call, empty where no leg ever came of it. attempt: 1 for the first."""

    leg: LegId
    attempt: int
    call_id: str
    messages: Sequence[Seen]
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class Sight:
    """What is known of one call, taken out of the running switch at one moment.

    story: None for messages that never became a call. began: monotonic seconds that times are counted from. sounds: of
    legs that are up. doing: what the AI does now.
    """

    began: float
    since: datetime.datetime
    lines: tuple[Line, ...]
    story: Story | None = None
    record: CallRecord | None = None
    live: dict[str, Any] = field(default_factory=dict)
    sounds: dict[LegId, MediaReport] = field(default_factory=dict)


def seen(
    story: Story,
    lines: tuple[Line, ...],
    *,
    record: CallRecord | None = None,
    live: dict[str, Any] | None = None,
    sounds: dict[LegId, MediaReport] | None = None,
) -> Sight:
    """Return the sight of a call. It begins with its first message, a moment before anybody knows that it is one."""
    first = min((line.messages[0].at for line in lines if line.messages), default=story.began)
    return Sight(min(first, story.began), story.since, lines, story, record, live or {}, sounds or {})


def lines_of(trace: Trace, story: Story) -> tuple[Line, ...]:
    """Return the messages of each leg of a call and of each attempt, as far as they are kept."""
    found: dict[str, Line] = {}
    for leg in story.parties:
        for attempt in range(1, MAX_ATTEMPTS + 1):
            conversation = trace.of_leg(leg if attempt == 1 else f"{leg}.{attempt}")
            if conversation is None:
                continue
            if conversation.call_id not in found:  # one that goes round in circles has the same one twice
                line = Line(leg, attempt, conversation.call_id, conversation.messages(), conversation.dropped)
                found[conversation.call_id] = line
    return tuple(found.values())


def as_json(sight: Sight, *, private: bool) -> dict[str, Any]:
    """Return everything about a call. Times `at` are seconds since it began."""
    story, record = sight.story, sight.record
    data: dict[str, Any] = dict(sight.live)
    if record is not None:
        data.update(_of_record(record))
    data["since"] = sight.since.isoformat(timespec="milliseconds")
    data["verdict"] = record.verdict if record is not None else ""
    data["legs"] = [_party(sight, party) for party in story.parties.values()] if story is not None else []
    data["moments"] = (
        [
            {"at": _at(sight, one.at), "leg": one.leg, "what": one.what, "detail": one.detail, "times": one.times}
            for one in story.moments
        ]
        if story is not None
        else []
    )
    data["messages"] = list(_messages(sight, private))
    data["messages_dropped"] = sum(line.dropped for line in sight.lines)
    data["record"] = covered(record.as_json(), private=private) if record is not None else None
    return data


def as_capture(sight: Sight, *, private: bool) -> bytes:
    """Return the messages of a call as a capture file."""
    return capture(
        Packet(
            one.wall,
            one.flow.transport,
            *((one.flow.local, one.flow.remote) if one.sent else (one.flow.remote, one.flow.local)),
            mask(one.data, private=private),
        )
        for _, one in in_order(sight.lines)
    )


def covered(record: dict[str, Any], *, private: bool) -> dict[str, Any]:
    """Return a record without keys, words, and what was made of them."""
    if private:
        return record
    shown = dict(record)
    shown["dtmf"] = "*" * len(record["dtmf"])
    shown["variables"] = {name: "*" * len(str(value)) for name, value in record["variables"].items()}
    shown["turns"] = [
        {**turn, "heard": _words(turn["heard"]), "said": _words(turn["said"])} for turn in record["turns"]
    ]
    return shown


def media_json(report: MediaReport) -> dict[str, Any]:
    """Return the sound of a leg as plain data."""
    data = asdict(report)
    for way in ("received", "sent"):
        for key in ("jitter_ms", "loss_percent"):
            data[way][key] = round(data[way][key], 2)
        if data[way]["mos"] is not None:
            data[way]["mos"] = round(data[way]["mos"], 2)
    return data


def in_order(lines: Iterable[Line]) -> list[tuple[Line, Seen]]:
    """Return all messages of a call in the order of the wire."""
    return sorted(((line, one) for line in lines for one in line.messages), key=lambda pair: pair[1].at)


def _words(text: str) -> str:
    count = len(text.split())
    return f"({count} word{'s' if count != 1 else ''})" if text else ""


def _of_record(record: CallRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "direction": record.direction,
        "from": record.from_,
        "to": record.to,
        "state": "over",
        "carrier": record.carrier,
        "codec": record.media.codec,
    }


def _at(sight: Sight, moment: float) -> float:
    return round(moment - sight.began, 4)


def _party(sight: Sight, party: Party) -> dict[str, Any]:
    lines = [line for line in sight.lines if line.leg == party.leg]
    last = next((one for line in reversed(lines) for one in line.messages), None)
    media = party.media or sight.sounds.get(party.leg)
    ended = party.ended
    return {
        "id": party.leg,
        "kind": party.kind,
        "name": party.name,
        "number": party.number,
        "subject": sight.story is not None and party.leg == sight.story.subject,
        "peer": show(last.flow.remote) if last is not None else "",
        "transport": last.flow.transport if last is not None else "",
        "call_ids": [line.call_id for line in lines],
        "began": _at(sight, party.began),
        "answered": None if party.answered is None else _at(sight, party.answered),
        "end": None
        if ended is None
        else {"words": ended.cause.words, "sip": ended.cause.sip, "by_peer": ended.by_peer},
        "media": media_json(media) if media is not None and media.codec else None,
    }


def _messages(sight: Sight, private: bool) -> Iterator[dict[str, Any]]:
    first: dict[Any, int] = {}
    for number, (line, one) in enumerate(in_order(sight.lines)):
        at_a_glance = glance(one.data)
        copy_of = first.setdefault((one.sent, line.call_id, *at_a_glance.again), number)
        summary = summarise(at_a_glance.sdp) if at_a_glance.sdp else None
        yield {
            "at": _at(sight, one.at),
            "time": datetime.datetime.fromtimestamp(one.wall, datetime.UTC).isoformat(timespec="milliseconds"),
            "direction": "out" if one.sent else "in",
            "leg": line.leg,
            "attempt": line.attempt,
            "transport": one.flow.transport,
            "local": show(one.flow.local),
            "remote": show(one.flow.remote),
            "call_id": line.call_id,
            "title": at_a_glance.title,
            "method": at_a_glance.method,
            "status": at_a_glance.status,
            "cseq": at_a_glance.cseq,
            "copy_of": None if copy_of == number else copy_of,
            "sdp": None if summary is None else {**asdict(summary), "text": str(summary)},
            "text": mask(one.data, private=private).decode("utf-8", "replace"),
        }
