"""Where a carrier has to prove more than it had to when it was connected to, only what is up goes on over that."""

from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path

import pytest

from softswitch.net.sip_socket import SipSockets
from softswitch.net.sip_tls import PeerTls, ServerTls, TlsContexts
from softswitch.sip.flow import Flow
from tests.tools.certificates import Authority

Run = Callable[[Coroutine[None, None, None]], None]
Until = Callable[[Callable[[], object]], Awaitable[None]]
MESSAGE = b"OPTIONS sip:a@b SIP/2.0\r\nCall-ID: one\r\nContent-Length: 0\r\n\r\n"
ANOTHER = MESSAGE.replace(b"one", b"two")


@pytest.mark.parametrize("strict", [True, False])
def test_the_terms_of_now_decide(run: Run, until: Until, tmp_path: Path, strict: bool) -> None:
    authority = Authority()
    ca = authority.write(tmp_path)
    theirs = authority.sign("a.example").write(tmp_path, "a")
    lax, now = PeerTls(verify=False), PeerTls(verify=strict, ca=ca if strict else None)

    async def main() -> None:
        heard: list[tuple[bytes, Flow]] = []
        failed: list[Flow] = []
        carrier = SipSockets(
            lambda data, flow: heard.append((data, flow)), failed.append, tls=TlsContexts(ServerTls(theirs))
        )
        contexts = TlsContexts(ServerTls(theirs), {"acme": lax})
        ours = SipSockets(lambda data, flow: heard.append((data, flow)), failed.append, tls=contexts)
        address = await carrier.listen_tls("127.0.0.1", 0)
        await ours.listen_tls("127.0.0.1", 0)
        flow = ours.flow_to("TLS", address)._replace(name="b.example", carrier="acme")
        ours.send(flow, MESSAGE)
        await until(lambda: len(heard) == 1)
        back = heard[0][1]
        contexts.put(TlsContexts.make(ServerTls(theirs), {"acme": now}))
        ours.send(flow, ANOTHER)
        await until(lambda: len(heard) == 2 or failed)
        if strict:
            assert len(heard) == 1 and failed == [flow]
            assert "its certificate is for a.example, not for b.example" in ours.why(flow)
        else:
            assert heard[1] == (ANOTHER, back) and not failed
        carrier.send(back, MESSAGE)  # what is up goes on over what it began on
        await until(lambda: len(heard) == (2 if strict else 3))
        ours.send(heard[-1][1], MESSAGE)
        await until(lambda: len(heard) == (3 if strict else 4))
        await ours.close()
        await carrier.close()
        assert ours.connections == carrier.connections == 0

    run(main())
