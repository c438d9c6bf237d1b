"""One thing of ours that reads what strangers send."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """seeds: good examples. feed: raises nothing whatever the bytes, unless something is wrong with us."""

    seeds: list[bytes]
    feed: Callable[[bytes], None]
