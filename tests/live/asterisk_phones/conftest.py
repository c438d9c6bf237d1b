"""An Asterisk whose channels are telephones of ours: they register, call, are called, and transfer by REFER.

Alice, Bob and Carol are users of the switch. Each says a tone of its own and records what it hears, so that who hears
whom is known at both ends. The same Asterisk is the carrier behind the numbers that begin with 0.
"""

import json
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.peers.asterisk import PASSWORD, Asterisk, AsteriskCall, running_asterisk
from tests.live.peers.switch import SwitchProcess, running_switch

#: Each telephone: its extension, and the tone that it says.
PHONES = {"alice": ("101", 500), "bob": ("102", 700), "carol": ("103", 900)}
NUMBERS = {name: number for name, (number, _) in PHONES.items()}
TONES = {name: hz for name, (_, hz) in PHONES.items()}
#: What the carrier's number 1602 says.
CARRIER_HZ = 440

#: The telephones have an address of their own: calls from that of the carrier are the carrier's.
_TRANSPORT = """
[telephones]
type = transport
protocol = udp
bind = 127.0.0.2:@SIP@

; Calls Asterisk itself, which knows the caller by the user in From.
[carriers-phone](peer)
transport = udp
from_user = phone

; Whose calls nobody else may transfer.
[firm](peer)
allow_transfer = no
"""
_PHONE = """
[@NAME@](peer)
transport = telephones
context = telephone
from_user = @NAME@
from_domain = 127.0.0.1
outbound_auth = @NAME@
dtmf_mode = rfc4733
refer_blind_progress = yes

[@NAME@]
type = auth
auth_type = digest
username = @NAME@
password = @PASSWORD@

[@NAME@]
type = registration
transport = telephones
server_uri = sip:@SWITCH@
client_uri = sip:@NAME@@@SWITCH@
contact_user = @NAME@
outbound_auth = @NAME@
endpoint = @NAME@
line = yes
expiration = @EXPIRES@
retry_interval = 1
forbidden_retry_interval = 1
max_retries = 100
"""
_CALLED = """
exten => @NAME@,1,Answer()
 same => n,Gosub(keep-what-is-heard,s,1)
 same => n,Playtones(@HZ@)
 same => n,Wait(600)
"""
_TO_SWITCH = """
; Ask the switch to connect whom we talk with to ${REFER_TO}; what came of it is said in an event.
exten => refer,1,Transfer(PJSIP/${REFER_TO})
 same => n,UserEvent(Transferred,Status: ${TRANSFERSTATUS},Protocol: ${TRANSFERSTATUSPROTOCOL})
 same => n,Playtones(${HZ})
 same => n,Wait(600)
"""
_RULES = """
rules:
  - {number: _0X., strip: 1, steps: [dial: {to: '{to}', carrier: office}]}
  - {number: '605', steps: [{reject: 486}]}
  - {number: '602', steps: [answer, tone: {hz: 1004}]}
  - {number: '603', carrier: office, steps: [dial: 'user:bob']}
  - {number: '710', carrier: office, steps: [answer, {transfer: {to: '1602', mode: refer}}]}
  - {number: '711', carrier: office, steps: [answer, {transfer: {to: '1600', carrier: office, mode: attended}}]}
  - {number: '713', carrier: office, steps: [answer, {transfer: {to: '1602', carrier: office, mode: refer}}]}
  - number: '712'
    carrier: office
    steps: [answer, {transfer: {to: '1999', mode: refer, then: continue}}, {tone: {hz: 1004}}]
"""


