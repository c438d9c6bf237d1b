"""Cuts, holds, keys and ends of files: the sound sent has no step, and what needs no joining is sent as it came."""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from softswitch.audio.codecs import CODECS, PCMU
from softswitch.audio.frame import SILENCE, Frame, Voice
from softswitch.audio.splice import spliced
from softswitch.audio.tones import frames_of
from softswitch.audio.wav import Player
from softswitch.call.patch import Patch
from softswitch.call.voices import OnHold
from softswitch.legs.mouth import Mouth

Samples = npt.NDArray[np.float64]
PEAK = 9000.0


def tone(hz: float, frames: int, phase: float = 0.3) -> list[Frame]:
    angle = 2 * np.pi * hz * np.arange(frames * 160) / 8000 + phase
    return frames_of(np.rint(PEAK * np.sin(angle)).astype("<i2").tobytes())


def splatter_db(payloads: list[bytes]) -> float:
    """Return the most that any 10 ms have above 2 kHz, against a full tone of low pitch: a hard cut makes -20 dB."""
    sound = np.frombuffer(b"".join(PCMU.decode(payload) for payload in payloads), "<i2").astype(np.float64)
    window = np.hanning(80)
    full = np.sum(np.abs(np.fft.rfft(PEAK * np.sin(2 * np.pi * 500 * np.arange(80) / 8000) * window)) ** 2)
    most = max(
        float(np.sum(np.abs(np.fft.rfft(sound[at : at + 80] * window))[20:] ** 2))
        for at in range(0, len(sound) - 80, 20)
    )
    return 10 * math.log10(most / full)


def said(mouth: Mouth, *parts: list[Frame] | Callable[[], None]) -> list[bytes]:
    payloads = []
    for part in parts:
        if callable(part):
            part()
        else:
            payloads += [mouth.say(frame) for frame in part]
    return payloads


def mouth(mutes_keys: bool = False) -> Mouth:
    made = Mouth(lambda: None)
    made.follow(PCMU, mutes_keys=mutes_keys)
    return made


