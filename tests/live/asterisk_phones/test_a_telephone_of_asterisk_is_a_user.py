"""Telephones in a real Asterisk register to us, call each other and out, and are known as whom they are."""

import pytest

from tests.live.asterisk_phones.conftest import CARRIER_HZ, NUMBERS, PHONES, Telephones, configured, telephones_at
from tests.live.peers.asterisk import running_asterisk
from tests.live.peers.switch import running_switch


@pytest.mark.parametrize("dialled", ["102", "bob"])
def test_two_telephones_talk(telephones: Telephones, dialled: str) -> None:
    call, far = telephones.talk("alice", dialled, "bob")
    call.hang_up()
    assert far.wait_ended() == 16
    record = telephones.switch.wait_record(to=dialled, outcome="answered")
    assert record["from"] == NUMBERS["alice"]


def test_a_telephone_calls_out(telephones: Telephones) -> None:
    call = telephones.call("alice", "01602")
    call.wait_up()
    call.wait_tone(CARRIER_HZ)
    call.hang_up()
    assert telephones.switch.wait_record(to="01602")["carrier"] == "office"


@pytest.mark.asterisk
@pytest.mark.timeout(150)
def test_telephones_come_back_after_our_restart(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("restart")
    settings = configured(folder, 5)
    settings.write_text(settings.read_text() + "registrar: {min_expires: 5}\n")
    options = ("--config", str(settings))
    with running_switch(folder, options=options, number=6) as switch:
        address = switch.address
        with running_asterisk(folder / "asterisk", telephones_at(address, expires=15)) as asterisk:
            telephones = Telephones(asterisk, switch)
            _wait_registered(telephones)
            switch.terminate()
            assert switch.process.wait(15) == 0
            second = folder / "second"
            second.mkdir()
            # The new one knows nobody, and nobody tells the telephones: they find out when they refresh. Who did so
            # while we stopped was told to come back in 30 s (503).
            with running_switch(second, options=(*options, "--sip", address), number=6) as again:
                again.sip_port = switch.sip_port
                telephones = Telephones(asterisk, again)
                _wait_registered(telephones)
                call, far = telephones.talk("alice", "102", "bob")
                call.hang_up()
                assert far.wait_ended() == 16


def _wait_registered(telephones: Telephones) -> None:
    # What Asterisk believes is no proof: it does not know yet that we have forgotten it.
    said = "a phone is registered"
    asterisk, switch = telephones.asterisk, telephones.switch
    asterisk.wait_for(lambda: switch.output.count(said) >= len(PHONES), "registration of every phone", seconds=50)
