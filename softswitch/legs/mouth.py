"""What a leg says: a frame from its bridge to 20 ms of coded sound, or keys as tones in its place.

Where one sound does not follow the other (`cut`, silence, keys between), they are joined so that nothing clicks: this
is the one place that knows what the peer heard last.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

from softswitch.audio.codecs import PCMU, Codec
from softswitch.audio.frame import SILENCE, TELEPHONE_HZ, Frame
from softswitch.audio.rate import Rate
from softswitch.audio.splice import spliced
from softswitch.audio.tones import dtmf_frames

#: In-band digits that may wait to be sent; the same limit as the dialplan's.
MAX_INBAND_DIGITS: Final = 64


class Mouth:
    """Codes what one peer is to hear."""

    __slots__ = (
        "_codec",
        "_cut",
        "_encode",
        "_last",
        "_mutes_keys",
        "_on_pressed",
        "_pressing",
        "_rate",
        "_rate_hz",
        "_silent",
        "_tones",
    )

    def __init__(self, on_pressed: Callable[[], None]) -> None:
        """on_pressed: told when every key given to `press` so far has sounded, from within `say`."""
        self._on_pressed = on_pressed
        self._tones: deque[Frame] = deque()
        self._pressing = False
        self._mutes_keys = False
        #: What was said last, None for nothing at all; whether that was silence; whether the next does not follow it.
        self._last: Frame | None = None
        self._silent = True
        self._cut = False
        self._codec, self._rate_hz, self._rate = "", TELEPHONE_HZ, Rate(TELEPHONE_HZ)
        self.follow(PCMU, mutes_keys=False)

    def follow(self, codec: Codec, *, mutes_keys: bool) -> None:
        """Speak by this codec from now on. mutes_keys: keys go another way, so none may sound."""
        self._mutes_keys = mutes_keys
        if codec.name == self._codec:
            return  # and what its coder remembers
        self._codec, self._encode = codec.name, codec.encoder()
        if codec.rate_hz != self._rate_hz:
            self._rate_hz, self._rate = codec.rate_hz, Rate(codec.rate_hz)

    def cut(self, *, unheard: bool = False) -> None:
        """Learn that what is said next does not follow. unheard: nor did the peer hear what was said last."""
        self._cut = True
        if unheard:
            self._last = None

    @property
    def silent(self) -> bool:
        """Whether what was said last is silence."""
        return self._silent

    def say(self, frame: Frame) -> bytes:
        """Return 20 ms as coded sound."""
        if self._cut or self._tones or frame.key or (frame is SILENCE) is not self._silent:
            frame = self._joined(frame)
        self._last = frame
        if frame.codec == self._codec:
            return frame.coded
        return self._encode(frame.pcm if frame.rate_hz == self._rate_hz else self._rate.convert(frame).pcm)

    def press(self, digits: str) -> None:
        """Sound the tones of keys instead of what is said. What comes faster than anybody could read is left out."""
        if len(self._tones) < MAX_INBAND_DIGITS * 10:
            self._tones.extend(dtmf_frames(digits[:MAX_INBAND_DIGITS]))

    def _joined(self, frame: Frame) -> Frame:
        """Return what is to be said, keys heard and unheard, joined to what was said last where that is cut off."""
        cut, pressing = self._cut, bool(self._tones)
        if pressing:
            frame = self._tones.popleft()
            if not self._tones:
                self._on_pressed()
        elif frame.key and self._mutes_keys:
            frame = SILENCE  # this press goes out as an event or INFO: heard as well, it would be two (RFC 4733 2.6)
        silent = frame is SILENCE
        cut = cut or silent is not self._silent or pressing is not self._pressing
        self._silent, self._pressing, self._cut = silent, pressing, pressing and not self._tones
        return spliced(self._last, frame) if cut else frame
