"""A telephone over a bare socket whose sound is encrypted, by the book and not by libsrtp."""

import base64
import re
from typing import Any

from tests.live.peers.raw_phone import RawPhone
from tests.live.peers.rtp_probe import RtpProbe
from tests.live.peers.srtp_by_the_book import SUITES, Book

CM = "AES_CM_128_HMAC_SHA1_80"


class SecurePhone(RawPhone):
    """As a `RawPhone`. profile, suite, tag, secret: what its descriptions say. suite empty: plain."""

    def __init__(self, rig: Any, probe: RtpProbe, name: str = "phone", *, profile: str = "RTP/SAVP", suite: str = CM):
        self.profile = profile
        self.suite = suite
        self.tag = 1
        self.secret = b""
        self._sealing: tuple[str, bytes] | None = None
        self._opening: tuple[str, bytes] | None = None
        self.new_key(name)
        super().__init__(rig, probe, name)

    def new_key(self, letter: str) -> None:
        """Have another key from the next description on."""
        key, salt, _ = SUITES.get(self.suite, (16, 14, 10))
        self.secret = letter.encode()[:1] * (key + salt)

    @property
    def sdp(self) -> str:
        """Our session description."""
        plain = super().sdp.replace("RTP/AVP", self.profile)
        if not self.suite:
            return plain
        key = base64.b64encode(self.secret).decode()
        return f"{plain}a=crypto:{self.tag} {self.suite} inline:{key}\r\n"

    def described(self, body: bytes) -> None:
        """Encrypt as both descriptions say; a key that is as it was keeps its counters."""
        found = re.search(rb"a=crypto:\d+ (\S+) inline:(\S+)", body)
        if found is None or not self.suite:
            self._sealing = self._opening = None
            self.probe.encrypt(None, None)
        else:
            sealing = (self.suite, self.secret)
            opening = (found[1].decode(), base64.b64decode(found[2]))
            assert opening[0] == self.suite, "the answer has another suite"
            sealed = self.probe.sealed if sealing == self._sealing else Book(*sealing)
            opened = self.probe.opened if opening == self._opening else Book(*opening)
            self._sealing, self._opening = sealing, opening
            self.probe.encrypt(sealed, opened)
        super().described(body)
