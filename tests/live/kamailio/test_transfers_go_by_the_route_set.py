"""A telephone behind a Kamailio transfers, and is transferred: REFER and NOTIFY go by its Record-Routes, both of them.

The telephone speaks UDP with Kamailio, and Kamailio TCP with the switch: so it record-routes twice (RFC 5658).
"""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.peers.baresip import NUMBER, SAYS_HZ, Baresip, running_baresip
from tests.live.peers.free_ports import LOOPBACK
from tests.live.peers.kamailio import Kamailio
from tests.live.transfers.conftest import town as town

Stories = Callable[..., None]
#: Numbers that begin with 2 are called over TCP by Kamailio.
PLAN = """
rules:
  - {number: 2200, steps: [dial: "sip:bob@127.0.0.1:PORT_BOB"]}
  - {number: 2500, steps: [answer, {tone: {hz: 1004}}]}
  - {number: 2600, steps: [answer, {transfer: {to: 2500, mode: refer}}]}
"""

pytestmark = [pytest.mark.baresip, pytest.mark.timeout(120)]


@pytest.fixture
def behind(kamailio: Kamailio, tmp_path: Path) -> Iterator[Baresip]:
    """A telephone that sends everything by Kamailio."""
    account = f'<sip:{NUMBER}@{LOOPBACK}>;outbound="sip:{kamailio.address}";regint=0;answermode=auto'
    with running_baresip(tmp_path / "behind", account=account) as running:
        yield running


def at(town: Any, user: str) -> str:
    return f"sip:{user}@127.0.0.1:{town.switch.sip_port}"


def in_dialog(kamailio: Kamailio, since: int) -> list[str]:
    """Return the methods inside dialogs that it has passed on; each came by its Route."""
    passed = kamailio.passed(since=since)
    assert not [method for method, way in passed if way == "lost"], passed
    return [method for method, way in passed if way == "routed"]


def test_it_sends_away_whom_it_has_called(town: Stories, kamailio: Kamailio, behind: Baresip) -> None:
    async def story(town: Any) -> None:
        [bob] = await town.start(PLAN, "bob")
        since = kamailio.mark()
        mark = await asyncio.to_thread(behind.dial, at(town, "2200"))
        await bob.rings()
        bob.reply(200, sdp=True)
        await bob.hears(SAYS_HZ)
        await asyncio.to_thread(behind.transfer, at(town, "2500"))
        await bob.hears(1004)
        await asyncio.to_thread(behind.wait_event, "CALL_CLOSED", since=mark)
        await bob.hears(1004)
        bob.ask("BYE")
        record = await town.record(to="2200")
        assert (record["ended_by"], record["variables"]["transferred_to"]) == ("callee", "2500")
        methods = in_dialog(kamailio, since)
        assert methods[:2] == ["ACK", "REFER"] and methods[-1] == "BYE"
        assert methods.count("NOTIFY") >= 2, "how it goes, and that it is over"

    town(story)


def test_it_calls_somebody_itself_when_it_is_asked_to(town: Stories, kamailio: Kamailio, behind: Baresip) -> None:
    async def story(town: Any) -> None:
        await town.start(PLAN)
        since = kamailio.mark()
        await asyncio.to_thread(behind.dial, at(town, "2600"))
        record = await asyncio.to_thread(lambda: town.switch.wait_record(to="2600", seconds=15))
        assert (record["cause"], record["variables"]["transfer_status"]) == ("16 transferred", "answered")
        await asyncio.to_thread(behind.wait_tone, 1004)
        methods = in_dialog(kamailio, since)
        assert methods[:2] == ["ACK", "REFER"] and methods.count("NOTIFY") >= 1 and "BYE" in methods
        await asyncio.to_thread(behind.hang_up)
        assert (await town.record(to="2500"))["from"] == NUMBER

    town(story)
