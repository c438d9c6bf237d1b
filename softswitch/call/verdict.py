"""What was wrong with a call, in words a person can act on: a table of rules over what its legs have reported.

Three questions, each answered by the first rule that knows: how did the call end, and was that as it should be; then,
for each leg that was up, how was its sound; then, what else went wrong on the way. A call of which no rule knows
anything was in order. A sentence says what happened, at which side and address, and what to do about it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from softswitch.call.cause import Cause, from_status
from softswitch.call.record import CallRecord, MediaReport, Quality
from softswitch.call.story import Moment, Party

#: A leg that was up for less has nothing to say of its sound.
MIN_SECONDS: Final = 1.0
#: From how much on lost and late sound is heard as bad by anybody (ITU-T G.113: G.711 with concealment).
BAD_PERCENT: Final = 5.0
#: Sound that stopped for so long before the end was not a pause of somebody who listens.
STOPPED_SECONDS: Final = 10.0
#: What was wrong on how many legs is said; of a ring group everybody may have had the same trouble.
MAX_SENTENCES: Final = 4
#: Codecs by their static payload types, which peers send without having agreed to them (RFC 3551 table 4).
_STATIC: Final = {0: "PCMU", 3: "GSM", 4: "G723", 8: "PCMA", 9: "G722", 13: "comfort noise", 18: "G729"}
#: What the system says when it refuses to send.
_UNSENT: Final = {
    "ENETUNREACH": "there is no route to it",
    "EHOSTUNREACH": "there is no route to it",
    "EPERM": "a firewall of this machine forbids it",
    "EACCES": "a firewall of this machine forbids it",
    "ECONNREFUSED": "nobody listens there",
    "address": "that is no address that can be sent to",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a call that is over. note: what went wrong on the way, though the call went on."""

    record: CallRecord
    cause: Cause
    subject: str
    parties: Sequence[Party]
    moments: Sequence[Moment] = ()
    note: str = ""

    @property
    def answered(self) -> bool:
        """Whether the party that the call was about was ever up."""
        return self.record.outcome == "answered"

    @property
    def decided(self) -> Party | None:
        """The party whose end ended the call, as far as that is known: the last one with the same cause."""
        same = [one for one in self.parties if one.ended is not None and one.ended.cause == self.cause]
        by_peer = [one for one in same if one.ended is not None and one.ended.by_peer]
        return next(reversed(by_peer or same), None)

    def name(self, party: Party) -> str:
        """Return what a party is called in a sentence."""
        if party.kind == "AI":
            return "the AI"
        if party.kind == "carrier":
            return f"carrier {party.name}"
        if party.kind == "user":
            return f"user {party.name}"
        if party.leg == self.subject:
            return "the caller" if self.record.direction == "inbound" else "the called party"
        return party.number.removeprefix("sip:") or "the other party"


Ending = Callable[[Facts], str]
Sound = Callable[[Facts, Party, MediaReport], str]


def verdict_of(facts: Facts) -> str:
    """Return what was wrong, in sentences joined by semicolons; empty where nothing was."""
    sentences = [next(filter(None, (rule(facts) for rule in ENDINGS)), "")]
    sentences.extend(_sounds(facts))
    sentences.extend((_no_keys(facts), facts.note))
    return "; ".join(list(filter(None, sentences))[:MAX_SENTENCES])


def _sounds(facts: Facts) -> Iterator[str]:
    for party in facts.parties:
        media = party.media
        if media is None or not media.codec or party.up_seconds < MIN_SECONDS or _given_up(party):
            continue
        yield next(filter(None, (rule(facts, party, media) for rule in SOUNDS)), "")


# How it ended -----------------------------------------------------------------------------------------------------


