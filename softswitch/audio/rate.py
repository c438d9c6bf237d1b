"""Frames at the rate that a listener wants: 20 ms in, 20 ms out, late by the filter's 3.4 ms and never by more.

Only who needs another rate than a frame has converts it, for himself. soxr is not used for streams: at its lowest real
quality it hands out 60 ms at once and nothing between, so that a party would be heard 80 ms later (docs/decisions.md).
"""

from softswitch.audio.frame import FRAMES_PER_SECOND, SILENCE, Frame
from softswitch.audio.resample import Resampler


class Rate:
    """Brings the frames of one stream to one rate. Has memory: one for each direction of each leg."""

    __slots__ = ("_from_hz", "_resampler", "_silence", "_still", "to_hz")

    def __init__(self, to_hz: int) -> None:
        self.to_hz = to_hz
        self._from_hz = to_hz
        self._resampler: Resampler | None = None
        self._silence = Frame(bytes(to_hz // FRAMES_PER_SECOND * 2), to_hz, voiced=False)
        #: Whether nothing is left in the filter.
        self._still = True

    def convert(self, frame: Frame) -> Frame:
        """Return the frame at the wanted rate: itself where it has it."""
        if frame.rate_hz == self.to_hz:
            self._resampler, self._still = None, True
            return frame
        if frame is SILENCE and self._still:
            return self._silence
        if self._resampler is None or frame.rate_hz != self._from_hz:
            self._resampler, self._from_hz = Resampler(frame.rate_hz, self.to_hz), frame.rate_hz
        # The filter is shorter than a frame: after one of silence there is nothing left in it.
        self._still = frame is SILENCE
        return Frame(self._resampler.feed(frame.pcm), self.to_hz, frame.voiced, key=frame.key)
