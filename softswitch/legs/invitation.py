"""The INVITE of a call that we place: who calls, whom, by which way, and where we are reached."""

from collections.abc import Iterable

from softswitch import clock
from softswitch.legs.reach import Reach
from softswitch.legs.signalling import Placement
from softswitch.sip.flow import Flow
from softswitch.sip.headers import NameAddr
from softswitch.sip.message import Headers, Request
from softswitch.sip.uri import Uri


def invitation(
    placement: Placement, flow: Flow, reach: Reach, headers: Iterable[tuple[str, str]], *, token: clock.Token
) -> Request:
    """Return it without a session description. reach: says where we are. headers: of every request of ours."""
    # The caller's id may come from another peer's INVITE: it is escaped, not pasted.
    ours = Uri.of(placement.caller_id or "softswitch", reach.signalling_host(flow), flow.local[1])
    caller = NameAddr(placement.from_uri or ours, placement.from_name).with_param("tag", token())
    user = placement.contact_user or placement.caller_id
    lines = [
        ("Max-Forwards", str(placement.hops)),
        *(("Route", route) for route in placement.routes),
        ("From", caller),
        ("To", f"<{placement.uri}>"),
        ("Call-ID", f"{token()}@{flow.local[0]}"),
        ("CSeq", "1 INVITE"),
        ("Contact", reach.contact(flow, user, sips=placement.secure)),
        *headers,
        *placement.headers,
    ]
    return Request("INVITE", placement.uri, Headers(lines))
