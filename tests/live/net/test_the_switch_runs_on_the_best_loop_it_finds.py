"""uvloop where it is installed, asyncio's own loop where not, and as many open files as the system grants."""

import asyncio
import builtins
import resource
import subprocess
import sys
from typing import Any

import pytest
import uvloop

from softswitch.net import loop


def test_uvloop_is_taken_where_it_is_installed() -> None:
    async def which() -> type:
        return type(asyncio.get_running_loop())

    assert loop.run(which()) is uvloop.Loop


def test_without_uvloop_it_is_the_loop_of_asyncio(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "uvloop":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    made = loop.new_loop()
    assert isinstance(made, asyncio.BaseEventLoop)
    made.close()


def test_open_files_are_raised_to_the_hard_limit() -> None:
    program = (
        "import resource; from softswitch.net.loop import raise_open_files;"
        "_, hard = resource.getrlimit(resource.RLIMIT_NOFILE);"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard));"
        "print(raise_open_files(), *resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.split() == [str(hard)] * 3