@pytest.mark.parametrize("phase", [0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
def test_a_party_that_changes_is_joined_to_the_one_before(phase: float) -> None:
    hard, soft = mouth(), mouth()
    first, second = tone(350, 10), tone(520, 10, phase)
    assert splatter_db(said(soft, first, soft.cut, second)) < -33
    if abs(math.sin(phase) - math.sin(0.3 + 2 * math.pi * 350 * 0.2)) > 0.5:
        assert splatter_db(said(hard, first, second)) > -25, "or this test would show nothing"


@pytest.mark.parametrize("phase", [1.4, 2.1, 4.2])
def test_silence_begins_and_ends_softly(phase: float) -> None:
    """The end of a file, a voice that is starved, a talkspurt: nobody says that it is a cut."""
    quiet = [SILENCE] * 5
    assert splatter_db(said(mouth(), quiet, tone(400, 7, phase), quiet, tone(450, 7, phase), quiet)) < -31
    zeros = [Frame(bytes(320))] * 5
    assert splatter_db(said(mouth(), zeros, tone(400, 7, phase), zeros)) > -25, "or this test would show nothing"


def test_keys_in_the_sound_begin_and_end_softly_and_are_exact() -> None:
    made = mouth()
    payloads = said(made, tone(400, 7), lambda: made.press("1"), tone(400, 20))
    quiet = payloads[7 + 5 : 7 + 10]  # 100 ms of tone, 100 ms of pause
    assert all(set(payload) == {0xFF} for payload in quiet)
    assert splatter_db(payloads[:9]) < -20, "the key itself has a tone at 1209 Hz"
    assert splatter_db(payloads[12:]) < -33


def test_a_key_that_is_muted_leaves_no_click() -> None:
    key = [Frame(frame.pcm, key=True) for frame in tone(400, 3)]
    assert splatter_db(said(mouth(mutes_keys=True), tone(400, 6), key, tone(400, 6, 1.5))) < -33


def test_who_was_on_hold_hears_the_first_sound_fade_in() -> None:
    """What was said meanwhile was not sent, so the peer has heard nothing before it."""
    made = mouth()
    said(made, tone(400, 4))
    made.cut(unheard=True)
    assert splatter_db([b"\xff" * 160, *said(made, tone(400, 5, 1.5))]) < -33


def test_a_file_that_goes_round_has_no_seam() -> None:
    player = Player(tone(437, 6, 0.7), repeat=True)
    frames = [frame for _ in range(30) if (frame := player.take()) is not None]
    assert splatter_db(said(mouth(), frames[:1], frames)[1:]) < -33


def test_what_follows_by_itself_is_sent_as_it_came() -> None:
    coded = [Frame(frame.pcm, coded=PCMU.encode(frame.pcm), codec="PCMU") for frame in tone(400, 20, 0.0)]
    made = mouth()
    assert said(made, coded[:10], made.cut, coded[10:])[1:] == [frame.coded for frame in coded[1:]]
    assert spliced(coded[4], coded[5]) is coded[5]
    assert spliced(None, SILENCE) is SILENCE


def test_frames_of_two_rates_are_joined() -> None:
    wide = Frame(np.rint(PEAK * np.sin(2 * np.pi * 350 * np.arange(320) / 16000 + 1)).astype("<i2").tobytes(), 16000)
    narrow = tone(520, 1, 2.0)[0]
    assert len(spliced(wide, narrow).pcm) == 320 and len(spliced(narrow, wide).pcm) == 640
    start = np.frombuffer(spliced(wide, narrow).pcm, "<i2")[0]
    assert abs(int(start) - int(np.frombuffer(wide.pcm, "<i2")[-1])) < 3000


class Listener:
    """A leg of which only the cuts matter."""

    def __init__(self, id: str) -> None:
        self.id, self.cuts = id, 0

    def take(self) -> Frame | None:
        return None

    def give(self, frame: Frame) -> None:
        """Hear nothing."""

    def cut(self) -> None:
        self.cuts += 1


class Clock:
    """Seats that are never called."""

    def join(self, _tick: object) -> "Clock":
        return self

    def leave(self) -> None:
        """Stay."""


def test_whoever_hears_somebody_else_from_now_on_is_told() -> None:
    a, b, c = Listener("a"), Listener("b"), Listener("c")
    patch = Patch("a", Clock(), lambda tick, now: tick(now))  # type: ignore[arg-type]
    patch.legs.update(a=a, b=b, c=c)  # type: ignore[arg-type]
    patch.aside(c)  # type: ignore[arg-type]
    assert (a.cuts, b.cuts, c.cuts) == (0, 0, 1)
    patch.talk(b)
    before = (a.cuts, b.cuts, c.cuts)
    patch.talk(b)
    assert (a.cuts, b.cuts, c.cuts) == before, "nothing has changed"
    patch.hold(b, Player([]), by_us=True)  # type: ignore[arg-type]
    assert (a.cuts, b.cuts) == (before[0] + 1, before[1] + 1)
    patch.hold(b, None, by_us=True)  # type: ignore[arg-type]
    patch.talk(c)
    assert a.cuts == before[0] + 3 and c.cuts == before[2] + 1
    voice: Voice = OnHold(Player([]), Player([]), by_us=True)
    voice.cut()  # type: ignore[attr-defined]  # whom it stands for does not care


@pytest.mark.parametrize("codec", ["PCMA", "PCMU"])
def test_every_codec_is_joined(codec: str) -> None:
    made = Mouth(lambda: None)
    made.follow(CODECS[codec], mutes_keys=False)
    payloads = said(made, tone(350, 5), made.cut, tone(520, 5, 2.0))
    assert all(len(payload) == 160 for payload in payloads)
