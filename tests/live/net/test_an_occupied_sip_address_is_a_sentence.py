"""A second switch on the same address says so, and leaves nothing open."""

import os
from collections.abc import Callable, Coroutine

import pytest

from softswitch.errors import ResourceError
from softswitch.net.sip_socket import SipSockets

Run = Callable[[Coroutine[None, None, None]], None]


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_an_occupied_sip_address_is_a_sentence(run: Run, transport: str) -> None:
    async def main() -> None:
        first = SipSockets(lambda data, flow: None, lambda flow: None)
        second = SipSockets(lambda data, flow: None, lambda flow: None)
        listen = "listen_udp" if transport == "UDP" else "listen_tcp"
        host, port = await getattr(first, listen)("127.0.0.1", 0)
        before = len(os.listdir("/proc/self/fd"))
        with pytest.raises(ResourceError) as caught:
            await getattr(second, listen)(host, port)
        assert str(caught.value) == (
            f"{transport} 127.0.0.1:{port} is already in use; "
            "stop the other program or choose another address with --sip"
        )
        for strange, words in (("192.0.2.7", "not an address of this machine"), ("example.com", "not an IP address")):
            with pytest.raises(ResourceError, match=words):
                await getattr(second, listen)(strange, 0)
        with pytest.raises(ResourceError, match="between 0 and 65535"):
            await getattr(second, listen)("127.0.0.1", 99999)
        assert len(os.listdir("/proc/self/fd")) == before
        await second.close()
        await first.close()

    run(main())
