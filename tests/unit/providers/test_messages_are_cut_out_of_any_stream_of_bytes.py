import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softswitch.providers import messages as m
from softswitch.providers.messages import MAX_PAYLOAD, Message, Unpacker, pack

MESSAGES = st.lists(st.tuples(st.integers(0, 255), st.integers(0, 2**32 - 1), st.binary(max_size=300)), max_size=8)


@settings(max_examples=60)
@given(MESSAGES, st.integers(1, 50))
def test_however_the_bytes_arrive(messages: list[tuple[int, int, bytes]], size: int) -> None:
    data = b"".join(pack(*message) for message in messages)
    unpacker = Unpacker()
    found = [message for at in range(0, len(data), size) for message in unpacker.feed(data[at : at + size])]
    assert found == [Message(*message) for message in messages]


def test_a_length_that_nobody_sends_is_nonsense() -> None:
    head = pack(m.SOUND, 1)[:-4] + (MAX_PAYLOAD + 1).to_bytes(4, "big")
    with pytest.raises(ValueError, match="bytes"):
        list(Unpacker().feed(head))
