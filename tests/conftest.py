"""What holds for every test."""

import gc

import pytest


def pytest_collection_finish(session: pytest.Session) -> None:
    """Leave what collecting made to itself: tests that look for cycles would go through all of it again and again."""
    gc.collect()
    gc.freeze()
