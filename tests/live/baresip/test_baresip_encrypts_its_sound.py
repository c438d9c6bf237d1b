"""A baresip whose sound is encrypted calls the switch, and is called: each way to make keys, in both directions."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.live.asterisk.conftest import CallCommand
from tests.live.peers.baresip import NUMBER, SAYS_HZ, Baresip, running_baresip
from tests.live.peers.free_ports import LOOPBACK
from tests.live.peers.switch import SwitchProcess

CM = "AES_CM_128_HMAC_SHA1_80"
#: What baresip's account says, and the profile of its offers.
WAYS = {"srtp": "RTP/AVP", "srtp-mand": "RTP/SAVP", "dtls_srtp": "UDP/TLS/RTP/SAVPF"}


@pytest.fixture(scope="module", params=WAYS)
def encrypted(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, baresip_of_the_session: Baresip
) -> Iterator[tuple[Baresip, str]]:
    """A baresip that encrypts, and how."""
    with running_baresip(tmp_path_factory.mktemp("encrypted") / "phone", mediaenc=request.param) as running:
        yield running, request.param


def test_it_hears_a_tone_and_its_echo(encrypted: tuple[Baresip, str], switch: SwitchProcess) -> None:
    baresip, way = encrypted
    for number, hz in (("602", 1004.0), ("600", SAYS_HZ)):
        mark = baresip.dial(f"sip:{number}@{switch.address}")
        baresip.wait_event("CALL_ESTABLISHED", since=mark)
        baresip.wait_tone(hz)
        baresip.hang_up()
        baresip.wait_event("CALL_CLOSED", since=mark)
    assert f" {WAYS[way]} " in baresip.log
    record = switch.wait_record(**{"from": NUMBER, "to": "600", "quality": _Encrypted()})
    assert (record["outcome"], record["verdict"]) == ("answered", "")
    assert switch.metrics()[f'softswitch_srtp_calls_total{{suite="{CM}"}}'] >= 2


def test_its_hold_and_its_keys_work(encrypted: tuple[Baresip, str], switch: SwitchProcess) -> None:
    baresip, _ = encrypted
    mark = baresip.dial(f"sip:602@{switch.address}")
    baresip.wait_event("CALL_ESTABLISHED", since=mark)
    baresip.wait_tone(1004)
    baresip.hold()
    baresip.wait_quiet()
    baresip.resume()
    baresip.wait_tone(1004)
    baresip.hang_up()
    baresip.wait_event("CALL_CLOSED", since=mark)
    mark = baresip.dial(f"sip:607@{switch.address}")
    baresip.wait_event("CALL_ESTABLISHED", since=mark)
    baresip.press("94#")
    baresip.wait_event("CALL_CLOSED", since=mark)
    assert switch.wait_record(**{"from": NUMBER, "to": "607", "quality": _Encrypted()})["dtmf"] == "94#"


def test_it_is_called_and_heard(
    encrypted: tuple[Baresip, str], softswitch_call: Callable[..., CallCommand], tmp_path: Path
) -> None:
    baresip, way = encrypted
    wish = {"srtp": "srtp: offer", "srtp-mand": "srtp: require", "dtls_srtp": "srtp: require, srtp_keys: dtls"}[way]
    entry = f"{{name: phone, host: {LOOPBACK}, port: {baresip.port}, number_format: as_dialled, {wish}}}"
    (tmp_path / "carriers.yaml").write_text(f"- {entry}\n", encoding="utf-8")
    (tmp_path / "softswitch.yaml").write_text("carriers: carriers.yaml\n", encoding="utf-8")
    for number, hz in (("602", 1004.0), ("600", SAYS_HZ)):
        mark = baresip.expect_call()
        command = softswitch_call(NUMBER, "--dial", number, "--config", str(tmp_path / "softswitch.yaml"))
        baresip.wait_event("CALL_ESTABLISHED", since=mark)
        baresip.wait_tone(hz)
        baresip.hang_up()
        record = command.finish()
        assert (record["status"], record["outcome"], record["quality"]["srtp"]) == (0, "answered", CM)


def test_where_it_must_encrypt_and_we_must_not_there_is_no_call(
    tmp_path: Path, switch_with: Callable[..., SwitchProcess]
) -> None:
    (tmp_path / "softswitch.yaml").write_text("rtp: {srtp: none}\n", encoding="utf-8")
    switch = switch_with("--config", str(tmp_path / "softswitch.yaml"))
    with running_baresip(tmp_path / "phone", mediaenc="srtp-mand") as baresip:
        mark = baresip.dial(f"sip:602@{switch.address}")
        assert baresip.wait_event("CALL_CLOSED", since=mark)["param"].startswith("488")
    assert switch.wait_record(to="602")["verdict"] == (
        "its offer was refused: Encrypted sound (SRTP) is not taken here (SIP 488)"
    )


class _Encrypted:
    """Equal to the quality of any call that was encrypted."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, dict) and other.get("srtp") == CM
