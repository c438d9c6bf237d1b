"""From the report of a key until its release every frame is known to hold it; speech and silence never are."""

from softswitch.audio.dtmf import DtmfDetector
from softswitch.audio.frame import SILENCE
from softswitch.audio.tones import dtmf_frames


def test_it_sounds_from_the_report_to_the_release() -> None:
    detector, sounding = DtmfDetector(), []
    tone = [frame.pcm for frame in dtmf_frames("5")]
    for pcm in [SILENCE.pcm] * 3 + tone + [SILENCE.pcm] * 5:
        detector.hear(pcm)
        sounding.append(detector.sounding)
    assert not any(sounding[:4])
    assert sounding.count(True) >= 2
    assert not sounding[-1]
