"""Where the reports of a stream go (RTCP), as both descriptions have it: RFC 5761, RFC 3605, RFC 5506."""

from dataclasses import dataclass
from typing import Final

from softswitch.errors import RemoteError
from softswitch.sdp.description import Connection, Media, number
from softswitch.sdp.protection import Lines

MUX: Final = "rtcp-mux"
REDUCED: Final = "rtcp-rsize"


@dataclass(frozen=True, slots=True)
class Control:
    """What was agreed of reports. mux: they come on the port of the sound. remote: else where the peer's are."""

    mux: bool
    remote: tuple[str, int]


def offering() -> Lines:
    """Return the lines of an offer: one port will do, and reports may be of any size."""
    return ((MUX, None), (REDUCED, None))


def answering(theirs: Media) -> Lines:
    """Return the lines that answer those of the peer; what it has not offered is not said (RFC 5761 section 5.1.1)."""
    return tuple((name, None) for name in (MUX, REDUCED) if theirs.attribute(name) is not None)


def agreed(mine: Media | None, theirs: Media, host: str) -> Control:
    """Return what an offer and its answer come to.

    mine: our offer, None where the peer's was first and has been taken as it was. host: where the peer's sound is.
    """
    mux = theirs.attribute(MUX) is not None and (mine is None or mine.attribute(MUX) is not None)
    return Control(mux, (host, theirs.port) if mux else (host, _port(theirs, host)))


def _port(theirs: Media, host: str) -> int:
    """Return the port of the peer's reports: the next one, or what a=rtcp says (RFC 3605).

    A host that it names is not believed where it is another than that of the sound: anybody could be named there.
    """
    said, _, rest = (theirs.attribute("rtcp") or "").partition(" ")
    port = number(said, most=65535)
    if not port:
        return min(theirs.port + 1, 65535)
    if rest.strip():
        try:
            if Connection.parse(rest).address != host:
                return min(theirs.port + 1, 65535)
        except RemoteError:
            return min(theirs.port + 1, 65535)
    return port
