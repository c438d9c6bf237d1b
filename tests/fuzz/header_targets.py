"""What stands in headers and bodies besides: keys, signatures, credentials; and what shows all of it."""

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from softswitch.clock import seeded_token
from softswitch.errors import RemoteError
from softswitch.sdp.crypto import CryptoLine, readable
from softswitch.sdp.fingerprint import Fingerprint
from softswitch.sdp.summary import summarise
from softswitch.sip.digest_server import DigestServer, DigestSettings, Outcome
from softswitch.sip.glance import glance
from softswitch.sip.masking import mask
from softswitch.sip.message import Headers, Request
from softswitch.sip.passport import FAULTS, Identity, Passport, Signer
from softswitch.sip.tn_authority import Anchors, TnAuthList
from softswitch.sip.uri import Uri
from softswitch.sip.vouching import Asked, Verifier
from tests.fuzz.encrypted import DESCRIPTIONS
from tests.fuzz.target import Target

PRINT = Fingerprint.parse("sha-256 " + ":".join(["AB"] * 32))
WALL = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
KEY = ec.derive_private_key(1, ec.SECP256R1())
ANCHOR = (
    x509.CertificateBuilder()
    .subject_name(x509.Name([]))
    .issuer_name(x509.Name([]))
    .public_key(KEY.public_key())
    .serial_number(1)
    .not_valid_before(WALL)
    .not_valid_after(WALL.replace(year=2027))
    .sign(KEY, hashes.SHA256())
)
SIGNED = str(Signer(KEY, "https://c/x").sign(Passport("A", "1555", ("1556",), int(WALL.timestamp()), "o")))


def _text(data: bytes) -> str:
    """Return bytes as a header value: one line."""
    return data.decode("utf-8", "surrogateescape").replace("\r", " ").replace("\n", " ")


def _request(method: str, *lines: tuple[str, str], body: bytes = b"") -> Request:
    headers = [("CSeq", f"1 {method}"), ("Call-ID", "x"), ("From", "<sip:a@h>;tag=f"), ("To", "<sip:b@h>;tag=t")]
    return Request(method, Uri.of("b", "h"), Headers([*headers, *lines]), body)


def keys(data: bytes) -> None:
    """A line with keys is read or refused, and never printed by a fault."""
    text = _text(data)
    list(readable([text, text]))
    for kind in (CryptoLine, Fingerprint):
        try:
            kind.parse(text)
        except RemoteError as error:
            assert error.status in (400, 488)


def signature(data: bytes) -> None:
    """A signature is opened, or has a fault of the table; the verdict is always one."""
    text = _text(data)
    try:
        Identity.parse(text).open(KEY.public_key())
    except RemoteError as error:
        assert error.status == FAULTS[error.kind]
    verifier = Verifier(Anchors([ANCHOR]), lambda _: None)
    asked = Asked("+1555", ("+1556",), "x")
    assert verifier.verify([text, SIGNED], asked, wall=WALL, now=0.0).result in ("failed", "unknown")


def numbers(data: bytes) -> None:
    """The list of a certificate is read, or is none."""
    try:
        TnAuthList.read(data).covers("1555")
    except ValueError:
        pass


def credentials(data: bytes) -> None:
    """Whoever does not know the password proves nothing."""
    server = DigestServer(DigestSettings("softswitch", ("MD5", "SHA-256")), secret=seeded_token(1)().encode())
    request = _request("REGISTER", ("Authorization", _text(data)))
    judged = server.judge(request, lambda user, algorithm: "0" * 32, now=1.0)
    assert judged.outcome is not Outcome.ACCEPTED


def looked_at(data: bytes) -> None:
    """Looking at a message never fails, and a secret in it is not shown."""
    str(glance(data).title)
    summarise(data)
    mask(data)
    whole = b"REGISTER sip:h SIP/2.0\r\nX: " + data.replace(b"\r", b"").replace(b"\n", b"") + b"\r\n"
    shown = mask(whole + b'Authorization: Digest username="u", response="s3cret-pa55"\r\n\r\n')
    assert b"s3cret-pa55" not in shown


REFER_SEEDS = [
    b"<sip:bob@biloxi.example.com>",
    b"<sip:bob@biloxi.example.com?Replaces=12345%40h%3Bto-tag%3D12345%3Bfrom-tag%3D5FFE-3994&Require=replaces>",
    b"sip:600@127.0.0.1:5060;method=INVITE;transport=tcp",
    b'"Bob" <tel:+493012345;ext=5>;early-only=false',
    b"<sips:a@[2001:db8::1]:5061;method=INVITE?Replaces=a;to-tag=b;from-tag=c;early-only>",
]
SIPFRAG_SEEDS = [
    b"SIP/2.0 100 Trying\r\n",
    b"SIP/2.0 200 OK\r\nTo: <sip:a@b>\r\n\r\n",
    b"SIP/2.0 603 Declined",
    b"terminated;reason=noresource;expires=0",
    b"active;expires=59",
]
KEY_SEEDS = [
    b"1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4 FEC_ORDER=FEC_SRTP",
    b"2 AES_CM_128_HMAC_SHA1_32 inline:NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj",
    b"3 AEAD_AES_256_GCM inline:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=|2^31 UNENCRYPTED_SRTP",
    b"sha-256 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB:4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF",
    b"sha-1 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB",
]
CREDENTIAL_SEEDS = [
    b'Digest username="alice", realm="softswitch", nonce="00000000000000000000000000000000", uri="sip:softswitch", '
    b'response="00000000000000000000000000000000", algorithm=MD5, cnonce="c", qop=auth, nc=00000001, opaque="x"',
    b'Digest username="a\\"b", realm="softswitch", algorithm=SHA-256, response="' + b"0" * 64 + b'", userhash=true',
    b"Basic YTpi",
]
SHOWN_SEEDS = [
    b"REGISTER sip:h SIP/2.0\r\nAuthorization: " + CREDENTIAL_SEEDS[0] + b"\r\nCall-ID: x\r\n\r\n",
    b"INVITE sip:h SIP/2.0\r\nContent-Type: application/sdp\r\n\r\n" + DESCRIPTIONS[0],
    b"INFO sip:h SIP/2.0\r\nc: application/dtmf-relay\r\n\r\nSignal=5\r\nDuration=160\r\n",
    b"INVITE sip:h SIP/2.0\r\nContent-Type: multipart/mixed;boundary=b\r\n\r\n"
    + b"--b\r\nContent-Type: application/sdp\r\n\r\n"
    + DESCRIPTIONS[2]
    + b"\r\n--b--\r\n",
]

HEADER_TARGETS = {
    "keys in descriptions": Target(KEY_SEEDS, keys),
    "signed caller IDs": Target([SIGNED.encode(), SIGNED.replace("A", "B").encode()], signature),
    "numbers of certificates": Target(
        [
            bytes.fromhex("3008a006160437303944"),
            b"\x30\x14\xa1\x12\x30\x10\x16\x0b12155551210\x02\x01\x0a",
            b"\x30\x0f\xa2\x0d\x16\x0b12155551212",
        ],
        numbers,
    ),
    "credentials": Target(CREDENTIAL_SEEDS, credentials),
    "what is shown of messages": Target(SHOWN_SEEDS, looked_at),
}
