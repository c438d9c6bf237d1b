"""Each rule of the table, from a call as it would be: what its legs report, and the sentence that its record keeps."""

import datetime
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from softswitch.call import verdict
from softswitch.call.cause import Cause, from_status
from softswitch.call.leg import Answered, Ended
from softswitch.call.progress import Progress
from softswitch.call.record import NO_MEDIA, CallRecord, MediaReport, Parties, Quality
from softswitch.call.story import Story

WALL = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)
GOOD = MediaReport(
    codec="PCMU",
    offered="203.0.113.9:4000",
    remote="203.0.113.9:4000",
    received=Quality(packets=500),
    sent=Quality(packets=500),
    local="192.0.2.1:20000",
    peer="203.0.113.9",
    expected=True,
    first_ms=20.0,
    quiet_ms=10.0,
    keys="rfc4733",
)
NOTHING = replace(GOOD, received=Quality(), first_ms=None, quiet_ms=None)


class Told:
    """A call from its legs' reports. seconds: how long it was up."""

    def __init__(self, direction: str = "inbound", *, answered: bool = True, seconds: float = 10.0) -> None:
        self.story = Story("in-0", wall=WALL, now=0.0)
        self.progress = Progress(WALL, 0.0)
        self._parties = Parties(direction, "1001", "2000")
        self._seconds = seconds
        self.dtmf = ""
        self.met("in-0", "phone", "", "1001" if direction == "inbound" else "2000", answered=answered)
        self.progress.answered_at = 0.0 if answered else None

    def met(self, leg: str, kind: Any, name: str, number: str, *, answered: bool = True) -> None:
        self.story.meet(leg, kind, name, number, now=0.0)
        if answered:
            self.story.happened(leg, Answered(), now=0.0)

    def ended(
        self, leg: str, cause: Cause, *, by_peer: bool = True, media: MediaReport = NO_MEDIA, said: str = ""
    ) -> None:
        self.story.happened(leg, Ended(cause, by_peer, media, said), now=self._seconds)
        self.progress.cause = cause
        self.progress.ended_by = "caller" if by_peer and leg == "in-0" else "callee" if by_peer else "switch"

    @property
    def record(self) -> CallRecord:
        self.progress.digits = list(self.dtmf)
        return self.progress.record("c1", self._parties, "", GOOD, [], {}, self.story, self._seconds)

    @property
    def verdict(self) -> str:
        return self.record.verdict


def talked(media: MediaReport, **how: Any) -> Told:
    """A call of ten seconds whose caller reports this of his sound."""
    told = Told(**how)
    told.ended("in-0", Cause.NORMAL, media=media)
    return told


def called(cause: Cause, said: str = "", *, kind: str = "carrier", name: str = "office", by_peer: bool = True) -> Told:
    """An inbound call that dials one party, which is why it ends."""
    told = Told(answered=False)
    told.met("out-1", kind, name, "+4930123", answered=False)
    told.ended("in-0", Cause.NORMAL, by_peer=False)
    told.ended("out-1", cause, by_peer=by_peer, said=said)
    return told


# Nothing wrong


def test_a_good_call_has_no_verdict() -> None:
    assert talked(GOOD).verdict == ""


def test_what_was_no_call_long_enough_says_nothing_of_its_sound() -> None:
    assert talked(NOTHING, seconds=0.5).verdict == ""


@pytest.mark.parametrize("cause", [Cause.NO_ANSWER, Cause.BUSY, Cause.CANCELLED])
def test_a_call_that_ended_as_calls_end_has_no_verdict(cause: Cause) -> None:
    told = Told(answered=False)
    told.ended("in-0", cause, by_peer=cause is Cause.CANCELLED)
    assert told.verdict == ""


def test_a_peer_on_hold_need_not_send() -> None:
    assert talked(replace(NOTHING, expected=False)).verdict == ""
    assert talked(replace(GOOD, expected=False, quiet_ms=60_000)).verdict == ""


# Sound


