"""OPTIONS from sipsak are answered, 500 at once and broken ones too; afterwards calls work, and nothing is left."""

import time
from collections.abc import Callable

from tests.live.peers.heard import chirp
from tests.live.peers.rtp_probe import RtpProbe
from tests.live.peers.sipp import Sipp
from tests.live.peers.sipsak import Sipsak
from tests.live.peers.switch import Holdings, SwitchProcess

SipsakAgainst = Callable[[SwitchProcess], Sipsak]
FLOOD = 500
#: Each run damages ever more characters of an OPTIONS, and ends where it gets no answer three times.
RANDOM_RUNS, DAMAGED_CHARACTERS = 40, 30
#: An ordinary call holds these, and gives them back.
COUNTS = ("softswitch_calls_active", "softswitch_sip_legs", "softswitch_rtp_ports_open")
CLOSING_SECONDS = 6.0


def _metric(switch: SwitchProcess, name: str) -> float:
    return sum(value for key, value in switch.metrics().items() if key.split("{")[0] == name)


def _damaged(switch: SwitchProcess) -> float:
    return _metric(switch, "softswitch_sip_bad_messages_total")


def test_options_say_what_the_switch_can(switch: SwitchProcess, sipsak_against: SipsakAgainst) -> None:
    status, printed = sipsak_against(switch).run("-vvv")
    assert status == 0, printed
    assert "SIP/2.0 200" in printed
    assert "INVITE, ACK, CANCEL, BYE, OPTIONS" in printed and "Accept: application/sdp" in printed


def test_a_flood_and_random_damage_leave_no_trace(
    switch_with: Callable[..., SwitchProcess],
    sipp_against: Callable[[SwitchProcess], Sipp],
    sipsak_against: SipsakAgainst,
    probe: RtpProbe,
) -> None:
    switch = switch_with()
    sipsak, sipp = sipsak_against(switch), sipp_against(switch)
    before, tasks = switch.holdings(), _metric(switch, "softswitch_tasks")
    status, printed = sipsak.run("-F", "-e", str(FLOOD))
    assert status == 0 and f"send {FLOOD} request" in printed, printed
    runs = [sipsak.start("-R", "-t", str(DAMAGED_CHARACTERS)) for _ in range(RANDOM_RUNS)]
    for run in runs:
        sipsak.finish(run)
    assert _damaged(switch) >= RANDOM_RUNS, "hardly anything that came was broken"
    said = chirp(0.6)
    call = sipp.start("600-echo", "-d", "1500", number="600", rtp_port=probe.port)
    probe.talk_to(call.media_address())
    probe.pause(0.2)
    probe.say(said)
    call.finish()
    probe.talk_to(None)
    assert probe.heard.find(said)[1] > 0.98
    _wait(lambda: not any(_metric(switch, name) for name in COUNTS), lambda: str(switch.metrics()))
    assert _metric(switch, "softswitch_tasks") <= tasks
    # The connection over which we asked is closed a moment after it was answered. The file of records stays open from
    # the first call on, and the thread that writes to it.
    _wait(lambda: _is_as_before(before, switch.holdings()), lambda: f"{before} before, {switch.holdings()} now")


def _is_as_before(before: Holdings, now: Holdings) -> bool:
    few_more = now.files <= before.files + 1 and now.threads <= before.threads + 1
    return few_more and now.sockets <= before.sockets and now.children == before.children


def _wait(condition: Callable[[], bool], look: Callable[[], str]) -> None:
    deadline = time.monotonic() + CLOSING_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"something is left {CLOSING_SECONDS:.0f} s after the call: {look()}"
        time.sleep(0.1)
