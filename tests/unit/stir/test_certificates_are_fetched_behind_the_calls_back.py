"""Calls never wait for a certificate: it is asked for in the background, of hosts that are allowed, within bounds."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from softswitch.call.carrier import Carrier
from softswitch.call.who import OURSELVES, Who
from softswitch.clock import wall
from softswitch.errors import ResourceError
from softswitch.legs.signalling import InboundCall
from softswitch.legs.stir import MAX_FETCHES, MAX_KEPT, OwnSignature, Trust, Vouching, may_fetch
from softswitch.sip.message import Headers, Request
from softswitch.sip.passport import Identity, Passport, Signer
from softswitch.sip.tn_authority import Anchors, Chain
from softswitch.sip.uri import Uri
from tests.unit.stir import conftest
from tests.unit.stir.conftest import URL, World, pem

HOSTS = ("certs.example.org",)


class Rig:
    """Calls of one carrier that come now, and whoever publishes certificates."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.asked: list[str] = []
        self.answer: bytes | Exception = world.chain
        self.gate = asyncio.Event()
        self.gate.set()
        self.carrier = Carrier.model_validate({"name": "office", "host": "192.0.2.1", "country": "US"})
        self.vouching = Vouching(lambda name: self.carrier if name == "office" else None, self.fetch)

    def trust(self, **more: Any) -> None:
        anchors = Anchors.read(pem(self.world.root))
        self.vouching.adopt(Trust(**{"policy": "note", "anchors": anchors, "hosts": HOSTS, **more}))

    async def fetch(self, url: str) -> bytes:
        self.asked.append(url)
        await self.gate.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def fetched(self) -> None:
        await asyncio.gather(*self.vouching._fetching.values())

    def call(self, url: str = URL, **more: Any) -> tuple[Any, bool]:
        """Return the verdict on a signed call from (215) 555-1212 that comes now, and whether it is refused."""
        passport = Passport("B", "12155551212", ("12155551213",), int(wall().timestamp()), f"{url} {more}"[:64])
        headers = Headers([("Identity", str(Signer(self.world.key, url).sign(passport))), ("Call-ID", "one")])
        request = Request("INVITE", Uri.parse("sip:2155551213@192.0.2.9"), headers)
        call = {"number": "2155551213", "caller": "(215) 555-1212", "trusted": False, "refusal": None, **more}
        return self.vouching.judge(request, InboundCall("leg", **{"carrier": "office", **call}))


@pytest.fixture
def world() -> Iterator[World]:
    """A world whose certificates are valid now: calls at work ask the clock."""
    before, conftest.NOW = conftest.NOW, wall()
    yield World()
    conftest.NOW = before


def play(world: World, story: Callable[[Rig], Awaitable[None]]) -> None:
    async def main() -> None:
        rig = Rig(world)
        rig.trust()
        await story(rig)
        await rig.vouching.close()
        assert not rig.vouching._fetching

    asyncio.run(main())


def test_the_first_call_is_told_nothing_and_the_second_is_believed(world: World) -> None:
    async def story(rig: Rig) -> None:
        verdict, refused = rig.call()
        assert (verdict.result, refused) == ("unknown", False)
        rig.call()
        await rig.fetched()
        assert rig.asked == [URL], "one question for one certificate"
        verdict, refused = rig.call()
        assert (verdict.result, verdict.attest, refused) == ("passed", "B", False)
        assert rig.vouching.counts == {"unknown": 2, "passed": 1}

    play(world, story)


def test_numbers_are_compared_as_the_carriers_country_reads_them(world: World) -> None:
    async def story(rig: Rig) -> None:
        rig.trust(certificates={URL: Chain.read(world.chain)})
        assert rig.call(number="office", to_user="1 215 555 1213")[0].result == "passed"
        assert rig.call(caller="2155551299")[0].kind == "identity_caller"
        assert rig.asked == []

    play(world, story)


def test_where_a_signature_is_required_what_does_not_pass_is_refused(world: World) -> None:
    async def story(rig: Rig) -> None:
        rig.trust(policy="require")
        verdict, refused = rig.call()
        assert (verdict.kind, verdict.status, refused) == ("identity_unfetched", 436, True)
        await rig.fetched()
        assert rig.call()[1] is False
        assert rig.call(caller="2155551299")[1] is True

    play(world, story)


def test_a_carrier_may_have_a_policy_of_its_own(world: World) -> None:
    async def story(rig: Rig) -> None:
        rig.carrier = rig.carrier.model_copy(update={"identity_verify": "off"})
        assert rig.call() == (None, False)
        rig.carrier = rig.carrier.model_copy(update={"identity_verify": "require"})
        assert rig.call()[1] is True
        rig.trust(policy="off")
        assert rig.call()[1] is True
        assert rig.call(carrier="")[0] is None

    play(world, story)


