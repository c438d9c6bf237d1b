"""The switch holds a call to Asterisk and takes it back: Asterisk knows, and hears music meanwhile."""

import asyncio
import os
from pathlib import Path

import pytest

from softswitch.app import App
from softswitch.catalog import load_catalog
from softswitch.config import load_settings, override
from softswitch.net import loop
from tests.live.peers.asterisk import Asterisk
from tests.live.peers.free_ports import LOOPBACK, free_port, rtp_block
from tests.live.peers.switch import RTP_PORTS


@pytest.mark.parametrize("endpoint", ["office", "sdes", "dtls"])
def test_the_switch_puts_asterisk_on_hold(asterisk: Asterisk, tmp_path: Path, endpoint: str) -> None:
    port = free_port()
    first, last = rtp_block(RTP_PORTS, 3)
    settings = load_settings(None, os.environ).model_copy(update={"data": tmp_path})
    for section, key, value in (
        ("sip", "listen", f"{LOOPBACK}:{port}"),
        ("http", "listen", f"{LOOPBACK}:0"),
        ("rtp", "ports", f"{first}-{last}"),
    ):
        settings = override(settings, section, key, value, key)

    async def story() -> None:
        async with App(settings, load_catalog(settings, os.environ)) as app:
            target = f"sip:600@{LOOPBACK}:{port}"
            call = await asyncio.to_thread(asterisk.call, target, endpoint=endpoint, then="tone")
            await asyncio.to_thread(call.wait_tone, 440)
            [(ours, _)] = app.switchboard.calls()
            assert app.switchboard.hold(ours.id, True)
            await asyncio.to_thread(call.wait, "Hold")
            # The echo is of what the switch hears: while it holds, nothing.
            await asyncio.to_thread(call.wait_other_than, 440)
            assert app.switchboard.hold(ours.id, False)
            await asyncio.to_thread(call.wait, "Unhold")
            await asyncio.to_thread(call.wait_tone, 440)
            await asyncio.to_thread(call.hang_up)
            await asyncio.to_thread(call.wait_ended)

    loop.run(story())
