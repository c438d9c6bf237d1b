"""A bridge exchanges one frame each way in each tick, and turns nothing into silence."""

from softswitch.audio.frame import SILENCE, Frame
from softswitch.call.bridge import Bridge, Nobody
from softswitch.call.voices import Echo, Recorder


class Talker:
    """Says numbered frames, or nothing; remembers what it heard."""

    def __init__(self, name: int, silent: bool = False) -> None:
        self.name, self.silent = name, silent
        self.said: list[Frame] = []
        self.heard: list[Frame] = []

    def take(self) -> Frame | None:
        if self.silent:
            return None
        self.said.append(Frame(bytes([self.name]) * 320))
        return self.said[-1]

    def give(self, frame: Frame) -> None:
        self.heard.append(frame)


def test_each_hears_the_other_in_the_same_tick() -> None:
    a, b = Talker(1), Talker(2)
    bridge = Bridge(a, b)
    for _ in range(3):
        bridge.tick(0.0)
    assert a.heard == b.said and b.heard == a.said and len(a.heard) == 3


def test_silence_is_a_frame_so_that_packets_go_on() -> None:
    a, b = Talker(1), Talker(2, silent=True)
    Bridge(a, b).tick(0.0)
    assert a.heard == [SILENCE]


def test_an_echo_comes_back_in_the_tick_it_was_said_in() -> None:
    a = Talker(1)
    Bridge(a, Echo()).tick(0.0)
    assert a.heard == a.said


def test_a_replaced_party_is_heard_from_the_next_tick_on() -> None:
    a, b, c = Talker(1), Talker(2), Talker(3)
    bridge = Bridge(a, b)
    bridge.tick(0.0)
    bridge.b = c
    bridge.tick(0.0)
    assert a.heard == [*b.said, *c.said] and len(b.heard) == 1
    bridge.b = Nobody()
    bridge.tick(0.0)
    assert a.heard[-1] is SILENCE


def test_a_recorder_keeps_loss_as_silence_and_ends_once() -> None:
    ended: list[bool] = []
    talker, recorder = Talker(1), Recorder(0.06, on_end=lambda: ended.append(True))
    bridge = Bridge(talker, recorder)
    bridge.tick(0.0)
    talker.silent = True
    for _ in range(5):
        bridge.tick(0.0)
    assert recorder.frames == [talker.said[0], SILENCE, SILENCE] and ended == [True]