def test_who_is_known_otherwise_needs_no_signature(world: World) -> None:
    async def story(rig: Rig) -> None:
        rig.trust(policy="require")
        assert rig.call(carrier="", trusted=True) == (None, False)
        assert rig.call(carrier="", trusted=False)[1] is True

    play(world, story)


def test_a_certificate_that_cannot_be_had_is_not_asked_for_again_at_once(world: World) -> None:
    async def story(rig: Rig) -> None:
        for rig.answer in (ResourceError("it answers 404"), b"no certificate"):
            url = f"{URL}{len(rig.asked)}"
            rig.call(url)
            await rig.fetched()
            assert rig.call(url)[0].kind == "identity_unfetched"
            assert rig.asked.count(url) == 1

    play(world, story)


def test_what_strangers_name_fills_neither_the_line_nor_the_memory(world: World) -> None:
    async def story(rig: Rig) -> None:
        rig.gate.clear()
        for number in range(MAX_FETCHES * 3):
            rig.call(f"https://certs.example.org/{number}")
        assert len(rig.vouching._fetching) == MAX_FETCHES
        rig.gate.set()
        await rig.fetched()
        rig.vouching._kept = {str(number): (None, 0.0) for number in range(MAX_KEPT)}
        rig.call()
        await rig.fetched()
        assert len(rig.vouching._kept) == MAX_KEPT and rig.call()[0].result == "passed"

    play(world, story)


def test_a_thousand_names_of_files_that_nobody_has_push_no_certificate_out(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(rig: Rig) -> None:
        rig.trust(policy="require")
        rig.call()
        await rig.fetched()
        rig.answer = ResourceError("404")
        for number in range(MAX_KEPT + 10):
            rig.call(f"https://certs.example.org/{number}.pem")
            await rig.fetched()
        assert rig.call()[0].result == "passed"
        assert len(rig.vouching._missing) == MAX_KEPT
        rig.call(f"https://certs.example.org/{MAX_KEPT + 9}.pem")
        assert len(rig.asked) == 1 + MAX_KEPT + 10, "what was not there a moment ago is not asked for again"

    play(world, story)
    assert len([record for record in caplog.records if record.levelname == "WARNING"]) == 1


def test_a_certificate_that_cannot_be_renewed_serves_on(world: World) -> None:
    async def story(rig: Rig) -> None:
        rig.trust()
        rig.call()
        await rig.fetched()
        ((url, (chain, _)),) = rig.vouching._kept.items()
        rig.vouching._kept[url] = (chain, 0.0)
        rig.answer = ResourceError("away")
        for _ in range(2):
            assert rig.call()[0].result == "passed"
            await rig.fetched()
        assert len(rig.asked) == 2

    play(world, story)


@pytest.mark.parametrize(
    ("url", "may"),
    [
        (URL, True),
        ("https://certs.example.org:8443/c.pem", True),
        ("http://certs.example.org/c.pem", False),
        ("https://elsewhere.example.org/c.pem", False),
        ("https://certs.example.org.evil.example/c.pem", False),
        ("https://certs.example.org:22/c.pem", False),
        ("https://user@certs.example.org/c.pem", False),
        ("https://certs.example.org@evil.example/c.pem", False),
        ("https://certs.example.org/c.pem?x=1", False),
        ("https://certs.example.org/c.pem#x", False),
        ("https://certs.example.org/c;x", False),
        ("https://certs.example.org:99999/c", False),
        ("https://[::1", False),
        ("file:///etc/passwd", False),
        ("", False),
    ],
)
def test_only_allowed_hosts_are_asked(url: str, may: bool) -> None:
    assert may_fetch(url, HOSTS) is may


@pytest.mark.parametrize(
    ("policy", "caller", "who", "attest"),
    [
        ("auto", "+12155551212", OURSELVES, "A"),
        ("auto", "(215) 555-1299", OURSELVES, "A"),
        ("auto", "+493012345678", Who(user="alice"), "B"),
        ("auto", "+493012345678", Who(carrier="other"), "C"),
        ("B", "+12155551212", OURSELVES, "B"),
    ],
)
def test_our_own_numbers_are_attested_in_full_and_those_that_pass_through_are_not(
    world: World, policy: Any, caller: str, who: Who, attest: str
) -> None:
    rules = [{"number": "+49*", "caller_id": ["+12155551299"]}]
    entry = {
        "name": "office",
        "host": "192.0.2.1",
        "country": "US",
        "caller_id": "2155551212",
        "caller_id_rules": rules,
    }
    own = OwnSignature(Signer(world.key, URL), policy, "origin")
    lines = dict(own.lines(Carrier.model_validate(entry), caller, "215 555 1213", who, conftest.NOW))
    passport = Identity.parse(lines["Identity"]).open(world.key.public_key())
    assert (passport.attest, passport.dest, passport.origid) == (attest, ("12155551213",), "origin")
    assert passport.iat == int(conftest.NOW.timestamp()) and lines["Date"].endswith(" GMT")
    assert own.lines(Carrier.model_validate(entry), "alice", "2155551213", who, conftest.NOW) == ()
