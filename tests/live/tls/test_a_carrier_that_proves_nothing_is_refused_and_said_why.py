"""What is wrong with a carrier's certificate stands in `softswitch trunks` and in records, and is put right live."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.live.peers.asterisk import Asterisk
from tests.live.tls.conftest import ACCOUNT, TONE_440, Files, TlsAsterisk, TlsSwitch, asterisk_with_tls

Start = Callable[..., TlsSwitch]


def trunks(switch: TlsSwitch) -> str:
    """Return what `softswitch trunks` prints."""
    command = [
        str(Path(sys.executable).parent / "softswitch"),
        "trunks",
        "--http",
        f"127.0.0.1:{switch.process.http_port}",
    ]
    result = subprocess.run(command, capture_output=True, text=True, timeout=20, env={"COLUMNS": "200"}, check=True)
    return " ".join(result.stdout.split())


def test_a_wrong_name_is_refused_until_the_name_is_put_right(
    files: Files, tls_asterisk: TlsAsterisk, tls_switch: Start
) -> None:
    switch = tls_switch(tls_asterisk.carrier(tls_ca=files.ca, tls_name="sip.acme.example"))
    why = "its certificate is for localhost, 127.0.0.1, not for sip.acme.example: set tls_name"
    acme = switch.wait_acme(last_error=why)
    assert acme["state"] in ("failed", "registering") and f"127.0.0.1:{tls_asterisk.port}" in acme["last_error"]
    assert why in trunks(switch)
    assert switch.counts("tls_failures_total")['softswitch_tls_failures_total{reason="wrong_name",side="out"}'] >= 1
    # a call says it too
    asterisk = tls_asterisk.asterisk
    call = asterisk.call(f"sip:9{TONE_440}@{switch.process.address}", caller="4955610")
    call.wait_ended()
    record = switch.process.wait_record(**{"from": "4955610"})
    assert record["outcome"] != "answered"
    said = f"no gateway of carrier acme answered: 127.0.0.1:{tls_asterisk.port}: {why}"
    assert said in str(record["verdict"]) + str(record), record
    # put right while the switch runs
    (switch.config / "carriers.yaml").write_text(tls_asterisk.carrier(tls_ca=files.ca))
    switch.process.process.send_signal(signal.SIGHUP)
    switch.wait_acme(state="registered")
    asterisk.wait_contact(ACCOUNT)


@pytest.mark.parametrize(
    ("names", "of", "dates", "why"),
    [
        (["localhost"], "other", {}, "is signed by CN=Nobody's authority, whom nobody here trusts: name its authority"),
        (["localhost"], "authority", {"begins": -30, "ends": -3}, "its certificate expired on 20"),
    ],
    ids=["untrusted", "expired"],
)
def test_a_certificate_that_is_no_good_is_refused(
    files: Files,
    tls_switch: Start,
    tmp_path: Path,
    names: list[str],
    of: str,
    dates: dict[str, float],
    why: str,
) -> None:
    bad = files.sign("bad", *names, of=getattr(files, of), **dates)
    with asterisk_with_tls(tmp_path / "bad", files, bad) as acme:
        switch = tls_switch(acme.carrier(tls_ca=files.ca))
        switch.wait_acme(last_error=why)
        assert acme.asterisk.contact(ACCOUNT) == ""


def test_who_says_so_takes_anybody_and_sees_it(files: Files, tls_asterisk: TlsAsterisk, tls_switch: Start) -> None:
    switch = tls_switch(tls_asterisk.carrier(tls_verify="false", host="127.0.0.1"))
    switch.wait_acme(state="registered")
    assert switch.acme["tls_verify"] is False
    assert "TLS unverified" in trunks(switch)


def test_a_port_that_speaks_no_tls_is_said(tls_asterisk: TlsAsterisk, files: Files, tls_switch: Start) -> None:
    asterisk: Asterisk = tls_asterisk.asterisk
    switch = tls_switch(tls_asterisk.carrier(tls_ca=files.ca, port=asterisk.port))  # its port for UDP and TCP
    acme = switch.wait_acme(last_error=f"127.0.0.1:{asterisk.port}")
    assert any(
        words in acme["last_error"]
        for words in ("it answers in plain text", "it closed the connection while TLS was set up", "TLS is not set up")
    ), acme


def test_who_was_taken_unseen_has_to_prove_himself_once_that_is_asked(
    files: Files, tls_asterisk: TlsAsterisk, tls_switch: Start
) -> None:
    switch = tls_switch(tls_asterisk.carrier(tls_verify="false"))
    switch.wait_acme(state="registered")
    strict = tls_asterisk.carrier(tls_ca=files.ca, tls_name="sip.acme.example")
    (switch.config / "carriers.yaml").write_text(strict)
    switch.process.process.send_signal(signal.SIGHUP)
    switch.wait_acme(state="failed", last_error="its certificate is for localhost, 127.0.0.1, not for sip.acme.example")