def _sound_died(facts: Facts) -> str:
    """A leg was given up because nothing came from it."""
    party = next((one for one in facts.parties if _given_up(one)), None)
    if party is None:
        return ""
    media = party.media or MediaReport()
    if media.forged and not media.received.packets:
        why = _forged(facts, party, media)
    elif not media.received.packets:
        why = _nothing_came(facts, party, media)
    else:
        name, seconds = facts.name(party), (media.quiet_ms or 0.0) / 1000
        why = (
            f"the sound of {name} stopped {seconds:.0f} s before that, after {media.received.packets} packets from "
            f"{media.remote}: its telephone or the way to it is gone"
        )
    return f"the call was given up, for no sound came any more (rtp.media_timeout): {why}"


def _given_up(party: Party) -> bool:
    return party.ended is not None and party.ended.cause == Cause.MEDIA_TIMEOUT and not party.ended.by_peer


def _not_refreshed(facts: Facts) -> str:
    """A session timer ran out."""
    party = next((one for one in facts.parties if one.ended and one.ended.cause == Cause.SESSION_EXPIRED), None)
    if party is None:
        return ""
    return (
        f"{facts.name(party)} did not refresh the session in time (RFC 4028): its telephone or the way to it is gone; "
        "if that is not so, sip.session_expires: 0 asks for no timer"
    )


def _not_acknowledged(facts: Facts) -> str:
    """Our 200 was never acknowledged: the peer hangs in a call that it cannot talk on, and is cut off after 32 s."""
    party = next(
        (one for one in facts.parties if one.ended and one.ended.cause == Cause.TIMEOUT and one.ended.cause.detail),
        None,
    )
    if party is None or party.ended is None or party.ended.by_peer or not party.ended.cause.detail.startswith("no ACK"):
        return ""
    return (
        f"{facts.name(party)} was cut off after 32 s: {party.ended.cause.detail}; it must be able to reach that "
        "address: behind a NAT set sip.public_address or sip.stun"
    )


def _explained(facts: Facts) -> str:
    """Whoever ended the call has said why: a limit, a toll, gateways that failed, an offer that cannot be used."""
    if not facts.cause.detail or (facts.answered and facts.cause.q850 in (16, 31)):
        return ""
    if not facts.answered and facts.record.outcome == "cancelled":
        return ""
    return facts.cause.detail if facts.answered else f"{facts.cause.detail} (SIP {facts.cause.sip})"


