"""What a leg says: a frame from its bridge to 20 ms of coded sound, or keys as tones in its place."""

from collections import deque
from collections.abc import Callable
from typing import Final

from softswitch.audio.codecs import PCMU, Codec
from softswitch.audio.frame import SILENCE, Frame
from softswitch.audio.tones import dtmf_frames

#: In-band digits that may wait to be sent; the same limit as the dialplan's.
MAX_INBAND_DIGITS: Final = 64


class Mouth:
    """Codes what one peer is to hear."""

    __slots__ = ("_codec", "_encode", "_mutes_keys", "_on_pressed", "_tones")

    def __init__(self, on_pressed: Callable[[], None]) -> None:
        """on_pressed: told when every key given to `press` so far has sounded, from within `say`."""
        self._on_pressed = on_pressed
        self._tones: deque[Frame] = deque()
        self._mutes_keys = False
        self.follow(PCMU, mutes_keys=False)

    def follow(self, codec: Codec, *, mutes_keys: bool) -> None:
        """Speak by this codec from now on. mutes_keys: keys go another way, so none may sound."""
        self._codec, self._encode, self._mutes_keys = codec.name, codec.encode, mutes_keys

    def say(self, frame: Frame) -> bytes:
        """Return 20 ms as coded sound."""
        if self._tones:
            frame = self._tones.popleft()
            if not self._tones:
                self._on_pressed()
        elif frame.key and self._mutes_keys:
            frame = SILENCE  # this press goes out as an event or INFO: heard as well, it would be two (RFC 4733 2.6)
        return frame.coded if frame.codec == self._codec else self._encode(frame.pcm)

    def press(self, digits: str) -> None:
        """Sound the tones of keys instead of what is said. What comes faster than anybody could read is left out."""
        if len(self._tones) < MAX_INBAND_DIGITS * 10:
            self._tones.extend(dtmf_frames(digits[:MAX_INBAND_DIGITS]))
