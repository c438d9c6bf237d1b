"""A call leaves by the named carrier or the first, with the number and the caller ID as that carrier wants them."""

import random
from collections import Counter

import pytest

from softswitch.call.carrier import Carrier
from softswitch.call.routing import Route, route
from softswitch.errors import ResourceError

POOL = [f"+49301234{n:02}" for n in range(10)]


def _carrier(**keys: object) -> Carrier:
    return Carrier.model_validate({"name": "office", "host": "sip.example.com", "country": "DE", **keys})


def _route(number: str = "030 123456", *, caller_id: str = "", **keys: object) -> Route:
    return route(number, [_carrier(**keys)], caller_id=caller_id, random=random.Random(1).random)


# Carrier --------------------------------------------------------------------------------------------------------------


def test_the_named_carrier_serves_and_without_a_name_the_first() -> None:
    carriers = [_carrier(name="first"), _carrier(name="second")]
    found = route("030123456", carriers, random=random.random)
    assert found.carrier.name == "first"
    assert any("No carrier was named" in sentence for sentence in found.why)
    assert route("030123456", carriers, carrier="second", random=random.random).carrier.name == "second"


@pytest.mark.parametrize(
    ("number", "carriers", "name", "words"),
    [
        ("030123456", [], "", "no carrier is in carriers.yaml"),
        ("030123456", [_carrier()], "other", "carrier other is not in carriers.yaml.*known carriers: office"),
        ("alice", [_carrier()], "", "'alice' is neither a number nor a sip: URI"),
        ("030123456", [_carrier(prefix_add="+49")], "", "which nobody can dial"),
    ],
)
def test_what_cannot_be_called_is_a_sentence(number: str, carriers: list[Carrier], name: str, words: str) -> None:
    with pytest.raises(ResourceError, match=words):
        route(number, carriers, carrier=name, random=random.random)


# Number ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "sent"),
    [
        ({}, "+4930123456"),
        ({"number_format": "digits"}, "4930123456"),
        ({"number_format": "national"}, "030123456"),
        ({"number_format": "as_dialled"}, "030123456"),
        ({"prefix_add": "8123#", "number_format": "digits"}, "8123#4930123456"),
        ({"prefix_strip": "+49", "prefix_add": "0"}, "030123456"),
        ({"prefix_strip": "+", "prefix_add": "00"}, "004930123456"),
        ({"prefix_strip": "+33"}, "+4930123456"),
        ({"country": ""}, "030123456"),
    ],
)
def test_the_number_is_written_as_the_carrier_wants_it(keys: dict[str, object], sent: str) -> None:
    assert _route(**keys).number == sent


@pytest.mark.parametrize("number", ["112", "116117", "*100#"])
def test_no_prefix_touches_a_number_that_means_something_only_here(number: str) -> None:
    assert _route(number, prefix_add="00", prefix_strip="1").number == number


# Caller ID ------------------------------------------------------------------------------------------------------------

RULES = [
    {"caller": "101", "caller_id": "+49301234501"},
    {"number": "_+4989.", "caller_id": "+498912345"},
    {"number": "_+4930.", "caller": "_1XX", "caller_id": "+493012345"},
]


@pytest.mark.parametrize(
    ("number", "brought", "presented"),
    [
        ("030123456", "", "+4900"),  # no rule: the carrier's own
        ("089123456", "", "+498912345"),  # local presence
        ("089123456", "101", "+49301234501"),  # the first rule that matches
        ("030123456", "102", "+493012345"),
        ("089123456", "102", "+498912345"),  # an internal number is as none
        ("0891234", "alice", "+498912345"),
        ("040123456", "102", "+4900"),
        ("089123456", "030 999999", "+4930999999"),  # its own number is
        ("089123456", "anonymous", "+498912345"),
        ("040123456", "anonymous", "+4900"),
    ],
)
def test_who_calls_follows_from_the_rules(number: str, brought: str, presented: str) -> None:
    found = route(number, [_carrier(caller_id="+4900", caller_id_rules=RULES)], caller_id=brought, random=random.random)
    assert found.caller_id == presented
    assert (found.from_user, found.from_uri, found.identity) == (presented, None, ())


