"""What RFC 4475 and RFC 5118 torture parsers with: sound messages in odd clothes are read, broken ones refused."""

import pytest

from softswitch.sdp.description import SessionDescription
from softswitch.sip.parser import MessageError, parse_message
from tests.data.torture import MESSAGES, Torture, look_up

SOUND = [message for message in MESSAGES if not message.fault]
BROKEN = [message for message in MESSAGES if message.fault]


@pytest.mark.parametrize("message", SOUND, ids=str)
def test_a_sound_message_is_read(message: Torture) -> None:
    parsed = parse_message(message.wire)
    read = {path: look_up(parsed, path) for path in message.read or {}}
    assert read == (message.read or {}), message.section
    assert parse_message(bytes(parsed)) == parsed, "what was read prints to what reads the same"


@pytest.mark.parametrize("message", BROKEN, ids=str)
def test_a_broken_message_is_refused(message: Torture) -> None:
    with pytest.raises(MessageError) as caught:
        parse_message(message.wire)
    error = caught.value
    assert error.kind == message.fault, message.words
    if message.answer == [0]:
        assert error.request is None, "a response is answered by nobody"
        return
    assert error.request is not None
    assert error.status in message.answer


@pytest.mark.parametrize("message", [message for message in MESSAGES if message.rfc == 5118], ids=str)
def test_the_bytes_as_archived_are_taken_too(message: Torture) -> None:
    """Bare line feeds are read; a body shorter than it says is not, whatever else is right (RFC 3261 section 18.3)."""
    short = message.name in ("ipv6-in-sdp", "mult-ip-in-sdp")
    try:
        parsed = parse_message(message.archived)
    except MessageError as error:
        assert (error.kind, error.status) == (("body_too_short", 400) if short else (message.fault, 400))
    else:
        assert not short and not message.fault
        assert parsed.body in (b"", parse_message(message.wire).body.replace(b"\r", b""))


@pytest.mark.parametrize(
    ("name", "addresses"),
    [
        ("ipv6-in-sdp", ["2001:db8::20", "2001:db8::20"]),
        ("mult-ip-in-sdp", ["192.0.2.1", "2001:db8::1"]),
        ("ipv4-mapped-ipv6", ["::ffff:192.0.2.2", "::ffff:192.0.2.2"]),
    ],
)
def test_addresses_of_six_words_in_the_session_description(name: str, addresses: list[str]) -> None:
    """RFC 5118 sections 4.6, 4.8, 4.9: without brackets, one for each medium, mapped."""
    message = next(message for message in MESSAGES if message.name == name)
    described = SessionDescription.parse(parse_message(message.wire).body)
    found = [described.connection_of(medium) for medium in described.media]
    assert [connection.address for connection in found if connection is not None] == addresses
    assert all(connection is not None and connection.ip is not None for connection in found)


def test_uris_that_differ_by_their_nulls_are_two() -> None:
    """RFC 4475 section 3.1.1.4: "This request registers two distinct contact URIs"."""
    parsed = parse_message(next(message for message in MESSAGES if message.name == "escnull").wire)
    one, other = parsed.contacts
    assert not one.uri.matches(other.uri)
