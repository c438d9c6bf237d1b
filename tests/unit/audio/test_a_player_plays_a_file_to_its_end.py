"""A prompt is a voice: it is taken from frame by frame, and says once that it is over."""

from softswitch.audio.frame import SILENCE, Frame
from softswitch.audio.wav import Player

FRAMES = [Frame(bytes([number, 0] * 160)) for number in range(3)]


def test_it_ends_once_after_the_last_frame_had_its_time() -> None:
    ended: list[int] = []
    player = Player(FRAMES, on_end=lambda: ended.append(player.played_ms))
    assert [player.take() for _ in range(3)] == FRAMES
    assert (ended, player.done, player.played_ms) == ([], True, 60)
    player.give(SILENCE)
    assert [player.take() for _ in range(3)] == [None] * 3
    assert ended == [60]


def test_hold_music_goes_round() -> None:
    player = Player(FRAMES, repeat=True, on_end=lambda: None)
    assert [player.take() for _ in range(7)] == [*FRAMES, *FRAMES, FRAMES[0]]


def test_nothing_to_play_ends_at_once() -> None:
    ended: list[bool] = []
    player = Player([], repeat=True, on_end=lambda: ended.append(True))
    assert (player.take(), player.take(), ended) == (None, None, [True])
