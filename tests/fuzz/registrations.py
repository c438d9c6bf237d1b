"""REGISTERs and credentials as strangers send them, and what must hold of any."""

from softswitch.errors import RemoteError
from softswitch.sip.digest import HASHES, account_key, response_of
from softswitch.sip.digest_server import DigestServer, DigestSettings, Outcome
from softswitch.sip.flow import Flow
from softswitch.sip.location import Location, LocationSettings
from softswitch.sip.message import Request
from softswitch.sip.parser import parse_message

FLOW = Flow("UDP", ("203.0.113.1", 5060), ("203.0.113.9", 5062))
KEY = account_key(HASHES["md5"], "alice", "r", "s3cret")
#: Of the one server here, whose first challenge is always the same.
_SECRET = b"known to nobody"
NONCE = DigestServer(DigestSettings("r"), secret=_SECRET).challenge(now=0.0)[0][1].split('"')[3]
_RIGHT = response_of(
    HASHES["md5"], KEY, nonce=NONCE, method="REGISTER", uri="sip:r", qop="auth", count="00000001", cnonce="c"
)
_HEAD = (
    "REGISTER sip:r SIP/2.0\r\nVia: SIP/2.0/UDP 192.168.1.5:5060;branch=z9hG4bK1;rport\r\nMax-Forwards: 70\r\n"
    "From: <sip:alice@r>;tag=1\r\nTo: <sip:alice@r>\r\nCall-ID: x\r\nCSeq: 2 REGISTER\r\n"
)
_CREDENTIALS = (
    f'Authorization: Digest username="alice", realm="r", nonce="{NONCE}", uri="sip:r", response="{_RIGHT}", '
    'algorithm=MD5, cnonce="c", qop=auth, nc=00000001\r\n'
)
SEEDS = [
    f"{_HEAD}{more}{_CREDENTIALS}Content-Length: 0\r\n\r\n".encode()
    for more in (
        "Contact: <sip:alice@192.168.1.5:5060;transport=tcp>;expires=60;q=0.7\r\nExpires: 600\r\n",
        "Contact: *\r\nExpires: 0\r\n",
        'Contact: "A" <sip:a@h>;+sip.instance="<urn:uuid:1>";reg-id=1, <sip:b@h>;q=1\r\n',
        "Contact: <sip:alice@h>\r\nPath: <sip:edge;lr>, <sip:inner;lr>\r\nSupported: path\r\nUser-Agent: x\r\n",
        "",
    )
]


def registration(data: bytes) -> None:
    """Credentials are judged and bindings kept or refused, nothing else; and nobody is bound without a password."""
    try:
        request = parse_message(data)
        if not isinstance(request, Request) or not request.call_id or not request.cseq:
            return
    except RemoteError:
        return
    digest = DigestServer(DigestSettings("r"), secret=_SECRET)
    digest.challenge(now=0.0)
    judged = digest.judge(request, lambda name, _: KEY if name == "alice" else None, now=1.0)
    if judged.outcome is Outcome.ACCEPTED:
        assert judged.username == "alice"
        assert _RIGHT.encode() in data.lower().replace(b"\\", b""), "proved without the password"
    location = Location(LocationSettings(max_contacts=3))
    for now in (1.0, 2.0):
        reply = location.register("alice", request, FLOW, by_flow=lambda _: True, now=now)
        assert reply.status in (200, 400, 403, 423, 500, 503)
        assert len(location) == len(location.look_up("alice", now=now)) <= 3
        bytes(request.reply(reply.status, to_tag="t", headers=reply.headers))
    location.handle_timer(now=1e6)
    location.drain()
    assert len(location) == 0 and not location.uses(FLOW)
