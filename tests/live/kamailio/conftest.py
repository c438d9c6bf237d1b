"""Kamailio between the switch and telephones by SIPp, on one machine."""

import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.live.peers.kamailio import PASSWORD, Kamailio, running_kamailio
from tests.live.peers.sipp import Sipp, SippRun
from tests.live.peers.switch import ROOT, SwitchProcess, running_switch
from tests.live.trunks.conftest import play as play

#: Trunks to the first Kamailio, to the second one over TCP, and to the first one by way of the second, whose Path leads
#: back. A nonce of theirs serves for three seconds, so that each refresh meets a stale one.
CARRIERS = """
- {name: md5, host: 127.0.0.1, port: @MD5@, username: softswitch, expires: 10, @ALL@}
- {name: sha256, host: 127.0.0.1, port: @SHA256@, transport: tcp, username: softswitch, expires: 10, @ALL@}
- {name: edge, host: 127.0.0.1, port: @MD5@, username: edge, outbound_proxy: 'sip:127.0.0.1:@SHA256@;lr', @ALL@}
"""
ALL = "password: '${KAMAILIO_PASSWORD:-@PASSWORD@}', register: true, number_format: as_dialled"
RULES = """
rules:
  - {number: 615, steps: [answer, {tone: {hz: 620, seconds: 1}}, hangup]}
"""


@pytest.fixture(scope="session")
def kamailio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kamailio]:
    """One Kamailio whose digest is MD5."""
    with running_kamailio(tmp_path_factory.mktemp("kamailio") / "md5") as running:
        yield running


@pytest.fixture(scope="session")
def kamailio_sha256(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kamailio]:
    """Another one whose digest is SHA-256."""
    with running_kamailio(tmp_path_factory.mktemp("kamailio") / "sha256", algorithm="SHA-256") as running:
        yield running


@pytest.fixture
def phones_behind(tmp_path: Path) -> Iterator[Callable[[Kamailio], Sipp]]:
    """A function that makes SIPp a telephone behind a Kamailio."""
    peers: list[Sipp] = []

    def behind(proxy: Kamailio) -> Sipp:
        peers.append(Sipp(proxy.address, tmp_path / f"phones-{len(peers)}"))
        return peers[-1]

    yield behind
    for peer in peers:
        peer.close()


@pytest.fixture(scope="session")
def registered_switch(
    kamailio: Kamailio, kamailio_sha256: Kamailio, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SwitchProcess]:
    """A switch with the demo dialplan that registers with both."""
    folder = tmp_path_factory.mktemp("registered")
    config = folder / "config"
    shutil.copytree(ROOT / "dialplans", config / "plan")
    (config / "plan" / "short.yaml").write_text(RULES, encoding="utf-8")
    text = CARRIERS.replace("@ALL@", ALL)
    words = {"MD5": str(kamailio.port), "SHA256": str(kamailio_sha256.port), "PASSWORD": PASSWORD}
    for word, value in words.items():
        text = text.replace(f"@{word}@", value)
    (config / "carriers.yaml").write_text(text, encoding="utf-8")
    (config / "softswitch.yaml").write_text("carriers: carriers.yaml\ndialplans: plan\n", encoding="utf-8")
    with running_switch(folder, options=("--config", str(config / "softswitch.yaml")), number=5) as running:
        yield running


def wait_registered(switch: SwitchProcess, carrier: str, seconds: float = 10.0) -> None:
    """Wait until a carrier's registrar knows us."""
    deadline = time.monotonic() + seconds
    while True:
        trunks = {trunk["name"]: trunk for trunk in json.loads(switch.get("/v1/trunks")[1])["trunks"]}
        if trunks[carrier]["state"] == "registered":
            return
        assert time.monotonic() < deadline, f"not registered after {seconds:.0f} s: {trunks[carrier]}"
        time.sleep(0.05)


def wait_listening(port: int, seconds: float = 5.0) -> int:
    """Wait until somebody listens on a port of 127.0.0.1, UDP or TCP; return it. Nothing is sent there."""
    deadline = time.monotonic() + seconds
    # Address and port as the kernel writes them; a TCP socket that listens has no far end.
    mine = re.compile(rf" 0100007F:{port:04X} 00000000:0000 ")
    while not any(mine.search(Path(f"/proc/net/{kind}").read_text()) for kind in ("udp", "tcp")):
        assert time.monotonic() < deadline, f"nobody listens on {port} after {seconds:.0f} s"
        time.sleep(0.02)
    return port


def requests_of(run: SippRun) -> list[str]:
    """Return the head of each request that a phone got."""
    blocks = [block.replace("\r", "") for block in run.messages().split("message received")[1:]]
    heads = [block.split("\n\n")[1] for block in blocks]
    return [head for head in heads if not head.startswith("SIP/2.0")]


def count(name: str, head: str) -> int:
    """Count the headers of this name."""
    return len(re.findall(f"^{name}:", head, re.MULTILINE))
