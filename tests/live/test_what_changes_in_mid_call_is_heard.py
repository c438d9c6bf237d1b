"""What a telephone may change while it talks: codec, address, payload types, packet length, source, the way of keys."""

import pytest

from tests.live.peers.heard import chirp
from tests.live.peers.rtp_probe import PCMA, RtpProbe
from tests.live.peers.sipp import Sipp
from tests.live.peers.switch import SwitchProcess


def test_codec_and_address_change_and_the_echo_follows(sipp: Sipp, probe: RtpProbe) -> None:
    said = chirp(0.6)
    with RtpProbe(codec=PCMA) as other:
        key = ("-key", "second_port", str(other.port))
        call = sipp.start("codec-changes", "-d", "2000", *key, number="600", rtp_port=probe.port)
        address = call.media_address()
        probe.talk_to(address)
        probe.pause(0.3)
        probe.say(said)
        changed = call.wait_message("CSeq: 2 ACK")
        probe.talk_to(None)
        other.talk_to(address)
        other.pause(0.3)
        other.say(said)
        call.finish()
        assert probe.heard.find(said)[1] > 0.98
        assert other.heard.find(said)[1] > 0.98
        assert {packet.payload_type for packet in other.heard.packets} == {PCMA}
        assert not probe.heard.since(changed + 0.3).packets, "sound still went to the address of before"


def test_keys_are_read_before_and_after_a_change_of_codec(switch: SwitchProcess, sipp: Sipp, probe: RtpProbe) -> None:
    with RtpProbe(codec=PCMA) as other:
        key = ("-key", "second_port", str(other.port))
        call = sipp.start("codec-changes", "-d", "1500", *key, number="607", rtp_port=probe.port)
        address = call.media_address()
        probe.talk_to(address)
        probe.pause(0.3)
        probe.press("12")
        call.wait_message("CSeq: 2 ACK")
        probe.talk_to(None)
        other.talk_to(address)
        other.press("34")
        call.finish()
    switch.wait_record(**{"from": "codec-changes", "to": "607", "dtmf": "1234"})


@pytest.mark.parametrize("ptime", [10, 30, 40])
def test_packets_are_as_long_as_the_telephone_wants_them(sipp: Sipp, probe: RtpProbe, ptime: int) -> None:
    options = ("-d", "1500", "-key", "ptime", str(ptime))
    call = sipp.start("packets-of-other-lengths", *options, number="602", rtp_port=probe.port)
    probe.talk_to(call.media_address())
    call.finish()
    assert {len(packet.payload) for packet in probe.heard.sound} == {ptime * 8}
    assert probe.heard.missing() == 0
    found = probe.heard.tone(0.3, 1.2)
    assert found.hz == pytest.approx(1004, abs=1)
    assert found.purity > 0.99


def test_keys_are_read_under_their_new_number(switch: SwitchProcess, sipp: Sipp, probe: RtpProbe) -> None:
    """telephone-event moves from 101 to 110 by re-INVITE; keys before and after it are read, each once."""
    call = sipp.start("numbers-change", "-d", "1500", number="607", rtp_port=probe.port)
    probe.talk_to(call.media_address())
    probe.pause(0.3)
    probe.press("12")
    call.wait_message("CSeq: 2 ACK")
    probe.wait_said()
    probe.press_as(110)
    probe.press("34")
    call.finish()
    switch.wait_record(**{"from": "numbers-change", "dtmf": "1234"})


def test_a_key_that_comes_by_info_and_by_sound_is_one_key(switch: SwitchProcess, sipp: Sipp, probe: RtpProbe) -> None:
    call = sipp.start("keys-by-info", number="607", rtp_port=probe.port)
    probe.talk_to(call.media_address())
    for key in "12":
        call.wait_message(f"Signal={key}")
        probe.press(key)
    call.finish()
    switch.wait_record(**{"from": "keys-by-info", "dtmf": "12#"})


def test_another_source_at_the_same_address_is_heard(sipp: Sipp, probe: RtpProbe) -> None:
    """A media server takes over: SSRC, sequence and time stamps are new, the address is not (RFC 3550 section 8)."""
    said = chirp(0.6)
    call = sipp.start("600-echo", "-d", "3000", number="600", rtp_port=probe.port)
    probe.talk_to(call.media_address())
    probe.pause(0.5)
    probe.wait_said()
    probe.begin_anew()
    probe.pause(0.3)
    probe.say(said)
    call.finish()
    assert probe.heard.find(said)[1] > 0.98


def test_early_media_goes_on_in_the_codec_of_an_update(sipp: Sipp, probe: RtpProbe) -> None:
    """618 plays a tone after a reliable 183; the caller changes to A-law by UPDATE before the answer (RFC 3311)."""
    call = sipp.start("update-before-answer", "-d", "300", number="618", rtp_port=probe.port)
    probe.talk_to(call.media_address())
    changed = call.wait_message("CSeq: 3 UPDATE")
    answered = call.wait_message("CSeq: 1 ACK")
    call.finish()
    early = [packet for packet in probe.heard.sound if changed + 0.3 < packet.arrived < answered - 0.1]
    assert len(early) > 40, "the early sound stopped with the change"
    assert {packet.payload_type for packet in early} == {PCMA}
