"""`POST /v1/reload` reads the configuration anew and says what came of it; `GET /v1/reload` says it of the last time.

Only this machine may ask for it. What a proxy on this machine hands on comes from somewhere else, and so may what a
browser here was told to send by a page: both say so in their headers, and are refused.
"""

import ipaddress
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

#: Set by proxies and by browsers, never by who asks from this machine by himself.
FROM_ELSEWHERE = ("Forwarded", "X-Forwarded-For", "Via", "Origin", "Sec-Fetch-Site")

Reload = Callable[[], Awaitable[dict[str, Any]]]
Last = Callable[[], dict[str, Any] | None]


def from_here(request: web.Request) -> bool:
    """Say whether a request comes from a program of this machine, by its own will."""
    local = request.transport.get_extra_info("sockname") if request.transport is not None else None
    remote, here = _plain(request.remote or ""), _plain(local[0] if local else "")
    # Who asks an address of ours from this machine comes from that address, and nobody else can.
    near = remote is not None and (remote.is_loopback or remote == here)
    return near and not any(name in request.headers for name in FROM_ELSEWHERE)


def _plain(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return an address, that of IPv4 where IPv6 carries one: on ::, 127.0.0.1 comes as ::ffff:127.0.0.1."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def routes(reload: Reload, last: Last) -> list[web.RouteDef]:
    """Return the paths of this file. reload: does it, and returns its report. last: the report before."""

    async def ask(request: web.Request) -> web.Response:
        if not from_here(request):
            sentence = "a reload is asked for from this machine alone: softswitch reload, or kill -HUP"
            return web.json_response({"error": sentence}, status=403)
        report = await reload()
        return web.json_response({"reload": report}, status=409 if report["outcome"] == "refused" else 200)

    async def show(_request: web.Request) -> web.Response:
        return web.json_response({"reload": last()})

    return [web.post("/v1/reload", ask), web.get("/v1/reload", show)]
