"""A key that came as a tone goes out in the dialect of the other leg, and its tone is not heard there as well."""

import asyncio
import audioop
import socket
from typing import Any

import pytest

from softswitch.audio.frame import Frame
from softswitch.audio.tones import dtmf_frames
from softswitch.call.steps import Wait
from softswitch.legs.rtp_media import Patience, RtpMedia
from softswitch.legs.secured import Keyring
from softswitch.net.rtp_socket import RtpPorts
from softswitch.sdp.negotiate import Capabilities

OFFER = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio {port} RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"
)


def loudest_sent(dialect: str, *, key: bool) -> int:
    """Give a leg of this dialect the tone of a key; return the loudest sample that its peer is sent."""
    tone = [Frame(frame.pcm, key=key) for frame in dtmf_frames("5")]

    async def main() -> int:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.bind(("127.0.0.1", 0))
            peer.setblocking(False)
            ports = RtpPorts("127.0.0.1", 42000, 42999, 0.0)
            said: list[Any] = []
            media = RtpMedia(
                "leg",
                ports,
                Capabilities(),
                address="127.0.0.1",
                dtmf=dialect,
                patience=Patience(60.0, 60.0),
                on_keys=said.append,
                on_dead=lambda: None,
                on_insecure=said.append,
                keyring=Keyring(),
            )
            try:
                media.answer(OFFER.format(port=peer.getsockname()[1]).encode())
                for frame in tone:
                    media.give(frame)
                packets = [peer.recv(2048) for _ in tone]
            finally:
                media.close()
                ports.close()
        return max(audioop.max(audioop.ulaw2lin(packet[12:], 2), 2) for packet in packets)

    return asyncio.run(main())


@pytest.mark.parametrize("dialect", ["auto", "rfc4733", "info"])
def test_its_tone_is_silence_for_a_leg_that_sends_keys_otherwise(dialect: str) -> None:
    assert loudest_sent(dialect, key=True) < 100


def test_its_tone_is_the_key_for_a_leg_that_sends_tones() -> None:
    assert loudest_sent("inband", key=True) > 1000


@pytest.mark.parametrize("dialect", ["auto", "inband"])
def test_sound_that_is_no_key_goes_through(dialect: str) -> None:
    assert loudest_sent(dialect, key=False) > 1000


@pytest.mark.parametrize(("dialect", "pressed"), [("inband", ["5"]), ("rfc4733", ["5", "5"])])
def test_a_leg_that_sends_tones_presses_nothing_that_is_in_its_sound(
    play: Any, dialect: str, pressed: list[str]
) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        rig.placing = {"dtmf": dialect}
        call = rig.switchboard.dial(f"sip:x@127.0.0.1:{peer.port}", (Wait(seconds=30),))
        sdp = peer.sdp(codec="0 101") + "a=rtpmap:101 telephone-event/8000\r\n"
        peer.reply(await peer.asked("INVITE"), 200, body=sdp)
        await peer.asked("ACK")
        [leg] = rig.switchboard._calls[call].stage.patch.legs.values()
        said: list[str] = []
        leg.media.send_digits = said.append
        leg.send_dtmf("5", in_sound=True)
        leg.send_dtmf("5")
        assert said == pressed
        rig.switchboard.hang_up(call)
        peer.reply(await peer.asked("BYE"), 200)

    play(story)
