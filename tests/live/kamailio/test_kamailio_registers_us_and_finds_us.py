"""The switch registers with Kamailio, which finds it there: by Contact, over TCP, and by the Path of another proxy."""

import re
from collections.abc import Callable

import pytest

from tests.live.kamailio.conftest import wait_registered
from tests.live.peers.kamailio import Kamailio
from tests.live.peers.rtp_probe import RtpProbe
from tests.live.peers.sipp import Sipp
from tests.live.peers.switch import SwitchProcess

PhonesBehind = Callable[[Kamailio], Sipp]


def _field(name: str, credentials: str) -> str:
    found = re.search(rf'\b{name}="?([^",\s]+)', credentials)
    return found.group(1) if found else ""


@pytest.fixture
def called(request: pytest.FixtureRequest, kamailio: Kamailio, kamailio_sha256: Kamailio) -> Kamailio:
    """The Kamailio that the phone calls."""
    return {"md5": kamailio, "sha256": kamailio_sha256}[request.param]


@pytest.mark.parametrize(
    ("called", "dialled", "carrier", "found"),
    [
        # By our Contact as it stands: To says the number.
        pytest.param("md5", "602", "md5", "softswitch at {switch} by <null>", id="udp"),
        pytest.param("sha256", "602", "sha256", "softswitch at {switch} by <null>", id="tcp"),
        # By the number at the address of our Contact, and by the Path that the other Kamailio put in.
        pytest.param("md5", "1602", "edge", "602 at {switch} by sip:{sha256};lr", id="path"),
    ],
    indirect=["called"],
)
def test_calls_come_in_where_we_registered(
    registered_switch: SwitchProcess,
    phones_behind: PhonesBehind,
    kamailio_sha256: Kamailio,
    called: Kamailio,
    probe: RtpProbe,
    dialled: str,
    carrier: str,
    found: str,
) -> None:
    """The phone holds and resumes by re-INVITE, and hangs up, each by the routes of the call."""
    wait_registered(registered_switch, carrier)
    since = called.mark()
    phone = phones_behind(called).start("phone-holds", "-d", "600", number=dialled, rtp_port=probe.port)
    probe.talk_to(phone.media_address())
    held = phone.wait_message("CSeq: 2 ACK")
    resumed = phone.wait_message("CSeq: 3 ACK")
    phone.finish()
    heard = probe.heard.tone(0.1, 0.6)
    assert heard.hz == pytest.approx(1004, abs=1) and heard.purity > 0.99
    assert not [packet for packet in probe.heard.sound if held + 0.3 < packet.arrived < resumed - 0.05]
    assert probe.heard.since(resumed + 0.15).tone(0.0, 0.4).hz == pytest.approx(1004, abs=1)
    record = registered_switch.wait_record(**{"from": "phone", "carrier": carrier})
    assert (record["to"], record["outcome"], record["ended_by"]) == ("602", "answered", "caller")
    held_and_resumed = ["ACK", "INVITE", "ACK", "INVITE", "ACK", "BYE"]
    assert called.passed(since=since) == [("INVITE", "first"), *((method, "routed") for method in held_and_resumed)]
    [way] = called.said("FOUND", since=since)
    assert way.endswith(found.format(switch=registered_switch.address, sha256=kamailio_sha256.address))


@pytest.mark.parametrize("called", ["md5", "sha256"], indirect=True)
def test_our_own_bye_finds_the_way_back(
    registered_switch: SwitchProcess, phones_behind: PhonesBehind, called: Kamailio, probe: RtpProbe
) -> None:
    """The second one comes to us over TCP, and goes to the phone over UDP: two Record-Route headers."""
    wait_registered(registered_switch, "md5" if called.algorithm == "MD5" else "sha256")
    since = called.mark()
    phone = phones_behind(called).start("601-prompt", number="615", rtp_port=probe.port)
    probe.talk_to(phone.media_address())
    phone.finish()
    assert probe.heard.tone(0.1, 0.9).hz == pytest.approx(620, abs=1)
    assert called.passed(since=since) == [("INVITE", "first"), ("ACK", "routed"), ("BYE", "routed")]


def test_nonces_are_used_again_and_stale_ones_replaced(
    registered_switch: SwitchProcess, kamailio: Kamailio, kamailio_sha256: Kamailio
) -> None:
    """Each nonce serves once for each count, for three seconds; refreshes come later, and meet a challenge."""
    for proxy, algorithm in ((kamailio, "MD5"), (kamailio_sha256, "SHA-256")):
        proxy.wait_said("AUTHENTICATED REGISTER", 2, seconds=15)
        accepted = [line for line in proxy.said("AUTHENTICATED REGISTER") if _field("username", line) == "softswitch"]
        nonces = {_field("nonce", line) for line in accepted}
        assert len(accepted) >= 2 and len(nonces) == len(accepted), "a stale nonce was accepted"
        assert {_field("algorithm", line) for line in accepted} == {algorithm}
        assert {_field("qop", line) for line in accepted} == {"auth"}
        # Those of a refresh were tried with the old nonce first: one round trip less where it still serves.
        assert [line for line in proxy.said("CHALLENGED REGISTER") if _field("nc", line) == "00000002"]
    status, body = registered_switch.get("/v1/trunks")
    assert status == 200 and body.count('"registered"') == 3, body
