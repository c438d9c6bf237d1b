"""`POST /v1/calls/ID/transfer`, `DELETE /v1/calls/ID`: what may be done with a call that is up, from this machine."""

import json
from dataclasses import asdict, dataclass
from typing import Final

import pydantic
from aiohttp import web

from softswitch.api.calls import CallViews
from softswitch.api.reload import from_here
from softswitch.call.call import Call
from softswitch.call.transfer import Destination
from softswitch.errors import ResourceError
from softswitch.switchboard import Switchboard

LEAST: Final = 'the body is no transfer in JSON; write as little as {"to": "101"}'


class Order(Destination):
    """A transfer as the dialplan step has it. other: of whom the subject talks with, instead of the subject."""

    other: bool = False


@dataclass(frozen=True, slots=True)
class CallOrders:
    """What is ordered of the switchboard. views: who knows which call is meant."""

    switchboard: Switchboard
    views: CallViews

    def routes(self) -> list[web.RouteDef]:
        """Return the paths of this file."""
        return [
            web.post("/v1/calls/{id}/transfer", self._transfer),
            web.delete("/v1/calls/{id}", self._hang_up),
        ]

    async def _transfer(self, request: web.Request) -> web.Response:
        """Transfer a party of a call, and answer when it is known what came of it. Nobody has to wait for that."""
        call = self._meant(request)
        if isinstance(call, web.Response):
            return call
        try:
            order = _read(await request.read())
        except ValueError as error:
            return _no(str(error), 400)
        how = order.model_dump(exclude={"to", "other"})
        by = call.subject if order.other else ""
        try:
            done = await self.switchboard.transfer(call.id, *order.to, by=by, **how)
        except ResourceError as error:
            return _no(str(error), 409)
        return web.json_response({"transfer": {"call": call.id, **asdict(done)}}, status=200 if done.reached else 409)

    async def _hang_up(self, request: web.Request) -> web.Response:
        call = self._meant(request)
        if isinstance(call, web.Response):
            return call
        self.switchboard.hang_up(call.id)
        return web.json_response({"ended": call.id})

    def _meant(self, request: web.Request) -> Call | web.Response:
        """Return the call that a request is about, else what it is answered."""
        if not from_here(request):
            return _no("calls are transferred and ended from this machine alone", 403)
        wanted = request.match_info["id"]
        return self.views.up(wanted) or _no(self.views.why_not_up(wanted), 404)


def _read(body: bytes) -> Order:
    """Return what a body asks for; ValueError with a sentence where that is nothing."""
    try:
        return Order.model_validate(json.loads(body))
    except pydantic.ValidationError as error:
        wrong = error.errors()[0]
        where = ".".join(str(part) for part in wrong["loc"])
        raise ValueError(f"{where}: {wrong['msg']}" if where else LEAST) from error
    except (ValueError, RecursionError) as error:
        raise ValueError(LEAST) from error


def _no(sentence: str, status: int) -> web.Response:
    return web.json_response({"error": sentence}, status=status)
