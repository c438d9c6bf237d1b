"""Calls that fail as calls do in the field, at a real switch: the verdict of each record says what a person can do."""

import base64
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.peers.free_ports import LOOPBACK
from tests.live.peers.rtp_probe import PCMA, RtpProbe
from tests.live.peers.srtp_by_the_book import Book
from tests.live.peers.switch import SwitchProcess

RULES = """
rules:
  - {number: '901', steps: [answer, read_digits: {into: pin, between: 0.4}, hangup]}
  - {number: '_9XX.', strip: 1, steps: [dial: {to: '{to}', carrier: office, seconds: 10}]}
  - {number: '600', steps: [answer, echo]}
"""
CARRIERS = """
- name: office
  host: 127.0.0.1
  port: PORT
  username: us
  password: wrong
  number_format: as_dialled
  health_seconds: 0
"""
CHALLENGE = 'WWW-Authenticate: Digest realm="office", nonce="%d", algorithm=MD5, qop="auth"\r\n'


class Refuser:
    """A carrier that refuses each call: with the status that the called number begins with."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((LOOPBACK, 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._run, name="refuser")
        self._thread.start()

    def close(self) -> None:
        self._socket.sendto(b"", (LOOPBACK, self.port))
        self._thread.join(5)
        self._socket.close()

    def _run(self) -> None:
        nonce = 0
        while data := (received := self._socket.recvfrom(65_535))[0]:
            text = data.decode()
            found = re.match(r"INVITE sip:(\d{3})", text)
            if found is None:
                continue
            nonce += 1
            names = ("via:", "from:", "to:", "call-id:", "cseq:")
            lines = [line for line in text.split("\r\n") if line.lower().startswith(names)]
            lines = [f"{line};tag=r" if line.lower().startswith("to:") else line for line in lines]
            extra = CHALLENGE % nonce if found.group(1) == "401" else ""
            reply = "\r\n".join([f"SIP/2.0 {found.group(1)} As You Wish", *lines, f"{extra}Content-Length: 0", "", ""])
            self._socket.sendto(reply.encode(), received[1])


@pytest.fixture(scope="module")
def carrier() -> Iterator[Refuser]:
    refuser = Refuser()
    yield refuser
    refuser.close()


@pytest.fixture
def mine(switch_with: Callable[..., SwitchProcess], carrier: Refuser, tmp_path: Path) -> SwitchProcess:
    """A switch with that carrier, and little patience with silence."""
    (tmp_path / "plan.yaml").write_text(RULES)
    (tmp_path / "carriers.yaml").write_text(CARRIERS.replace("PORT", str(carrier.port)))
    file = tmp_path / "softswitch.yaml"
    file.write_text("dialplans: plan.yaml\ncarriers: carriers.yaml\nrtp: {media_timeout: 2}\n")
    return switch_with("--config", str(file))


def answered(told: str) -> tuple[str, int]:
    """Return where an answer of the switch wants its sound."""
    found = re.search(r"m=audio (\d+) ", told)
    assert found is not None, told
    return LOOPBACK, int(found.group(1))


def test_calls_without_a_carrier(mine: SwitchProcess, phone: Any, call_of: Any) -> None:
    def verdict(caller: Any) -> str:
        said: str = call_of(mine, caller.call_id)["verdict"]
        return said

    with RtpProbe() as sound, RtpProbe(codec=PCMA) as other:
        silent = phone(mine, "silent@test", rtp_port=sound.port)
        silent.calls("600")
        moved = phone(mine, "moved@test", ip="10.0.0.5", rtp_port=4000)
        sound.talk_to(answered(moved.calls("600")))
        stray = phone(mine, "stray@test", rtp_port=other.port)
        stray.codecs = "0"
        other.talk_to(answered(stray.calls("600")))
        time.sleep(1.4)
        for one in (silent, moved, stray):
            one.hangs_up()
        assert re.fullmatch(
            rf"no sound from the caller: its session description says 127\.0\.0\.1:{sound.port}, and nothing came from "
            r"there or anywhere else; let it reach UDP 127\.0\.0\.1:\d+, open rtp\.ports to it, and behind a NAT set "
            r"sip\.public_address",
            verdict(silent),
        )
        assert verdict(moved) == (
            "the session description of the caller says 10.0.0.5:4000; sound came from "
            f"127.0.0.1:{sound.port} and was followed (NAT)"
        )
        assert verdict(stray).startswith(
            "no sound of the caller could be used: it sent payload type 8 (PCMA) though PCMU was agreed"
        )
    refused = phone(mine, "refused@test")
    refused.codecs = "18"
    refused.calls("600", 488)
    assert verdict(refused).startswith("its offer was refused: ") and verdict(refused).endswith(" (SIP 488)")
    keyless = phone(mine, "keyless@test")
    keyless.calls("901")
    keyless.is_told("BYE")
    assert verdict(keyless).startswith("no key came, though some were asked for: the caller did not agree to telephone")
    nobody = phone(mine, "nobody@test")
    nobody.calls("555", 404)
    assert verdict(nobody) == (
        "no rule of the dialplan takes 555 from this caller: ask `softswitch route-test 555` (SIP 404)"
    )


def test_sound_that_is_encrypted_with_another_key_than_was_said(mine: SwitchProcess, phone: Any, call_of: Any) -> None:
    suite, said, used = "AES_CM_128_HMAC_SHA1_80", bytes(range(30)), bytes(range(1, 31))
    with RtpProbe() as sound:
        caller = phone(mine, "forger@test", rtp_port=sound.port)
        caller.codecs = f"0\r\na=crypto:1 {suite} inline:{base64.b64encode(said).decode()}"
        sound.encrypt(Book(suite, used), None)
        sound.talk_to(answered(caller.calls("600")))
        time.sleep(1.4)
        caller.hangs_up()
    verdict = call_of(mine, caller.call_id)["verdict"]
    assert re.fullmatch(
        r"no sound could be decrypted: \d+ packets came from the caller, none encrypted with the key that its session "
        rf"description gave for {suite}",
        verdict,
    ), verdict


def test_sound_that_stops(mine: SwitchProcess, phone: Any, call_of: Any) -> None:
    with RtpProbe() as sound:
        caller = phone(mine, "stops@test", rtp_port=sound.port)
        sound.talk_to(answered(caller.calls("600")))
        time.sleep(0.6)
        sound.talk_to(None)
        caller.is_told("BYE")
    said = call_of(mine, caller.call_id)["verdict"]
    assert re.fullmatch(
        r"the call was given up, for no sound came any more \(rtp\.media_timeout\): the sound of the caller stopped "
        rf"[23] s before that, after \d+ packets from 127\.0\.0\.1:{sound.port}: its telephone or the way to it "
        "is gone",
        said,
    ), said


def test_calls_that_a_carrier_refuses(mine: SwitchProcess, carrier: Refuser, phone: Any, call_of: Any) -> None:
    answers = f"(127.0.0.1:{carrier.port} answered %d As You Wish)"
    for status, told, expected in (
        (401, 403, "carrier office does not accept our credentials %s: check username and password of its entry in "
                   "carriers.yaml"),
        (486, 486, "carrier office is busy %s"),
        (488, 488, "carrier office finds nothing of use in our session description %s: compare codecs and encryption "
                   "(codecs, srtp) of both sides"),
        (404, 404, "carrier office knows no number 4041 %s: check it, and how it is written (number_format, "
                   "prefix_strip, prefix_add)"),
    ):  # fmt: skip
        caller = phone(mine, f"carrier-{status}@test")
        caller.calls(f"9{status}1", told)
        call = call_of(mine, caller.call_id)
        assert call["verdict"] == expected % (answers % status)
        far = call["record"]["legs"][1]
        assert (far["kind"], far["name"], far["sip_code"]) == ("carrier", "office", status)
    caller = phone(mine, "carrier-503@test")
    caller.calls("95031", 503)
    assert call_of(mine, caller.call_id)["verdict"] == (
        f"no gateway of carrier office took the call: 127.0.0.1:{carrier.port} answered 503 service unavailable "
        "(SIP 503)"
    )
