"""TLS and SRTP in the same call, both ways, with a real Asterisk and a real baresip: as carriers and as telephones."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from softswitch.ask import ask_list
from tests.live.asterisk.conftest import CallCommand
from tests.live.asterisk.conftest import softswitch_call as softswitch_call
from tests.live.peers.asterisk import Asterisk, AsteriskCall
from tests.live.peers.baresip import NUMBER, SAYS_HZ, Baresip, running_baresip
from tests.live.peers.free_ports import LOOPBACK
from tests.live.tls.conftest import TONE_440, Files, TlsAsterisk, TlsSwitch, asterisk_with_tls

Start = Callable[..., TlsSwitch]

CM, CM32 = "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"
GCM, GCM256 = "AEAD_AES_128_GCM", "AEAD_AES_256_GCM"
ALICE_HZ = 500
#: A telephone in Asterisk: it registers over TLS, and encrypts its sound or does not call at all.
TELEPHONE = """
[alice](peer)
transport = tls
context = telephone
from_user = alice
from_domain = 127.0.0.1
outbound_auth = alice
media_encryption = {encryption}
dtls_auto_generate_cert = yes
dtls_verify = fingerprint
dtls_setup = actpass
rtcp_mux = yes

[alice]
type = auth
auth_type = digest
username = alice
password = open-sesame

[alice]
type = registration
transport = tls
server_uri = sip:{address}\\;transport=tls
client_uri = sip:alice@{address}\\;transport=tls
contact_user = alice
outbound_auth = alice
endpoint = alice
line = yes
expiration = 60
retry_interval = 1
max_retries = 100
"""
ANSWERS = f"""
[telephone]
exten => alice,1,Answer()
 same => n,Gosub(keep-what-is-heard,s,1)
 same => n,Playtones({ALICE_HZ})
 same => n,Wait(600)
