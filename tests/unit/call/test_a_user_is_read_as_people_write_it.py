"""An entry of `users:`: what may stand in it, what may not and why, and that no password is ever shown."""

from typing import Any

import pydantic
import pytest

from softswitch.call.user import User, UserBook, faults_among
from softswitch.sip.digest import HASHES, account_key

SECRET = "correct-horse-battery"
HA1 = "d41d8cd98f00b204e9800998ecf8427e"


def user(**values: Any) -> User:
    return User.model_validate({"name": "alice", "password": SECRET, **values})


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"password": ""}, "a user needs password or ha1"),
        ({"ha1": HA1}, "it stands beside ha1"),
        ({"password": "", "ha1": "xyz"}, "32 hexadecimal digits"),
        ({"password": "", "ha1_sha256": HA1}, "64 hexadecimal digits"),
        ({"password": 12345}, "it must be text"),
        ({"name": "a b"}, "is no name for a user"),
        ({"name": ""}, "is no name for a user"),
        ({"name": "a@b"}, "is no name for a user"),
        ({"number": "12a"}, "is no number"),
        ({"display": "a\nb"}, "nobody could read"),
        ({"caller_id": "a b"}, "is not a caller ID"),
        ({"codecs": ["G7"]}, "is not known"),
        ({"dtmf": "loud"}, "rfc4733"),
        ({"srtp": "maybe"}, "require"),
        ({"max_contacts": 0}, "greater than or equal to 1"),
        ({"colour": "red"}, "not permitted"),
    ],
)
def test_what_cannot_be_meant_is_a_fault(values: dict[str, Any], words: str) -> None:
    with pytest.raises(pydantic.ValidationError) as caught:
        user(**values)
    assert words in str(caught.value)
    assert SECRET not in str(caught.value)


def test_numbers_that_yaml_reads_as_numbers_are_texts() -> None:
    found = user(name=101, number=102)
    assert (found.name, found.number) == ("101", "102")


def test_no_password_and_no_key_is_ever_printed() -> None:
    for one in (user(), user(password="", ha1=HA1)):
        for shown in (repr(one), str(one), one.model_dump_json(), repr(UserBook([one], "r", ["MD5"]))):
            assert SECRET not in shown and HA1 not in shown


@pytest.mark.parametrize("algorithm", ["md5", "sha-256", "sha-512-256"])
def test_a_password_is_a_key_of_every_algorithm(algorithm: str) -> None:
    assert user().key(algorithm, "r") == account_key(HASHES[algorithm], "alice", "r", SECRET)


def test_a_hash_is_a_key_of_its_own_algorithm_alone() -> None:
    found = user(password="", ha1=HA1.upper(), ha1_sha256="A" * 64)
    assert [found.key(name, "any") for name in HASHES] == [HA1, "a" * 64, None]
    only = user(password="", ha1=HA1)
    (fault,) = faults_among([only], ["MD5", "SHA-256"])
    assert fault[:2] == (0, "ha1") and "no key for SHA-256" in fault[2]


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ({}, ("alice", "alice")),
        ({"number": "101"}, ("101", "101")),
        ({"number": "101", "caller_id": "+4930"}, ("101", "+4930")),
        ({"caller_id": "+4930"}, ("alice", "+4930")),
    ],
)
def test_what_a_user_shows_inside_and_outside(values: dict[str, Any], shown: tuple[str, str]) -> None:
    found = user(**values)
    assert (found.extension, found.identity) == shown


def test_a_name_and_a_number_belong_to_one_user() -> None:
    users = [user(number="101"), user(name="bob", number="101"), user(name="101"), user(name="alice")]
    assert [(at, key) for at, key, _, _ in faults_among(users, ["MD5"])] == [(1, "number"), (2, "name"), (3, "name")]


def test_a_book_finds_by_name_number_and_what_is_shown() -> None:
    alice, bob = user(number="101", caller_id="+4930"), user(name="bob")
    book = UserBook([alice, bob], "r", ["MD5"])
    for target in ("alice", "101", "user:alice", "user:101"):
        assert book.find(target) is alice
    assert book.find("user:102") is book.find("") is book.find("Alice") is None
    assert book.showing("+4930") is alice and book.showing("bob") is bob
    assert book.key("alice", "md5") == alice.key("md5", "r") and book.key("nobody", "md5") is None


def test_two_books_joined_know_both_and_the_first_comes_first() -> None:
    ours, other = user(number="101"), user(password="another", number="109")
    bob = user(name="bob", number="102")
    book = UserBook([ours], "r", ["MD5"]).joined(UserBook([other, bob], "r", ["MD5"]))
    assert (book.named("alice"), book.find("102"), len(book)) == (ours, bob, 2)
    assert book.key("alice", "md5") == ours.key("md5", "r")
    assert book.find("109") is None, "the number of one that does not serve"
    assert not book.proves_alike(UserBook([other], "r", ["MD5"]), "alice")
    assert book.proves_alike(UserBook([bob], "r", ["MD5"]), "bob")
