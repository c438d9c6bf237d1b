"""`GET /v1/trunks`: the state of each carrier, as JSON."""

from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

from aiohttp import web

from softswitch.legs.trunk import TrunkStatus

Statuses = Callable[[], Iterable[TrunkStatus]]


def as_json(status: TrunkStatus) -> dict[str, Any]:
    """Return one carrier as plain JSON data. expires_in in seconds, times of round trips in milliseconds."""
    data = asdict(status)
    data["last_error"] = data.pop("error")
    return data


def routes(statuses: Statuses) -> list[web.RouteDef]:
    """Return the paths of this file; `statuses` gives the carriers in the order of `carriers.yaml`."""

    async def trunks(_request: web.Request) -> web.Response:
        return web.json_response({"trunks": [as_json(status) for status in statuses()]})

    return [web.get("/v1/trunks", trunks)]
