"""`GET /v1/calls`, `GET /v1/calls/ID`, `GET /v1/calls/ID/pcap`: the calls that are up, and all that is known of one."""

import asyncio
import datetime
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from softswitch.api.sight import Line, Sight, as_capture, as_json, lines_of, seen
from softswitch.call.call import Call, CallId
from softswitch.call.leg import Leg, LegId, LegState, sound_of
from softswitch.call.record import Parties
from softswitch.call.story import Party, Story
from softswitch.conversation.agent_leg import AgentLeg
from softswitch.legs.sip_leg import SipLeg
from softswitch.legs.trunk_leg import TrunkLeg
from softswitch.legs.user_leg import UserLeg
from softswitch.sip.trace import Trace
from softswitch.switchboard import Switchboard

#: Calls described in one go, about a third of a millisecond; between two of them the clock of the sound may tick.
CALLS_IN_A_ROW: Final = 20
#: Ids named where a short one fits several calls.
MAX_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class CallViews:
    """What the views of calls are made from. private: show keys and words, too."""

    switchboard: Switchboard
    trace: Trace
    now: Callable[[], float]
    private: bool = False

    def routes(self) -> list[web.RouteDef]:
        """Return the paths of this file."""
        return [
            web.get("/v1/calls", self._list),
            web.get("/v1/calls/{id}", self._show),
            web.get("/v1/calls/{id}/pcap", self._capture),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        levels = request.query.get("levels") == "1"
        rows: list[dict[str, Any]] = []
        for number, (call, parties) in enumerate(list(self.switchboard.calls())):
            if number % CALLS_IN_A_ROW == CALLS_IN_A_ROW - 1:
                await asyncio.sleep(0)
            if levels:
                _watch_levels(self.switchboard.legs(call.id))
            rows.append(self._row(call, parties))
        return _answer(await asyncio.to_thread(json.dumps, {"calls": rows}))

    async def _show(self, request: web.Request) -> web.Response:
        found = self.find(request.match_info["id"])
        if isinstance(found, str):
            return _answer(json.dumps({"error": found}), status=404)
        # To mask a few hundred messages takes some milliseconds, which the clock of the sound cannot spare.
        return _answer(await asyncio.to_thread(self._shown, found))

    async def _capture(self, request: web.Request) -> web.Response:
        found = self.find(request.match_info["id"])
        if isinstance(found, str):
            return _answer(json.dumps({"error": found}), status=404)
        body = await asyncio.to_thread(as_capture, found, private=self.private)
        return web.Response(body=body, content_type="application/vnd.tcpdump.pcap")

    def _shown(self, sight: Sight) -> str:
        return json.dumps(as_json(sight, private=self.private))

    # One call ----------------------------------------------------------------------------------------------------

    def find(self, wanted: str) -> Sight | str:
        """Return a call by its id, the beginning of it, or a Call-ID; a sentence where there is none, or several."""
        id = self._named(wanted)
        if not id:
            conversation = self.trace.of_call_id(wanted)
            if conversation is not None:
                return _never_a_call(Line("", 1, conversation.call_id, conversation.messages()))
        live = next(((call, parties) for call, parties in self.switchboard.calls() if call.id == id), None)
        if live is not None:
            return self._sight(*live)
        told = self.switchboard.history.get(id)
        if told is None:
            return self._unknown(wanted)
        return seen(told.story, lines_of(self.trace, told.story), record=told.record)

    def up(self, wanted: str) -> Call | None:
        """Return a call that is up, None where `why_not_up` has a sentence."""
        id = self._named(wanted)
        return next((call for call, _ in self.switchboard.calls() if call.id == id), None)

    def why_not_up(self, wanted: str) -> str:
        """Return why nothing can be done with a call."""
        id = self._named(wanted)
        return f"the call {id} is over" if id else self._unknown(wanted)

    def _named(self, wanted: str) -> CallId:
        """Return the id of the one call that is meant, up or over; empty where there is none, or several."""
        ids = self._meant(wanted)
        return ids[0] if len(ids) == 1 else ""

    def _meant(self, wanted: str) -> list[CallId]:
        live = {call.id: call for call, _ in self.switchboard.calls()}
        over = self.switchboard.history
        if wanted in live or over.get(wanted) is not None:
            return [wanted]
        conversation = self.trace.of_call_id(wanted)
        if conversation is not None:
            legs = {leg.partition(".")[0] for leg in conversation.legs}
            ids = [call.id for call in live.values() if legs & call.story.parties.keys()]
            ids = ids or [told.record.id for told in over if legs & told.story.parties.keys()]
            return ids[:1]  # one that goes round in circles: the outer one shows both
        if not wanted:
            return []
        ids = [id for id in live if id.startswith(wanted)]
        return ids + [told.record.id for told in over if told.record.id.startswith(wanted)]

    def _unknown(self, wanted: str) -> str:
        ids = self._meant(wanted)
        if len(ids) < 2:
            return f"no call {wanted} is up, and none that was over lately has this id or Call-ID"
        more = f" and {len(ids) - MAX_NAMED} more" if len(ids) > MAX_NAMED else ""
        return f"{wanted} is the beginning of several calls: {', '.join(ids[:MAX_NAMED])}{more}"

    def _sight(self, call: Call, parties: Parties) -> Sight:
        legs = self.switchboard.legs(call.id)
        sounds = {id: sound for id, leg in legs.items() if (sound := sound_of(leg)) is not None}
        lines = lines_of(self.trace, call.story)
        return seen(call.story, lines, live=self._row(call, parties), sounds=sounds)

    # A row of the list -------------------------------------------------------------------------------------------

    def _row(self, call: Call, parties: Parties) -> dict[str, Any]:
        story, legs = call.story, self.switchboard.legs(call.id)
        ai = next((leg for leg in legs.values() if isinstance(leg, AgentLeg)), None)
        subject = legs.get(call.subject)
        sound = sound_of(subject) if subject is not None else None
        users = [party.name for party in story.parties.values() if party.kind == "user"]
        return {
            "id": call.id,
            "since": story.since.isoformat(timespec="milliseconds"),
            "seconds": round(self.now() - story.began, 1),
            "answered": call.answered_at is not None,
            "direction": parties.direction,
            "from": parties.from_,
            "to": parties.to,
            "state": _state(call, legs),
            "transferred": call.subject != call.origin,
            "carrier": parties.carrier or call.left_by,
            "user": users[0] if users else "",
            "codec": sound.codec if sound is not None else "",
            "recording": taping.state if (taping := self.switchboard.taping(call.id)) is not None else "off",
            "ai": None if ai is None else {"flow": _flow(story, ai.id), "doing": ai.doing.value},
            "legs": [_leg(story, leg) | {"subject": leg.id == call.subject} for leg in legs.values()],
        }


def _answer(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status, content_type="application/json")


def _never_a_call(line: Line) -> Sight | str:
    if not line.messages:
        return f"nothing is kept of {line.call_id} any more"
    first = line.messages[0]
    return Sight(first.at, datetime.datetime.fromtimestamp(first.wall, datetime.UTC), (line,))


def _watch_levels(legs: Mapping[LegId, Leg]) -> None:
    for leg in legs.values():
        if isinstance(leg, SipLeg | TrunkLeg | UserLeg):
            leg.watch_levels()


def _flow(story: Story, leg: LegId) -> str:
    party = story.parties.get(leg)
    return party.name if party is not None else ""


def _state(call: Call, legs: Mapping[LegId, Leg]) -> str:
    subject = legs.get(call.subject)
    if subject is None or subject.state is LegState.ENDED:
        return "ending"
    if call.answered_at is None:
        ringing = any(leg.state is LegState.RINGING for leg in legs.values() if not isinstance(leg, AgentLeg))
        return "ringing" if ringing else "setting up"
    if subject.state is LegState.HELD:
        return "held"
    return "calling" if any(leg.state is LegState.RINGING for leg in legs.values()) else "up"


def _leg(story: Story, leg: Leg) -> dict[str, Any]:
    party = story.parties.get(leg.id) or Party(leg.id)
    sound = sound_of(leg)
    levels = sound.levels if sound is not None else None
    return {
        "id": leg.id,
        "kind": party.kind,
        "name": party.name,
        "number": party.number,
        "state": leg.state.value,
        "codec": sound.codec if sound is not None else "",
        "remote": sound.remote if sound is not None else "",
        "quality": sound.quality() if sound is not None and sound.codec else None,
        "levels": None if levels is None else {"received": round(levels[0], 1), "sent": round(levels[1], 1)},
    }
