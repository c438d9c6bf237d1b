"""Why a leg ended: one table from causes to Q.850 numbers, SIP statuses, words, and what is worth trying next.

Everything that answers, retries, fails over or reports reads this table and no other. SIP to Q.850 follows
RFC 3398 sections 7.2.4.1 and 8.2.6.1; the words are those of ITU-T Q.850 shortened.
"""

import enum
from dataclasses import dataclass, field, replace
from typing import ClassVar


class Next(enum.Enum):
    """What is worth trying after a call that came to nothing.

    FAIL_OVER: the gateway failed, not the call; another gateway at once, and the same number later if none is left.
    LATER: the number was reached, or nothing is known about it; another gateway would say the same or ring somebody
    twice, but the number may be called again later. NEVER: the same call would end the same way again.
    """

    FAIL_OVER = "fail over"
    LATER = "later"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a leg ended: `q850` number, `sip` status that says it to a peer who is not answered yet, and words.

    detail: what happened, in a sentence for our own record and log. It may name gateways and addresses, so no peer is
    told; it makes no difference to what a cause is.
    """

    q850: int
    sip: int
    words: str
    detail: str = field(default="", compare=False)

    NORMAL: ClassVar["Cause"]
    BUSY: ClassVar["Cause"]
    NO_ANSWER: ClassVar["Cause"]
    UNAVAILABLE: ClassVar["Cause"]
    UNREGISTERED: ClassVar["Cause"]
    REJECTED: ClassVar["Cause"]
    BARRED: ClassVar["Cause"]
    LIMIT_REACHED: ClassVar["Cause"]
    NOT_FOUND: ClassVar["Cause"]
    CANCELLED: ClassVar["Cause"]
    ELSEWHERE: ClassVar["Cause"]
    TRANSFERRED: ClassVar["Cause"]
    REPLACED: ClassVar["Cause"]
    SESSION_EXPIRED: ClassVar["Cause"]
    NO_ROUTE: ClassVar["Cause"]
    INCOMPATIBLE: ClassVar["Cause"]
    CONGESTION: ClassVar["Cause"]
    SHUTTING_DOWN: ClassVar["Cause"]
    OUT_OF_ORDER: ClassVar["Cause"]
    TIMEOUT: ClassVar["Cause"]
    UNUSABLE: ClassVar["Cause"]
    MEDIA_TIMEOUT: ClassVar["Cause"]
    ENGINE_FAILED: ClassVar["Cause"]
    INTERNAL: ClassVar["Cause"]

    def __str__(self) -> str:
        return f"{self.q850} {self.words}"

    def because(self, detail: str) -> "Cause":
        """Return this cause with a sentence of what happened."""
        return replace(self, detail=detail)

    @property
    def next(self) -> Next:
        """What is worth trying after this."""
        ours = _OF_OURS.get(self)
        return ours or _BY_STATUS_NEXT.get(self.sip) or _BY_CLASS_NEXT.get(self.sip // 100, Next.NEVER)


Cause.NORMAL = Cause(16, 487, "normal clearing")
Cause.BUSY = Cause(17, 486, "user busy")
Cause.NO_ANSWER = Cause(19, 480, "no answer")
Cause.UNAVAILABLE = Cause(20, 480, "temporarily unavailable")
Cause.UNREGISTERED = Cause(20, 480, "no phone is registered")
Cause.REJECTED = Cause(21, 603, "call rejected")
Cause.BARRED = Cause(21, 403, "the call is barred")
Cause.LIMIT_REACHED = Cause(21, 403, "the limit of calls is reached")
Cause.NOT_FOUND = Cause(1, 404, "no such number")
Cause.CANCELLED = Cause(16, 487, "cancelled by the caller")
Cause.ELSEWHERE = Cause(26, 487, "answered elsewhere")
Cause.TRANSFERRED = Cause(16, 487, "transferred")
Cause.REPLACED = Cause(16, 487, "replaced by another telephone")
Cause.SESSION_EXPIRED = Cause(102, 408, "the peer is gone: nobody refreshed the session")
Cause.NO_ROUTE = Cause(3, 404, "no route to destination")
Cause.INCOMPATIBLE = Cause(88, 488, "incompatible media")
Cause.CONGESTION = Cause(42, 503, "switching equipment congestion")
Cause.SHUTTING_DOWN = Cause(42, 503, "the switch is shutting down")
Cause.OUT_OF_ORDER = Cause(27, 502, "destination out of order")
Cause.TIMEOUT = Cause(102, 504, "the peer did not answer in time")
Cause.UNUSABLE = Cause(111, 502, "the peer answered in a way that nobody can use")
Cause.MEDIA_TIMEOUT = Cause(41, 500, "no sound arrived any more")
Cause.ENGINE_FAILED = Cause(41, 500, "a speech engine failed")
Cause.INTERNAL = Cause(41, 500, "internal error")

_BY_STATUS: dict[int, Cause] = {
    400: Cause(41, 400, "bad request"),
    401: Cause(21, 401, "credentials refused"),
    402: Cause(21, 402, "payment required"),
    403: Cause(21, 403, "forbidden"),
    404: Cause.NOT_FOUND,
    405: Cause(63, 405, "method not allowed"),
    406: Cause(79, 406, "not acceptable"),
    407: Cause(21, 407, "credentials refused"),
    408: Cause(102, 408, "the peer did not answer in time"),
    410: Cause(22, 410, "number changed"),
    413: Cause(127, 413, "message too large"),
    415: Cause(79, 415, "media type not supported"),
    416: Cause(127, 416, "address scheme not supported"),
    420: Cause(127, 420, "extension not supported"),
    421: Cause(127, 421, "extension required"),
    422: Cause(127, 422, "session interval too short"),
    423: Cause(127, 423, "interval too short"),
    428: Cause(21, 428, "calls without a signed caller ID are refused"),
    436: Cause(21, 436, "the certificate of the signed caller ID could not be had"),
    437: Cause(21, 437, "the certificate of the signed caller ID is not accepted"),
    438: Cause(21, 438, "the signed caller ID is wrong"),
    430: Cause(41, 430, "the peer has lost the way"),
    433: Cause(21, 433, "calls without caller ID are refused"),
    480: Cause.UNAVAILABLE,
    481: Cause(41, 481, "the peer does not know the call"),
    482: Cause(25, 482, "loop detected"),
    483: Cause(25, 483, "too many hops"),
    484: Cause(28, 484, "number incomplete"),
    485: Cause(1, 485, "number ambiguous"),
    486: Cause.BUSY,
    487: Cause.CANCELLED,
    488: Cause.INCOMPATIBLE,
    491: Cause(41, 491, "another request is under way"),
    500: Cause(41, 500, "the peer failed"),
    501: Cause(79, 501, "not implemented by the peer"),
    502: Cause(38, 502, "network out of order"),
    503: Cause(41, 503, "service unavailable"),
    504: Cause(102, 504, "the peer's own peer did not answer in time"),
    505: Cause(127, 505, "SIP version not supported"),
    513: Cause(127, 513, "message too large"),
    600: Cause(17, 600, "busy everywhere"),
    603: Cause.REJECTED,
    604: Cause(1, 604, "number exists nowhere"),
    606: Cause(88, 606, "not acceptable anywhere"),
    607: Cause(21, 607, "the call is unwanted"),
    608: Cause(21, 608, "rejected by a call filter"),
}

#: ITU-T Q.850 table 1, the words shortened: what a peer's Reason header names by number alone.
_Q850_WORDS: dict[int, str] = {
    1: "no such number",
    2: "no route to the transit network",
    3: "no route to destination",
    16: "normal clearing",
    17: "user busy",
    18: "no user responding",
    19: "no answer",
    20: "subscriber absent",
    21: "call rejected",
    22: "number changed",
    23: "redirected",
    25: "exchange routing error",
    26: "answered elsewhere",
    27: "destination out of order",
    28: "number incomplete",
    29: "facility rejected",
    31: "normal, unspecified",
    34: "no circuit available",
    38: "network out of order",
    41: "temporary failure",
    42: "switching equipment congestion",
    44: "requested circuit not available",
    47: "resource unavailable",
    55: "incoming calls barred",
    57: "bearer capability not authorized",
    58: "bearer capability not available",
    63: "service not available",
    79: "service not implemented",
    87: "not a member of the closed user group",
    88: "incompatible destination",
    102: "recovery on timer expiry",
    111: "protocol error",
    127: "interworking, unspecified",
}

_BY_CLASS: dict[int, Cause] = {
    3: Cause(23, 302, "moved, and redirection is not followed"),
    4: Cause(127, 400, "refused by the peer"),
    5: Cause(41, 500, "the peer failed"),
    6: Cause(21, 603, "refused everywhere"),
}

#: What follows from causes that we give ourselves, where it is not what their SIP status would mean from a peer: our
#: own trouble is no fault of a gateway, and would be met again on the way to the next one.
_OF_OURS: dict[Cause, Next] = {
    Cause.NORMAL: Next.NEVER,
    Cause.ELSEWHERE: Next.NEVER,
    Cause.UNUSABLE: Next.NEVER,  # somebody has picked up; to ring there once more by another gateway would be worse
    Cause.LIMIT_REACHED: Next.LATER,
    Cause.CONGESTION: Next.LATER,
    Cause.SHUTTING_DOWN: Next.LATER,
    Cause.MEDIA_TIMEOUT: Next.LATER,
    Cause.ENGINE_FAILED: Next.LATER,
    Cause.INTERNAL: Next.LATER,
}

_BY_STATUS_NEXT: dict[int, Next] = {
    # The way there is broken (RFC 3261 sections 8.1.3.1 and 21.5: timeout counts as 408, transport failure as 503).
    408: Next.FAIL_OVER,
    430: Next.FAIL_OVER,  # RFC 5626 section 11.5: that edge has lost the flow
    500: Next.FAIL_OVER,
    502: Next.FAIL_OVER,
    503: Next.FAIL_OVER,
    504: Next.FAIL_OVER,
    # Our account is refused: each gateway asks the same accounts, and repeated tries only get it locked. The number
    # is none the worse for it.
    401: Next.LATER,
    402: Next.LATER,
    407: Next.LATER,
    # Somebody, or somebody's phone, was reached: another gateway would ring it again.
    480: Next.LATER,
    486: Next.LATER,
    487: Next.LATER,
    491: Next.LATER,
    600: Next.LATER,
    # Not built over there, nor a newer SIP, nor a larger message next door.
    501: Next.NEVER,
    505: Next.NEVER,
    513: Next.NEVER,
    555: Next.NEVER,
    580: Next.NEVER,
}

#: Of a status that is not named above. RFC 3261 section 8.1.3.2: an unknown one means its class's first.
_BY_CLASS_NEXT: dict[int, Next] = {3: Next.NEVER, 4: Next.NEVER, 5: Next.FAIL_OVER, 6: Next.NEVER}


def from_status(status: int) -> Cause:
    """Return the cause that a final SIP status means; `sip` keeps the very status the peer gave."""
    known = _BY_STATUS.get(status) or _BY_CLASS.get(status // 100, Cause.INTERNAL)
    return known if known.sip == status else Cause(known.q850, status, known.words)


def from_q850(number: int, sip: int) -> Cause:
    """Return the cause of a Q.850 number that a peer gave, with the SIP status that goes with it."""
    return Cause(number, sip, _Q850_WORDS.get(number, "released by the peer"))
