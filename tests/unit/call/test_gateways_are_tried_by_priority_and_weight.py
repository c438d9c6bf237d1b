"""Gateways are tried by priority, shared by weight within one (RFC 2782), and those that are down come last."""

import random
from collections import Counter

import pytest

from softswitch.call.carrier import Carrier
from softswitch.call.routing import Gateway, Route, route

GATEWAYS = [
    {"host": "a.example", "priority": 1, "weight": 3},
    {"host": "b.example", "priority": 1, "weight": 1},
    {"host": "c.example", "priority": 2, "port": 5080},
    {"host": "d.example", "priority": 1, "weight": 0},
]


def _route(source: random.Random, *, down: tuple[str, ...] = (), **keys: object) -> Route:
    carrier = Carrier.model_validate({"name": "office", "gateways": GATEWAYS, **keys})
    dead = [
        ("office", Gateway(model.host, model.port, carrier.transport, model.priority, model.weight))
        for model in carrier.all_gateways
        if model.host in down
    ]
    return route("+4930123456", [carrier], down=dead, random=source.random)


def _hosts(found: Route) -> list[str]:
    return [gateway.host for gateway in found.gateways]


def test_each_is_tried_once_and_the_lower_priority_first() -> None:
    source = random.Random(1)
    for _ in range(200):
        hosts = _hosts(_route(source))
        assert sorted(hosts) == ["a.example", "b.example", "c.example", "d.example"]
        assert hosts[-1] == "c.example"


def test_the_first_tries_are_shared_by_weight() -> None:
    source = random.Random(2)
    firsts = Counter(_hosts(_route(source))[0] for _ in range(4000))
    assert firsts["a.example"] / 4000 == pytest.approx(0.75, abs=0.03)
    assert firsts["b.example"] / 4000 == pytest.approx(0.25, abs=0.03)


def test_those_of_no_weight_share_alike_when_none_has_any() -> None:
    gateways = [{"host": "a.example", "weight": 0}, {"host": "b.example", "weight": 0}]
    hosts = _hosts(_route(random.Random(3), gateways=gateways))
    assert sorted(hosts) == ["a.example", "b.example"]


def test_one_that_is_down_is_tried_last_and_said() -> None:
    for seed in range(50):
        found = _route(random.Random(seed), down=("a.example",))
        assert _hosts(found)[-1] == "a.example" and _hosts(found)[-2] == "c.example"
        assert any("a.example does not answer" in sentence for sentence in found.why)


def test_when_all_are_down_all_are_tried() -> None:
    everyone = tuple(str(gateway["host"]) for gateway in GATEWAYS)
    assert len(_route(random.Random(1), down=everyone).gateways) == 4


def test_a_gateway_of_another_carrier_is_not_meant() -> None:
    gateway = Gateway("a.example", None, "udp", 1, 3)
    carrier = Carrier.model_validate({"name": "office", "gateways": GATEWAYS})
    found = route("+4930123456", [carrier], down=[("other", gateway)], random=lambda: 0.5)
    assert _hosts(found)[0] == "a.example"


@pytest.mark.parametrize(
    ("keys", "uri"),
    [
        ({"host": "sip.example.com", "gateways": []}, "sip:+4930123456@sip.example.com"),
        ({"host": "192.0.2.1", "port": 5080, "gateways": []}, "sip:+4930123456@192.0.2.1:5080"),
        ({"host": "2001:db8::1", "gateways": []}, "sip:+4930123456@[2001:db8::1]"),
        ({"gateways": [{"host": "192.0.2.1", "port": 5080}]}, "sip:+4930123456@192.0.2.1:5080"),
        # The carrier knows us by its own name, whichever of its machines we ask.
        (
            {"host": "me.pstn.example", "gateways": [{"host": "192.0.2.1", "port": 5080}]},
            "sip:+4930123456@me.pstn.example",
        ),
        (
            {"host": "sip.example.com", "transport": "tcp", "gateways": []},
            "sip:+4930123456@sip.example.com;transport=tcp",
        ),
    ],
)
def test_the_request_uri_names_the_carrier_or_the_gateway(keys: dict[str, object], uri: str) -> None:
    found = _route(random.Random(1), **keys)
    assert str(found.request_uri(found.gateways[0])) == uri
