"""`GET /v1/registrations`: the telephones that are registered, as JSON."""

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import islice

from aiohttp import web

from softswitch.legs.users import PhoneStatus

#: Telephones that are written down at a time, some tenths of a millisecond's work: calls go on between two such lots.
LOT = 25

Statuses = Callable[[str], Iterator[PhoneStatus]]


def routes(statuses: Statuses) -> list[web.RouteDef]:
    """Return the paths of this file; `statuses` gives the telephones of a user, of all users for an empty name."""

    async def registrations(request: web.Request) -> web.Response:
        found = statuses(request.query.get("user", ""))
        lots: list[str] = []
        while lot := [json.dumps(asdict(status)) for status in islice(found, LOT)]:
            lots.extend(lot)
            await asyncio.sleep(0)
        body = f'{{"registrations": [{", ".join(lots)}]}}'
        return web.Response(text=body, content_type="application/json")

    return [web.get("/v1/registrations", registrations)]
