"""What a user agent server refuses before its user is asked (RFC 3261 section 8.2), as one pure judgement."""

from dataclasses import dataclass

from softswitch.sip.message import Request
from softswitch.sip.transaction import TimerSettings

#: Methods that have a specification: not allowed is 405, the others are 501 (sections 8.2.1, 21.5.2).
KNOWN_METHODS = frozenset(
    "ACK BYE CANCEL INFO INVITE MESSAGE NOTIFY OPTIONS PRACK PUBLISH REFER REGISTER SUBSCRIBE UPDATE".split()
)

Lines = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class CoreSettings:
    """What the core may decide alone.

    allow: methods the user handles. supported: option tags the user handles. schemes: Request-URIs it understands.
    max_transactions: about 1.2 KiB each while they linger, and 300 calls a second leave 20 000 lingering. Above it
    new requests get 503; those of dialogs and CANCELs have a quarter more, so that calls can still end.
    retry_after: seconds, in that 503. sent_by: host and port of our Via; None takes the local address of the flow.
    """

    timers: TimerSettings = TimerSettings()
    allow: tuple[str, ...] = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS")
    supported: tuple[str, ...] = ()
    schemes: tuple[str, ...] = ("sip", "sips", "tel")
    server: str = "softswitch"
    max_transactions: int = 65_536
    retry_after: int = 10
    sent_by: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """The answer to a request that goes no further; `kind` is for metrics."""

    status: int
    kind: str
    headers: Lines = ()


def judge(request: Request, settings: CoreSettings, *, merged: bool, secure: bool = False) -> Refusal | None:
    """Return why a new request is refused, in the order of section 8.2; None lets it pass.

    merged: another copy of it came by another way and is being handled. secure: it came by TLS.
    """
    method = request.method
    if method not in settings.allow:
        allow = (("Allow", ", ".join(settings.allow)),)
        known = method in KNOWN_METHODS
        return Refusal(405, "method_not_allowed", allow) if known else Refusal(501, "unknown_method", allow)
    if request.uri.scheme not in settings.schemes:
        return Refusal(416, "unknown_scheme")
    if request.uri.scheme == "sips" and not secure:  # it may have been read on its way (RFC 5630 section 5.3)
        return Refusal(480, "sips_in_the_clear", (("Warning", '380 softswitch "SIPS Not Allowed"'),))
    if method == "CANCEL":  # hop by hop: neither Require nor Max-Forwards stops it (section 8.2.2.3)
        return None
    if merged:
        return Refusal(482, "merged_request")
    if "Require" in request.headers:
        unknown = [tag for tag in request.options("Require") if tag not in settings.supported]
        if unknown:
            return Refusal(420, "unknown_extension", (("Unsupported", ", ".join(unknown)),))
    # A switch may send a new call on, so it stops loops like a proxy (section 16.3), except a question to itself.
    if method != "OPTIONS" and request.max_forwards == 0 and request.to.tag is None:
        return Refusal(483, "too_many_hops")
    if method == "INVITE" and not _takes_sdp(request):
        warning = '399 softswitch "Accept has no application/sdp, which is all we can answer with"'
        return Refusal(406, "unacceptable_accept", (("Warning", warning),))  # RFC 4475 section 3.3.15
    return None


def _takes_sdp(request: Request) -> bool:
    """Tell whether the answer may hold a session description (RFC 3261 section 20.1: without Accept it may)."""
    if "Accept" not in request.headers:
        return True
    kinds = {value.partition(";")[0].strip().lower() for value in request.headers.all("Accept")}
    return not kinds.isdisjoint(("application/sdp", "application/*", "*/*"))
