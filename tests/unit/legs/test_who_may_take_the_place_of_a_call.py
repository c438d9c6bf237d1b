"""INVITE with Replaces: which leg it names, and who may take its place (RFC 3891 section 3)."""

from dataclasses import replace

import pytest

from softswitch.legs.replacing import misplaced, replaced
from softswitch.legs.signalling import Known, Refusal, Standing, attempt, leg_of_attempt
from softswitch.sip.flow import Flow
from softswitch.sip.message import Headers, Request
from softswitch.sip.refer import Replaces
from softswitch.sip.uri import Uri

PEER, OTHER = "203.0.113.5", "203.0.113.6"
UP = Standing("leg", early=False, calling=False, over=False, host=PEER, carrier="office")
NAMED = "a@b;to-tag=ours;from-tag=theirs"
STRANGER = Known("")


def judge(
    *lines: tuple[str, str],
    standing: Standing | None = UP,
    source: str = PEER,
    known: Known = STRANGER,
    trusted: bool = False,
) -> str | int:
    """Return the leg, or the status of the refusal."""
    asked: list[Replaces] = []

    def find(named: Replaces) -> Standing | None:
        asked.append(named)
        return standing

    request = Request("INVITE", Uri.of("600", "us"), Headers([("To", "<sip:600@us>"), *lines]))
    flow = Flow("UDP", ("192.0.2.1", 5060), (source, 5060))
    verdict = replaced(request, flow, known, trusted=trusted, find=find)
    assert asked in (
        [],
        [Replaces("a@b", "ours", "theirs", early_only="early-only" in dict(lines).get("Replaces", ""))],
    )
    return verdict.status if isinstance(verdict, Refusal) else verdict


def test_most_calls_replace_nothing() -> None:
    assert judge() == ""


@pytest.mark.parametrize(
    ("source", "known", "trusted", "verdict"),
    [
        (PEER, STRANGER, False, "leg"),
        (OTHER, STRANGER, False, 403),
        (OTHER, STRANGER, True, "leg"),
        (OTHER, Known("", user="1001"), False, "leg"),
        (OTHER, Known("office"), False, "leg"),
        (OTHER, Known("another"), False, 403),
    ],
)
def test_to_know_the_tags_is_not_enough(source: str, known: Known, trusted: bool, verdict: str | int) -> None:
    assert judge(("Replaces", NAMED), source=source, known=known, trusted=trusted) == verdict


def test_a_call_of_no_carrier_is_not_shared_by_all_who_have_none() -> None:
    assert judge(("Replaces", NAMED), standing=replace(UP, carrier=""), source=OTHER) == 403


@pytest.mark.parametrize(
    ("standing", "early_only", "verdict"),
    [
        (None, "", 481),
        (UP, "", "leg"),
        (UP, ";early-only", 486),
        (replace(UP, over=True), "", 603),
        (replace(UP, early=True), "", 481),
        (replace(UP, early=True, calling=True), "", "leg"),
        (replace(UP, early=True, calling=True), ";early-only", "leg"),
        (replace(UP, early=True, calling=True, over=True), ";early-only", 603),
    ],
)
def test_only_what_stands_or_what_we_let_ring_is_replaced(
    standing: Standing | None, early_only: str, verdict: str | int
) -> None:
    assert judge(("Replaces", NAMED + early_only), standing=standing) == verdict


def test_a_call_that_is_over_tells_a_stranger_nothing() -> None:
    assert judge(("Replaces", NAMED), standing=replace(UP, over=True), source=OTHER) == 403


@pytest.mark.parametrize(
    "lines",
    [
        (("Replaces", NAMED), ("Replaces", NAMED)),
        (("Replaces", NAMED), ("Join", NAMED)),
        (("Replaces", "a@b;to-tag=ours"),),
        (("Replaces", f"{NAMED}, {NAMED}"),),
    ],
)
def test_what_names_no_one_dialog_is_refused(lines: tuple[tuple[str, str], ...]) -> None:
    assert judge(*lines, trusted=True) == 400


@pytest.mark.parametrize(
    ("method", "to", "wrong"),
    [
        ("INVITE", "<sip:a@h>", False),
        ("INVITE", "<sip:a@h>;tag=1", True),
        ("OPTIONS", "<sip:a@h>", True),
        ("BYE", "<sip:a@h>;tag=1", True),
    ],
)
def test_replaces_is_for_an_invite_that_makes_a_dialog(method: str, to: str, wrong: bool) -> None:
    request = Request(method, Uri.of("600", "us"), Headers([("To", to), ("Replaces", NAMED)]))
    assert misplaced(request) is wrong
    request.headers.remove("Replaces")
    assert not misplaced(request)


def test_each_attempt_is_known_by_its_leg() -> None:
    assert [leg_of_attempt(attempt("abc-1", number)) for number in (1, 2, 16)] == ["abc-1"] * 3
    assert attempt("abc-1", 1) == "abc-1" != attempt("abc-1", 2)
