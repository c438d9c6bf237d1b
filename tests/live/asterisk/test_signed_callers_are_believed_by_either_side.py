"""STIR/SHAKEN with Asterisk 22: it signs and we verify, we sign and it verifies; neither knows the other's code.

The certificates are those of the unit tests, made for the hour; Asterisk fetches ours over HTTP from this machine.
"""

import datetime
import http.server
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.live.asterisk.conftest import CallCommand
from tests.live.peers.asterisk import Asterisk, running_asterisk
from tests.live.peers.switch import SwitchProcess
from tests.unit.stir import conftest as stir
from tests.unit.stir.conftest import World, pem

CALLER, CALLED = "12155551212", "12155551213"
URL = "https://certs.example.org/asterisk.pem"

ASTERISK = """
[attestation]
private_key_file = @FOLDER@/key.pem
public_cert_url = https://certs.example.org/asterisk.pem
attest_level = B

[12155551212]
type = tn

[12155551214]
type = tn
private_key_file = @FOLDER@/other-key.pem

[verification]
ca_file = @FOLDER@/root.pem
cert_cache_dir = @FOLDER@/cache
failure_action = continue
relax_x5u_port_scheme_restrictions = yes
x5u_permit = 127.0.0.0/8
max_iat_age = 60
max_date_header_age = 60

[signed]
type = profile
endpoint_behavior = on
"""
MODULES = "load = res_curl.so\nload = res_stir_shaken.so\nload = res_pjsip_stir_shaken.so\n"
EXTENSIONS = """[from-switch]
exten => +12155551213,1,UserEvent(Verified,Count: ${STIR_SHAKEN(count)},Result: ${STIR_SHAKEN(0,verify_result)})
 same => n,Answer()
 same => n,Wait(1)
 same => n,Hangup()
"""
RULES = """
rules:
  - {number: '12155551213', signed: passed, steps: [answer, {wait: 0.5}, hangup]}
  - {number: '12155551213', steps: [{reject: 480}]}
"""
#: Their number is presented as ours: attested in full.
CARRIERS = """
- name: office
  host: 127.0.0.1
  port: @PORT@
  country: US
  caller_id: '+12155551212'
  health_seconds: 0
  identity_verify: @VERIFY@
  identity_sign: {key: key.pem, certificate_url: '@URL@'}
"""
SETTINGS = """
carriers: carriers.yaml
dialplans: plan.yaml
stir:
  anchors: root.pem
  certificates: {'https://certs.example.org/asterisk.pem': chain.pem}
"""


@dataclass
class Signed:
    """An Asterisk that signs and verifies, and the keys and certificates of both."""

    folder: Path
    asterisk: Asterisk
    url: str

    def options(self, folder: Path, verify: str = "require") -> tuple[str, ...]:
        """Return the options of a switch whose carrier this is."""
        for name in ("key.pem", "root.pem", "chain.pem"):
            (folder / name).write_bytes((self.folder / name).read_bytes())
        text = CARRIERS.replace("@PORT@", str(self.asterisk.port)).replace("@URL@", self.url)
        (folder / "carriers.yaml").write_text(text.replace("@VERIFY@", verify))
        (folder / "plan.yaml").write_text(RULES)
        (folder / "softswitch.yaml").write_text(SETTINGS)
        return ("--config", str(folder / "softswitch.yaml"))


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Signed]:
    folder = tmp_path_factory.mktemp("stir")
    (folder / "cache").mkdir()
    before, stir.NOW = stir.NOW, datetime.datetime.now(datetime.UTC)
    world = World()
    stir.NOW = before
    for name, key in (("key.pem", world.key), ("other-key.pem", world.other_key)):
        (folder / name).touch(0o600)
        (folder / name).write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (folder / "root.pem").write_bytes(pem(world.root))
    (folder / "chain.pem").write_bytes(world.chain)

    class Published(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(pem(world.direct))  # Asterisk looks for no certificate between it and an anchor

        def log_message(self, *_: object) -> None:
            pass

    def change(name: str, text: str) -> str:
        match name:
            case "modules.conf":
                return text.replace("load = chan_pjsip.so", MODULES + "load = chan_pjsip.so")
            case "pjsip.conf":
                return text.replace("[office](peer)\n", "[office](peer)\nstir_shaken_profile = signed\n", 1)
            case "extensions.conf":
                return text.replace("[from-switch]\n", EXTENSIONS, 1)
            case "stir_shaken.conf":
                return ASTERISK.replace("@FOLDER@", str(folder))
        return text

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Published) as server:
        threading.Thread(target=server.serve_forever, name="certificates", daemon=True).start()
        with running_asterisk(folder / "carrier", change) as asterisk:
            yield Signed(folder, asterisk, f"http://127.0.0.1:{server.server_port}/ours.pem")
        server.shutdown()


def test_a_call_that_asterisk_signs_is_believed(
    signed: Signed, switch_with: Callable[..., SwitchProcess], tmp_path: Path
) -> None:
    switch = switch_with(*signed.options(tmp_path))
    call = signed.asterisk.call(f"sip:{CALLED}@{switch.address}", caller=CALLER)
    call.wait_up()
    record = switch.wait_record(to=CALLED, outcome="answered")
    assert record["variables"]["verstat"] == "TN-Validation-Passed"
    assert record["variables"]["attest"] == "B"
    assert record["variables"]["origid"]


@pytest.mark.parametrize(("caller", "status"), [("12155551214", 438), ("12155551299", 428)])
def test_a_call_that_is_signed_by_another_key_or_not_at_all_is_refused(
    signed: Signed, switch_with: Callable[..., SwitchProcess], tmp_path: Path, caller: str, status: int
) -> None:
    switch = switch_with(*signed.options(tmp_path))
    signed.asterisk.call(f"sip:{CALLED}@{switch.address}", caller=caller)
    record = switch.wait_record(to=CALLED)
    assert (record["outcome"], record["sip_code"]) == ("rejected", status)
    assert "sign" in record["verdict"]
    assert "attest" not in record["variables"]


def test_where_signatures_are_only_noted_the_dialplan_decides(
    signed: Signed, switch_with: Callable[..., SwitchProcess], tmp_path: Path
) -> None:
    switch = switch_with(*signed.options(tmp_path, "note"))
    signed.asterisk.call(f"sip:{CALLED}@{switch.address}", caller="12155551214")
    record = switch.wait_record(to=CALLED)
    assert record["sip_code"] == 480
    assert record["variables"]["verstat"] == "TN-Validation-Failed"


def test_a_call_that_we_sign_is_believed_by_asterisk(
    signed: Signed, switch_with: Callable[..., SwitchProcess], tmp_path: Path
) -> None:
    (tmp_path / "config").mkdir()
    options = signed.options(tmp_path / "config")
    since = signed.asterisk.mark()
    command = CallCommand(tmp_path, *("+12155551213", "--carrier", "office", "--say", "Hello."), *options)
    event = signed.asterisk.ami.wait_event(
        lambda one: one["Event"] == "UserEvent" and one.get("UserEvent") == "Verified",
        "a verdict of Asterisk",
        since=since,
    )
    assert (event["Count"], event["Result"]) == ("1", "success"), signed.asterisk.log[-6000:]
    assert command.finish()["status"] == 0