@pytest.mark.parametrize(
    ("rule", "media", "sentence"),
    [
        (
            verdict._silent,
            NOTHING,
            "no sound from the caller: its session description says 203.0.113.9:4000, and nothing came from there or "
            "anywhere else; let it reach UDP 192.0.2.1:20000, open rtp.ports to it, and behind a NAT set "
            "sip.public_address",
        ),
        (
            verdict._silent,
            replace(NOTHING, offered="10.0.0.5:4000", remote="203.0.113.9:4000", hidden=True),
            "no sound from the caller: its session description says 10.0.0.5:4000, which cannot be reached from here, "
            "and nothing came from anywhere else; ask it to use its public address, or open UDP 192.0.2.1:20000 "
            "(rtp.ports) to it",
        ),
        (
            verdict._silent,
            replace(NOTHING, foreign=7, stranger="198.51.100.3:9"),
            "no sound from the caller: its session description says 203.0.113.9:4000, and only 7 packets of "
            "198.51.100.3:9 came, which cannot be told from somebody else's; if that is it, let it send a steady "
            "stream of PCMU",
        ),
        (
            verdict._forged,
            replace(NOTHING, srtp="AES_CM_128_HMAC_SHA1_80", forged=120),
            "no sound could be decrypted: 120 packets came from the caller, none encrypted with the key that its "
            "session description gave for AES_CM_128_HMAC_SHA1_80",
        ),
        (
            verdict._stray,
            replace(NOTHING, bad=400, stray_type=18),
            "no sound of the caller could be used: it sent payload type 18 (G729) though PCMU was agreed; let it offer "
            "only what it sends",
        ),
        (
            verdict._followed,
            replace(GOOD, offered="10.0.0.5:4000", hidden=True),
            "the session description of the caller says 10.0.0.5:4000, which cannot be reached from here; sound came "
            "from 203.0.113.9:4000 and was followed (NAT)",
        ),
        (
            verdict._followed,
            replace(GOOD, remote="203.0.113.9:60001"),
            "the session description of the caller says 203.0.113.9:4000; sound came from 203.0.113.9:60001 and was "
            "followed (NAT)",
        ),
        (
            verdict._unsent,
            replace(GOOD, sent=Quality(packets=500), unsent=500, unsent_why="ENETUNREACH"),
            "our sound could not be sent to the caller at 203.0.113.9:4000: there is no route to it",
        ),
        (
            verdict._stopped,
            replace(GOOD, quiet_ms=15_000.0),
            "the sound of the caller stopped 15 s before the end",
        ),
        (
            verdict._lost,
            replace(GOOD, received=Quality(packets=400, loss_percent=20.0)),
            "20 % of the sound of the caller was lost on the way",
        ),
        (
            verdict._lost,
            replace(GOOD, sent=Quality(packets=400, loss_percent=12.0, mos=3.21)),
            "12 % of our sound was lost on the way to the caller, as that reports (MOS 3.2): the way from here to "
            "203.0.113.9:4000 is overloaded or broken",
        ),
        (
            verdict._lost,
            replace(
                GOOD,
                received=Quality(packets=400, loss_percent=20.0, mos=2.63),
                sent=Quality(packets=400, loss_percent=12.0, mos=3.21),
            ),
            "20 % of the sound of the caller was lost on the way (MOS 2.6), and 12 % of ours to it (MOS 3.2)",
        ),
        (
            verdict._late,
            replace(GOOD, received=Quality(packets=500, late=50, jitter_ms=80.0)),
            "10 % of the sound of the caller came too late to be played: the way from it jitters by 80 ms",
        ),
    ],
)
def test_each_rule_of_sound(rule: Any, media: MediaReport, sentence: str) -> None:
    assert rule in verdict.SOUNDS
    assert talked(media).verdict == sentence


def test_the_far_end_is_judged_as_well() -> None:
    told = Told()
    told.met("out-1", "carrier", "office", "+4930123")
    told.ended("out-1", Cause.NORMAL, by_peer=False, media=NOTHING)
    told.ended("in-0", Cause.NORMAL, media=GOOD)
    assert told.verdict.startswith("no sound from carrier office: ")
    told = Told()
    told.met("out-1", "user", "bob", "bob")
    told.ended("out-1", Cause.NORMAL, by_peer=False, media=NOTHING)
    told.ended("in-0", Cause.NORMAL, media=NOTHING)
    assert "no sound from the caller: " in told.verdict and "; no sound from user bob: " in told.verdict


