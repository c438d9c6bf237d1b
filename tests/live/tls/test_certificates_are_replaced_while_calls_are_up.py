"""SIGHUP: the call that is up lives, the next connection is shown the new certificate, a broken one changes nothing."""

import shutil
import signal
import time
from collections.abc import Callable

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from softswitch.net.tls_files import KeyPair
from tests.live.tls.conftest import Files, TlsAsterisk, TlsSwitch

Start = Callable[..., TlsSwitch]


def der(pair: KeyPair) -> bytes:
    return x509.load_pem_x509_certificate(pair.certificate.read_bytes()).public_bytes(Encoding.DER)


def wait_shown(switch: TlsSwitch, expected: bytes) -> None:
    deadline = time.monotonic() + 10
    while switch.shown() != expected:
        assert time.monotonic() < deadline, f"the old certificate is shown:\n{switch.process.output[-3000:]}"
        time.sleep(0.05)


def wait_output(switch: TlsSwitch, text: str) -> None:
    deadline = time.monotonic() + 10
    while text not in switch.process.output:
        assert time.monotonic() < deadline, f"no {text!r}:\n{switch.process.output[-3000:]}"
        time.sleep(0.05)


def test_a_new_certificate_is_for_new_connections(files: Files, tls_asterisk: TlsAsterisk, tls_switch: Start) -> None:
    pair = files.sign("live", "localhost", "127.0.0.1")
    old = der(pair)
    switch = tls_switch(tls_asterisk.carrier(tls_ca=files.ca), pair=pair)
    switch.wait_acme(state="registered")
    asterisk = tls_asterisk.asterisk
    call = asterisk.call(f"sip:602@127.0.0.1:{switch.port};transport=tls", caller="4955630")
    call.wait_up()
    call.wait_tone(1004)
    assert switch.shown() == old
    new = der(files.sign("live", "localhost", "127.0.0.1"))
    switch.process.process.send_signal(signal.SIGHUP)
    wait_shown(switch, new)
    wait_output(switch, "live.crt is another one")
    call.wait_tone(1004)
    call.hang_up()
    assert switch.process.wait_record(**{"from": "4955630"})["outcome"] == "answered"
    assert switch.acme["state"] == "registered"  # by the connection that was there before


def test_a_broken_certificate_is_refused_and_the_old_one_stays(files: Files, tls_switch: Start) -> None:
    pair = files.sign("live", "localhost", "127.0.0.1")
    old = der(pair)
    switch = tls_switch(pair=pair)
    assert switch.shown() == old
    shutil.copy(files.theirs.key, pair.key)
    switch.process.process.send_signal(signal.SIGHUP)
    wait_output(switch, "the reload was refused, and what was in force stays")
    assert f"softswitch.yaml:11: {pair.key} is not the key of" in switch.process.output
    assert switch.shown() == old


def test_who_asks_for_a_name_is_shown_the_certificate_of_that_name(files: Files, tls_switch: Start) -> None:
    """SNI (RFC 6066 section 3): the one of the name, and for any other name, or none, the first; both are replaced."""
    other = files.sign("other-name", "pbx.example.org")
    named = f"    names:\n      pbx.example.org: {{certificate: {other.certificate}, key: {other.key}}}\n"
    switch = tls_switch(more=named)
    assert switch.shown("pbx.example.org") == switch.shown("PBX.Example.org") == der(other)
    assert switch.shown() == switch.shown("elsewhere.example") == der(files.ours)
    new = der(files.sign("other-name", "pbx.example.org"))
    switch.process.process.send_signal(signal.SIGHUP)
    wait_output(switch, "other-name.crt is another one")
    assert switch.shown("pbx.example.org") == new
