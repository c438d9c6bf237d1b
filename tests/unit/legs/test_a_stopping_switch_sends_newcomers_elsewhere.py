"""While it drains, questions whether we live and telephones that register are answered with 503."""

import asyncio
from dataclasses import replace

import pytest

from tests.unit.legs.recorder import Recorder

ASKED = (
    b"%s sip:203.0.113.1 SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.9:5062;branch=z9hG4bK-%s-%d\r\nMax-Forwards: 70\r\n"
    b"From: <sip:a@203.0.113.9>;tag=a\r\nTo: <sip:a@203.0.113.1>\r\nCall-ID: %d\r\nCSeq: 1 %s\r\n"
    b"Contact: <sip:a@203.0.113.9:5062>\r\nContent-Length: 0\r\n\r\n"
)


@pytest.mark.parametrize("method", [b"OPTIONS", b"REGISTER"])
def test_a_stopping_switch_sends_newcomers_elsewhere(method: bytes) -> None:
    async def main() -> None:
        rig = Recorder()
        core, reception = rig.agent.core, rig.agent.reception
        allow = (*core.settings.allow, "REGISTER")
        core.settings = replace(core.settings, allow=allow)
        reception.serve("REGISTER", lambda key, request, _: reception.reply(key, request, 200), allow)
        before = rig.hears(ASKED % (method, method, 1, 1, method))
        reception.draining = True
        after = rig.hears(ASKED % (method, method, 2, 2, method))
        assert ([said.status for said in before], [said.status for said in after]) == ([200], [503])
        assert after[0].all("Retry-After") == (["30"] if method == b"REGISTER" else [])

    asyncio.run(main())
