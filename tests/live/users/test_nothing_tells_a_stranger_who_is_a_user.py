"""Wrong password, unknown user, no credentials at all: the same bytes, whether he registers or calls."""

import re
from typing import Any

import pytest

from softswitch.sip.message import Response

ALICE = {"name": "alice", "password": "open sesame", "number": "101"}


def same(response: Response) -> bytes:
    """Return what is left of an answer without what differs between any two."""
    text = bytes(response).decode()
    for pattern in (r'nonce="[^"]*"', r";tag=\w+", r"branch=\w+", r"rport=\d+", r"CSeq: \d+", r"Call-ID: .*", r":\d+"):
        text = re.sub(pattern, "", text)
    return re.sub(r"\b(alice|mallo|nobod)\b", "", text).encode()


@pytest.mark.parametrize("method", ["REGISTER", "INVITE"])
def test_an_unknown_user_and_a_wrong_password_get_the_same_bytes(play: Any, method: str) -> None:
    async def story(rig: Any) -> None:
        people = await rig.open(ALICE)
        offences: list[Any] = []
        people.proof.on_offence = lambda flow, kind: offences.append((flow.remote[0], kind))
        answers = []
        for name in ("alice", "mallo", "nobod"):
            phone = await rig.telephone(name, "a guess")
            answers.append(await (phone.register() if method == "REGISTER" else phone.call("600")))
        assert [answer.status for answer in answers] == [401, 401, 401]
        assert len({same(answer) for answer in answers}) == 1
        assert offences == [("127.0.0.1", "bad_password")] * 3
        assert "stale" not in (answers[0].headers.get("WWW-Authenticate") or "")

    play(story)


@pytest.mark.parametrize("number", ["600", "601", "101", "102", "0049900123", "999"])
def test_who_claims_our_address_is_asked_whatever_he_dials(play: Any, number: str) -> None:
    async def story(rig: Any) -> None:
        await rig.open(ALICE)
        for name in ("alice", "nobody"):
            phone = await rig.telephone(name)
            assert (await phone.call(number, tries=1)).status == 401

    play(story)


def test_a_stranger_gets_what_is_open_and_no_hint_of_the_rest(play: Any) -> None:
    async def story(rig: Any) -> None:
        await rig.open(ALICE)
        phone = await rig.telephone("carol")
        phone.realm_host = "elsewhere.example"
        answers = [await phone.call(number, tries=1) for number in ("601", "101", "0049900123", "999")]
        assert {answer.status for answer in answers} == {401}
        assert len({re.sub(rb"(601|101|0049900123|999)", b"", same(answer)) for answer in answers}) == 1
        assert rig.inbound == [], "nobody in the switch hears of such a call"
        phone = await rig.telephone("carol")
        phone.realm_host = "elsewhere.example"
        assert (await phone.call("600")).status == 200
        phone.bye()

    play(story)


def test_without_any_user_a_closed_number_does_not_exist(play: Any) -> None:
    async def story(rig: Any) -> None:
        await rig.open()
        phone = await rig.telephone("carol")
        assert (await phone.call("601")).status == 404
        assert (await phone.call("999")).status == 404

    play(story)


def test_a_trusted_network_needs_no_credentials_unless_it_names_a_user(play: Any) -> None:
    async def story(rig: Any) -> None:
        await rig.open(ALICE, trusted=("127.0.0.0/8",))
        somebody = await rig.telephone("4711")
        assert (await somebody.call("601", tries=1)).status == 200
        somebody.bye()
        claims = await rig.telephone("alice")
        assert (await claims.call("601", tries=1)).status == 401
        assert (await claims.call("601")).status == 200
        claims.bye()
        assert [inbound.user for inbound in rig.inbound] == ["", "alice"]

    play(story)


def test_a_user_shows_its_own_identity_whatever_it_claims(play: Any) -> None:
    async def story(rig: Any) -> None:
        await rig.open({**ALICE, "caller_id": "+493012345101"})
        phone = await rig.telephone()
        claim = ("P-Asserted-Identity", "<sip:+4911@127.0.0.1>")
        assert (await phone.call("601", from_="<sip:chancellor@127.0.0.1>", lines=[claim])).status == 200
        phone.bye()
        assert (await rig.record()).from_ == "+493012345101"

    play(story)


def test_a_wrong_password_is_wrong_in_a_trusted_network_too(play: Any) -> None:
    async def story(rig: Any) -> None:
        await rig.open(ALICE, trusted=("127.0.0.0/8",))
        phone = await rig.telephone("alice", "a guess")
        assert (await phone.call("601")).status == 401

    play(story)
