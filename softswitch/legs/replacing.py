"""An INVITE that wants the place of a call that stands (RFC 3891): which leg that is, and whether it may."""

from collections.abc import Callable

from softswitch.call.leg import FarEnd, LegId
from softswitch.errors import RemoteError
from softswitch.legs.signalling import Known, Refusal, Standing
from softswitch.legs.whole import Whole
from softswitch.sip.flow import Flow
from softswitch.sip.message import Request
from softswitch.sip.refer import Replaces


def far_end(leg: Whole) -> FarEnd:
    """Return whom a leg leads to, as it may be named to others."""
    dialog = leg.dialog
    if dialog is None:
        return FarEnd(leg.flow.remote[0], leg.contact)
    replaces = Replaces(dialog.call_id, to_tag=dialog.remote_tag, from_tag=dialog.local_tag)
    refers = "REFER" in leg.peer_allows
    return FarEnd(leg.flow.remote[0], leg.contact, str(dialog.remote_target), str(replaces), refers)


def misplaced(request: Request) -> bool:
    """Tell whether Replaces stands where it must not: it is for an INVITE that makes a dialog (section 3)."""
    return "Replaces" in request.headers and (request.method != "INVITE" or request.to.tag is not None)


def replaced(
    request: Request, flow: Flow, known: Known, *, trusted: bool, find: Callable[[Replaces], Standing | None]
) -> LegId | Refusal:
    """Return the leg whose place a new INVITE takes, empty where it asks for none, or why it may not (section 3).

    To know a dialog's tags is not enough: they stand in every message of it, and whoever has them would be put through
    to a stranger. So only those may who are believed anyhow: a trusted network, a user who has proved it, the carrier
    the call goes by, or the host of the very peer that is to be replaced.
    """
    values = request.headers.all("Replaces")
    if not values:
        return ""
    if len(values) > 1 or "Join" in request.headers:
        return Refusal(400)
    try:
        replaces = Replaces.parse(values[0])
    except RemoteError as error:
        return Refusal(error.status)
    standing = find(replaces)
    if standing is None:
        return Refusal(481)
    same_carrier = bool(known.carrier) and known.carrier == standing.carrier
    if not (trusted or known.user or same_carrier or flow.remote[0] == standing.host):
        return Refusal(403)
    if standing.over:
        return Refusal(603)
    if standing.early and not standing.calling:
        return Refusal(481)
    if replaces.early_only and not standing.early:
        return Refusal(486)
    return standing.leg
