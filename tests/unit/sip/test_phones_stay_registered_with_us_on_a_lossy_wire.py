"""Phones with digest and our registrar, over a wire that loses, delays and doubles: none is ever lost."""

from typing import Any

import pytest

from softswitch.clock import seeded_token
from softswitch.sip.admission import CoreSettings
from softswitch.sip.core import RequestReceived, SipCore, Transmit
from softswitch.sip.digest import HASHES, account_key
from softswitch.sip.digest_server import DigestServer, DigestSettings, Outcome
from softswitch.sip.location import Location, LocationSettings, Unbound
from softswitch.sip.message import Request, Response
from softswitch.sip.registration import RegistrationState
from tests.unit.sip.test_a_registration_lasts_on_a_lossy_wire import CLIENT, DAY, SERVER, Client

KEY = account_key(HASHES["md5"], "alice", "r", "s3cret")


class Registrar:
    """Our digest server and our bindings behind one core."""

    def __init__(self, wire: Any) -> None:
        self.wire = wire
        self.core = SipCore(CoreSettings(allow=("REGISTER", "OPTIONS")), token=seeded_token(2))
        self.digest = DigestServer(DigestSettings("r"), secret=b"ours")
        self.location = Location(LocationSettings(expires=300, max_expires=300))
        self.lost = 0

    def next_timer(self) -> float | None:
        times = [at for at in (self.core.next_timer(), self.location.next_timer()) if at is not None]
        return min(times, default=None)

    def handle_timer(self) -> None:
        self.core.handle_timer(now=self.wire.now)
        self.location.handle_timer(now=self.wire.now)

    def pump(self) -> None:
        self.lost += sum(isinstance(output, Unbound) for output in self.location.drain())
        while outputs := self.core.drain():
            for output in outputs:
                if isinstance(output, Transmit):
                    self.wire.carry(output.data, output.flow)
                elif isinstance(output, RequestReceived):
                    answer = self._answer(output.request, output.flow)
                    self.core.send_response(output.key, answer, now=self.wire.now)

    def _answer(self, request: Request, flow: Any) -> Response:
        now = self.wire.now
        outcome = self.digest.judge(request, lambda name, _: KEY if name == "alice" else None, now=now).outcome
        if outcome is not Outcome.ACCEPTED:
            headers = self.digest.challenge(stale=outcome is Outcome.STALE, now=now)
            return request.reply(401, to_tag="r", headers=headers)
        reply = self.location.register("alice", request, flow, now=now)
        return request.reply(reply.status, to_tag="r", headers=reply.headers)


@pytest.mark.parametrize(("loss", "seed"), [(0.0, 1), (0.1, 2), (0.3, 3)])
def test_days_of_refreshes_lose_nobody_and_refuse_nobody(make_wire: Any, loss: float, seed: int) -> None:
    wire = make_wire(loss=loss, seed=seed)
    registrar, client = Registrar(wire), Client(wire)
    wire.phones = {CLIENT: client, SERVER: registrar}
    client.machine.start(now=0.0)
    client.pump()
    wire.run(until=3 * DAY)
    assert client.machine.state is RegistrationState.REGISTERED
    assert registrar.lost == 0
    assert registrar.digest.counts["wrong"] == registrar.digest.counts["replayed"] == 0
    assert registrar.digest.counts["accepted"] > 3 * DAY / 250
    assert registrar.digest.counts["challenged"] < 3 * DAY / 3600, "an honest client is asked once in hours"
    client.machine.stop(now=wire.now)
    client.pump()
    wire.run(until=wire.now + 60)
    assert len(registrar.location) == 0
