"""Days of refreshes with digest over two real cores and a wire that loses, delays and doubles: never long without."""

import hashlib
import random
import re
from typing import Any

import pytest

from softswitch.clock import seeded_token
from softswitch.sip.admission import CoreSettings
from softswitch.sip.auth import Credentials, DigestClient, Verdict
from softswitch.sip.core import RequestReceived, ResponseReceived, SipCore, TransactionFailed, Transmit
from softswitch.sip.flow import Flow
from softswitch.sip.message import Request, Response
from softswitch.sip.registration import Registration, RegistrationSettings, RegistrationState, Resolve, SendRegister
from softswitch.sip.uri import Uri

CLIENT, SERVER = ("192.0.2.1", 5060), ("192.0.2.2", 5060)
DAY = 86400.0
SETTINGS = CoreSettings(allow=("REGISTER", "OPTIONS"))


class Registrar:
    """Grants five minutes, renews its nonces each hour, and notes how long nobody was bound."""

    def __init__(self, wire: Any) -> None:
        self.wire, self.core = wire, SipCore(SETTINGS, token=seeded_token(2))
        self.granted: list[float] = []
        self.bound_until = 0.0
        self.unbound = 0.0
        self.contacts: set[str] = set()
        self.copies = 0

    def next_timer(self) -> float | None:
        return self.core.next_timer()

    def handle_timer(self) -> None:
        self.core.handle_timer(now=self.wire.now)

    def pump(self) -> None:
        while outputs := self.core.drain():
            for output in outputs:
                if isinstance(output, Transmit):
                    self.wire.carry(output.data, output.flow)
                elif isinstance(output, RequestReceived):
                    self.core.send_response(output.key, self._judge(output.request), now=self.wire.now)

    def _judge(self, request: Request) -> Response:
        nonce = f"hour{int(self.wire.now // 3600)}"
        said = dict(re.findall(r'([a-z]+)="?([^",]+)', request.headers.get("Authorization") or ""))
        if said.get("nonce") != nonce:
            stale = ", stale=true" if said else ""
            challenge = f'Digest realm="r", nonce="{nonce}", algorithm=SHA-256, qop="auth"{stale}'
            return request.reply(401, to_tag="r", headers=[("WWW-Authenticate", challenge)])
        secret, what = (_sha(text) for text in ("alice:r:s3cret", f"REGISTER:{request.uri}"))
        wanted = _sha(f"{secret}:{nonce}:{said['nc']}:{said['cnonce']}:auth:{what}")
        if said["response"] != wanted:
            return request.reply(403, to_tag="r")
        if self.granted:
            self.unbound += max(0.0, self.wire.now - self.bound_until)
        self.granted.append(self.wire.now)
        expires = min(300, int(request.headers.get("Expires") or 0))
        self.bound_until = self.wire.now + expires
        contact = (request.headers.get("Contact") or "").partition(";expires")[0]
        self.contacts.add(contact)
        return request.reply(200, to_tag="r", headers=[("Contact", f"{contact};expires={expires}")])


class Client:
    """The loop of a user agent around one registration."""

    def __init__(self, wire: Any) -> None:
        self.wire, self.core = wire, SipCore(SETTINGS, token=seeded_token(1))
        source = random.Random(5)
        settings = RegistrationSettings(Uri.parse("sip:r"), Uri.parse("sip:alice@r"), username="alice")
        self.machine = Registration(settings, token=seeded_token(3), random=source.random)
        self.auth = DigestClient(Credentials("alice", "s3cret"), token=seeded_token(4))
        self.flow = Flow("UDP", CLIENT, SERVER)
        self._sent: dict[tuple[str, ...], Request] = {}
        self._current: tuple[str, ...] = ()

    def next_timer(self) -> float | None:
        return min((at for at in (self.core.next_timer(), self.machine.next_timer()) if at is not None), default=None)

    def handle_timer(self) -> None:
        now = self.wire.now
        self.core.handle_timer(now=now)
        if (at := self.machine.next_timer()) is not None and at <= now:
            self.machine.handle_timer(now=now)

    def pump(self) -> None:
        while outputs := [*self.core.drain(), *self.machine.drain()]:
            for output in outputs:
                self._handle(output)

    def _handle(self, output: object) -> None:
        now = self.wire.now
        match output:
            case Transmit(flow, data):
                self.wire.carry(data, flow)
            case Resolve():
                self.machine.resolved([("udp", *SERVER)], now=now)
            case SendRegister():
                request = self.machine.request(f"<sip:alice@{CLIENT[0]};line={self.machine.line}>")
                self.auth.authorize(request)
                self._send(request)
            case ResponseReceived(key, response, _) if key == self._current:
                self._answered(key, response)
            case TransactionFailed(key, why) if key == self._current:
                self.machine.failed(why, now=now)
            case _:
                pass

    def _answered(self, key: tuple[str, ...], response: Response) -> None:
        request = self._sent.pop(key)
        if response.status == 401 and self.auth.challenged(request, response) is Verdict.RETRY:
            again = request.copy()
            again.headers.set("CSeq", f"{request.cseq.number + 1} REGISTER")
            self.auth.authorize(again)
            self.machine.resent(again.cseq.number, now=self.wire.now)
            self._send(again)
        else:
            self.machine.response(response, now=self.wire.now)

    def _send(self, request: Request) -> None:
        self._current = self.core.send_request(request, self.flow, now=self.wire.now)
        self._sent[self._current] = request


@pytest.mark.parametrize(("loss", "days", "seed"), [(0.0, 3, 1), (0.1, 3, 2), (0.3, 3, 3), (0.5, 3, 4)])
def test_a_registration_lasts_on_a_lossy_wire(make_wire: Any, loss: float, days: int, seed: int) -> None:
    wire = make_wire(loss=loss, seed=seed)
    registrar, client = Registrar(wire), Client(wire)
    wire.phones = {CLIENT: client, SERVER: registrar}
    client.machine.start(now=0.0)
    client.pump()
    wire.run(until=days * DAY)
    assert client.machine.state is RegistrationState.REGISTERED
    assert len(registrar.granted) > days * DAY / 250
    assert len(registrar.contacts) == 1
    assert registrar.unbound <= (0.0 if loss < 0.4 else 0.001 * days * DAY)
    assert client.machine.status().service_route == ()
    client.machine.stop(now=wire.now)
    client.pump()
    wire.run(until=wire.now + 200)
    assert client.machine.state is RegistrationState.UNREGISTERED
    assert registrar.bound_until <= wire.now
    assert len(client.core) == len(registrar.core) == 0


def test_an_hour_without_a_registrar_is_made_good_within_the_back_off(make_wire: Any) -> None:
    wire = make_wire(seed=7)
    registrar, client = Registrar(wire), Client(wire)
    wire.phones = {CLIENT: client, SERVER: registrar}
    wire.passes = lambda data, now: not 3600 <= now < 7200
    client.machine.start(now=0.0)
    client.pump()
    wire.run(until=7199)
    assert client.machine.state is RegistrationState.FAILED
    lost = [at for at, data in wire.sent if 3600 <= at < 7200 and data.startswith(b"REGISTER")]
    assert len(lost) < 150  # 11 copies of each, ten tries
    wire.run(until=7200 + 1800 + 60)
    assert client.machine.state is RegistrationState.REGISTERED


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
