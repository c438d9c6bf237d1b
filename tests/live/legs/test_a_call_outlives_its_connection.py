"""A connection that the peer closes in mid-call is no end of the call: what we have to say goes to its Contact."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from softswitch.call.steps import Wait
from softswitch.sip.message import Request
from softswitch.sip.parser import parse_message

Play = Callable[..., None]


async def _message(reader: asyncio.StreamReader) -> Any:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length"))
    return parse_message(head + await reader.readexactly(length))


def test_a_bye_to_a_caller_whose_connection_is_gone(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        reader, writer = await asyncio.open_connection(*rig.sip)
        invite = peer.request("INVITE", body=peer.sdp()).replace("SIP/2.0/UDP", "SIP/2.0/TCP")
        writer.write(invite.encode())
        answer = await _message(reader)
        while answer.status < 200:
            answer = await _message(reader)
        writer.write(peer.request("ACK", to_tag=answer.to.tag).replace("SIP/2.0/UDP", "SIP/2.0/TCP").encode())
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.close()
        await asyncio.sleep(0.05)
        [(call, _)] = list(rig.switchboard.calls())
        rig.switchboard.hang_up(call.id)
        peer.reply(await peer.asked("BYE"), 200)

    play(story)


def test_a_caller_who_closes_his_connection_before_it_rings_leaves_nothing(play: Play) -> None:
    """RFC 6026 leaves an INVITE without a final answer to its user: it would stay for as long as it may ring."""

    async def story(rig: Any) -> None:
        peer = rig.peer
        reader, writer = await asyncio.open_connection(*rig.sip)
        invite = peer.request("INVITE", "91", body=peer.sdp()).replace("SIP/2.0/UDP", "SIP/2.0/TCP")
        writer.write(invite.encode())
        ours = await peer.asked("INVITE")
        writer.close()
        await asyncio.sleep(0.05)
        peer.reply(ours, 180)  # which reaches nobody
        peer.reply(await peer.asked("CANCEL"), 200)
        peer.reply(ours, 487)
        await rig.nothing_left()
        await asyncio.sleep(1.0)  # more than 64*T1 here
        assert len(rig.user_agent.core) == 0

    play(story)


@pytest.mark.parametrize("contact", ["127.0.0.1", "phone.invalid"])
def test_a_bye_to_a_phone_that_we_called_opens_another_connection(play: Play, contact: str) -> None:
    async def story(rig: Any) -> None:
        connections = 0
        ended = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal connections
            connections += 1
            request = await _message(reader)
            while request.method != "ACK":
                assert isinstance(request, Request)
                lines = [("Contact", f"<sip:x@{contact}:{port};transport=tcp>")]
                body = rig.peer.sdp().encode() if request.method == "INVITE" else b""
                kind = "application/sdp" if body else None
                writer.write(bytes(request.reply(200, to_tag="t", headers=lines, body=body, content_type=kind)))
                await writer.drain()
                if request.method == "BYE":
                    ended.set()
                    await reader.read()
                    break
                request = await _message(reader)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        target = f"sip:x@127.0.0.1:{port}"
        place = rig.user_agent.place
        rig.user_agent.place = lambda leg, placement, sink: place(leg, replace(placement, transport="tcp"), sink)
        try:
            call = rig.switchboard.dial(target, (Wait(seconds=30),))
            await asyncio.sleep(0.2)
            rig.switchboard.hang_up(call)
            async with asyncio.timeout(2):
                await ended.wait()
        finally:
            server.close()
        assert connections == 2

    play(story)
