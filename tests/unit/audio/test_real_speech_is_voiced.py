"""The detector says voice where people talk, and not where they pause."""

from softswitch.audio.vad import VoiceDetector


def test_real_speech_is_voiced(rig, real_speech) -> None:
    for name, pcm in real_speech.items():
        detector = VoiceDetector(2)
        voiced = [detector.voiced(frame) for frame in rig.cut(pcm)]
        assert 0.3 < sum(voiced) / len(voiced) < 0.98, name
