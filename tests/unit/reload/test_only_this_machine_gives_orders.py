"""Who asks from this machine, by whichever of its addresses, is heard; proxies, browsers and everybody else are not."""

from typing import Any, cast

import pytest
from aiohttp import web

from softswitch.api.reload import from_here


class Asked:
    """As much of a request as is looked at. remote: who asks; local: the address of ours that is asked."""

    def __init__(self, remote: str | None, local: str, **headers: str) -> None:
        self.remote = remote
        self.headers = headers
        self.transport = self
        self._local = local

    def get_extra_info(self, name: str) -> Any:
        assert name == "sockname"
        return (self._local, 8080) if self._local else None


@pytest.mark.parametrize(
    ("remote", "local", "heard"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.9.9.9", "127.0.0.1", True),
        ("::1", "::1", True),
        ("::ffff:127.0.0.1", "::ffff:127.0.0.1", True),
        ("192.0.2.2", "192.0.2.2", True),
        ("::ffff:192.0.2.2", "192.0.2.2", True),
        ("fe80::1%eth0", "fe80::1", True),
        ("192.0.2.3", "192.0.2.2", False),
        ("192.0.2.3", "127.0.0.1", False),
        ("192.0.2.3", "", False),
        ("", "", False),
        (None, "", False),
        ("nonsense", "nonsense", False),
    ],
)
def test_the_address_decides(remote: str | None, local: str, heard: bool) -> None:
    assert from_here(cast(web.Request, Asked(remote, local))) is heard


@pytest.mark.parametrize("name", ["Origin", "Forwarded", "Via"])
def test_what_somebody_hands_on_is_not_heard(name: str) -> None:
    assert not from_here(cast(web.Request, Asked("192.0.2.2", "192.0.2.2", **{name: "x"})))