def _refused(facts: Facts) -> str:
    """Somebody whom we called has refused."""
    party = facts.decided
    if facts.answered or party is None or party.ended is None or not party.ended.by_peer or not party.ended.said:
        return ""
    status = party.ended.cause.sip
    words = _REFUSALS.get(status) or _REFUSALS.get(status // 100, "refused the call")
    number = party.number.removeprefix("sip:") or facts.record.to
    happened, _, advice = words.partition(": ")
    sentence = f"{facts.name(party)} {happened.format(number=number)} ({party.ended.said})"
    return f"{sentence}: {advice.format(number=number)}" if advice else sentence


#: SIP status, or its class -> what the party did, and after a colon what to do.
_REFUSALS: Final = {
    3: "wants to be called elsewhere, and redirection is not followed: call the number it names, or ask it to forward",
    400: "did not understand our INVITE: see the messages of the call",
    401: "does not accept our credentials: check username and password of its entry in carriers.yaml",
    402: "wants to be paid first: is there credit on the account?",
    403: "forbids the call: may the account call {number}, and is the caller ID one of its own (caller_id)?",
    404: "knows no number {number}: check it, and how it is written (number_format, prefix_strip, prefix_add)",
    405: "takes no calls at this address: is it the right host and port?",
    407: "does not accept our credentials: check username and password of its entry in carriers.yaml",
    408: "could not reach whom it should call",
    410: "says that {number} is no longer in use",
    415: "cannot read our session description: see the messages of the call",
    420: "does not know an extension that we need: see the messages of the call",
    421: "needs an extension that we do not speak: see the messages of the call",
    433: "takes no anonymous calls: show a number (caller_id, privacy)",
    480: "is not reached: is its telephone switched on and registered?",
    482: "says that the call goes round in a circle: look for a rule or a forwarding that sends it back here",
    483: "says that the call goes round in a circle: look for a rule or a forwarding that sends it back here",
    484: "says that {number} is incomplete: check how numbers are written (number_format, prefix_add)",
    486: "is busy",
    488: "finds nothing of use in our session description: compare codecs and encryption (codecs, srtp) of both sides",
    494: "wants an agreement on security that we do not speak",
    500: "failed: it has to look into its own log",
    501: "does not do what we asked for: see the messages of the call",
    502: "could not use what its own peer said",
    503: "takes no more calls now: its lines are all in use, or it is out of order; try later, or add a gateway",
    504: "waited in vain for its own peer",
    513: "says that our INVITE is too long for it: offer fewer codecs, or use transport: tcp",
    580: "cannot give the call the quality it asks for",
    600: "is busy",
    603: "declined the call",
    604: "says that {number} exists nowhere",
    606: "finds nothing of use in our session description: compare codecs and encryption (codecs, srtp) of both sides",
    607: "does not want to be called by us",
    608: "has its calls filtered, and the filter refused this one",
}


def _died(facts: Facts) -> str:
    """An answered call ended as none should."""
    if not facts.answered or facts.cause.q850 in (16, 31, 26):
        return ""
    words = _DEATHS.get(facts.cause)
    if words is None:
        return ""
    party = facts.decided
    return words.format(who=facts.name(party) if party is not None else "the other side", call=facts.record.id)


#: Why an answered call ended, where that is no way for a call to end.
_DEATHS: Final = {
    Cause.OUT_OF_ORDER: "the connection to {who} broke, and nothing could be sent to it any more",
    Cause.INTERNAL: "an error of the switch itself ended the call: look for {call} in the log",
    Cause.ENGINE_FAILED: "the AI could not go on, for a speech engine failed: look for {call} in the log",
    Cause.TIMEOUT: "{who} answered nothing any more, and was given up",
    Cause.INCOMPATIBLE: "{who} brought no session description that can be used",
    from_status(481): "{who} does not know the call any more: it was started anew, or ended the call unheard",
    from_status(408): "{who} answered nothing any more, and was given up",
}


def _failed(facts: Facts) -> str:
    """It came to nothing, and nobody has said more than the cause does."""
    if facts.answered:
        return ""
    cause = facts.cause
    if facts.record.outcome in ("failed", "rejected") or cause.sip == 408:
        if cause == Cause.INTERNAL:
            return f"{cause.words}: look for {facts.record.id} in the log (SIP {cause.sip})"
        return f"{cause.words} (SIP {cause.sip})"
    return ""


ENDINGS: Final[tuple[Ending, ...]] = (
    _sound_died,
    _not_refreshed,
    _not_acknowledged,
    _explained,
    _refused,
    _died,
    _failed,
)


# Its sound --------------------------------------------------------------------------------------------------------


def _forged(facts: Facts, party: Party, media: MediaReport) -> str:
    """SRTP that nobody can decrypt."""
    if media.received.packets or not media.forged:
        return ""
    return (
        f"no sound could be decrypted: {media.forged} packets came from {facts.name(party)}, none encrypted with the "
        f"key that its session description gave for {media.srtp}"
    )


def _stray(facts: Facts, party: Party, media: MediaReport) -> str:
    """Packets of a codec that was not agreed."""
    if media.received.packets or media.stray_type < 0:
        return ""
    codec = _STATIC.get(media.stray_type, "a codec of its own numbering")
    return (
        f"no sound of {facts.name(party)} could be used: it sent payload type {media.stray_type} ({codec}) though "
        f"{media.codec} was agreed; let it offer only what it sends"
    )


def _silent(facts: Facts, party: Party, media: MediaReport) -> str:
    """Nothing came at all."""
    if media.received.packets or not media.expected:
        return ""
    return _nothing_came(facts, party, media)


def _nothing_came(facts: Facts, party: Party, media: MediaReport) -> str:
    says = f"no sound from {facts.name(party)}: its session description says {media.offered}"
    if media.foreign:
        return (
            f"{says}, and only {media.foreign} packets of {media.stranger} came, which cannot be told from somebody "
            f"else's; if that is it, let it send a steady stream of {media.codec}"
        )
    if media.hidden:
        return (
            f"{says}, which cannot be reached from here, and nothing came from anywhere else; ask it to use its public "
            f"address, or open UDP {media.local} (rtp.ports) to it"
        )
    return (
        f"{says}, and nothing came from there or anywhere else; let it reach UDP {media.local}, open rtp.ports to it, "
        "and behind a NAT set sip.public_address"
    )


def _unsent(facts: Facts, party: Party, media: MediaReport) -> str:
    """We could not send."""
    if not media.sent.packets or not media.unsent or media.sent.packets > media.unsent:
        return ""
    why = _UNSENT.get(media.unsent_why, media.unsent_why)
    return f"our sound could not be sent to {facts.name(party)} at {media.remote}: {why}"


def _followed(facts: Facts, party: Party, media: MediaReport) -> str:
    """Its sound came from elsewhere than it said, and ours went there."""
    if not media.received.packets or media.remote == media.offered:
        return ""
    reach = ", which cannot be reached from here" if media.hidden else ""
    return (
        f"the session description of {facts.name(party)} says {media.offered}{reach}; sound came from {media.remote} "
        "and was followed (NAT)"
    )


def _stopped(facts: Facts, party: Party, media: MediaReport) -> str:
    """It was heard, and then not any more."""
    if not media.received.packets or not media.expected or (media.quiet_ms or 0.0) < STOPPED_SECONDS * 1000:
        return ""
    return f"the sound of {facts.name(party)} stopped {(media.quiet_ms or 0) / 1000:.0f} s before the end"


def _lost(facts: Facts, party: Party, media: MediaReport) -> str:
    """Too much of it was lost, on the way from the peer or, as that says itself, on the way to it."""
    name, from_it, to_it = facts.name(party), media.received, media.sent
    if from_it.loss_percent < BAD_PERCENT:
        if to_it.loss_percent < BAD_PERCENT:
            return ""
        return (
            f"{to_it.loss_percent:.0f} % of our sound was lost on the way to {name}, as that reports{_score(to_it)}: "
            f"the way from here to {media.remote} is overloaded or broken"
        )
    lost = f"{from_it.loss_percent:.0f} % of the sound of {name} was lost on the way{_score(from_it)}"
    if to_it.loss_percent < BAD_PERCENT:
        return lost
    return f"{lost}, and {to_it.loss_percent:.0f} % of ours to it{_score(to_it)}"


def _score(quality: Quality) -> str:
    return "" if quality.mos is None else f" (MOS {quality.mos:.1f})"


def _late(facts: Facts, party: Party, media: MediaReport) -> str:
    """Too much of it came when its turn was over."""
    packets = media.received.packets
    if packets < 50 or 100 * media.received.late < BAD_PERCENT * packets:
        return ""
    percent = 100 * media.received.late / packets
    return (
        f"{percent:.0f} % of the sound of {facts.name(party)} came too late to be played: the way from it jitters by "
        f"{media.received.jitter_ms:.0f} ms"
    )


SOUNDS: Final[tuple[Sound, ...]] = (_forged, _stray, _silent, _unsent, _stopped, _lost, _late, _followed)


# What else --------------------------------------------------------------------------------------------------------


def _no_keys(facts: Facts) -> str:
    """Keys were waited for, none came, and the subject has agreed to no other way than tones."""
    if facts.record.dtmf or not any(one.what == "no key came" for one in facts.moments):
        return ""
    party = next((one for one in facts.parties if one.leg == facts.subject), None)
    if party is None or party.media is None or party.media.keys != "inband" or not party.media.codec:
        return ""
    return (
        f"no key came, though some were asked for: {facts.name(party)} did not agree to telephone-event (RFC 4733), so "
        "that only tones in its sound could be understood; switch RFC 4733 on at its side"
    )
