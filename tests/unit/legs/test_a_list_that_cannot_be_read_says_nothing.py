"""Headers that only inform, with a list that cannot be cut into values: no call fails, stays or leaks for them."""

import asyncio
import logging
import re

import pytest

from tests.fuzz.transfers import SDP, request
from tests.unit.legs.recorder import Recorder

BROKEN = [
    f"{name}: {value}\r\n"
    for name in (
        "Allow",
        "Reason",
        "P-Asserted-Identity",
        "Diversion",
        "History-Info",
        "Supported",
        "Refer-To",
        "Event",
    )
    for value in ("INVITE, <sip:never@ends", 'INVITE, "never ends')
]


@pytest.mark.parametrize("line", BROKEN)
def test_a_call_with_a_broken_list_is_answered_and_ends(line: str, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        rig = Recorder()
        try:
            rig.agent.callers._trusts = lambda host: True  # whose assertions are looked at
            answers = rig.hears(request("INVITE", 1, SDP, tag="", kind="application/sdp", lines=line))
            assert answers[-1].status == 200
            tag = re.search(r";tag=(\w+)", answers[-1].all("To")[0])
            assert tag is not None
            rig.hears(request("ACK", 1, tag=tag[1], lines=line))
            update = rig.hears(request("UPDATE", 2, SDP, tag=tag[1], kind="application/sdp", lines=line))
            assert [one.status for one in update] == [200]
            assert [one.status for one in rig.hears(request("BYE", 3, tag=tag[1], lines=line))] == [200]
            assert rig.agent.legs == 0 and all(socket.closed for socket in rig.ports.opened)
        finally:
            await rig.close()

    with caplog.at_level(logging.INFO):
        asyncio.run(story())
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []
