"""`softswitch call` calls the numbers of an Asterisk, and says how it went."""

from collections.abc import Callable

import pytest

from tests.live.asterisk.conftest import CallCommand
from tests.live.peers.asterisk import Asterisk

SoftswitchCall = Callable[..., CallCommand]


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_asterisk_hears_the_call_and_ends_it(
    asterisk: Asterisk, softswitch_call: SoftswitchCall, transport: str
) -> None:
    since = asterisk.mark()
    command = softswitch_call(f"sip:1602@{asterisk.address};transport={transport}", "--dial", "602")
    call = asterisk.wait_call("1602", since=since)
    call.wait_tone(1004)
    call.hang_up()
    record = command.finish()
    assert (record["status"], record["outcome"], record["ended_by"]) == (0, "answered", "callee")


def test_a_busy_number_is_said_to_be_busy(asterisk: Asterisk, softswitch_call: SoftswitchCall) -> None:
    record = softswitch_call(f"sip:1605@{asterisk.address}", "--dial", "602").finish()
    assert (record["status"], record["outcome"], record["sip_code"]) == (1, "busy", 486)


def test_an_unknown_number_is_said_to_be_unknown(asterisk: Asterisk, softswitch_call: SoftswitchCall) -> None:
    record = softswitch_call(f"sip:1999@{asterisk.address}", "--dial", "602").finish()
    assert (record["status"], record["outcome"], record["sip_code"]) == (1, "failed", 404)


def test_a_stopped_command_cancels_a_call_that_rings(asterisk: Asterisk, softswitch_call: SoftswitchCall) -> None:
    since = asterisk.mark()
    command = softswitch_call(f"sip:1606@{asterisk.address}", "--dial", "602")
    call = asterisk.wait_call("1606", since=since)
    call.wait("UserEvent", UserEvent="Ringing")
    command.process.terminate()
    record = command.finish()
    assert (record["status"], record["ended_by"], record["sip_code"]) == (1, "switch", 487)
    call.wait_ended()
