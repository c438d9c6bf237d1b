"""A telephone in Python: `sips:` over TLS is a call with a `sips:` Contact, in the clear it is refused."""

import socket
import ssl
from collections.abc import Callable

from softswitch.sip.message import Response
from softswitch.sip.parser import parse_message
from tests.live.tls.conftest import Files, TlsSwitch

Start = Callable[..., TlsSwitch]
SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n"


def say(phone: socket.socket, method: str, uri: str, via: str, *, cseq: int = 1, to: str = "", body: str = "") -> None:
    host, port = phone.getsockname()
    lines = (
        f"{method} {uri} SIP/2.0",
        f"Via: SIP/2.0/{via} {host}:{port};branch=z9hG4bK{method}{cseq};rport",
        "Max-Forwards: 70",
        "From: <sips:carol@127.0.0.1>;tag=a",
        f"To: {to or f'<{uri}>'}",
        f"Call-ID: {port}",
        f"CSeq: {cseq} {method}",
        f"Contact: <sips:carol@{host}:{port}>",
        *(("Content-Type: application/sdp",) if body else ()),
        f"Content-Length: {len(body)}",
    )
    phone.sendall(("\r\n".join(lines) + "\r\n\r\n" + body).encode())


def answer(channel: socket.socket, *, datagram: bool = False) -> Response:
    """Return the final response."""
    data = b""
    while True:
        data += channel.recv(65536)
        while b"\r\n\r\n" in data:
            head, _, rest = data.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            message = parse_message(head + b"\r\n\r\n" + rest[:length], stream=not datagram)
            data = rest[length:]
            if isinstance(message, Response) and message.status >= 200:
                return message


def test_a_call_for_sips_has_a_sips_contact(files: Files, tls_switch: Start) -> None:
    switch = tls_switch()
    trusting = ssl.create_default_context(cafile=str(files.ca))
    uri = f"sips:602@127.0.0.1:{switch.port}"
    with socket.create_connection(("127.0.0.1", switch.port), 5) as raw:
        with trusting.wrap_socket(raw, server_hostname="localhost") as phone:
            say(phone, "INVITE", uri, "TLS", body=SDP)
            response = answer(phone)
            assert response.status == 200
            target = str(response.contacts[0].uri)
            assert target == f"sips:softswitch@127.0.0.1:{switch.port}"
            to = response.headers.get("To") or ""
            say(phone, "ACK", target, "TLS", to=to)
            say(phone, "BYE", target, "TLS", cseq=2, to=to)
            assert answer(phone).status == 200
    assert switch.process.wait_record(to="602")["outcome"] == "answered"


def test_a_call_for_sips_in_the_clear_is_refused(tls_switch: Start) -> None:
    switch = tls_switch()
    for kind, via in ((socket.SOCK_DGRAM, "UDP"), (socket.SOCK_STREAM, "TCP")):
        with socket.socket(socket.AF_INET, kind) as phone:
            phone.settimeout(5)
            phone.connect(("127.0.0.1", switch.process.sip_port))
            say(phone, "INVITE", f"sips:602@127.0.0.1:{switch.process.sip_port}", via, body=SDP)
            response = answer(phone, datagram=via == "UDP")
            assert response.status == 480
            assert response.headers.get("Warning") == '380 softswitch "SIPS Not Allowed"'
