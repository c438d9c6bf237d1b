"""A baresip that speaks G.722, Opus or L16 hears our tone and its own echo, and its keys are read."""

from collections.abc import Iterator

import numpy as np
import pytest

from tests.live.peers.asterisk import Sound
from tests.live.peers.baresip import NUMBER, SAYS_HZ, Baresip, running_baresip
from tests.live.peers.switch import SwitchProcess, running_switch

#: Name in our settings -> module of baresip, and the codec's name in its account.
CODECS = {"G722": ("g722", "G722/16000"), "opus": ("opus", "opus/48000/2"), "L16": ("l16", "L16/16000")}
CARRIER = """
- name: far
  host: 127.0.0.1
  port: {port}
  allow: [127.0.0.1]
  codecs: [{codec}, PCMU]
"""


def level(sound: Sound) -> float:
    """Return how loud the tone is at the end; a machine that is busy elsewhere may have made a hole in it."""
    return float(np.median([sound.tone(-0.1 * at - 0.1, -0.1 * at or None).dbm0 for at in range(6)]))


@pytest.fixture(scope="module", params=CODECS)
def call(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, baresip_of_the_session: Baresip
) -> Iterator[tuple[Baresip, SwitchProcess, str]]:
    """A baresip of one codec, and a switch whose only carrier it is."""
    codec = request.param
    module, name = CODECS[codec]
    folder = tmp_path_factory.mktemp("codec")
    account = f"<sip:{NUMBER}@127.0.0.1>;regint=0;answermode=auto;audio_codecs={name}"
    with running_baresip(folder / "phone", f"module {module}.so\n", account) as baresip:
        (folder / "carriers.yaml").write_text(CARRIER.format(port=baresip.port, codec=codec), encoding="utf-8")
        (folder / "switch.yaml").write_text("carriers: carriers.yaml\n", encoding="utf-8")
        options = ("--config", str(folder / "switch.yaml"))
        (folder / "run").mkdir()
        with running_switch(folder / "run", options=options, number=1) as switch:
            yield baresip, switch, codec


def test_a_tone_and_an_echo_are_heard(call: tuple[Baresip, SwitchProcess, str]) -> None:
    baresip, switch, codec = call
    for number, hz in (("602", 1004.0), ("600", SAYS_HZ)):
        mark = baresip.dial(f"sip:{number}@{switch.address}")
        baresip.wait_event("CALL_ESTABLISHED", since=mark)
        baresip.wait_tone(hz)
        # baresip's own change of rate makes what it says louder or softer: what counts is what it sent.
        said = -16.0 if number == "602" else level(baresip.said)
        assert level(baresip.sound) == pytest.approx(said, abs=0.5)
        baresip.hang_up()
        baresip.wait_event("CALL_CLOSED", since=mark)
        record = switch.wait_record(**{"from": NUMBER, "to": number})
        assert (record["codec"], record["verdict"]) == (codec, "")


def test_its_keys_are_read(call: tuple[Baresip, SwitchProcess, str]) -> None:
    baresip, switch, _ = call
    mark = baresip.dial(f"sip:607@{switch.address}")
    baresip.wait_event("CALL_ESTABLISHED", since=mark)
    baresip.press("95#")
    baresip.wait_event("CALL_CLOSED", since=mark)
    assert switch.wait_record(**{"from": NUMBER, "to": "607"})["dtmf"] == "95#"
