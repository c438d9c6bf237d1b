"""Which transaction a message belongs to (RFC 3261 sections 17.1.3 and 17.2.3), and the requests that share one."""

from functools import lru_cache

from softswitch.sip.headers import Via
from softswitch.sip.message import Headers, Request, Response
from softswitch.sip.transaction import Key

#: Begins every branch that is unique in space and time (section 8.1.1.7).
COOKIE = "z9hG4bK"


def server_key(request: Request) -> Key:
    """Return what matches a request to its transaction, the method last (section 17.2.3).

    An RFC 2543 element makes no unique branch. Its requests match by all that they share; the To tag, which an ACK has
    and its INVITE has not, adds nothing to Call-ID, From tag and CSeq.
    """
    via = request.via
    branch = via.branch
    if branch is not None and branch.startswith(COOKIE) and branch != COOKIE:
        return (branch, _sent_by(via.host, via.port), request.method)
    caller = request.from_.tag or ""
    return (str(request.uri), caller, request.call_id, str(request.cseq.number), _bare(via), request.method)


@lru_cache(maxsize=1024)
def _sent_by(host: str, port: int | None) -> str:
    """Return what two equal senders have in common: one text for all the transactions of a peer that linger."""
    return f"{host.lower()} {port or 5060}"


def _bare(via: Via) -> str:
    return str(via.without_param("received").without_param("rport"))


def derived(invite: Request, method: str, to: str) -> Request:
    """Return the CANCEL or the ACK of an INVITE: same URI, top Via, From, Call-ID, CSeq number and Routes."""
    source = invite.headers
    pairs = [("Via", str(invite.via)), ("Max-Forwards", "70")]
    pairs.extend(("Route", route) for route in source.all("Route"))
    pairs.append(("From", source.get("From") or ""))
    pairs.append(("To", to))
    pairs.append(("Call-ID", invite.call_id))
    pairs.append(("CSeq", f"{invite.cseq.number} {method}"))
    return Request(method, invite.uri, Headers(pairs))


def client_key(response: Response) -> Key:
    """Return what matches a response to the request of ours that it answers, the method last (section 17.1.3)."""
    return (response.via.branch or "", response.cseq.method)


def merge_key(request: Request) -> Key:
    """Return what two copies of one request share that came by different ways (section 8.2.2.2)."""
    return (request.call_id, request.from_.tag or "", str(request.cseq.number), request.method)
