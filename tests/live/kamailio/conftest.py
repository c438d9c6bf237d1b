"""Kamailio between the switch and telephones by SIPp, on one machine."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.live.peers.kamailio import Kamailio, running_kamailio
from tests.live.peers.sipp import Sipp
from tests.live.trunks.conftest import play as play


@pytest.fixture(scope="session")
def kamailio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kamailio]:
    """One Kamailio whose digest is MD5."""
    with running_kamailio(tmp_path_factory.mktemp("kamailio") / "md5") as running:
        yield running


@pytest.fixture(scope="session")
def kamailio_sha256(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kamailio]:
    """Another one whose digest is SHA-256."""
    with running_kamailio(tmp_path_factory.mktemp("kamailio") / "sha256", algorithm="SHA-256") as running:
        yield running


@pytest.fixture
def phones_behind(tmp_path: Path) -> Iterator[Callable[[Kamailio], Sipp]]:
    """A function that makes SIPp a telephone behind a Kamailio."""
    peers: list[Sipp] = []

    def behind(proxy: Kamailio) -> Sipp:
        peers.append(Sipp(proxy.address, tmp_path / f"phones-{len(peers)}"))
        return peers[-1]

    yield behind
    for peer in peers:
        peer.close()
