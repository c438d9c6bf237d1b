"""Keys and certificates of STIR/SHAKEN: found beside the file that names them, refused with its line, never shown."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from softswitch.catalog import Catalog, load_catalog
from softswitch.config import load_settings
from softswitch.errors import ConfigError
from tests.unit.stir.conftest import World, pem

CARRIERS = """
- name: office
  host: 192.0.2.1
  identity_sign: {key: key.pem, certificate_url: 'https://certs.example.org/ours.pem', attest: B}
- {name: plain, host: 192.0.2.2}
"""
SETTINGS = """
carriers: carriers.yaml
stir:
  verify: note
  anchors: root.pem
  certificates: {'https://certs.example.org/theirs.pem': theirs.pem}
"""


def key_file(key: object, secret: bytes = b"") -> bytes:
    protection = BestAvailableEncryption(secret) if secret else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection)  # type: ignore[attr-defined,no-any-return]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    world = World()
    (tmp_path / "carriers.yaml").write_text(CARRIERS)
    (tmp_path / "softswitch.yaml").write_text(SETTINGS)
    (tmp_path / "key.pem").write_bytes(key_file(world.key))
    (tmp_path / "root.pem").write_bytes(pem(world.root))
    (tmp_path / "theirs.pem").write_bytes(world.chain)
    return tmp_path


def read(folder: Path) -> Catalog:
    return load_catalog(load_settings(folder / "softswitch.yaml", {}), {})


def faults(folder: Path) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        read(folder)
    return [str(fault) for fault in raised.value.faults]


def test_what_is_named_is_read(folder: Path) -> None:
    catalog = read(folder)
    assert list(catalog.signatures) == ["office"]
    assert catalog.signatures["office"].signer.url == "https://certs.example.org/ours.pem"
    assert catalog.trust.policy == "note" and list(catalog.trust.certificates) == [
        "https://certs.example.org/theirs.pem"
    ]
    origid = catalog.signatures["office"].origid
    assert read(folder).signatures["office"].origid == origid and len(origid) == 36


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"nothing", "no private key"),
        (key_file(ec.generate_private_key(ec.SECP384R1())), "P-256"),
        (key_file(ed25519.Ed25519PrivateKey.generate()), "another kind"),
        (key_file(ec.generate_private_key(ec.SECP256R1()), b"password"), "one with a password"),
        (None, "cannot be read"),
    ],
)
def test_a_key_that_signs_nothing_is_refused_with_its_line(content: bytes | None, words: str, folder: Path) -> None:
    (folder / "key.pem").unlink()
    if content is not None:
        (folder / "key.pem").write_bytes(content)
    (fault,) = faults(folder)
    assert fault.startswith(f"{folder}/carriers.yaml:4: ") and words in fault
    assert content is None or content.splitlines()[1:2] == [] or content.splitlines()[1].decode() not in fault


def test_files_that_hold_no_certificate_are_named(folder: Path) -> None:
    (folder / "root.pem").write_bytes(b"nothing")
    (folder / "theirs.pem").unlink()
    first, second = faults(folder)
    assert first.startswith(f"{folder}/root.pem: it holds no certificate")
    assert second.startswith(f"{folder}/theirs.pem: it cannot be read")


def test_to_verify_anchors_are_needed(folder: Path) -> None:
    (folder / "softswitch.yaml").write_text("stir:\n  verify: require\n")
    (fault,) = faults(folder)
    assert f"{folder}/softswitch.yaml:1" in fault and "name a PEM file" in fault
    (folder / "softswitch.yaml").write_text("carriers: carriers.yaml\n")
    (folder / "carriers.yaml").write_text("- {name: office, host: 192.0.2.1, identity_verify: note}\n")
    (fault,) = faults(folder)
    assert "office" in fault and "stir.anchors" in fault
