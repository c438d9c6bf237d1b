"""The INVITE of a call that we place: who calls, whom, by which way, and where we are reached."""

from collections.abc import Iterable, Iterator

from softswitch import clock
from softswitch.errors import RemoteError
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
        ("Call-ID", token()),  # without a host: it would say where we are inside (RFC 3261 section 8.1.1.4)
        ("CSeq", "1 INVITE"),
        ("Contact", reach.contact(flow, user, sips=placement.secure)),
        *headers,
        *(_outside(placement.headers, reach.signalling_host(flow)) if placement.carrier else placement.headers),
    ]
    return Request("INVITE", placement.uri, Headers(lines))


def _outside(headers: Iterable[tuple[str, str]], host: str) -> Iterator[tuple[str, str]]:
    """Yield headers as a carrier may see them: who asked for a transfer is known there by our address (host).

    What stands in Referred-By is the address of somebody's telephone, as it wrote it into its REFER (RFC 3892).
    """
    for name, value in headers:
        if name != "Referred-By":
            yield name, value
            continue
        try:
            yield name, f"<{Uri.of(NameAddr.parse(value).uri.username or None, host)}>"
        except RemoteError:  # then it tells nobody anything
            continue
