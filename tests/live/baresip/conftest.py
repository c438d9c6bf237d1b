"""A baresip that calls the switch, and is called by it."""

from collections.abc import Iterator

import pytest

from tests.live.asterisk.conftest import softswitch_call as softswitch_call
from tests.live.peers.baresip import Baresip, running_baresip


@pytest.fixture(scope="session")
def baresip_of_the_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Baresip]:
    """One baresip, for every test that leaves it as it was."""
    with running_baresip(tmp_path_factory.mktemp("baresip") / "phone") as running:
        yield running


@pytest.fixture
def baresip(baresip_of_the_session: Baresip) -> Iterator[Baresip]:
    """The baresip of the session, without a call afterwards."""
    yield baresip_of_the_session
    baresip_of_the_session.hang_up()
