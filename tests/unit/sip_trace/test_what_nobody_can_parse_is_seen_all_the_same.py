"""Torture messages, whole, cut and broken anywhere: each is named and masked, and nothing raises."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.sdp.summary import summarise
from softswitch.sip.glance import MAX_WORDS, glance
from softswitch.sip.masking import mask
from tests.data.torture import MESSAGES, Torture


def looked_at(data: bytes) -> None:
    seen = glance(data)
    assert len(seen.method) <= MAX_WORDS and len(seen.reason) <= MAX_WORDS and seen.title.isprintable()
    summarise(seen.sdp)
    assert len(mask(data)) == len(data)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.name)
def test_each_torture_message(message: Torture) -> None:
    for end in range(0, len(message.wire), 7):
        looked_at(message.wire[:end])
    looked_at(message.wire)


@given(st.sampled_from(MESSAGES), st.integers(0, 4000), st.binary(max_size=30))
def test_torture_messages_with_anything_put_in(message: Torture, at: int, more: bytes) -> None:
    looked_at(message.wire[:at] + more + message.wire[at:])


@pytest.mark.parametrize(
    ("sdp", "shown"),
    [
        ("v=0\nc=IN IP4 192.0.2.1\nm=audio 4000 RTP/AVP 0 8 101\na=rtpmap:101 telephone-event/8000\n",
         "PCMU,PCMA,keys 192.0.2.1:4000 sendrecv no SRTP"),
        ("v=0\nc=IN IP4 192.0.2.1\nm=video 9 RTP/AVP 99\nm=audio 4000 RTP/SAVP 0\nc=IN IP6 2001:db8::1\na=sendonly\n"
         "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\n",
         "PCMU [2001:db8::1]:4000 sendonly SDES AES_CM_128_HMAC_SHA1_80 1 more media"),
        ("v=0\nc=IN IP4 192.0.2.1\na=inactive\na=fingerprint:sha-256 AA\nm=audio 0 UDP/TLS/RTP/SAVP 0\n",
         "PCMU 192.0.2.1:0 inactive DTLS refused"),
        ("v=0\nm=audio\n", "no codec :0 sendrecv no SRTP refused"),
    ],
)  # fmt: skip
def test_a_description_in_one_line(sdp: str, shown: str) -> None:
    assert str(summarise(sdp.encode())) == shown


def test_what_has_no_sound_is_nothing() -> None:
    assert summarise(b"") is None and summarise(b"v=0\nm=video 9 RTP/AVP 99\n") is None