def test_between_switches_internal_numbers_go_as_they_are() -> None:
    assert _route("600", caller_id="101", number_format="as_dialled").caller_id == "101"
    assert _route("600", caller_id="alice").caller_id == "alice"
    assert _route("600").caller_id == ""


def test_a_number_always_sees_the_same_caller_of_a_pool() -> None:
    numbers = [f"+4989{n:06}" for n in range(2000)]
    carriers = [_carrier(caller_id=POOL)]

    def seen(carriers: list[Carrier]) -> dict[str, str]:
        return {number: route(number, carriers, random=random.random).caller_id for number in numbers}

    first = seen(carriers)
    assert first == seen(carriers)
    uses = Counter(first.values())
    assert set(uses) == set(POOL)
    assert max(uses.values()) < 1.4 * len(numbers) / len(POOL), "no number of the pool is worn out before the others"
    more = seen([_carrier(caller_id=[*POOL, "+4930999999"])])
    moved = [number for number in numbers if first[number] != more[number]]
    assert all(more[number] == "+4930999999" for number in moved), "a new number takes only its own share"
    assert 0.5 / 11 < len(moved) / len(numbers) < 1.5 / 11


def test_a_number_sees_the_same_caller_however_it_was_dialled() -> None:
    carriers = [_carrier(caller_id=POOL)]
    ways = ("030 123456", "+49 30 123456", "0049-30-123456", "tel:+4930123456")
    assert len({route(number, carriers, random=random.random).caller_id for number in ways}) == 1


# Who calls, in headers ------------------------------------------------------------------------------------------------

ACCOUNT = {"username": "u1", "password": "p"}


@pytest.mark.parametrize(
    ("keys", "headers"),
    [
        ({}, ()),
        ({"identity": "pai"}, (("P-Asserted-Identity", "<sip:+4900@sip.example.com>"),)),
        ({"identity": "ppi"}, (("P-Preferred-Identity", "<sip:+4900@sip.example.com>"),)),
        (
            {"identity": "rpid"},
            (("Remote-Party-ID", "<sip:+4900@sip.example.com>;party=calling;privacy=off;screen=no"),),
        ),
        (
            {"identity": "pai", "privacy": True, "from_domain": "own.example"},
            (("P-Asserted-Identity", "<sip:+4900@own.example>"), ("Privacy", "id")),
        ),
        (
            {"identity": "rpid", "privacy": True},
            (
                ("Remote-Party-ID", "<sip:+4900@sip.example.com>;party=calling;privacy=full;screen=no"),
                ("Privacy", "id"),
            ),
        ),
        ({"identity": "pai", "host": "2001:db8::1"}, (("P-Asserted-Identity", "<sip:+4900@[2001:db8::1]>"),)),
        ({"identity": "pai", "caller_id": ""}, ()),
    ],
)
def test_identity_headers(keys: dict[str, object], headers: tuple[tuple[str, str], ...]) -> None:
    carrier = _carrier(**{"caller_id": "+4900", **keys})
    assert route("030123456", [carrier], random=random.random).identity == headers


@pytest.mark.parametrize(
    ("keys", "uri"),
    [
        ({}, None),
        ({"from_domain": "own.example"}, "sip:+4900@own.example"),
        (ACCOUNT, "sip:+4900@sip.example.com"),
        ({**ACCOUNT, "from_user": "u1"}, "sip:u1@sip.example.com"),
        ({**ACCOUNT, "caller_id": ""}, "sip:u1@sip.example.com"),
        ({**ACCOUNT, "privacy": True}, "sip:anonymous@anonymous.invalid"),
    ],
)
def test_from_is_who_the_carrier_knows(keys: dict[str, object], uri: str | None) -> None:
    found = route("030123456", [_carrier(**{"caller_id": "+4900", **keys})], random=random.random)
    assert (str(found.from_uri) if found.from_uri else None) == uri
    assert found.from_name == ("Anonymous" if "privacy" in keys else "")


def test_no_password_is_in_a_route() -> None:
    found = route("030123456", [_carrier(username="u1", password="hunter2")], random=random.random)  # noqa: S106
    assert "hunter2" not in repr(found)
