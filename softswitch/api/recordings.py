"""`POST /v1/calls/ID/recording/DO`: begin, pause, resume or stop the recording of a call that is up.

DO is `start`, `pause`, `resume`, `stop`, or `refuse`: whoever is on the call does not want it recorded.
"""

from typing import Any, Final, get_args

from aiohttp import web

from softswitch.api.calls import CallViews
from softswitch.api.reload import from_here
from softswitch.call.commands import Recording
from softswitch.call.taping import Taping
from softswitch.errors import ResourceError
from softswitch.switchboard import Switchboard

_DO: Final[dict[str, Recording]] = {do: do for do in get_args(Recording)}


def as_json(taping: Taping) -> dict[str, Any]:
    """Return how the recording of a call stands, as plain JSON data."""
    return {
        "state": taping.state,
        "path": taping.path,
        "seconds": round(taping.seconds, 2),
        "done": [recorded.as_json() for recorded in taping.done],
    }


def routes(switchboard: Switchboard, views: CallViews) -> list[web.RouteDef]:
    """Return the paths of this file. views: who knows which call is meant."""

    async def control(request: web.Request) -> web.Response:
        if not from_here(request):
            return web.json_response({"error": "recordings are controlled from this machine alone"}, status=403)
        wanted, do = request.match_info["id"], _DO.get(request.match_info["do"])
        if do is None:
            return web.json_response({"error": f"what a recording can be told is {', '.join(_DO)}"}, status=404)
        call = views.up(wanted)
        if call is None:
            return web.json_response({"error": views.why_not_up(wanted)}, status=404)
        try:
            taping = switchboard.record(call.id, do)
        except ResourceError as error:
            return web.json_response({"error": str(error)}, status=409)
        return web.json_response({"call": call.id, "recording": as_json(taping)})

    return [web.post("/v1/calls/{id}/recording/{do}", control)]
