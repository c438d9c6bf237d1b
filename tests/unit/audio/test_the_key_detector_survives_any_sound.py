"""Whatever a peer sends as sound gives a key or nothing, and no error."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softswitch.audio.dtmf import DtmfDetector
from softswitch.audio.tones import dtmf_frames
from softswitch.errors import LocalError

KEY = dtmf_frames("3", 60, 20)
FRAMES = st.one_of(
    st.none(),
    st.binary(min_size=320, max_size=320),
    st.sampled_from([bytes(320), b"\x00\x80" * 160, b"\xff\x7f\x00\x80" * 80, *(frame.pcm for frame in KEY)]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(FRAMES, max_size=12))
def test_the_key_detector_survives_any_sound(frames: list[bytes | None]) -> None:
    detector = DtmfDetector()
    for frame in frames:
        assert detector.hear(frame) in {None, *"0123456789*#ABCD"}


def test_a_loud_frame_of_another_length_is_our_own_fault() -> None:
    with pytest.raises(LocalError, match="320 octets, not 160"):
        DtmfDetector().hear(KEY[0].pcm[:160])


def test_two_detectors_share_nothing() -> None:
    first, second = DtmfDetector(), DtmfDetector()
    heard = [(first.hear(frame.pcm), second.hear(None)) for frame in KEY]
    assert [key for key, _ in heard if key] == ["3"]
    assert {key for _, key in heard} == {None}
