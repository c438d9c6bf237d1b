"""A codec that this machine does not have may stand in settings: it is not offered, and `check` tells file and line."""

from dataclasses import replace
from pathlib import Path

import pytest

from softswitch.audio.codecs import CODECS
from softswitch.call.carrier import load_carriers
from softswitch.catalog import advice, load_catalog
from softswitch.config import load_settings
from softswitch.errors import ConfigError

CARRIERS = "- name: far\n  host: 192.0.2.1\n  codecs: [g729, PCMU]\n"
SETTINGS = """
carriers: carriers.yaml
users:
  - name: alice
    password: secret
    codecs: [opus, PCMA, G729]
"""


@pytest.fixture
def without_g729(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CODECS, "G729", replace(CODECS["G729"], missing=lambda: "it needs bcg729"))


def test_check_names_file_and_line(tmp_path: Path, without_g729: None) -> None:
    (tmp_path / "carriers.yaml").write_text(CARRIERS)
    config = tmp_path / "switch.yaml"
    config.write_text(SETTINGS)
    settings = load_settings(config, {})
    catalog = load_catalog(settings, {})
    said = [str(fault) for fault in advice(settings, catalog, {}, config=config)]
    why = "codec G729 is not offered, because it needs bcg729"
    assert any("carriers.yaml:3" in one and f"carrier far: {why}" in one for one in said), said
    assert any("switch.yaml:6" in one and f"user alice: {why}" in one for one in said), said
    assert catalog.carriers[0].codecs == ("G729", "PCMU") and catalog.carriers[0].offered == ("PCMU",)


def test_a_list_of_nothing_that_is_here_is_refused(tmp_path: Path, without_g729: None) -> None:
    file = tmp_path / "carriers.yaml"
    file.write_text("- name: far\n  host: 192.0.2.1\n  codecs: [G729]\n")
    with pytest.raises(ConfigError, match="no codec here can be used on this machine; add PCMU or PCMA"):
        load_carriers(file, {})
