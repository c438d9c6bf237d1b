"""Certificates and keys in files: what is wrong with them is one sentence, and one of our own is made where none is."""

import datetime
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from softswitch.errors import ResourceError
from softswitch.net.sip_tls import PeerTls, ServerTls, TlsContexts
from softswitch.net.tls_files import KeyPair, own_names, own_pair, read_certificate, read_pair
from tests.tools.certificates import Authority, Signed

NOW = datetime.datetime(2026, 7, 1, tzinfo=datetime.UTC)
AUTHORITY = Authority()


@pytest.fixture
def signed() -> Signed:
    return AUTHORITY.sign("a.example")


def test_a_pair_that_fits_says_whom_it_is_for(signed: Signed, tmp_path: Path) -> None:
    facts = read_pair(signed.write(tmp_path, "a"))
    assert facts.names == ("a.example",)
    assert len(facts.fingerprint) == 95 and facts.fingerprint.count(":") == 31
    assert read_certificate(tmp_path / "a.crt") == facts


def test_a_certificate_may_come_with_its_chain(signed: Signed, tmp_path: Path) -> None:
    pair = signed.write(tmp_path, "a")
    with pair.certificate.open("ab") as file:
        file.write(AUTHORITY.certificate.public_bytes(serialization.Encoding.PEM))
    assert read_pair(pair).names == ("a.example",)
    assert TlsContexts(ServerTls(pair)).server is not None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda pair: pair.certificate.unlink(), "a.crt cannot be read: No such file"),
        (lambda pair: pair.key.unlink(), "a.key cannot be read: No such file"),
        (lambda pair: pair.certificate.write_text("hello"), "a.crt holds no certificate in PEM form"),
        (lambda pair: pair.certificate.write_bytes(bytes(range(256))), "a.crt holds no certificate in PEM form"),
        (lambda pair: pair.key.write_text("hello"), "a.key holds no key in PEM form"),
        (lambda pair: pair.key.write_text(pair.certificate.read_text()), "a.key holds no key in PEM form"),
        (lambda pair: AUTHORITY.sign("b").write(pair.key.parent, "b").key.replace(pair.key), "is not the key of"),
    ],
)
def test_what_is_wrong_with_files_is_a_sentence(signed: Signed, tmp_path: Path, change: object, words: str) -> None:
    pair = signed.write(tmp_path, "a")
    assert callable(change)
    change(pair)
    for build in (lambda: read_pair(pair), lambda: TlsContexts(ServerTls(pair))):
        with pytest.raises(ResourceError) as error:
            build()
        assert words in str(error.value)


def test_a_key_with_a_passphrase_is_not_asked_for_it(signed: Signed, tmp_path: Path) -> None:
    pair = signed.write(tmp_path, "a")
    secret = serialization.BestAvailableEncryption(b"opensesame")
    pair.key.write_bytes(
        signed.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, secret)
    )
    with pytest.raises(ResourceError, match="has a passphrase, and nobody is there to type it"):
        TlsContexts(ServerTls(pair))


def test_no_sentence_shows_what_stands_in_a_key(signed: Signed, tmp_path: Path) -> None:
    pair = signed.write(tmp_path, "a")
    text = pair.key.read_text().splitlines()
    pair.key.write_text("\n".join([text[0], text[1][:20], *text[2:]]))
    with pytest.raises(ResourceError) as error:
        read_pair(pair)
    assert text[1][:20] not in repr(error.value) and error.value.__cause__ is None


def test_authorities_that_are_none_are_a_sentence(signed: Signed, tmp_path: Path) -> None:
    pair = signed.write(tmp_path, "a")
    with pytest.raises(ResourceError, match=r"no\.crt cannot be read"):
        TlsContexts(None, {"acme": PeerTls(ca=tmp_path / "no.crt")})
    with pytest.raises(ResourceError, match=r"a\.key holds no certificate"):
        TlsContexts(ServerTls(pair, pair.key, "require"))
    with pytest.raises(ResourceError, match="verify_clients needs client_ca"):
        TlsContexts(ServerTls(pair, None, "optional"))


def test_dates_are_judged(tmp_path: Path) -> None:
    facts = read_certificate(AUTHORITY.sign("a", begins=-1, ends=13.5).write(tmp_path, "a").certificate)
    wall = facts.ends - datetime.timedelta(days=13.5)
    assert facts.fault(wall=wall) == ""
    assert facts.warning(wall=wall) == f"expires on {facts.ends.date()}, in 13 days"
    assert facts.warning(wall=facts.ends - datetime.timedelta(days=15)) == ""
    assert facts.fault(wall=facts.ends) == f"expired on {facts.ends.date()}"
    assert facts.warning(wall=facts.ends) == ""
    before = facts.begins - datetime.timedelta(hours=1)
    assert facts.fault(wall=before) == f"is not valid before {facts.begins.date()}"


def test_one_of_our_own_is_made_once_and_again_before_it_ends(tmp_path: Path) -> None:
    folder = tmp_path / "tls"
    pair, made = own_pair(folder, own_names(("203.0.113.5", "192.0.2.7")), wall=NOW)
    facts = read_pair(pair)
    assert made and pair == KeyPair(folder / "own.crt", folder / "own.key")
    assert facts.names[:2] == ("203.0.113.5", "192.0.2.7") and "localhost" in facts.names
    assert stat.S_IMODE(pair.key.stat().st_mode) == 0o600
    assert facts.fault(wall=NOW) == facts.fault(wall=NOW - datetime.timedelta(hours=23)) == ""
    assert own_pair(folder, ("x",), wall=NOW + datetime.timedelta(days=3000)) == (pair, False)
    assert read_pair(pair) == facts
    assert own_pair(folder, ("x",), wall=NOW + datetime.timedelta(days=3630)) == (pair, True)
    assert read_pair(pair).names == ("x",)


def test_one_of_our_own_that_is_broken_is_made_anew(tmp_path: Path) -> None:
    pair, _ = own_pair(tmp_path, ("a",), wall=NOW)
    pair.key.write_text("half a key")
    assert own_pair(tmp_path, ("a",), wall=NOW)[1]
    read_pair(pair)


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError, match="a certificate cannot be written to"):
        own_pair(tmp_path / "file", ("a",), wall=NOW)


def test_a_listener_on_every_address_names_none_of_them() -> None:
    assert not {"0.0.0.0", "::", ""} & set(own_names(("0.0.0.0", "::", "")))
