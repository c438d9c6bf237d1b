"""Every test of this folder uses real sockets and real time on loopback."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them `live`."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.live)
