"""What becomes of a REFER: which steps are tried for the one who stays, or whom it joins, and whether that may be.

Whoever transfers somebody can reach by it whom he could call himself, and nobody else: numbers are looked up in the
dialplan as if he had dialled them, and a foreign address is only for callers who are known.
"""

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from softswitch.call.attempt import Ask
from softswitch.call.call import Step
from softswitch.call.cause import Cause, from_status
from softswitch.call.dial import Dial
from softswitch.call.dialplan import Dialplan, Query
from softswitch.call.leg import Leg, LegId, ReferRequested
from softswitch.call.stage import Stage
from softswitch.call.who import Who
from softswitch.errors import RemoteError
from softswitch.sip.uri import Uri


def refer(
    stage: Stage, leg: Leg, asked: ReferRequested, dialplan: Dialplan, *, wall: datetime.datetime, now: float
) -> Cause | None:
    """Try what the far end of `leg` asks for; return why that cannot be, None where it has begun."""
    call = stage.call
    who = stage.rights[leg.id] = stage.who_is(leg)
    found = referral(
        asked.target,
        who,
        call.number(leg.id),
        dialplan,
        here=leg.far_end.here,
        ours=stage.phones.ours,
        abroad=bool(asked.replaces),
        wall=wall,
        signed=stage.signed if leg.id == call.origin else "",
    )
    if isinstance(found, Cause):
        return found
    headers = [("Referred-By", f"<{asked.referred_by}>")] if asked.referred_by else []
    if asked.replaces:
        headers.append(("Replaces", asked.replaces))
    mode = "attended" if asked.replaces else "blind"
    ask = Ask(found.to, mode, leg.id, told=True, number=found.number, behalf=leg.id, headers=tuple(headers))
    return call.transfer(found.steps, ask, now=now)


def join(here: Stage, leg: Leg, there: Stage, old: LegId, *, now: float) -> LegId | Cause:
    """Let the partner of `leg` have the place of the leg `old` of another call; return who that is, or why not.

    That is the attended transfer where both calls are ours: whoever asks talks on both, and connects the others.
    """
    theirs = there.patch.legs[old]
    if not _same_party(here.who_is(leg), leg, there.who_is(theirs), theirs):
        return from_status(403).because("the call to be transferred to is somebody else's")
    partner = here.patch.legs.get(here.call.partner(leg.id))
    if partner is None:
        return Cause.REJECTED.because("nobody is there to be transferred")
    refusal = there.call.no_replacement(old) or here.call.no_replacement(leg.id)
    if refusal is not None:
        return refusal
    number, ai, held = here.call.number(partner.id), here.call.is_ai(partner.id), here.call.holds(partner.id)
    if here.call.is_held(partner.id):  # whoever put it on hold does not know where it goes
        partner.hold(False)
    to = there.call.number(there.call.partner(old)) or there.call.variables["to"]
    here.call.variables["transferred_call"] = there.call.id
    here.call.hand_over(partner.id, leg.id, to, told=True, now=now)
    there.call.story.take(here.call.story, partner.id, now=now)
    here.give(partner, there)
    here.patch.wait(leg)
    there.call.replace(partner.id, old, number, ai=ai, held=held, now=now)
    return partner.id


def _same_party(who: Who, leg: Leg, other: Who, its: Leg) -> bool:
    """Tell whether two legs lead to one party, which then may connect whom it talks with on them."""
    if who.trusted or (who.user and who.user == other.user) or (who.carrier and who.carrier == other.carrier):
        return True
    return leg.far_end.host != "" and leg.far_end.host == its.far_end.host


@dataclass(frozen=True, slots=True)
class Referral:
    """What is tried. to: whom it leads to. number: what the steps read as `{to}`."""

    steps: Sequence[Step]
    to: str
    number: str


def referral(
    target: str,
    who: Who,
    caller: str,
    dialplan: Dialplan,
    *,
    here: str,
    ours: Callable[[str], bool],
    abroad: bool,
    wall: datetime.datetime,
    signed: str = "",
) -> Referral | Cause:
    """Return what a REFER to `target` (a SIP URI) leads to, or why it leads nowhere.

    who, caller: who asks, and his number. here: our address, as he knows it. ours: whether a host is a name of ours.
    abroad: it takes the place of a call that is none of ours. signed: what came of the signature of who asks.
    """
    try:
        uri, we = Uri.parse(target), Uri.parse(here.strip("<>"))
    except RemoteError:
        return from_status(400).because("the address to transfer to cannot be read")
    if not ours(uri.host) and (uri.host != we.host or uri.port not in (None, we.port)):
        return _abroad(uri, target, who)
    if abroad:
        return from_status(481).because("there is no such call to be transferred to")
    number = uri.username
    rule = dialplan.match(Query(number, caller, who.carrier, target, who.trusted or bool(who.user), wall, signed))
    if rule is None:
        return Cause.NOT_FOUND.because(f"no rule of the dialplan takes a transfer to {number}")
    return Referral(rule.steps, number, number[rule.strip :])


def _abroad(uri: Uri, target: str, who: Who) -> Referral | Cause:
    if who.stranger:
        return from_status(403).because("a stranger asked for a transfer to a foreign address")
    if "{" in target or len(target) > 256:
        return from_status(400).because("the address to transfer to cannot be called")
    return Referral((Dial(to=(target,)),), target, uri.username)
