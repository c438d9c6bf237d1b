"""A reload: new connections have the new files, a broken file is refused and everything stays as it was."""

from pathlib import Path

import pytest

from softswitch.errors import ResourceError
from softswitch.net.sip_tls import PeerTls, ServerTls, TlsContexts
from tests.tools.certificates import Authority

AUTHORITY = Authority()


def test_new_files_are_new_contexts(tmp_path: Path) -> None:
    pair = AUTHORITY.sign("a.example").write(tmp_path, "a")
    ca = AUTHORITY.write(tmp_path)
    settings, carriers = ServerTls(pair), {"acme": PeerTls(ca=ca)}
    contexts = TlsContexts(settings, carriers)
    server, client = contexts.server, contexts.client("a.example", "acme").context
    assert contexts.put(contexts.make(settings, carriers)) == []  # the same files: nobody need be told
    AUTHORITY.sign("a.example").write(tmp_path, "a")
    assert contexts.put(contexts.make(settings, carriers)) == [pair.certificate]
    assert contexts.server is not server and contexts.client("a.example", "acme").context is not client


def test_a_broken_file_leaves_everything_as_it_was(tmp_path: Path) -> None:
    pair = AUTHORITY.sign("a.example").write(tmp_path, "a")
    settings, carriers = ServerTls(pair), {"acme": PeerTls(ca=AUTHORITY.write(tmp_path))}
    contexts = TlsContexts(settings, carriers)
    server, client = contexts.server, contexts.client("a.example", "acme").context
    (tmp_path / "ca.crt").write_text("no authority")
    with pytest.raises(ResourceError, match=r"ca\.crt holds no certificate"):
        contexts.put(contexts.make(settings, carriers))
    assert contexts.server is server and contexts.client("a.example", "acme").context is client
    assert contexts.settings == (settings, carriers)


def test_carriers_that_believe_the_same_share_a_context(tmp_path: Path) -> None:
    ca = AUTHORITY.write(tmp_path)
    contexts = TlsContexts(None, {"a": PeerTls(ca=ca), "b": PeerTls(ca=ca, name="x.example"), "c": PeerTls()})
    a, b, c = (contexts.client("h.example", name) for name in "abc")
    assert a.context is b.context and a.context is not c.context
    assert contexts.client("h.example", "").context is contexts.client("other.example", "").context


@pytest.mark.parametrize(
    ("peer", "name", "asked", "expected"),
    [
        (PeerTls(hosts=("acme.example",)), "acme.example", "acme.example", ("acme.example",)),
        (
            PeerTls(hosts=("acme.example",)),
            "gw1.acme.example",
            "gw1.acme.example",
            ("gw1.acme.example", "acme.example"),
        ),
        # an address cannot be asked for, so the carrier's host is
        (PeerTls(hosts=("acme.example",)), "192.0.2.1", "acme.example", ("192.0.2.1", "acme.example")),
        (PeerTls(), "192.0.2.1", "", ("192.0.2.1",)),
        (PeerTls(name="id.example", hosts=("acme.example",)), "acme.example", "id.example", ("id.example",)),
        # nor a wildcard
        (PeerTls(name="*.example", hosts=("acme.example",)), "acme.example", "acme.example", ("*.example",)),
        (PeerTls(verify=False), "acme.example", "acme.example", ()),
    ],
)
def test_whom_a_carrier_must_be_is_what_the_user_wrote(
    peer: PeerTls, name: str, asked: str, expected: tuple[str, ...]
) -> None:
    client = TlsContexts(None, {"acme": peer}).client(name, "acme")
    assert (client.server_name, client.expected) == (asked, expected)


def test_who_is_no_carrier_must_be_the_host_that_was_called() -> None:
    client = TlsContexts().client("bob.example", "")
    assert (client.server_name, client.expected) == ("bob.example", ("bob.example",))


def test_without_a_certificate_nobody_can_connect() -> None:
    assert TlsContexts().server is None
