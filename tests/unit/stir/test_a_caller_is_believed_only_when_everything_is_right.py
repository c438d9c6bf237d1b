"""Verification (RFC 8224 section 6.2): one right call, and each thing that may be wrong with it, with its status."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from softswitch.sip.passport import FAULTS
from softswitch.sip.tn_authority import Anchors, Chain
from softswitch.sip.vouching import MAX_SEEN, Verdict, Verifier
from tests.unit.stir.conftest import (
    ELSEWHERE,
    NUMBER,
    PASSPORT,
    PROVIDER,
    RANGE,
    URL,
    World,
    certificate,
    pem,
)

Make = Callable[..., World]


def test_a_call_with_everything_right_passes(world: World) -> None:
    verdict = world.verdict(world.identity())
    assert verdict == Verdict(attest="A", origid=PASSPORT.origid)
    assert (verdict.result, verdict.verstat) == ("passed", "TN-Validation-Passed")


def stale(world: World) -> Verdict:
    return world.verdict(world.identity(), after=61)


def from_the_future(world: World) -> Verdict:
    return world.verdict(world.identity(), after=-61)


def replayed(world: World) -> Verdict:
    world.verdict(world.identity())
    identity = world.identity(replace(PASSPORT, origid="other"))
    assert world.verdict(identity, call_id="two").result == "passed"
    assert world.verdict(identity, call_id="two").result == "passed", "the same INVITE, answered to a challenge"
    return world.verdict(identity, call_id="three")


def unsigned(world: World) -> Verdict:
    return world.verdict()


def of_another_kind(world: World) -> Verdict:
    return world.verdict(world.identity().replace("ppt=shaken", "ppt=div"))


def not_here(world: World) -> Verdict:
    del world.seen[URL]
    return world.verdict(world.identity())


def another_url(world: World) -> Verdict:
    return world.verdict(world.identity().replace(f"<{URL}>", "<https://elsewhere.example.org/>"))


def another_algorithm(world: World) -> Verdict:
    return world.verdict(world.identity().replace("alg=ES256", "alg=RS256"))


def no_anchor(world: World) -> Verdict:
    alone = certificate("Root", world.other_key, "Root", world.other_key, authority=True)
    world.verifier = Verifier(Anchors.read(pem(alone)), world.seen.get)
    return world.verdict(world.identity())


def issued_by_a_customer(world: World) -> Verdict:
    """Who may sign calls may not issue certificates."""
    leaf = certificate("Me", world.other_key, "SHAKEN 709D", world.key, numbers=PROVIDER)
    world.seen[URL] = Chain.read(pem(leaf, world.leaf, world.middle))
    return world.verdict(world.identity())


def no_header(world: World) -> Verdict:
    return world.verdict("nonsense")


def another_caller(world: World) -> Verdict:
    return world.verdict(world.identity(), caller="+12155551299")


def another_called(world: World) -> Verdict:
    return world.verdict(world.identity(), called=("+12155551299", "600"))


def another_key(world: World) -> Verdict:
    leaf = certificate("SHAKEN 709D", world.other_key, "Root", world.other_key)
    world.seen[URL] = Chain(leaf, (), world.other_key.public_key(), None)
    world.verifier = Verifier(
        Anchors.read(pem(certificate("Root", world.other_key, "Root", world.other_key, authority=True))), world.seen.get
    )
    return world.verdict(world.identity())


def other_claims(world: World) -> Verdict:
    header, _, signature = world.identity().partition(";")[0].split(".")
    _, claims, _ = world.identity(replace(PASSPORT, attest="C")).partition(";")[0].split(".")
    return world.verdict(f"{header}.{claims}.{signature};info=<{URL}>;ppt=shaken")


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (stale, "identity_stale"),
        (from_the_future, "identity_stale"),
        (replayed, "identity_replayed"),
        (unsigned, "identity_missing"),
        (of_another_kind, "identity_missing"),
        (not_here, "identity_unfetched"),
        (another_url, "identity_url"),
        (another_algorithm, "identity_algorithm"),
        (no_anchor, "identity_certificate"),
        (issued_by_a_customer, "identity_certificate"),
        (no_header, "identity_syntax"),
        (another_caller, "identity_caller"),
        (another_called, "identity_called"),
        (another_key, "identity_signature"),
        (other_claims, "identity_signature"),
    ],
)
def test_each_fault_has_its_status(call: Callable[[World], Verdict], kind: str, world: World) -> None:
    verdict = call(world)
    assert (verdict.kind, verdict.status) == (kind, FAULTS[kind])
    assert verdict.words and not verdict.attest and not verdict.origid
    says_nothing = kind in ("identity_missing", "identity_unfetched")
    assert verdict.verstat == ("No-TN-Validation" if says_nothing else "TN-Validation-Failed")


@pytest.mark.parametrize("days", [(-30, -1), (1, 30)])
def test_a_certificate_is_good_only_in_its_time(days: tuple[float, float], make_world: Make) -> None:
    world = make_world(days=days)
    assert world.verdict(world.identity()).kind == "identity_expired"


def test_a_certificate_that_ends_is_noticed_within_minutes(make_world: Make) -> None:
    world = make_world(days=(-1, 1 / 24))
    assert world.verdict(world.identity()).result == "passed"
    later = world.identity(replace(PASSPORT, iat=PASSPORT.iat + 4000))
    assert world.verdict(later, after=4000, call_id="two").kind == "identity_expired"


@pytest.mark.parametrize(
    ("numbers", "passes"), [(PROVIDER, True), (NUMBER, True), (RANGE, True), (b"", True), (ELSEWHERE, False)]
)
def test_a_certificate_speaks_for_its_numbers_alone(numbers: bytes, passes: bool, make_world: Make) -> None:
    world = make_world(numbers=numbers)
    assert world.verdict(world.identity()).kind == ("" if passes else "identity_authority")


def test_one_good_signature_among_bad_ones_is_enough(world: World) -> None:
    assert world.verdict("nonsense.of.nobody;info=<x>;ppt=shaken", world.identity()).result == "passed"


def test_what_is_remembered_is_bounded(world: World) -> None:
    asked = world.identity()
    world.verifier._seen = {str(number).encode(): (0, "") for number in range(MAX_SEEN)}
    assert world.verdict(asked).result == "passed"
    assert len(world.verifier._seen) == MAX_SEEN


def test_every_fault_of_the_table_is_one_that_refuses() -> None:
    assert set(FAULTS.values()) == {403, 428, 436, 437, 438}
