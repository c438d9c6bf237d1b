"""The bytes that are signed, the Identity header, and whatever else may stand in its place."""

import base64
import json
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from softswitch.errors import RemoteError
from softswitch.sip.passport import (
    FAULTS,
    MAX_IDENTITIES,
    MAX_IDENTITY,
    Identity,
    Passport,
    Signer,
    canonical,
    identities,
)
from tests.unit.stir.conftest import PASSPORT, URL, World

#: RFC 8225 appendix A: the header that it serialises and encodes, without `ppt`.
RFC_HEADER = "eyJhbGciOiJFUzI1NiIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cHM6Ly9jZXJ0LmV4YW1wbGUub3JnL3Bhc3Nwb3J0LmNlciJ9"


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def encoded(value: object) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def test_claims_are_sorted_and_have_no_space() -> None:
    assert PASSPORT.claims() == (
        b'{"attest":"A","dest":{"tn":["12155551213"]},"iat":1795867200,"orig":{"tn":"12155551212"},'
        b'"origid":"de305d54-75b4-431b-adb2-eb6b9e546014"}'
    )
    assert Passport.read(PASSPORT.claims()) == PASSPORT


def test_the_header_is_serialised_as_the_example_of_rfc_8225(world: World) -> None:
    header = decoded(world.signer.sign(PASSPORT).token.split(".")[0])
    assert header == b'{"alg":"ES256","ppt":"shaken","typ":"passport","x5u":"https://certs.example.org/carrier.pem"}'
    ours = header.replace(b'"ppt":"shaken",', b"").replace(URL.encode(), b"https://cert.example.org/passport.cer")
    assert encoded(ours) == RFC_HEADER


def test_openssl_agrees_with_the_signature(world: World, tmp_path: Path) -> None:
    signed, _, signature = world.signer.sign(PASSPORT).token.rpartition(".")
    raw = decoded(signature)
    assert len(raw) == 64
    (tmp_path / "signature").write_bytes(
        encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    )
    (tmp_path / "signed").write_text(signed)
    (tmp_path / "key").write_bytes(world.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    command = ["openssl", "dgst", "-sha256", "-verify", "key", "-signature", "signature", "signed"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert said.stdout.strip() == "Verified OK", said.stderr


def test_an_identity_header_is_read_as_it_is_written(world: World) -> None:
    made = world.signer.sign(PASSPORT)
    assert Identity.parse(str(made)) == made
    loose = f'  {made.token} ; alg = ES256;INFO="{URL}" ;ppt="shaken";x=y'
    assert Identity.parse(loose) == made
    assert Identity.parse(f"{made.token};info=<{URL}>").ppt == "", "a plain PASSporT is taken for a shaken one"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "identity_syntax"),
        ("only.two;info=<https://x>", "identity_syntax"),
        ("..c2ln;info=<https://x>;ppt=shaken", "identity_syntax"),
        ("a.b.c", "identity_syntax"),
        ("a.b.c;info=<>", "identity_syntax"),
        ("a.b.c;info=<https://x>;alg", "identity_syntax"),
        ("a.b.c;info=<https://x> trailing", "identity_syntax"),
        ("a.b.c;info=<https://x>" + " " * MAX_IDENTITY, "identity_syntax"),
    ],
)
def test_what_is_no_identity_header(text: str, kind: str) -> None:
    with pytest.raises(RemoteError) as raised:
        Identity.parse(text)
    assert (raised.value.kind, raised.value.status) == (kind, 438)


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ({"alg": "none"}, "identity_algorithm"),
        ({"alg": "HS256"}, "identity_algorithm"),
        ({"alg": "RS256"}, "identity_algorithm"),
        ({"typ": "JWT"}, "identity_syntax"),
        ({"ppt": "div"}, "identity_syntax"),
        ({"x5u": "https://elsewhere.example.org/c.pem"}, "identity_url"),
        ({"x5u": 7}, "identity_url"),
    ],
)
def test_a_token_that_contradicts_its_header_is_refused(header: dict[str, object], kind: str, world: World) -> None:
    made = world.signer.sign(PASSPORT)
    _, claims, signature = made.token.split(".")
    whole = {"alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": URL, **header}
    with pytest.raises(RemoteError) as raised:
        Identity(f"{encoded(whole)}.{claims}.{signature}", URL).open(world.key.public_key())
    assert raised.value.kind == kind


@pytest.mark.parametrize(
    "claims",
    [
        b"[]",
        b"nothing",
        b"\xff",
        b"[" * 100_000,
        {"attest": "D"},
        {"attest": None},
        {"orig": {"tn": ""}},
        {"orig": {"tn": ["12155551212"]}},
        {"orig": "12155551212"},
        {"orig": {"tn": "alice"}},
        {"dest": {"tn": []}},
        {"dest": {"tn": "12155551213"}},
        {"dest": {"tn": ["1"] * 17}},
        {"dest": {"tn": [None]}},
        {"dest": {"uri": ["sip:alice@example.org"]}},
        {"iat": "1795867200"},
        {"iat": True},
        {"iat": -1},
        {"iat": 1e300},
        {"origid": 7},
        {"origid": "x" * 65},
    ],
)
def test_claims_that_are_no_shaken_ones_are_refused(claims: object) -> None:
    if isinstance(claims, dict):
        claims = json.dumps({**json.loads(PASSPORT.claims()), **claims}).encode()
    assert isinstance(claims, bytes)
    with pytest.raises(RemoteError) as raised:
        Passport.read(claims)
    assert (raised.value.kind, raised.value.status) == ("identity_claims", 438)


def test_headers_of_another_kind_are_passed_over_and_too_many_are_refused(world: World) -> None:
    made = world.signer.sign(PASSPORT)
    assert identities([f"{made.token};info=<{URL}>;ppt=div", str(made)]) == [made]
    with pytest.raises(RemoteError):
        identities([str(made)] * (MAX_IDENTITIES + 1))


@pytest.mark.parametrize(
    ("number", "found"),
    [
        ("+1 (215) 555-1212", "12155551212"),
        ("12155551212", "12155551212"),
        ("+12155551212;ext=5", "12155551212"),
        ("*98#", "*98#"),
        ("alice", ""),
        ("", ""),
        ("+", ""),
        ("1" * 33, ""),
        ("١٢٣", ""),
    ],
)
def test_a_number_is_its_digits_alone(number: str, found: str) -> None:
    assert canonical(number) == found


def test_a_key_on_another_curve_signs_nothing() -> None:
    with pytest.raises(ValueError, match="P-256"):
        Signer(ec.generate_private_key(ec.SECP384R1()), URL)


def test_no_repr_shows_a_key(world: World) -> None:
    assert repr(world.signer) == f"Signer({URL!r})"


@given(st.text(max_size=300))
def test_any_text_is_an_identity_or_a_fault_of_the_table(text: str) -> None:
    key = ec.derive_private_key(7, ec.SECP256R1()).public_key()
    for value in (text, f"{text};info=<{URL}>;ppt=shaken", f"eyJ9.{text}.eyJ9;info=<{URL}>;ppt=shaken"):
        try:
            Identity.parse(value).open(key)
        except RemoteError as error:
            assert error.status == FAULTS[error.kind]


@given(st.binary(max_size=200))
def test_any_claims_are_a_passport_or_a_fault(data: bytes) -> None:
    try:
        Passport.read(data)
    except RemoteError as error:
        assert error.kind == "identity_claims"
