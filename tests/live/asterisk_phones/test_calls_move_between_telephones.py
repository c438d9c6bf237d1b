"""Blind and attended transfers by telephones in a real Asterisk, from either side of a call, heard at both ends."""

import pytest

from tests.live.asterisk_phones.conftest import CARRIER_HZ, TONES, Telephones

TONE_HZ = 1004
#: Asterisk tells the SIP status of a failure only.
SUCCESS = ("SUCCESS", "0")


@pytest.mark.parametrize("who", ["the caller", "the called one"])
def test_a_blind_transfer_connects_those_who_stay(telephones: Telephones, who: str) -> None:
    alice, bob = telephones.talk("alice", "102", "bob")
    leaves, stays, name = (alice, bob, "bob") if who == "the caller" else (bob, alice, "alice")
    since = telephones.asterisk.mark()
    telephones.transfer(leaves, telephones.uri("103"), says=1500)
    carol = telephones.called("carol", since=since)
    carol.wait_tone(TONES[name])
    stays.wait_tone(TONES["carol"])
    assert telephones.outcome(leaves) == SUCCESS
    leaves.wait_ended()
    assert not stays.ended and not carol.ended
    carol.hang_up()
    assert stays.wait_ended() == 16
    assert telephones.record(to="102")["variables"]["transferred_to"] == "103"


@pytest.mark.parametrize(
    ("who", "brackets"), [("the caller", True), ("the called one", True), ("the called one", False)]
)
def test_an_attended_transfer_connects_those_who_stay(telephones: Telephones, who: str, brackets: bool) -> None:
    alice, bob = telephones.talk("alice", "102", "bob")
    first, stays, name = (alice, bob, "bob") if who == "the caller" else (bob, alice, "alice")
    transferor = "alice" if who == "the caller" else "bob"
    second, carol = telephones.talk(transferor, "103", "carol")
    place = telephones.replaces(second, "103")
    telephones.transfer(first, place if brackets else place.strip("<>"), says=1500)
    carol.wait_tone(TONES[name])
    stays.wait_tone(TONES["carol"])
    assert telephones.outcome(first) == SUCCESS
    first.wait_ended()
    second.wait_ended()
    assert not stays.ended and not carol.ended
    stays.hang_up()
    assert carol.wait_ended() == 16


@pytest.mark.parametrize("who", ["the caller", "the called one"])
def test_a_transfer_to_who_is_busy_changes_nothing(telephones: Telephones, who: str) -> None:
    alice, bob = telephones.talk("alice", "102", "bob")
    asks, stays = (alice, bob) if who == "the caller" else (bob, alice)
    telephones.transfer(asks, telephones.uri("605"), says=1500)
    assert telephones.outcome(asks) == ("FAILURE", "486")
    stays.wait_tone(1500)
    asks.hang_up()
    assert stays.wait_ended() == 16


def test_a_telephone_transfers_to_a_number_of_the_dialplan(telephones: Telephones) -> None:
    alice, bob = telephones.talk("alice", "102", "bob")
    telephones.transfer(bob, telephones.uri("602"), says=1500)
    alice.wait_tone(TONE_HZ)
    assert telephones.outcome(bob) == SUCCESS
    bob.wait_ended()
    alice.hang_up()


def test_a_telephone_transfers_whom_the_carrier_brought(telephones: Telephones) -> None:
    since = telephones.asterisk.mark()
    call = telephones.asterisk.call(
        telephones.uri("603"), endpoint="office", then="tone", variables={"HZ": str(CARRIER_HZ)}
    )
    bob = telephones.called("bob", since=since)
    bob.wait_tone(CARRIER_HZ)
    since = telephones.asterisk.mark()
    telephones.transfer(bob, telephones.uri("103"), says=1500)
    carol = telephones.called("carol", since=since)
    carol.wait_tone(CARRIER_HZ)
    call.wait_tone(TONES["carol"])
    bob.wait_ended()
    call.hang_up()
    assert carol.wait_ended() == 16


def test_a_telephone_asks_first_and_then_connects_whom_the_carrier_brought(telephones: Telephones) -> None:
    since = telephones.asterisk.mark()
    call = telephones.asterisk.call(
        telephones.uri("603"), endpoint="office", then="tone", variables={"HZ": str(CARRIER_HZ)}
    )
    bob = telephones.called("bob", since=since)
    bob.wait_tone(CARRIER_HZ)
    second, carol = telephones.talk("bob", "103", "carol")
    telephones.transfer(bob, telephones.replaces(second, "103"), says=1500)
    carol.wait_tone(CARRIER_HZ)
    call.wait_tone(TONES["carol"])
    assert telephones.outcome(bob) == SUCCESS
    bob.wait_ended()
    second.wait_ended()
    call.hang_up()
    assert carol.wait_ended() == 16


