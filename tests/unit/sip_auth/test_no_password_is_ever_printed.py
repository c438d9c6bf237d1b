"""repr, str, format, tracebacks of values: none of them holds the password."""

import logging
from typing import Any

import pytest

from softswitch.sip.auth import Credentials, DigestClient


def test_no_password_is_ever_printed(account: Any, asks: Any, caplog: pytest.LogCaptureFixture) -> None:
    credentials = Credentials("alice", "hunter2", "r")
    client = DigestClient(credentials, token=lambda: "token")
    with caplog.at_level(logging.DEBUG):
        client.challenged(account.request(), asks('Digest realm="r", nonce="1"'))
        request = account.request()
        client.authorize(request)
        logging.getLogger("test").info("%s %r %s", client, credentials, credentials)
    texts = [repr(credentials), str(credentials), f"{credentials}", repr(client), str(client), repr([client])]
    texts += [repr(request), repr(request.headers), bytes(request).decode(), caplog.text]
    assert not [text for text in texts if "hunter2" in text]
    assert "alice" in repr(client)
