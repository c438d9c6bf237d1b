"""Two switches exchange messages over UDP and TCP, IPv4 and IPv6."""

from collections.abc import Awaitable, Callable, Coroutine

import pytest

from softswitch.net.sip_socket import SipSockets
from softswitch.sip.flow import Flow

Run = Callable[[Coroutine[None, None, None]], None]
Until = Callable[[Callable[[], object]], Awaitable[None]]


def message(call: str = "one", body: bytes = b"") -> bytes:
    head = f"OPTIONS sip:a@b SIP/2.0\r\nCall-ID: {call}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_sip_messages_cross_loopback(run: Run, until: Until, transport: str, host: str) -> None:
    async def main() -> None:
        heard: list[tuple[bytes, Flow]] = []
        answers: list[tuple[bytes, Flow]] = []

        def answer(data: bytes, flow: Flow) -> None:
            heard.append((data, flow))
            switch.send(flow, message("answer"))

        failed: list[Flow] = []
        switch = SipSockets(answer, failed.append)
        phone = SipSockets(lambda data, flow: answers.append((data, flow)), failed.append)
        listen = "listen_udp" if transport == "UDP" else "listen_tcp"
        address = await getattr(switch, listen)(host, 0)
        own = await getattr(phone, listen)(host, 0)
        assert address[0] == host
        assert address[1] > 0
        flow = phone.flow_to(transport, address)
        assert flow == Flow(transport, own, address)
        for index in range(3):
            phone.send(flow, message(f"call {index}", b"x" * 5000 * index))
        await until(lambda: len(answers) == 3)
        assert [data for data, _ in heard] == [message(f"call {index}", b"x" * 5000 * index) for index in range(3)]
        assert {data for data, _ in answers} == {message("answer")}
        assert heard[0][1].local == address
        assert (heard[0][1].connection == 0) == (transport == "UDP")
        assert answers[0][1].local == own
        assert answers[0][1].remote == address
        assert (phone.connections, switch.connections) == ((0, 0) if transport == "UDP" else (1, 1))
        await phone.close()
        await switch.close()
        assert failed == []
        # the ports are free at once
        again = SipSockets(answer, failed.append)
        assert await getattr(again, listen)(*address) == address
        await again.close()

    run(main())


def test_a_socket_on_every_address_tells_the_one_its_peer_reaches(run: Run, until: Until) -> None:
    async def main() -> None:
        heard: list[Flow] = []
        switch = SipSockets(lambda data, flow: heard.append(flow), lambda flow: None)
        _, port = await switch.listen_udp("0.0.0.0", 0)  # noqa: S104 - the very thing under test
        assert switch.flow_to("UDP", ("127.0.0.1", 9)).local == ("127.0.0.1", port)
        phone = SipSockets(lambda data, flow: None, lambda flow: None)
        await phone.listen_udp("127.0.0.1", 0)
        phone.send(phone.flow_to("UDP", ("127.0.0.1", port)), message())
        await until(lambda: heard)
        assert heard[0].local == ("127.0.0.1", port)
        await phone.close()
        await switch.close()

    run(main())


def test_line_ends_over_udp_only_keep_a_binding_alive(run: Run, until: Until) -> None:
    async def main() -> None:
        heard: list[bytes] = []
        switch = SipSockets(lambda data, flow: heard.append(data), lambda flow: None)
        address = await switch.listen_udp("127.0.0.1", 0)
        flow = switch.flow_to("UDP", address)
        for data in (b"\r\n\r\n", b"\0", b"", message()):
            switch.send(flow, data)
        await until(lambda: heard)
        assert heard == [message()]
        assert switch.counts["udp_keep_alive"] == 3
        await switch.close()

    run(main())