def test_a_telephone_asks_first_and_then_connects_with_the_carrier(telephones: Telephones) -> None:
    alice, bob = telephones.talk("alice", "102", "bob")
    since = telephones.asterisk.mark()
    second = telephones.call("bob", "01602")
    far = telephones.asterisk.wait_call("1602", since=since)
    second.wait_up()
    second.wait_tone(CARRIER_HZ)
    telephones.transfer(bob, telephones.replaces(second, "01602"), says=1500)
    far.wait_tone(TONES["alice"])
    alice.wait_tone(CARRIER_HZ)
    assert telephones.outcome(bob) == SUCCESS
    bob.wait_ended()
    second.wait_ended()
    alice.hang_up()
    assert far.wait_ended() == 16


def test_a_telephone_transfers_out_over_the_carrier(telephones: Telephones) -> None:
    alice, bob = telephones.talk("alice", "102", "bob")
    telephones.transfer(bob, telephones.uri("01602"), says=1500)
    alice.wait_tone(CARRIER_HZ)
    assert telephones.outcome(bob) == SUCCESS
    bob.wait_ended()
    alice.hang_up()


def test_the_carrier_transfers_our_telephone(telephones: Telephones) -> None:
    """The far end of a trunk asks by REFER: its rights are those of a carrier, so it reaches what carriers may call."""
    since = telephones.asterisk.mark()
    alice = telephones.call("alice", "01602")
    carrier = telephones.asterisk.wait_call("1602", since=since)
    alice.wait_up()
    alice.wait_tone(CARRIER_HZ)
    telephones.transfer(carrier, telephones.uri("603"), says=1500)
    alice.wait_tone(TONES["bob"])
    assert telephones.outcome(carrier)[0] == "SUCCESS"
    carrier.wait_ended()
    alice.hang_up()


def test_the_carrier_asks_first_and_then_connects_our_telephones(telephones: Telephones) -> None:
    since = telephones.asterisk.mark()
    alice = telephones.call("alice", "01602")
    first = telephones.asterisk.wait_call("1602", since=since)
    alice.wait_tone(CARRIER_HZ)
    since = telephones.asterisk.mark()
    second = telephones.asterisk.call(telephones.uri("603"), endpoint="office", then="tone")
    bob = telephones.called("bob", since=since)
    bob.wait_tone(CARRIER_HZ)
    telephones.transfer(first, telephones.replaces(second, "603"), says=1500)
    bob.wait_tone(TONES["alice"])
    alice.wait_tone(TONES["bob"])
    assert telephones.outcome(first) == SUCCESS
    first.wait_ended()
    second.wait_ended()
    alice.hang_up()
    assert bob.wait_ended() == 16


@pytest.mark.parametrize(
    ("number", "to", "what"), [("710", "1602", "a number"), ("711", "1600", "a call in its place")]
)
def test_the_switch_asks_the_carrier_to_transfer_and_leaves(
    telephones: Telephones, number: str, to: str, what: str
) -> None:
    """1602 says the tone; 1600 gives back what the caller says: Asterisk moves an echo, and no tone that has begun."""
    call = telephones.call_from_the_carrier(number)
    record = telephones.wait_record(to=number, within=10.0)
    call.wait_tone(CARRIER_HZ)
    assert not call.ended, f"the caller talks with {what}, and no longer by way of the switch"
    telephones.wait_no_call()
    assert record["variables"]["transferred_to"] == to
    assert record["variables"]["transfer_status"] == "answered"


def test_a_carrier_that_cannot_transfer_gives_the_call_back(telephones: Telephones) -> None:
    """There is no 1999 at the carrier: the caller comes back to what the rule does next."""
    call = telephones.call_from_the_carrier("712")
    call.wait_tone(TONE_HZ)
    call.hang_up()
    assert telephones.record(to="712")["variables"]["transfer_status"] == "failed"


def test_who_must_not_be_transferred_is_connected_by_us(telephones: Telephones) -> None:
    """Asterisk refuses the REFER; the caller comes where he was to go all the same, and stays our call."""
    since = telephones.asterisk.mark()
    call = telephones.asterisk.call(telephones.uri("713"), endpoint="firm", then="tone", variables={"HZ": "620"})
    far = telephones.asterisk.wait_call("1602", since=since)
    far.wait_tone(620)
    call.wait_tone(CARRIER_HZ)
    call_id = call.variable("CHANNEL(pjsip,call-id)")
    assert telephones.asterisk.message("REFER sip:", call_id), "it was asked"
    assert telephones.asterisk.message("SIP/2.0 603", call_id), "and refused"
    call.hang_up()
    assert far.wait_ended() == 16
    assert telephones.record(to="713")["variables"]["transfer_status"] == "answered"
