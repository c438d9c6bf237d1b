"""The files under tests/data are bit for bit what the archives of the RFCs hold; README.md there says how we know."""

import hashlib
import re

import pytest

from tests.data.torture import FOLDER, MESSAGES, Torture

#: The length is what these are about, or is wrong in the archive itself (README.md).
WRONG_LENGTHS = {"clerr", "dblreq", "inv2543", "mcl01", "ncl", "ipv6-in-sdp", "mult-ip-in-sdp"}


@pytest.mark.parametrize(("rfc", "count"), [(4475, 49), (5118, 12)])
def test_no_byte_was_changed(rfc: int, count: int) -> None:
    folder = FOLDER / f"rfc{rfc}"
    sums = [line.split() for line in (folder / "SHA256SUMS").read_text().splitlines()]
    assert sorted(path.name for path in folder.glob("*.dat")) == [name for _, name in sums]
    assert len(sums) == count == sum(message.rfc == rfc for message in MESSAGES)
    for digest, name in sums:
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest, name


@pytest.mark.parametrize("message", MESSAGES, ids=str)
def test_its_length_is_what_it_says(message: Torture) -> None:
    data = message.archived
    head, _, body = data.partition(b"\r\n\r\n" if message.rfc == 4475 else b"\n\n")
    said = re.findall(rb"(?im)^(?:content-length|l)[ \t]*:[ \t]*(\S+)", head)
    assert (said == [b"%d" % len(body)]) == (message.name not in WRONG_LENGTHS)
    assert (b"\r" in data) == (message.rfc == 4475)
    wire = message.wire
    assert b"\n" not in wire.replace(b"\r\n", b"") or message.name == "mpart01", "as it travels: CRLF everywhere"
    assert wire.replace(b"\r", b"").replace(b"\n", b"").startswith(data.replace(b"\r", b"").partition(b"\n")[0])


def test_odd_octets_are_where_they_belong() -> None:
    by_name = {message.name: message.archived for message in MESSAGES}
    assert b'"BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f"' in by_name["intmeth"]
    assert by_name["intmeth"].count(b"\xef\xbb\xbf\xe5\xa4\xa7\xe5\x81\x9c\xe9\x9b\xbb") == 1
    assert by_name["trws"].startswith(b"OPTIONS sip:remote-target@example.com SIP/2.0  \r\n")
    assert by_name["noreason"].startswith(b"SIP/2.0 100 \r\n")
    assert b"\x30\x82\x01\x52\x06\x09\x2a\x86\x48\x86\xf7\x0d" in by_name["mpart01"]
    assert b"Expires: 1" + b"0" * 100 + b"\r\n" in by_name["scalar02"]
    assert len(by_name["longreq"]) == 3515
