"""What stands in an entry of carriers.yaml is what the trunk works with: words, addresses, codecs, numbers."""

from dataclasses import replace
from pathlib import Path

import pytest

from softswitch.audio.codecs import CODECS
from softswitch.call.carrier import Carrier, load_carriers

LEAST = {"name": "a", "host": "sip.example.com"}


def _carrier(**keys: object) -> Carrier:
    return Carrier.model_validate({**LEAST, **keys})


@pytest.mark.parametrize(
    ("written", "host"),
    [
        ("sip.example.com", "sip.example.com"),
        ("sip.example.com.", "sip.example.com."),
        ("pbx_1", "pbx_1"),
        ("localhost", "localhost"),
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
    ],
)
def test_a_host_is_a_name_or_an_address(written: str, host: str) -> None:
    assert _carrier(host=written).host == host


@pytest.mark.parametrize(
    "host", ["", "a b", "sip:a", "a:5060", "[::1]:5060", "256.1.1.1", "1.2.3", "-a", "a..b", "a\r\nb", "é.example"]
)
def test_anything_else_is_not(host: str) -> None:
    with pytest.raises(ValueError):
        _carrier(host=host)


def test_codecs_that_this_machine_does_not_have_are_known_but_not_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("G729", "opus"):
        monkeypatch.setitem(CODECS, name, replace(CODECS[name], missing=lambda: "it is not here"))
    carrier = _carrier(codecs=["G729", "pcma", "opus", "PCMU", "PCMA"])
    assert carrier.codecs == ("G729", "PCMA", "opus", "PCMU")
    assert carrier.offered == ("PCMA", "PCMU")


def test_without_gateways_the_host_is_the_only_one() -> None:
    (gateway,) = _carrier(port=5080).all_gateways
    assert (gateway.host, gateway.port) == ("sip.example.com", 5080)
    carrier = Carrier.model_validate({"name": "a", "gateways": [{"host": "192.0.2.1"}, {"host": "192.0.2.2"}]})
    assert [gateway.host for gateway in carrier.all_gateways] == ["192.0.2.1", "192.0.2.2"]


@pytest.mark.parametrize(
    ("written", "pool"), [("+4930123450", ("+4930123450",)), ("", ()), (None, ()), (["+491", "+492"], ("+491", "+492"))]
)
def test_a_caller_id_is_one_number_or_a_pool(written: object, pool: tuple[str, ...]) -> None:
    assert _carrier(caller_id=written).caller_id == pool


@pytest.mark.parametrize(
    ("written", "uri"),
    [
        ("proxy.example.com", "sip:proxy.example.com;lr"),
        ("192.0.2.1:5080", "sip:192.0.2.1:5080;lr"),
        ("sip:[2001:db8::1]:5060;transport=tcp", "sip:[2001:db8::1]:5060;transport=tcp;lr"),
        ("sip:proxy.example.com;lr", "sip:proxy.example.com;lr"),
    ],
)
def test_an_outbound_proxy_becomes_a_loose_route(written: str, uri: str) -> None:
    assert _carrier(outbound_proxy=written).outbound_proxy == uri


def test_the_login_is_the_user_name_unless_it_has_its_own() -> None:
    account = {"username": "u", "password": "p"}
    assert _carrier(**account).login == "u"
    assert _carrier(**account, auth_username="other").login == "other"
    assert _carrier().login == ""


def test_norway_is_a_country(tmp_path: Path) -> None:
    file = tmp_path / "carriers.yaml"
    file.write_text("- name: a\n  host: a\n  country: NO\n- name: b\n  host: b\n  country: de\n")
    assert [carrier.country for carrier in load_carriers(file, {})] == ["NO", "DE"]