"""


def agreed(asterisk: Asterisk, call: AsteriskCall) -> tuple[str, str]:
    """Return profile and suite of the answer to the INVITE of a call; no suite where keys come by a handshake."""
    call_id = call.variable("CHANNEL(pjsip,call-id)")
    messages = re.split(r"^\[.* (?:SIP|bytes\)) .*--->$", asterisk.log, flags=re.MULTILINE)
    [answer, *_] = [one for one in messages if one.strip().startswith("SIP/2.0 200") and f"Call-ID: {call_id}\n" in one]
    [profile] = re.findall(r"^m=audio \d+ (\S+)", answer, re.MULTILINE)
    suites = re.findall(r"^a=crypto:\d+ (\S+)", answer, re.MULTILINE)
    assert suites or "a=fingerprint:" in answer, answer
    return profile, "".join(suites)


def wait_registered(switch: TlsSwitch, users: set[str]) -> None:
    """Wait until the telephones of these users are registered, each over TLS."""
    deadline = time.monotonic() + 20
    wanted = {(user, "TLS") for user in users}
    while True:
        phones = ask_list((LOOPBACK, switch.process.http_port), "/v1/registrations", "registrations")
        if (found := {(one["user"], one["transport"]) for one in phones}) == wanted:
            return
        assert time.monotonic() < deadline, f"registered are {found}:\n{switch.process.output[-3000:]}"
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("endpoint", "keys", "profile", "suite"),
    [
        ("sdes", {}, "RTP/SAVP", CM),
        ("sdes32", {"srtp_suites": f"[{CM32}, {CM}]"}, "RTP/SAVP", CM32),
        ("sdes", {"srtp_suites": f"[{GCM}, {CM}]"}, "RTP/SAVP", CM),
        ("dtls", {"srtp_keys": "dtls"}, "UDP/TLS/RTP/SAVP", ""),
    ],
    ids=["cm-80", "cm-32", "cm-80-instead-of-gcm", "dtls"],
)
def test_asterisk_as_a_carrier_calls_and_is_called(
    files: Files,
    tls_asterisk: TlsAsterisk,
    tls_switch: Start,
    endpoint: str,
    keys: dict[str, str],
    profile: str,
    suite: str,
) -> None:
    """In by one leg and out by another, each over TLS and encrypted; the tone of each end is heard at the other.

    Debian's Asterisk is built without AES-GCM: of an offer with it, it takes the other suite.
    """
    asterisk: Asterisk = tls_asterisk.asterisk
    entry = tls_asterisk.carrier(
        tls_ca=files.ca, register="false", from_user=endpoint, srtp="require", health_seconds=0, **keys
    )
    switch = tls_switch(entry)
    since = asterisk.mark()
    call = asterisk.call(
        f"sip:9{TONE_440}@127.0.0.1:{switch.port};transport=tls",
        endpoint=endpoint,
        then="tone",
        caller="4955620",
        variables={"HZ": "620"},
    )
    far = asterisk.wait_call(TONE_440, since=since)
    call.wait_up()
    far.wait_tone(620)
    call.wait_tone(440)
    assert agreed(asterisk, far) == (profile, suite)
    for channel in (call, far):
        assert channel.channel.startswith(f"PJSIP/{endpoint}-")
        assert channel.variable("CHANNEL(rtp,secure)") == channel.variable("CHANNEL(pjsip,secure)") == "1"
    far.hang_up()
    assert call.wait_ended() == 16
    record = switch.process.wait_record(**{"from": "4955620"})
    assert (record["outcome"], record["verdict"]) == ("answered", "")
    assert record["quality"]["srtp"], "the leg that came in is encrypted, too"


@pytest.mark.baresip
@pytest.mark.parametrize(
    ("mediaenc", "keys", "suite"),
    [
        ("srtp-mand", f"srtp_suites: [{CM}]", CM),
        ("srtp-mand", f"srtp_suites: [{CM32}]", CM32),
        ("srtp-mand", f"srtp_suites: [{GCM}]", GCM),
        ("srtp-mand", f"srtp_suites: [{GCM256}]", GCM256),
        ("dtls_srtp", "srtp_keys: dtls", CM),
        ("dtls_srtp", f"srtp_keys: dtls, srtp_suites: [{GCM256}]", GCM256),
    ],
    ids=["cm-80", "cm-32", "gcm-128", "gcm-256", "dtls", "dtls-gcm-256"],
)
def test_baresip_as_a_carrier_is_called(
    files: Files,
    tls_switch: Start,
    softswitch_call: Callable[..., CallCommand],
    tmp_path: Path,
    mediaenc: str,
    keys: str,
    suite: str,
) -> None:
    with running_baresip(tmp_path / "carrier", files.of_phone(), mediaenc=mediaenc) as baresip:
        entry = (
            f"- {{name: acme, host: localhost, port: {baresip.port + 1}, transport: tls, tls_ca: {files.ca},"
            f" number_format: as_dialled, health_seconds: 0, srtp: require, {keys}}}\n"
        )
        switch = tls_switch(entry)
        for number, hz in (("602", 1004.0), ("600", SAYS_HZ)):
            mark = baresip.expect_call()
            command = softswitch_call(NUMBER, "--dial", number, "--config", str(switch.config / "softswitch.yaml"))
            baresip.wait_event("CALL_ESTABLISHED", since=mark)
            baresip.wait_tone(hz)
            baresip.hang_up()
            record = command.finish()
            assert (record["status"], record["outcome"], record["quality"]["srtp"]) == (0, "answered", suite)


@contextmanager
def telephones(
    folder: Path, files: Files, switch: TlsSwitch, encryption: str, mediaenc: str
) -> Iterator[tuple[Asterisk, Baresip]]:
    """Alice is a telephone in Asterisk, bob a baresip; both are registered over TLS."""
    address = f"127.0.0.1:{switch.port}"
    alice = TELEPHONE.format(address=address, encryption=encryption)
    more = {"pjsip.conf": alice, "extensions.conf": ANSWERS}
    account = f"<sip:bob@{address};transport=tls>;auth_pass=open-sesame;regint=60;answermode=auto"
    with (
        asterisk_with_tls(folder / "asterisk", files, files.theirs, more=more) as tls_asterisk,
        running_baresip(folder / "baresip", files.of_phone(), account, mediaenc=mediaenc) as bob,
    ):
        asterisk: Asterisk = tls_asterisk.asterisk
        wait_registered(switch, {"alice", "bob"})
        yield asterisk, bob


@pytest.mark.asterisk
@pytest.mark.baresip
@pytest.mark.parametrize(
    ("encryption", "mediaenc"), [("sdes", "dtls_srtp"), ("dtls", "srtp-mand")], ids=["sdes-dtls", "dtls-sdes"]
)
def test_two_telephones_that_encrypt_in_different_ways_talk_and_are_transferred(
    files: Files, tls_switch: Start, tmp_path: Path, encryption: str, mediaenc: str
) -> None:
    keys = {"dtls": ", srtp: require, srtp_keys: dtls", "sdes": ", srtp: require"}
    switch = tls_switch(alice=keys[encryption], bob=keys["dtls" if mediaenc == "dtls_srtp" else "sdes"])
    with telephones(tmp_path, files, switch, encryption, mediaenc) as (asterisk, bob):
        mark = bob.expect_call()
        alice = asterisk.call(
            f"sip:102@127.0.0.1:{switch.port};transport=tls",
            endpoint="alice",
            then="tone",
            caller="alice",
            variables={"HZ": str(ALICE_HZ)},
        )
        bob.wait_event("CALL_ESTABLISHED", since=mark)
        bob.wait_tone(ALICE_HZ)
        alice.wait_tone(SAYS_HZ)
        assert alice.variable("CHANNEL(rtp,secure)") == alice.variable("CHANNEL(pjsip,secure)") == "1"
        # The other way, and on to a number of the dialplan: what stays is encrypted as before.
        alice.hang_up()
        bob.wait_event("CALL_CLOSED", since=mark)
        since = asterisk.mark()
        mark = bob.dial(f"sip:101@127.0.0.1:{switch.port};transport=tls")
        called = asterisk.wait_called("alice", since=since)
        bob.wait_event("CALL_ESTABLISHED", since=mark)
        bob.wait_tone(ALICE_HZ)
        called.wait_tone(SAYS_HZ)
        bob.transfer(f"sip:602@127.0.0.1:{switch.port};transport=tls")
        called.wait_tone(1004)
        bob.wait_event("CALL_CLOSED", since=mark)
        called.hang_up()
        record = switch.process.wait_record(**{"from": "102", "to": "101"})
        assert (record["outcome"], record["quality"]["srtp"]) == ("answered", CM)
        assert record["variables"]["transferred_to"] == "602"
        first = switch.process.wait_record(**{"from": "101", "to": "102"})
        assert (first["quality"]["srtp"], first["verdict"]) == (CM, "")


@pytest.mark.baresip
def test_a_telephone_that_does_not_encrypt_is_refused_where_it_must(
    files: Files, tls_switch: Start, tmp_path: Path
) -> None:
    """TLS alone does not do: the user is to be encrypted in both."""
    switch = tls_switch(bob=", srtp: require")
    account = f"<sip:bob@127.0.0.1:{switch.port};transport=tls>;auth_pass=open-sesame;regint=60;answermode=auto"
    with running_baresip(tmp_path / "bob", files.of_phone(), account) as bob:
        wait_registered(switch, {"bob"})
        mark = bob.dial(f"sip:602@127.0.0.1:{switch.port};transport=tls")
        assert bob.wait_event("CALL_CLOSED", since=mark)["param"].startswith("488")
    record = switch.process.wait_record(to="602")
    assert record["verdict"] == "its offer was refused: Encrypted sound (SRTP) is required here (SIP 488)"
