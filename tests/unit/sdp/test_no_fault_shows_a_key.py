"""A description that cannot be read may hold a key all the same; what is logged of it, and answered, must not."""

import pytest

from softswitch.errors import RemoteError
from softswitch.sdp.description import SessionDescription

KEY = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
HEAD = "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n"
CRYPTO = f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"


@pytest.mark.parametrize(
    "text",
    [
        HEAD + f"m=audio 4000 RTP/SAVP 0\r\n {CRYPTO}\r\n",
        HEAD + f"m=audio 4000 RTP/SAVP 0\r\n{CRYPTO[:60]}\r\n{CRYPTO[60:]}\r\n",
        HEAD + f"m=audio{CRYPTO}\r\n",
        HEAD.replace("192.0.2.7\r\ns=", f"192.0.2.7{CRYPTO} x y\r\ns="),
        HEAD.replace("c=IN IP4 192.0.2.7\r\n", f"c=IN IP4 192.0.2.7 {CRYPTO}\r\n"),
    ],
)
def test_no_fault_shows_a_key(text: str) -> None:
    with pytest.raises(RemoteError) as raised:
        SessionDescription.parse(text.encode())
    words = str(raised.value)
    assert not any(KEY[at : at + 8] in words for at in range(len(KEY) - 7)), words