def test_keys_that_were_asked_for_and_could_only_come_as_tones() -> None:
    told = Told()
    told.story.note("in-0", "no key came", now=5.0)
    told.ended("in-0", Cause.NORMAL, media=replace(GOOD, keys="inband"))
    assert told.verdict.startswith(
        "no key came, though some were asked for: the caller did not agree to telephone-event"
    )
    told.dtmf = "1"
    assert told.verdict == ""
    other = Told()
    other.story.note("in-0", "no key came", now=5.0)
    other.ended("in-0", Cause.NORMAL, media=GOOD)
    assert other.verdict == ""  # he could have, and did not


# Ends


def test_sound_that_stopped_is_said_with_what_came_before() -> None:
    told = Told()
    media = replace(GOOD, quiet_ms=60_000.0, received=Quality(packets=300))
    told.ended("in-0", Cause.MEDIA_TIMEOUT, by_peer=False, media=media)
    assert told.verdict == (
        "the call was given up, for no sound came any more (rtp.media_timeout): the sound of the caller stopped 60 s "
        "before that, after 300 packets from 203.0.113.9:4000: its telephone or the way to it is gone"
    )


def test_sound_that_never_came_is_said_once() -> None:
    told = Told()
    told.ended("in-0", Cause.MEDIA_TIMEOUT, by_peer=False, media=NOTHING)
    assert told.verdict.startswith(
        "the call was given up, for no sound came any more (rtp.media_timeout): no sound from"
    )
    assert told.verdict.count("no sound from") == 1


def test_an_answer_that_was_never_acknowledged() -> None:
    told = Told(seconds=32.0)
    cause = Cause.TIMEOUT.because("no ACK came for our answer, whose Contact was <sip:10.0.0.1:5060>")
    told.ended("in-0", cause, by_peer=False, media=GOOD)
    assert told.verdict == (
        "the caller was cut off after 32 s: no ACK came for our answer, whose Contact was <sip:10.0.0.1:5060>; it must "
        "be able to reach that address: behind a NAT set sip.public_address or sip.stun"
    )


@pytest.mark.parametrize(
    ("cause", "by_peer", "beginning"),
    [
        (Cause.SESSION_EXPIRED, False, "the caller did not refresh the session in time (RFC 4028): "),
        (Cause.OUT_OF_ORDER, False, "the connection to the caller broke"),
        (from_status(481), False, "the caller does not know the call any more"),
        (from_status(408), False, "the caller answered nothing any more"),
        (Cause.INTERNAL, False, "an error of the switch itself ended the call: look for c1 in the log"),
        (Cause.ENGINE_FAILED, False, "the AI could not go on, for a speech engine failed: look for c1 in the log"),
        (Cause.TIMEOUT.because("the call reached limits.max_call_seconds, and was ended"), False, "the call reached"),
        (Cause.LIMIT_REACHED.because("user bob has 3 calls (toll)"), False, "user bob has 3 calls (toll)"),
    ],
)
def test_each_way_an_answered_call_dies(cause: Cause, by_peer: bool, beginning: str) -> None:
    told = Told()
    told.ended("in-0", cause, by_peer=by_peer, media=GOOD)
    assert told.verdict.startswith(beginning)


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (401, "carrier office does not accept our credentials (SAID): check username and password of its entry in "
              "carriers.yaml"),
        (403, "carrier office forbids the call (SAID): may the account call +4930123, and is the caller ID one of its "
              "own (caller_id)?"),
        (404, "carrier office knows no number +4930123 (SAID): check it, and how it is written (number_format, "
              "prefix_strip, prefix_add)"),
        (480, "carrier office is not reached (SAID): is its telephone switched on and registered?"),
        (486, "carrier office is busy (SAID)"),
        (488, "carrier office finds nothing of use in our session description (SAID): compare codecs and encryption "
              "(codecs, srtp) of both sides"),
        (503, "carrier office takes no more calls now (SAID): its lines are all in use, or it is out of order; try "
              "later, or add a gateway"),
        (603, "carrier office declined the call (SAID)"),
        (302, "carrier office wants to be called elsewhere, and redirection is not followed (SAID): call the number it "
              "names, or ask it to forward"),
        (499, "carrier office refused the call (SAID)"),
        (599, "carrier office refused the call (SAID)"),
    ],
)  # fmt: skip
def test_each_refusal_says_who_and_what_to_do(status: int, sentence: str) -> None:
    said = f"192.0.2.8:5060 answered {status} Whatever"
    assert called(from_status(status), said).verdict == sentence.replace("SAID", said)


