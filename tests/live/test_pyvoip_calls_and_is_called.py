"""pyVoIP, a small telephone in Python: it calls the demo numbers and is called, and hears what it should."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.asterisk.conftest import CallCommand
from tests.live.asterisk.conftest import softswitch_call as softswitch_call
from tests.live.peers.free_ports import LOOPBACK, free_port
from tests.live.peers.heard import AUDIBLE_DBM0, level_dbm0
from tests.live.peers.pyvoip import NAME, SAYS_HZ, PyVoip
from tests.live.peers.switch import SwitchProcess


@pytest.fixture
def pyvoip(tmp_path: Path) -> Iterator[Callable[..., PyVoip]]:
    """A function that starts a telephone for one call."""
    phones: list[PyVoip] = []

    def start(server_port: int, **options: Any) -> PyVoip:
        phones.append(PyVoip(tmp_path, server_port, number=len(phones), **options))
        return phones[-1]

    yield start
    for phone in phones:
        phone.close()


def test_it_calls_and_is_called(
    pyvoip: Callable[..., PyVoip], switch: SwitchProcess, softswitch_call: Callable[..., CallCommand]
) -> None:
    """Three calls side by side: it hears its echo, its keys are read from its sound, and it hears the switch's keys."""
    port = free_port()
    called = pyvoip(port, seconds=40)
    echoed = pyvoip(switch.sip_port, dial="600", seconds=3)
    read = pyvoip(switch.sip_port, dial="607", press="42#", seconds=40)
    called.wait_told("ready")
    command = softswitch_call(f"sip:{NAME}@{LOOPBACK}:{called.port}", "--dial", "603", "--sip", f"{LOOPBACK}:{port}")

    echoed.finish()
    assert echoed.sound.has_tone(SAYS_HZ)
    record = switch.wait_record(**{"from": NAME, "to": "600"})
    assert (record["outcome"], record["ended_by"]) == ("answered", "caller")

    # It offers RFC 4733 events and sends none: what is heard counts. The switch reads back and hangs up.
    read.finish()
    assert ["ENDED"] in read.told() and ["hung up"] not in read.told()
    assert level_dbm0(read.sound.samples) > AUDIBLE_DBM0, "nothing was read back"
    record = switch.wait_record(**{"from": NAME, "to": "607"})
    assert (record["dtmf"], record["variables"]["digits"]) == ("42#", "42")

    called.finish()
    assert called.keys == "1234567890*#"
    record = command.finish()
    assert (record["status"], record["outcome"], record["ended_by"]) == (0, "answered", "switch")