class Telephones:
    """The switch, the Asterisk, and the telephones in it."""

    def __init__(self, asterisk: Asterisk, switch: SwitchProcess) -> None:
        self.asterisk = asterisk
        self.switch = switch
        self._before = 0

    def uri(self, number: str) -> str:
        """Return the address of a number at the switch."""
        return f"sip:{number}@{self.switch.address}"

    def call(self, name: str, number: str) -> AsteriskCall:
        """Let a telephone call a number; it says its tone once it is answered."""
        return self.asterisk.call(
            self.uri(number), endpoint=name, then="tone", caller=name, variables={"HZ": str(TONES[name])}
        )

    def call_from_the_carrier(self, number: str) -> AsteriskCall:
        """Let a phone of the carrier's own call a number of ours, so that there is somebody whom it can transfer."""
        self.asterisk.connect_phones_to(self.switch.address)
        return self.asterisk.call(f"sip:{number}@{self.asterisk.address}", endpoint="carriers-phone", then="tone")

    def called(self, name: str, *, since: int) -> AsteriskCall:
        """Wait until a telephone is called."""
        return self.asterisk.wait_called(name, since=since)

    def talk(self, name: str, number: str, who: str) -> tuple[AsteriskCall, AsteriskCall]:
        """Let a telephone call another one, and wait until they hear each other."""
        since = self.asterisk.mark()
        call = self.call(name, number)
        far = self.called(who, since=since)
        call.wait_up()
        call.wait_tone(TONES[who])
        far.wait_tone(TONES[name])
        return call, far

    def transfer(self, call: AsteriskCall, to: str, *, says: int) -> None:
        """Let a telephone ask for its partner to be connected with `to` (a whole URI), and say a tone afterwards."""
        call.set("REFER_TO", to)
        call.set("HZ", str(says))
        call.redirect("refer")

    def outcome(self, call: AsteriskCall, seconds: float = 15.0) -> tuple[str, str]:
        """Wait until the telephone knows what came of its transfer; return Asterisk's word, and the SIP status."""
        event = call.wait("UserEvent", seconds=seconds, UserEvent="Transferred")
        return event["Status"], event["Protocol"]

    def replaces(self, call: AsteriskCall, number: str) -> str:
        """Return the address of whom `call` talks with, for a transfer that takes its place (RFC 3891)."""
        call_id, ours, theirs = (
            call.variable(f"CHANNEL(pjsip,{what})") for what in ("call-id", "local_tag", "remote_tag")
        )
        value = f"{call_id};to-tag={theirs};from-tag={ours}"
        escaped = value.replace(";", "%3B").replace("=", "%3D").replace("@", "%40")
        return f"<{self.uri(number)}?Replaces={escaped}>"

    def record(self, **fields: str) -> dict[str, Any]:
        """End every call; wait for a record of this test that has these values, and return it."""
        self.idle()
        return self.wait_record(**fields)

    def wait_record(self, *, within: float = 5.0, **fields: str) -> dict[str, Any]:
        """Wait for a record of this test that has these values, and return it."""
        deadline = time.monotonic() + within
        while True:
            for record in self._records()[self._before :]:
                if all(record[name] == value for name, value in fields.items()):
                    return record
            assert time.monotonic() < deadline, f"no record has {fields}: {self._records()[self._before :]}"
            time.sleep(0.1)

    def begin(self) -> None:
        """Look at no record that there is by now."""
        self._before = len(self._records())

    def _records(self) -> list[dict[str, Any]]:
        file = self.switch.data / "calls.jsonl"
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        return [json.loads(line) for line in lines]

    def idle(self) -> None:
        """End every call at Asterisk, and wait until the switch has none either."""
        self.asterisk.hang_up_all()
        self.wait_no_call()

    def wait_no_call(self) -> None:
        """Wait until the switch has no call."""
        deadline = time.monotonic() + 10.0
        while left := self.switch.metrics()["softswitch_calls_active"]:
            assert time.monotonic() < deadline, f"{left:.0f} calls are still up:\n{self.switch.output[-4000:]}"
            time.sleep(0.1)


def configured(folder: Path, port: int) -> Path:
    """Write the configuration of a switch with these users, and a carrier at this port; return its file."""
    config = folder / "config"
    config.mkdir()
    (config / "rules.yaml").write_text(_RULES, encoding="utf-8")
    (config / "carriers.yaml").write_text(
        f"- {{name: office, host: 127.0.0.1, port: {port}, number_format: as_dialled, health_seconds: 1}}\n",
        encoding="utf-8",
    )
    users = "".join(
        f"  - {{name: {name}, number: '{number}', password: {PASSWORD}}}\n" for name, number in NUMBERS.items()
    )
    settings = config / "softswitch.yaml"
    settings.write_text(
        f"carriers: carriers.yaml\ndialplans: rules.yaml\nrtp: {{media_timeout: 6}}\nusers:\n{users}", encoding="utf-8"
    )
    return settings


def telephones_at(address: str, *, expires: int = 60) -> Callable[[str, str], str]:
    """Return what makes Asterisk's configuration one with telephones of the switch at `address`.

    expires: seconds for which they register; Asterisk refreshes ten seconds before the end.
    """
    words = {"@SWITCH@": address, "@EXPIRES@": str(expires)}

    def change(name: str, text: str) -> str:
        match name:
            case "pjsip.conf":
                text += _TRANSPORT + "".join(_PHONE.replace("@NAME@", phone) for phone in PHONES)
                for word, value in words.items():
                    text = text.replace(word, value)
                return text
            case "extensions.conf":
                called = "".join(
                    _CALLED.replace("@NAME@", phone).replace("@HZ@", str(hz)) for phone, hz in TONES.items()
                )
                return re.sub(r"(?m)^\[to-switch\]$", "[to-switch]" + _TO_SWITCH, text) + "\n[telephone]" + called
            case "modules.conf":
                return text + "\nload = app_transfer.so\n"
        return text

    return change


@pytest.fixture(scope="session")
def telephones_of_the_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Telephones]:
    """One switch and its telephones, registered."""
    folder = tmp_path_factory.mktemp("telephones")
    # The carrier's port is known when Asterisk is, and Asterisk wants the switch's: the switch reads the carrier later.
    settings = configured(folder, 5)
    with running_switch(folder, options=("--config", str(settings)), number=5) as switch:
        with running_asterisk(folder / "asterisk", telephones_at(switch.address)) as asterisk:
            carriers = settings.parent / "carriers.yaml"
            carriers.write_text(carriers.read_text(encoding="utf-8").replace("port: 5,", f"port: {asterisk.port},"))
            switch.process.send_signal(signal.SIGHUP)
            asterisk.wait_for(lambda: switch.trunks()[0]["state"] == "up", "answer of the carrier to OPTIONS")
            for name in PHONES:
                asterisk.wait_command("pjsip show registrations", rf"{name}/\S+\s+{name}\s+Registered")
            yield Telephones(asterisk, switch)


@pytest.fixture
def telephones(telephones_of_the_session: Telephones) -> Iterator[Telephones]:
    """The telephones, without a call before and afterwards."""
    telephones_of_the_session.begin()
    yield telephones_of_the_session
    telephones_of_the_session.idle()
