"""Two machines, no socket: who is trusted is let through, and everybody else is refused in words."""

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softswitch.errors import RemoteError
from softswitch.net.sip_tls import PeerTls, ServerTls, TlsContexts
from softswitch.net.tls_files import KeyPair
from softswitch.net.tls_machine import TlsMachine
from tests.tools.certificates import Authority


class Shop:
    """Certificates of an authority and of another one, in files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority, self.other = Authority("Good"), Authority("Bad")
        self.ca, self.other_ca = self.authority.write(folder), self.other.write(folder, "other")
        self.good = self.pair("sip:a.example")

    def pair(self, *names: str, of: Authority | None = None, **dates: float) -> KeyPair:
        name = f"pair-{len(list(self.folder.iterdir()))}"
        return (of or self.authority).sign(*names, **dates).write(self.folder, name)  # type: ignore[arg-type]

    def client(self, peer: PeerTls, name: str = "a.example") -> TlsMachine:
        made = TlsContexts(None, {"acme": peer}).client(name, "acme")
        return TlsMachine(made.context, server_name=made.server_name, expected=made.expected)

    def server(self, settings: ServerTls) -> TlsMachine:
        context = TlsContexts(settings).server
        assert context is not None
        return TlsMachine(context, serving=True)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return Shop(tmp_path_factory.mktemp("shop"))


def shake(client: TlsMachine, server: TlsMachine) -> dict[str, RemoteError]:
    """Carry bytes until nobody has more to say; return what each side complained of."""
    faults: dict[str, RemoteError] = {}
    sides = {"client": client, "server": server}
    to = {"client": b"", "server": b""}
    for _ in range(8):
        for name, other in (("client", "server"), ("server", "client")):
            machine, data = sides[name], to[name]
            to[name] = b""
            if name in faults:
                continue
            try:
                if machine.open:
                    machine.receive(data)
                    to[other] += machine.leftover()
                elif data or name == "client":
                    to[other] += machine.handshake(data)
            except RemoteError as error:
                faults[name] = error
                to[other] += machine.leftover()
    return faults


def test_the_good_are_open_to_each_other(shop: Shop) -> None:
    client, server = shop.client(PeerTls(ca=shop.ca)), shop.server(ServerTls(shop.good))
    assert shake(client, server) == {}
    assert client.open and server.open
    assert client.names == ("a.example",) and server.names == ()
    assert client.version == server.version == "TLSv1.3"
    assert server.receive(client.send(b"hello")) == ([b"hello"], False)
    long = bytes(100_000)
    assert b"".join(client.receive(server.send(long))[0]) == long
    assert client.receive(server.close()) == ([], True)


def test_each_side_proves_who_it_is(shop: Shop) -> None:
    pair = shop.pair("sip:b.example", "sip:c.example")
    client = shop.client(PeerTls(ca=shop.ca, pair=pair))
    server = shop.server(ServerTls(shop.good, shop.ca, "require"))
    assert shake(client, server) == {}
    assert server.names == ("b.example", "c.example")


Case = tuple[Callable[[Shop], TlsMachine], Callable[[Shop], TlsMachine], str, str, str]
GOOD_CLIENT: Callable[[Shop], TlsMachine] = lambda shop: shop.client(PeerTls(ca=shop.ca))  # noqa: E731
GOOD_SERVER: Callable[[Shop], TlsMachine] = lambda shop: shop.server(ServerTls(shop.good))  # noqa: E731
#: What is wrong -> client, server, and who complains of what, in which words.
CASES: dict[str, Case] = {
    "expired": (
        GOOD_CLIENT,
        lambda shop: shop.server(ServerTls(shop.pair("sip:a.example", begins=-9, ends=-2))),
        "client",
        "expired",
        "its certificate expired on 20",
    ),
    "of tomorrow": (
        GOOD_CLIENT,
        lambda shop: shop.server(ServerTls(shop.pair("sip:a.example", begins=3, ends=9))),
        "client",
        "not_yet_valid",
        "its certificate is not valid before 20",
    ),
    "of nobody we know": (
        GOOD_CLIENT,
        lambda shop: shop.server(ServerTls(shop.pair("sip:a.example", of=shop.other))),
        "client",
        "untrusted",
        "signed by CN=Bad, whom nobody here trusts: name its authority with tls_ca",
    ),
    "of somebody else": (
        GOOD_CLIENT,
        lambda shop: shop.server(ServerTls(shop.pair("b.example", "c.example"))),
        "client",
        "wrong_name",
        "its certificate is for b.example, c.example, not for a.example: set tls_name",
    ),
    "of a wildcard": (
        GOOD_CLIENT,
        lambda shop: shop.server(ServerTls(shop.pair("*.example"))),
        "client",
        "wrong_name",
        "is for *.example, not for a.example",
    ),
    "no certificate of ours": (
        GOOD_CLIENT,
        lambda shop: shop.server(ServerTls(shop.good, shop.ca, "require")),
        "server",
        "no_certificate",
        "it gave no certificate",
    ),
    "no certificate, as the client hears it": (
        GOOD_CLIENT,
        lambda shop: shop.server(ServerTls(shop.good, shop.ca, "require")),
        "client",
        "refused",
        "it wants a certificate of ours: set tls_certificate",
    ),
    "a client's certificate of nobody we know": (
        lambda shop: shop.client(PeerTls(ca=shop.ca, pair=shop.pair("x.example", of=shop.other))),
        lambda shop: shop.server(ServerTls(shop.good, shop.ca, "optional")),
        "server",
        "untrusted",
        "signed by nobody who is trusted here: name its authority with client_ca",
    ),
    "our certificate is not believed": (
        lambda shop: shop.client(PeerTls(ca=shop.other_ca)),
        GOOD_SERVER,
        "server",
        "refused",
        "it refused the TLS handshake: unknown ca",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_the_others_are_refused_in_words(shop: Shop, case: Case) -> None:
    client, server, side, kind, words = case
    fault = shake(client(shop), server(shop))[side]
    assert (fault.kind, words in str(fault)) == (kind, True), str(fault)


def test_a_wildcard_is_believed_by_who_expects_it(shop: Shop) -> None:
    client = shop.client(PeerTls(ca=shop.ca, name="*.example"))
    assert shake(client, shop.server(ServerTls(shop.pair("*.example")))) == {}


def test_who_does_not_verify_takes_anybody(shop: Shop) -> None:
    server = shop.server(ServerTls(shop.pair("b.example", of=shop.other, begins=-9, ends=-2)))
    client = shop.client(PeerTls(verify=False))
    assert shake(client, server) == {}
    assert client.names == ()


def test_a_certificate_may_be_trusted_itself(shop: Shop) -> None:
    assert shake(shop.client(PeerTls(ca=shop.good.certificate)), shop.server(ServerTls(shop.good))) == {}


def test_old_versions_are_not_spoken(shop: Shop) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with pytest.warns(DeprecationWarning):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    assert shake(TlsMachine(context), shop.server(ServerTls(shop.good)))["server"].kind in ("version", "refused")


@pytest.mark.parametrize("said", [b"OPTIONS sip:a@b SIP/2.0\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", bytes(100)])
def test_plain_text_is_no_tls(shop: Shop, said: bytes) -> None:
    with pytest.raises(RemoteError) as server:
        shop.server(ServerTls(shop.good)).handshake(said)
    client = shop.client(PeerTls(ca=shop.ca))
    client.handshake(b"")
    with pytest.raises(RemoteError) as ours:
        client.handshake(said)
    assert {server.value.kind, ours.value.kind} <= {"plain_text", "broken"}
    assert "TLS" in str(ours.value) or "plain text" in str(ours.value)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 400), st.booleans())
def test_no_bytes_raise_anything_else(shop: Shop, rubbish: bytes, at: int, to_server: bool) -> None:
    client, server = shop.client(PeerTls(ca=shop.ca)), shop.server(ServerTls(shop.good))
    hello = client.handshake(b"")
    try:
        if to_server:
            server.handshake(hello[:at] + rubbish + hello[at:])
        else:
            flight = server.handshake(hello)
            client.handshake(flight[:at] + rubbish + flight[at:])
            client.receive(rubbish)
    except RemoteError as error:
        assert error.kind and str(error)


def test_a_host_is_asked_for_by_name(shop: Shop) -> None:
    other = shop.pair("b.example")
    settings = ServerTls(shop.good, names={"B.example": other})
    for name, fault in (("b.example", None), ("a.example", None), ("c.example", "wrong_name")):
        faults = shake(shop.client(PeerTls(ca=shop.ca), name), shop.server(settings))
        assert (faults["client"].kind if faults else None) == fault


def test_neither_renegotiation_nor_resumption_is_offered(shop: Shop) -> None:
    serving = TlsContexts(ServerTls(shop.good)).server
    assert serving is not None and serving.num_tickets == 0
    for context in (TlsContexts(ServerTls(shop.good)).server, TlsContexts().client("a.example", "").context):
        assert context is not None and context.options & ssl.OP_NO_RENEGOTIATION
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2
