"""What a stream must know of G.711 (ITU-T G.711) to treat coded sound as octets: silence, quiet, and the other law."""

import audioop
from typing import Final, NamedTuple


class Law(NamedTuple):
    """One of the two codecs.

    fill: the octet of silence. quiet: every octet that is nearly silence. other: table of 256 octets from this codec's
    to the other one's.
    """

    fill: int
    quiet: bytes
    other: bytes


def _law(name: str) -> Law:
    every = bytes(range(256))
    if name == "PCMU":
        pcm, other = audioop.ulaw2lin(every, 2), audioop.lin2alaw(audioop.ulaw2lin(every, 2), 2)
    else:
        pcm, other = audioop.alaw2lin(every, 2), audioop.lin2ulaw(audioop.alaw2lin(every, 2), 2)
    # Nearly silence: below -38 dB of full scale.
    quiet = bytes(octet for octet in every if abs(audioop.getsample(pcm, 2, octet)) < 400)
    return Law(0xFF if name == "PCMU" else 0xD5, quiet, other)


LAWS: Final = {name: _law(name) for name in ("PCMU", "PCMA")}
