"""`GET /v1/guard`: who is not listened to, and why; `DELETE /v1/guard/bans/HOST` listens to one again."""

from dataclasses import asdict
from typing import Any

from aiohttp import web

from softswitch import clock
from softswitch.api.reload import from_here
from softswitch.legs.guard import Guard


def as_json(guard: Guard) -> dict[str, Any]:
    """Return what the guard knows, as plain JSON data; counts are since the start."""
    gate = guard.gate
    return {
        "bans": [asdict(ban) for ban in gate.running_bans(now=clock.now())],
        "sources": gate.sources,
        "stranger_calls": guard.strangers.calls,
        "dropped": dict(gate.dropped),
        "offences": dict(gate.offences),
        "banned": dict(gate.banned),
    }


def routes(guard: Guard) -> list[web.RouteDef]:
    """Return the paths of this file."""

    async def show(_request: web.Request) -> web.Response:
        return web.json_response(as_json(guard))

    async def pardon(request: web.Request) -> web.Response:
        if not from_here(request):
            return web.json_response({"error": "a ban is lifted from this machine alone"}, status=403)
        host = request.match_info["host"]
        if not guard.gate.pardon(host):
            return web.json_response({"error": f"{host} is not banned, and was not lately"}, status=404)
        return web.json_response({"pardoned": host})

    return [web.get("/v1/guard", show), web.delete("/v1/guard/bans/{host:.+}", pardon)]
