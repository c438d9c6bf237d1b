"""A recording of a telephone's keys, in order."""

from softswitch.audio import wav


def test_real_keys_are_all_heard(rig, samples) -> None:
    for law in ("PCMU", "PCMA"):
        assert rig.hear(rig.cut(wav.read_pcm(samples / "dtmf-0-9-8khz.wav"), law)) == "0123456789"


def test_real_keys_are_heard_wherever_the_packets_cut_them(rig, samples) -> None:
    pcm = wav.read_pcm(samples / "dtmf-0-9-8khz.wav")
    for cut in range(0, 160, 7):
        assert rig.hear(rig.cut(pcm[cut * 2 :])) == "0123456789"
