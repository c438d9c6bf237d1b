"""docker/asterisk and docker/freeswitch name the account, the port and the keys that carriers.yaml names."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
FREESWITCH = ROOT / "docker" / "freeswitch"


def shipped(name: str) -> dict[str, object]:
    """Return an entry of carriers.yaml without its comment signs."""
    found = re.search(rf"^#- name: {name}\n(?:#  .*\n)+", (ROOT / "carriers.yaml").read_text("utf-8"), re.MULTILINE)
    assert found is not None, f"carriers.yaml ships no entry {name}"
    [entry] = yaml.safe_load(re.sub(r"^#", "", found.group(), flags=re.MULTILINE))
    return dict(entry)


@pytest.mark.parametrize("name", ["asterisk", "freeswitch"])
def test_the_readme_shows_the_entry_that_is_shipped(name: str) -> None:
    text = (ROOT / "docker" / name / "README.md").read_text("utf-8")
    found = re.search(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    [entry] = yaml.safe_load(found.group(1))
    addresses = {"host": "", "allow": ""}
    assert entry | addresses == shipped(name) | addresses


@pytest.mark.parametrize("file", sorted(FREESWITCH.glob("*.xml")), ids=lambda file: file.name)
def test_what_freeswitch_reads_is_xml(file: Path) -> None:
    assert ElementTree.parse(file).getroot().tag == "include"


def test_freeswitch_knows_the_account_the_port_and_the_keys() -> None:
    entry = shipped("freeswitch")
    user = ElementTree.parse(FREESWITCH / "user.xml").getroot().find("user")
    profile = ElementTree.parse(FREESWITCH / "profile.xml").getroot()
    settings = {param.get("name"): param.get("value") for param in profile.iter("param")}
    assert user is not None and user.get("id") == entry["username"]
    assert settings["sip-port"] == str(entry["port"])
    assert settings["inbound-codec-prefs"] == ",".join(entry["codecs"])  # type: ignore[call-overload]
    assert settings["dtmf-type"] == "rfc2833" and entry["dtmf"] == "rfc4733"


def test_each_context_that_freeswitch_names_is_there() -> None:
    user = ElementTree.parse(FREESWITCH / "user.xml").getroot()
    contexts = {context.get("name") for context in ElementTree.parse(FREESWITCH / "dialplan.xml").iter("context")}
    assert {one.get("value") for one in user.iter("variable") if one.get("name") == "user_context"} <= contexts
