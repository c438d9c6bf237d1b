"""Asterisk encrypts its sound: as a telephone that calls us, and as a carrier that we call, in each of its ways."""

from collections.abc import Iterator

import pytest

from tests.live.asterisk.conftest import run_with_trunks
from tests.live.peers.asterisk import Asterisk
from tests.live.peers.switch import SwitchProcess

THERE = "host: 127.0.0.1, port: @PORT@, number_format: as_dialled, health_seconds: 0"
#: Asterisk knows us by the user in From, and encrypts as that endpoint has it; `office` does not.
TRUNKS = f"""
- {{name: office, {THERE}}}
- {{name: strict, srtp: require, {THERE}}}
- {{name: sdes, from_user: sdes, srtp: require, {THERE}}}
- {{name: dtls, from_user: dtls, srtp: require, srtp_keys: dtls, {THERE}}}
- {{name: optimistic, from_user: optimistic, srtp: offer, {THERE}}}
"""
CM, CM32 = "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"
#: What Asterisk offers with each endpoint, and what comes of it.
WAYS = {"sdes": CM, "sdes32": CM32, "optimistic": CM, "dtls": CM, "dtls-passive": CM}


@pytest.fixture(scope="module")
def encrypting_switch(
    asterisk_of_the_session: Asterisk, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SwitchProcess]:
    """A switch whose carriers encrypt."""
    with run_with_trunks(tmp_path_factory.mktemp("encrypted"), asterisk_of_the_session, TRUNKS, number=5) as running:
        yield running


@pytest.mark.parametrize("endpoint", WAYS)
def test_its_calls_are_heard_and_echoed(asterisk: Asterisk, switch: SwitchProcess, endpoint: str) -> None:
    caller = f"49307{len(endpoint)}{list(WAYS).index(endpoint)}"
    call = asterisk.call(f"sip:600@{switch.address}", endpoint=endpoint, then="tone", caller=caller)
    call.wait_up()
    call.wait_tone(440)
    call.hang_up()
    assert call.wait_ended() == 16
    record = switch.wait_record(**{"from": caller})
    assert (record["quality"]["srtp"], record["verdict"]) == (WAYS[endpoint], "")


@pytest.mark.parametrize("endpoint", ["sdes", "dtls"])
def test_early_sound_and_the_answer_are_heard(asterisk: Asterisk, switch: SwitchProcess, endpoint: str) -> None:
    call = asterisk.call(f"sip:604@{switch.address}", endpoint=endpoint, then="tone", variables={"HZ": "700"})
    call.wait_tone(425, 0.5)
    assert not call.is_up
    call.wait_up()
    call.wait_tone(700)
    call.hang_up()


@pytest.mark.parametrize(("digit", "endpoint"), [("6", "sdes"), ("7", "dtls"), ("9", "optimistic")])
def test_it_is_called_and_both_ends_hear_each_other(
    asterisk: Asterisk, encrypting_switch: SwitchProcess, digit: str, endpoint: str
) -> None:
    """The caller is plain: the two legs are encrypted each for itself."""
    since = asterisk.mark()
    caller = f"493080{digit}"
    call = asterisk.call(
        f"sip:9{digit}1602@{encrypting_switch.address}", then="tone", variables={"HZ": "620"}, caller=caller
    )
    far = asterisk.wait_call("1602", since=since)
    assert far.channel.startswith(f"PJSIP/{endpoint}-")
    call.wait_up()
    far.wait_tone(620)
    call.wait_tone(440)
    assert far.variable("CHANNEL(rtp,secure)") == "1", "Asterisk says that the sound of this channel is not encrypted"
    far.hang_up()
    assert call.wait_ended() == 16
    assert encrypting_switch.wait_record(**{"from": caller})["quality"]["srtp"] == "", "of the caller's own leg"


def test_an_encrypted_call_over_an_encrypted_trunk(asterisk: Asterisk, encrypting_switch: SwitchProcess) -> None:
    since = asterisk.mark()
    target = f"sip:971602@{encrypting_switch.address}"
    call = asterisk.call(target, endpoint="sdes", then="tone", variables={"HZ": "620"}, caller="4930810")
    far = asterisk.wait_call("1602", since=since)
    call.wait_up()
    far.wait_tone(620)
    call.wait_tone(440)
    call.hang_up()
    assert call.wait_ended() == 16
    assert encrypting_switch.wait_record(**{"from": "4930810"})["quality"]["srtp"] == CM


def test_a_carrier_that_does_not_encrypt_is_not_called_in_the_clear(
    asterisk: Asterisk, encrypting_switch: SwitchProcess
) -> None:
    """The `office` of Asterisk takes plain sound alone, and refuses an offer of RTP/SAVP."""
    call = asterisk.call(f"sip:951602@{encrypting_switch.address}", caller="4930811", then="tone")
    call.wait_ended()
    record = encrypting_switch.wait_record(**{"from": "4930811"})
    assert (record["outcome"], record["sip_code"]) == ("failed", 488)
    assert "488" in record["verdict"]
