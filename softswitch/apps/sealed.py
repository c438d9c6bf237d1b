"""Recordings at rest: sealed with AES-256-GCM, chunk by chunk, so that they can be written as they come.

A sealed file is a head of 72 octets and chunks:

    magic 8 | key id 8 | salt 32 | seal: count of chunks 8, tag 16 | chunk: length 4, sound, tag 16 | chunk: …

Each file has a key of its own, made from the key of the switch and the salt (HKDF with SHA-256), so the number of a
chunk may be its nonce: a chunk that is changed, moved, taken out or brought from another file is not opened. The seal
says how many chunks there are. It is zeros until the file is finished, and written in its place then, which a full disk
does not refuse: a file that was cut, or never finished, is told from a whole one, and its chunks can be read all the
same.
"""

import base64
import binascii
import hashlib
import struct
from collections.abc import Iterator
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from softswitch.errors import ResourceError

MAGIC: Final = b"SSWREC\x01\n"
KEY_BYTES: Final = 32
SALT_BYTES: Final = 32
#: Everything before the seal: bound to each chunk.
FIXED_BYTES: Final = 48
TAG_BYTES: Final = 16
SEAL_BYTES: Final = 8 + TAG_BYTES
HEAD_BYTES: Final = FIXED_BYTES + SEAL_BYTES
#: A chunk is a second of sound, some 32 KB; a length beyond this is damage.
MAX_CHUNK_BYTES: Final = 4 * 1024 * 1024
_SEAL_NONCE: Final = b"\xff" * 12


def read_key(text: str) -> bytes:
    """Return the key that 64 hexadecimal digits or base64 say; raise ValueError with a sentence."""
    text = text.strip()
    key = b""
    try:
        key = bytes.fromhex(text) if len(text) == KEY_BYTES * 2 else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        pass  # the sentence below says what it should be
    if len(key) != KEY_BYTES:
        raise ValueError(
            "a key is 32 random octets as base64 or hexadecimal digits: make one with `openssl rand -hex 32`"
        )
    return key


class Sealer:
    """Makes the head, the chunks and the seal of one file. salt: fresh random octets, never used again."""

    def __init__(self, key: bytes, salt: bytes) -> None:
        self.head = MAGIC + _key_id(key) + salt
        self.count = 0
        self._cipher = _cipher(key, salt)

    def chunk(self, data: bytes) -> bytes:
        """Return the next chunk."""
        sealed = self._cipher.encrypt(_nonce(self.count), data, self.head)
        self.count += 1
        return struct.pack(">I", len(sealed)) + sealed

    def seal(self) -> bytes:
        """Return what stands after `head` in a finished file."""
        count = struct.pack(">Q", self.count)
        return count + self._cipher.encrypt(_SEAL_NONCE, b"", self.head + count)


class Unsealed:
    """A sealed file that is read. Iterate it for the sound; `fault` says afterwards why it is not all there."""

    def __init__(self, file: BinaryIO, name: str, key: bytes) -> None:
        """Raise ResourceError with a sentence where it is no such file, or sealed with another key."""
        head = file.read(HEAD_BYTES)
        if len(head) < HEAD_BYTES or not head.startswith(MAGIC):
            raise ResourceError(f"{name} is not an encrypted recording of ours")
        if head[8:16] != _key_id(key):
            raise ResourceError(f"{name} was encrypted with another key: give the one that was in force then")
        self.fault = ""
        self._file = file
        self._fixed, self._seal = head[:FIXED_BYTES], head[FIXED_BYTES:]
        self._cipher = _cipher(key, head[16:FIXED_BYTES])

    def __iter__(self) -> Iterator[bytes]:
        """Yield the chunks, each as it was before, up to the first one that is not genuine."""
        count = 0
        while length := self._file.read(4):
            (size,) = struct.unpack(">I", length) if len(length) == 4 else (0,)
            sealed = self._file.read(size) if TAG_BYTES <= size <= MAX_CHUNK_BYTES else b""
            if len(sealed) < max(size, 1):
                self.fault = f"it is cut off within part {count + 1}"
                return
            try:
                data = self._cipher.decrypt(_nonce(count), sealed, self._fixed)
            except InvalidTag:
                self.fault = f"part {count + 1} was changed since it was written"
                return
            count += 1
            yield data
        self.fault = self._seal_fault(count)

    def _seal_fault(self, count: int) -> str:
        if not any(self._seal):
            return f"it was never finished: the switch stopped after part {count}, or what followed was taken away"
        said = self._seal[:8]
        try:
            self._cipher.decrypt(_SEAL_NONCE, self._seal[8:], self._fixed + said)
        except InvalidTag:
            return "its seal was changed since it was written"
        whole = int.from_bytes(said, "big")
        return f"only {count} of its {whole} parts are there" if count != whole else ""


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"softswitch recording key " + key).digest()[:8]


def _cipher(key: bytes, salt: bytes) -> AESGCM:
    kdf = HKDF(algorithm=hashes.SHA256(), length=KEY_BYTES, salt=salt, info=b"softswitch recording 1")
    return AESGCM(kdf.derive(key))


def _nonce(number: int) -> bytes:
    return number.to_bytes(12, "big")
