"""Sound is lost between Asterisk and the switch: each reports what it misses (RTCP), the record scores both ways."""

import time

import pytest

from tests.live.peers.asterisk import Asterisk
from tests.live.peers.free_ports import LOOPBACK
from tests.live.peers.lossy_media import LossyMedia
from tests.live.peers.switch import SwitchProcess

#: Which part of the packets is lost on the way to the switch, and on the way to Asterisk.
THERE, BACK = 0.08, 0.15


def score(loss_percent: float) -> float:
    """Return the opinion score of G.711 with concealment at this loss, by G.107 with all else at its default."""
    r = 93.2 - 95 * loss_percent / (loss_percent + 25.1)
    return 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6


def test_losses_and_scores_are_those_of_the_wire(asterisk: Asterisk, switch: SwitchProcess) -> None:
    caller = "4930910"
    with LossyMedia((LOOPBACK, switch.sip_port), there=THERE, back=BACK) as wire:
        call = asterisk.call(f"sip:600@{wire.address}", then="tone", caller=caller)
        call.wait_up()
        time.sleep(11)
        told = dict(pair.split("=", 1) for pair in call.variable("CHANNEL(rtcp,all)").split(";") if "=" in pair)
        call.hang_up()
        assert call.wait_ended() == 16
        record = switch.wait_record(**{"from": caller})
    quality = record["quality"]
    from_it, to_it = quality["received"], quality["sent"]
    # What we heard and what we missed is what the wire passed on and dropped, but for what was in the air at the end.
    assert from_it["packets"] == pytest.approx(wire.there.passed, abs=3)
    assert from_it["lost"] == pytest.approx(wire.there.dropped, abs=3)
    # What Asterisk says that it missed is its own count; the last report may be five seconds old.
    assert to_it["lost"] == pytest.approx(int(told["lp"]), abs=25) and to_it["lost"] > 20
    assert to_it["loss_percent"] == pytest.approx(100 * BACK, abs=5)
    assert 0 < int(told["rlp"]) <= from_it["lost"], "Asterisk has not read what we report"
    assert float(told["rtt"]) < 0.05 and 0 <= quality["round_trip_ms"] < 50
    assert from_it["mos"] == pytest.approx(score(from_it["loss_percent"]), abs=0.15)
    assert to_it["mos"] == pytest.approx(score(to_it["loss_percent"]), abs=0.15)
    assert "of the sound of the caller was lost on the way (MOS" in record["verdict"]
    assert "of ours to it (MOS" in record["verdict"]
