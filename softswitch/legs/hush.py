"""What a leg sends while nobody speaks: packets of silence, comfort noise, or next to nothing."""

from typing import Final

from softswitch.audio.noise import OWN_NOISE
from softswitch.sdp.agreement import Silence

#: Silence shorter than this is between words, and is sent.
HANGOVER_FRAMES: Final = 10
#: How often comfort noise is told again, in case it was lost: twice a second.
NOISE_FRAMES: Final = 25
#: How often one packet of silence is sent where nothing else is: NATs forget who sends nothing for 30 s and more, and
#: peers take a call for dead (RFC 6263 section 4.6 has every 15 s).
KEEP_ALIVE_FRAMES: Final = 500


class Hush:
    """The silence of one leg. silence: as configured; `comfort_noise` is `packets` where the peer takes none."""

    __slots__ = ("_frames", "_silence", "noise_agreed")

    def __init__(self, silence: Silence) -> None:
        self._silence = silence
        self._frames = 0
        #: Whether the peer takes comfort noise (RFC 3389).
        self.noise_agreed = False

    @property
    def sends_all(self) -> bool:
        """Whether silence is sent as sound, so that there is nothing to be asked."""
        return self._silence == "packets" or (self._silence == "comfort_noise" and not self.noise_agreed)

    def left_out(self, silent: bool) -> tuple[bool, bytes]:
        """Return whether these 20 ms are not sent, and the comfort noise that is sent in their place, mostly none."""
        if not silent:
            self._frames = 0
            return False, b""
        self._frames += 1
        quiet = self._frames - HANGOVER_FRAMES
        if quiet <= 0:
            return False, b""
        if self._silence == "comfort_noise":
            return True, OWN_NOISE if quiet % NOISE_FRAMES == 1 else b""
        return quiet % KEEP_ALIVE_FRAMES != 0, b""
