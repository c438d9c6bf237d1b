"""Keys and certificates of signed caller IDs, read from the files that the configuration names."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from softswitch.call.carrier import Carrier
from softswitch.config import StirSection
from softswitch.document import load
from softswitch.errors import Fault
from softswitch.legs.stir import OwnSignature, Trust
from softswitch.sip.passport import Signer
from softswitch.sip.tn_authority import MAX_CHAIN_BYTES, Anchors, Chain

Read = TypeVar("Read")

#: Octets of a file with anchors: the list of all who may issue certificates.
MAX_ANCHORS_BYTES = 1024 * 1024


def load_signatures(
    file: Path, environment: Mapping[str, str], carriers: Sequence[Carrier], faults: list[Fault]
) -> dict[str, OwnSignature]:
    """Return how the calls of each carrier are signed, by its name; what is wrong goes to `faults`, with its line."""
    found: dict[str, OwnSignature] = {}
    for index, carrier in enumerate(carriers):
        sign = carrier.identity_sign
        if sign is None:
            continue
        try:
            key = _read(file.resolve().parent / sign.key, MAX_CHAIN_BYTES, _key)
            signer = Signer(key, sign.certificate_url)
        except ValueError as error:
            document = load(file, environment)
            faults.append(document.fault((index, "identity_sign", "key"), f"key {sign.key}: {error}"))
            continue
        found[carrier.name] = OwnSignature(signer, sign.attest, sign.origid or _origid(carrier.name, signer.url))
    return found


def load_trust(stir: StirSection, carriers: Sequence[Carrier], faults: list[Fault]) -> Trust:
    """Return whom to believe; what is wrong goes to `faults`."""
    if stir.anchors is None:
        wanting = [one.name for one in carriers if one.identity_verify in ("note", "require")]
        if wanting:
            what = f"carrier {wanting[0]} wants its calls verified (identity_verify), and stir.anchors names no file"
            faults.append(Fault("stir", what, "name a PEM file with the certificates to trust"))
        return Trust()
    anchors: Anchors | None = None
    chains: dict[str, Chain] = {}
    try:
        anchors = _read(stir.anchors, MAX_ANCHORS_BYTES, Anchors.read)
    except ValueError as error:
        faults.append(Fault(str(stir.anchors), str(error), "stir.anchors of softswitch.yaml names it"))
    for url, path in stir.certificates.items():
        try:
            chains[url] = _read(path, MAX_CHAIN_BYTES, Chain.read)
        except ValueError as error:
            faults.append(Fault(str(path), str(error), f"stir.certificates of softswitch.yaml names it for {url}"))
    return Trust(stir.verify, anchors, chains, frozenset(stir.fetch))


def _read(path: Path, most: int, reader: Callable[[bytes], Read]) -> Read:
    """Read a file; raise ValueError with a sentence, without a word of what is in it."""
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise ValueError(f"it cannot be read: {error.strerror}") from None
    if len(data) > most:
        raise ValueError(f"it is longer than {most} octets")
    return reader(data)


def _key(pem: bytes) -> EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(pem, password=None)
    except Exception:  # whatever the library says of it may quote the key
        raise ValueError("it holds no private key in PEM form, or one with a password") from None
    if not isinstance(key, EllipticCurvePrivateKey):
        raise ValueError("it holds a key of another kind; ES256 needs one on the curve P-256")
    return key


def _origid(*parts: str) -> str:
    """Return a UUID that is the same for the same entry, after every restart (RFC 9562 section 5.8)."""
    bits = bytearray(hashlib.sha256("\n".join(parts).encode()).digest()[:16])
    bits[6], bits[8] = bits[6] & 0x0F | 0x80, bits[8] & 0x3F | 0x80
    text = bits.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
