"""Two telephones of a real baresip register with us, call each other with no dialplan, and outlive our restart."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from softswitch.ask import ask_list
from tests.live.peers.baresip import SAYS_HZ, Baresip, running_baresip
from tests.live.peers.free_ports import LOOPBACK
from tests.live.peers.switch import SwitchProcess, running_switch

#: Short, so that a telephone over UDP, which cannot know of our restart, is back in seconds.
REGISTERS_SECONDS = 10
CONFIG = """
registrar: {min_expires: 5}
users:
  - {name: alice, password: open-sesame, number: 101, display: Alice}
  - {name: bob, password: open-sesame, number: 102}
"""


def account(name: str, address: str, transport: str) -> str:
    where = f"<sip:{name}@{address};transport={transport}>"
    return f"{where};auth_user={name};auth_pass=open-sesame;regint={REGISTERS_SECONDS};answermode=auto"


def registered(switch: SwitchProcess) -> set[tuple[str, str]]:
    """Return user and transport of each telephone that is registered."""
    found = ask_list((LOOPBACK, switch.http_port), "/v1/registrations", "registrations")
    return {(one["user"], one["transport"]) for one in found}


def wait_registered(switch: SwitchProcess, wanted: set[tuple[str, str]], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while (found := registered(switch)) != wanted:
        assert time.monotonic() < deadline, f"only {found} are registered after {seconds:.0f} s:\n{switch.output}"
        time.sleep(0.1)


@contextmanager
def telephones(folder: Path, address: str, transport: str) -> Iterator[tuple[Baresip, Baresip]]:
    with (
        running_baresip(folder / "alice", account=account("alice", address, transport)) as alice,
        running_baresip(folder / "bob", account=account("bob", address, transport)) as bob,
    ):
        yield alice, bob


def talk(switch: SwitchProcess, alice: Baresip, bob: Baresip) -> None:
    """Let bob call alice by her number; each hears the other."""
    far = alice.expect_call()
    mark = bob.dial(f"sip:101@{switch.address}")
    bob.wait_event("CALL_ESTABLISHED", since=mark)
    alice.wait_tone(SAYS_HZ)
    bob.wait_tone(SAYS_HZ)
    bob.hang_up()
    alice.wait_event("CALL_CLOSED", since=far)


@pytest.mark.baresip
@pytest.mark.slow
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_two_telephones_call_each_other_before_and_after_our_restart(tmp_path: Path, transport: str) -> None:
    config = tmp_path / "softswitch.yaml"
    config.write_text(CONFIG)
    options = ("--config", str(config))
    both = {("alice", transport.upper()), ("bob", transport.upper())}
    folders = [tmp_path / name for name in ("first", "second")]
    for folder in folders:
        folder.mkdir()
    with running_switch(folders[0], options=options, number=9) as switch:
        address = switch.address
        with telephones(tmp_path, address, transport) as (alice, bob):
            wait_registered(switch, both, 20)
            talk(switch, alice, bob)
            record = switch.wait_record(to="101", outcome="answered")
            assert record["from"] == "102"
            assert switch.metrics()["softswitch_phones_registered"] == 2
            switch.terminate()
            assert switch.process.wait(15) == 0
            with running_switch(folders[1], options=(*options, "--sip", address), number=9) as again:
                again.sip_port = switch.sip_port
                wait_registered(again, both, 60)
                talk(again, alice, bob)
