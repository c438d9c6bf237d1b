"""Short ways to write an offer, and to read what came of it."""

from collections.abc import Callable

import pytest

from softswitch.sdp.negotiate import Capabilities, Negotiation

Build = Callable[..., str]


def _describe(*media: str, session: str = "c=IN IP4 192.0.2.7\r\n", end: str = "\r\n") -> str:
    text = f"v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\n{session}t=0 0\r\n" + "".join(
        f"{line}\r\n" for medium in media for line in medium.split("|")
    )
    return text.replace("\r\n", end)


@pytest.fixture
def describe() -> Build:
    """Return a maker of descriptions: each m= section is one text with `|` between its lines."""
    return _describe


@pytest.fixture
def us() -> Negotiation:
    return Negotiation(Capabilities(), "192.0.2.1", 20_000, session_id=7)