@pytest.mark.parametrize("status", [*verdict._REFUSALS])
def test_every_refusal_of_the_table_is_a_sentence(status: int) -> None:
    text = called(from_status(status if status > 99 else status * 100), "h answered").verdict
    assert text.startswith("carrier office ") and "(h answered)" in text and "{" not in text


def test_of_those_who_were_called_the_one_is_named_who_decided() -> None:
    told = Told(answered=False)
    for number, status in ((1, 486), (2, 603), (3, 404)):
        told.met(f"out-{number}", "phone", "", f"10{number}", answered=False)
        told.story.happened(f"out-{number}", Ended(from_status(status), True, said=f"h{number}"), now=1.0)
    told.ended("in-0", Cause.REJECTED, by_peer=False)
    assert told.verdict == "102 declined the call (h2)"


@pytest.mark.parametrize(
    ("cause", "sentence"),
    [
        (Cause.OUT_OF_ORDER.because("no gateway of carrier office answered: h gave no answer in 4 s"),
         "no gateway of carrier office answered: h gave no answer in 4 s (SIP 502)"),
        (Cause.BARRED.because("strangers may not call +1 over carrier office"),
         "strangers may not call +1 over carrier office (SIP 403)"),
        (Cause.CONGESTION.because("carrier office carries 2 calls already, and max_calls is 2"),
         "carrier office carries 2 calls already, and max_calls is 2 (SIP 503)"),
        (Cause.UNAVAILABLE.because("user bob has registered no telephone"),
         "user bob has registered no telephone (SIP 480)"),
        (from_status(488).because("its offer was refused: no codec in common"),
         "its offer was refused: no codec in common (SIP 488)"),
        (Cause.REJECTED, "call rejected (SIP 603)"),
        (Cause.INTERNAL, "internal error: look for c1 in the log (SIP 500)"),
    ],
)  # fmt: skip
def test_what_we_refuse_ourselves_says_why(cause: Cause, sentence: str) -> None:
    told = Told(answered=False)
    told.ended("in-0", cause, by_peer=False)
    assert told.verdict == sentence


def test_a_transfer_that_failed_is_said_at_the_end() -> None:
    told = talked(replace(GOOD, quiet_ms=15_000.0))
    told.progress.note = "the transfer to 101 failed: user busy"
    assert told.verdict == "the sound of the caller stopped 15 s before the end; the transfer to 101 failed: user busy"


def test_every_rule_has_a_test() -> None:
    here = Path(__file__).read_text()
    for rule in verdict.SOUNDS:
        assert f"verdict.{rule.__name__}" in here
    names = [rule.__name__ for rule in verdict.ENDINGS]
    assert names == [
        "_sound_died", "_not_refreshed", "_not_acknowledged", "_explained", "_refused", "_died", "_failed",
    ], "a new rule needs a test above"  # fmt: skip


def test_a_ring_group_in_trouble_fills_no_page() -> None:
    told = Told()
    for number in range(20):
        told.met(f"out-{number}", "phone", "", f"1{number}")
        told.ended(f"out-{number}", Cause.NORMAL, by_peer=False, media=NOTHING)
    told.ended("in-0", Cause.NORMAL, media=GOOD)
    assert told.verdict.count("no sound from") == verdict.MAX_SENTENCES


def test_the_record_keeps_every_leg() -> None:
    told = Told()
    told.met("out-1", "carrier", "office", "+4930123")
    told.ended("out-1", Cause.NORMAL, by_peer=False, media=GOOD)
    told.met("a-1", "AI", "receptionist", "")
    told.ended("a-1", Cause.NORMAL, by_peer=False)
    told.ended("in-0", Cause.NORMAL, media=GOOD)
    legs = told.record.as_json()["legs"]
    assert [leg["kind"] for leg in legs] == ["phone", "carrier", "AI"]
    assert legs[1]["quality"]["received"]["packets"] == 500 and legs[1]["remote"] == "203.0.113.9:4000"
    assert "quality" not in legs[2] and legs[2]["answered"]
