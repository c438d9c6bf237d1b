"""Each entry of carriers.yaml loads once its # is gone, and docs/carriers.md says what it makes of a call."""

import re
from pathlib import Path

import pytest
import yaml

from softswitch.call.carrier import Carrier, CarrierList, load_carriers
from softswitch.call.cause import Cause, Next, from_status
from softswitch.call.numbers import read, write
from softswitch.call.routing import route

ROOT = Path(__file__).resolve().parents[3]
SHIPPED = ROOT / "carriers.yaml"
PAGE = (ROOT / "docs" / "carriers.md").read_text(encoding="utf-8")
NAMES = ["asterisk", "freeswitch", "twilio", "telnyx", "alibaba-cloud", "tencent-cloud", "yuntongxun"]
#: Host, codecs and the way keys are sent, as these carriers have them.
CHINESE = {
    "alibaba-cloud": ("sip.aliyun.com", {"PCMU", "PCMA", "G729"}, "rfc4733"),
    "tencent-cloud": ("sip.tencent.com", {"PCMU", "PCMA", "G729"}, "rfc4733"),
    "yuntongxun": ("sip.yuntongxun.com", {"PCMU", "PCMA"}, "inband"),
}


def _entries() -> dict[str, str]:
    """Return the text of each entry of carriers.yaml with its # taken away, by name."""
    entries: dict[str, str] = {}
    name = ""
    for line in SHIPPED.read_text(encoding="utf-8").splitlines():
        if found := re.match(r"#- name: (\S+)$", line):
            name = found.group(1)
            entries[name] = ""
        if name and re.match(r"#(- |  )", line):
            entries[name] += line[1:] + "\n"
        else:
            name = ""
    return entries


def _load(folder: Path, text: str) -> tuple[Carrier, ...]:
    file = folder / "carriers.yaml"
    file.write_text(text)
    return load_carriers(file, {name: "secret" for name in re.findall(r"\$\{(\w+)\}", text)})


def _table(heading: str) -> list[list[str]]:
    """Return the rows of the table whose first column has this heading."""
    rows = re.search(rf"^\| {re.escape(heading)} \|.*\n\|[-|]+\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    assert rows is not None, heading
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in rows.group(1).splitlines()]


def test_as_it_is_shipped_it_holds_none(tmp_path: Path) -> None:
    assert load_carriers(SHIPPED, {}) == ()
    assert list(_entries()) == NAMES
    assert [carrier.name for carrier in _load(tmp_path, "".join(_entries().values()))] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_an_entry_loads_when_its_hashes_are_gone(tmp_path: Path, name: str) -> None:
    (carrier,) = _load(tmp_path, _entries()[name])
    assert carrier.name == name
    assert carrier.password.get_secret_value() == "secret", "the password comes from the environment"
    assert carrier.offered[:2] == ("PCMU", "PCMA"), "what every machine has comes first"


@pytest.mark.parametrize("name", CHINESE)
def test_codecs_and_keys_are_those_of_the_carrier(tmp_path: Path, name: str) -> None:
    (carrier,) = _load(tmp_path, _entries()[name])
    assert (carrier.host, carrier.port) == (CHINESE[name][0], 5060)
    assert (set(carrier.codecs), carrier.dtmf) == CHINESE[name][1:]


def test_the_worked_examples_come_out_as_written(tmp_path: Path) -> None:
    carriers = _load(tmp_path, "".join(_entries().values()))
    rows = _table("carrier")
    assert sorted(row[0].strip("`") for row in rows) == sorted(NAMES)
    for row in rows:
        name, dialled, by, uri, caller_id, sender = (cell.strip("`") for cell in row)
        found = route(dialled, carriers, carrier=name, caller_id=by, random=lambda: 0.5)
        assert {str(found.request_uri(gateway)) for gateway in found.gateways} == {uri}
        assert (found.caller_id, str(found.from_uri)) == (caller_id, sender)


def test_the_number_formats_come_out_as_written() -> None:
    rows = _table("`number_format`")
    assert [row[0].strip("`") for row in rows] == ["e164", "digits", "national", "as_dialled"]
    for form, german, american in rows[:-1]:
        for number, written in (("+4930123456", german), ("+14155552671", american)):
            assert write(read(number), form.strip("`"), "DE") == written.strip("`")  # type: ignore[arg-type]


def test_the_table_of_fail_over_is_the_one_that_calls_follow() -> None:
    verdicts = {"fail over": Next.FAIL_OVER, "later": Next.LATER, "never": Next.NEVER}
    named: dict[int, Next] = {}
    classes: dict[int, Next] = {}
    for words, after in _table("verdict"):
        verdict = verdicts[words.partition(":")[0]]
        named |= {int(status): verdict for status in re.findall(r"\b[3-6]\d\d\b", after)}
        rest = re.search(r"any other ([^,]*?(?:, [^,]*?)*)(?:,? no answer|$)", after)
        classes |= {int(group): verdict for group in re.findall(r"([3-6])xx", rest.group(1))} if rest else {}
    assert sorted(classes) == [3, 4, 5, 6]
    for status in range(300, 700):
        assert from_status(status).next is named.get(status, classes[status // 100]), status
    assert Cause.TIMEOUT.next is Cause.OUT_OF_ORDER.next is Next.FAIL_OVER


def test_the_yaml_of_the_page_loads() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert blocks
    for block in blocks:
        (carrier,) = CarrierList.model_validate(yaml.safe_load(block)).root
        found = route("+4989123456", [carrier], random=lambda: 0.5)
        assert found.caller_id == "+4989123450"
        assert route("+4930123456", [carrier], caller_id="101", random=lambda: 0.5).caller_id == "+4930123410"
        assert route("+4915199999", [carrier], random=lambda: 0.5).caller_id.startswith("+49151")
