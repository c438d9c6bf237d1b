import pytest

from softswitch.audio.frame import FRAME_BYTES
from softswitch.providers.recogniser import speech_level
from softswitch.providers.scripted import tone_frames
from softswitch.providers.synthesiser import LEVEL_DBM0, MAX_GAIN, gain_for


def spoken(level_dbm0: float) -> bytes:
    tone = b"".join(frame.pcm for frame in tone_frames(400, 500.0, level_dbm0))
    return bytes(20 * FRAME_BYTES) + tone + bytes(30 * FRAME_BYTES) + tone


@pytest.mark.parametrize("level", [-35.0, -20.0, -8.0])
def test_a_listener_measures_it(level: float) -> None:
    assert speech_level(spoken(level)) == pytest.approx(level, abs=0.1)


@pytest.mark.parametrize("pcm", [b"", bytes(3200)])
def test_silence_is_the_faintest_voice(pcm: bytes) -> None:
    assert speech_level(pcm) == -40.0


@pytest.mark.parametrize("level", [-28.0, -18.0, -6.0])
def test_a_voice_is_brought_to_the_level_of_speech(level: float) -> None:
    assert gain_for(spoken(level), 8000) == pytest.approx(10 ** ((LEVEL_DBM0 - level) / 20), rel=0.02)


def test_a_broken_voice_is_not_made_loud() -> None:
    assert gain_for(bytes(3200), 8000) == 1.0
    assert gain_for(spoken(-60.0), 8000) == MAX_GAIN
