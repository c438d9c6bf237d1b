"""sip.stun, sip.nameservers and sip.listen_also: what people write, and what is wrong with it in a sentence."""

from pathlib import Path

import pytest

from softswitch.config import Settings, load_settings
from softswitch.errors import ConfigError


def read(folder: Path, sip: str) -> Settings:
    file = folder / "softswitch.yaml"
    file.write_text(f"sip: {{{sip}}}\n")
    return load_settings(file, {})


@pytest.mark.parametrize(
    ("written", "stun"),
    [
        ("stun: ''", ("", 0)),
        ("stun: ", ("", 0)),
        ("stun: stun.example.com", ("stun.example.com", 3478)),
        ("stun: 'stun.example.com:19302'", ("stun.example.com", 19302)),
        ("stun: 192.0.2.1", ("192.0.2.1", 3478)),
        ("stun: '192.0.2.1:3479'", ("192.0.2.1", 3479)),
        ("stun: '[2001:db8::1]:3479'", ("2001:db8::1", 3479)),
        ("stun: '2001:db8::1'", ("2001:db8::1", 3478)),
        ("stun: localhost", ("localhost", 3478)),
    ],
)
def test_a_stun_server_is_a_name_or_an_address(tmp_path: Path, written: str, stun: tuple[str, int]) -> None:
    assert read(tmp_path, written).sip.stun == stun


@pytest.mark.parametrize(
    ("written", "servers"),
    [
        ("nameservers: []", ()),
        ("nameservers: ", ()),
        ("nameservers: 192.0.2.53", (("192.0.2.53", 53),)),
        (
            "nameservers: [192.0.2.53, '127.0.0.1:5353', '[::1]:54']",
            (("192.0.2.53", 53), ("127.0.0.1", 5353), ("::1", 54)),
        ),
    ],
)
def test_name_servers_are_addresses(tmp_path: Path, written: str, servers: tuple[tuple[str, int], ...]) -> None:
    assert read(tmp_path, written).sip.nameservers == servers


@pytest.mark.parametrize(
    ("written", "also"),
    [
        ("listen_also: ''", ("", 0)),
        ("listen_also: '[::]:5060'", ("::", 5060)),
        ("listen_also: '::1'", ("::1", 5060)),
        ("listen: '[::]:5060', listen_also: '0.0.0.0:5061'", ("0.0.0.0", 5061)),  # noqa: S104 - nothing is bound
    ],
)
def test_a_second_address_is_of_the_other_family(tmp_path: Path, written: str, also: tuple[str, int]) -> None:
    assert read(tmp_path, written).sip.listen_also == also


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("stun: 'not a name'", "'not a name' is not an address"),
        ("stun: 'stun.example.com:0'", "is not an address"),
        ("stun: 'stun.example.com:99999'", "is not an address"),
        ("stun: '192.0.2.1:99999'", "port 99999 is not between 0 and 65535"),
        ("stun: 192.0.2.999", "'192.0.2.999' is not an address"),
        ("stun: '[stun]'", "is not an address"),
        ("stun: [a, b]", "is not an address"),
        ("listen: 0.0.0.0, listen_also: 127.0.0.1", "of the same address family as listen"),
        ("listen_also: pbx.example", "'pbx.example' is not an address"),
        ("public_address: 203.0.113.5, stun: stun.example.com", "keep one of them"),
        ("nameservers: [dns.example.com]", "'dns.example.com' is not an address"),
        ("nameservers: 7", "must be a list"),
        ("nameservers: [" + ", ".join(f"192.0.2.{number}" for number in range(1, 10)) + "]", "at most 8"),
    ],
)
def test_what_is_wrong_is_a_sentence_with_its_line(tmp_path: Path, written: str, why: str) -> None:
    with pytest.raises(ConfigError) as raised:
        read(tmp_path, written)
    assert why in str(raised.value)
    assert "softswitch.yaml:1" in str(raised.value)
