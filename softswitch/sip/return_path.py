"""The way back of a response: what the top Via says, corrected by where the request really came from."""

from softswitch.errors import RemoteError
from softswitch.sip.flow import DEFAULT_PORT, Flow
from softswitch.sip.message import Request, Response


def stamp_received(request: Request, flow: Flow) -> None:
    """Note in the top Via where the request came from (RFC 3261 section 18.2.1, RFC 3581 section 4).

    A Via that cannot be read stays as it is: its answer goes to where the request came from (RFC 4475 section 3.1.2.1).
    """
    try:
        via = request.via
    except RemoteError:
        return
    host, port = flow.remote
    asked = via.param("rport") is not None
    if not asked and via.host == host:
        return
    # RFC 3581: with rport the source address is written in any case, so that the pair belongs together.
    stamped = via.with_param("received", f"[{host}]" if ":" in host else host)
    request.headers.replace_first("Via", stamped.with_param("rport", str(port)) if asked else stamped)


def response_target(message: Request | Response, flow: Flow) -> Flow:
    """Return where a response goes (RFC 3261 section 18.2.2, RFC 3581 section 4).

    message: the request, stamped, or its response, whose top Via is the same. flow: by which the request came.
    """
    if flow.reliable:
        return flow
    try:
        via = message.via
        rport = via.rport
    except RemoteError:
        return flow
    if rport:
        return flow
    # maddr is multicast's way; what a peer writes there is not followed, or anybody could aim us at anybody.
    port = via.port or DEFAULT_PORT
    return flow if port == flow.remote[1] else flow._replace(remote=(flow.remote[0], port))
