"""`GET /v1/registrations`: the telephones that are registered, and who was turned away lately, as JSON."""

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import islice

from aiohttp import web

from softswitch.legs.turned_away import TurnedAway
from softswitch.legs.users import PhoneStatus

#: Telephones that are written down at a time, some tenths of a millisecond's work: calls go on between two such lots.
LOT = 25

Statuses = Callable[[str], Iterator[PhoneStatus]]


def routes(statuses: Statuses, refused: Callable[[], Iterator[TurnedAway]]) -> list[web.RouteDef]:
    """Return the paths of this file; `statuses` gives the telephones of a user, of all users for an empty name."""

    async def registrations(request: web.Request) -> web.Response:
        user = request.query.get("user", "")
        found = statuses(user)
        lots: list[str] = []
        while lot := [json.dumps(asdict(status)) for status in islice(found, LOT)]:
            lots.extend(lot)
            await asyncio.sleep(0)
        away = json.dumps([asdict(one) for one in refused() if user in ("", one.user)])
        body = f'{{"registrations": [{", ".join(lots)}], "refused": {away}}}'
        return web.Response(text=body, content_type="application/json")

    return [web.get("/v1/registrations", registrations)]
