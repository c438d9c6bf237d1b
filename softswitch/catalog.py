"""Everything the switch needs from files, loaded and checked before the first socket is bound.

One pass over carriers, dialplans, flows and sounds finds every fault with its file and line; `softswitch check` prints
them, `softswitch run` refuses to start on them. After this nothing is read from disk in a call.
"""

import ipaddress
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from softswitch.audio import wav
from softswitch.audio.codecs import prepare
from softswitch.audio.frame import Frame
from softswitch.call.carrier import Carrier, lacking, load_carriers
from softswitch.call.dial import Dial
from softswitch.call.dialplan import Dialplan, Rule, load_rules
from softswitch.call.steps import Agent
from softswitch.call.targets import may_leave
from softswitch.call.transfer import Transfer
from softswitch.call.user import UserBook
from softswitch.call.voices import HOLD_SOUND
from softswitch.config import Settings
from softswitch.conversation.flow_check import load_flows
from softswitch.conversation.flow_model import Flow
from softswitch.document import Document, load
from softswitch.errors import ConfigError, Fault, ResourceError
from softswitch.legs.stir import OwnSignature, Trust
from softswitch.stir_files import load_signatures, load_trust

_KNOWN_SECTIONS = ("rules", "flows")


@dataclass(frozen=True, slots=True)
class Catalog:
    """What was loaded. sounds: frames by file name, 8 kHz mono. signatures: by carrier. trust: in signed caller IDs."""

    dialplan: Dialplan
    flows: Mapping[str, Flow]
    sounds: Mapping[str, Sequence[Frame]]
    carriers: tuple[Carrier, ...]
    signatures: Mapping[str, OwnSignature] = field(default_factory=dict)
    trust: Trust = Trust()
    users: UserBook = UserBook()

    def sound(self, file: str) -> Sequence[Frame]:
        """Return a sound by its file name; ResourceError where it was not loaded."""
        frames = self.sounds.get(file)
        if frames is None:
            raise ResourceError(f"sound {file} is not in the media folder")
        return frames

    def carrier(self, name: str) -> Carrier | None:
        """Return a carrier by name, the first one for an empty name, None where there is none."""
        if not name:
            return self.carriers[0] if self.carriers else None
        return next((carrier for carrier in self.carriers if carrier.name == name), None)


def shipped(name: str) -> Path:
    """Return where the package's own `dialplans`, `media` or `carriers.yaml` is: beside it, or under share/."""
    beside = Path(__file__).resolve().parent.parent / name
    return beside if beside.exists() else Path(sys.prefix) / "share" / "softswitch" / name


def read_from(settings: Settings) -> dict[str, Path]:
    """Return the files and folders that everything comes from: those of the settings, else the shipped ones."""
    return {
        "carriers": settings.carriers or shipped("carriers.yaml"),
        "dialplans": settings.dialplans or shipped("dialplans"),
        "media": settings.media or shipped("media"),
    }


def load_catalog(settings: Settings, environment: Mapping[str, str]) -> Catalog:
    """Load everything the settings name; raise ConfigError with all faults at once."""
    faults: list[Fault] = []
    files = read_from(settings)
    media = files["media"]
    carriers: tuple[Carrier, ...] = ()
    try:
        carriers = load_carriers(files["carriers"], environment, users={user.name for user in settings.users})
    except ConfigError as error:
        faults.extend(error.faults)
    prepare({name for carrier in carriers for name in carrier.codecs})
    signatures = load_signatures(files["carriers"], environment, carriers, faults)
    trust = load_trust(settings.stir, carriers, faults)
    rules, flows = _load_dialplans(files["dialplans"], media, environment, faults)
    faults.extend(_unknown_names(rules, flows, carriers))
    registrar = settings.registrar
    users = UserBook(settings.users, registrar.realm, registrar.algorithms)
    faults.extend(_open_ways_out(rules, flows, users))
    sounds: dict[str, Sequence[Frame]] = {}
    hold = [(HOLD_SOUND, str(media))] if (media / HOLD_SOUND).is_file() else []
    for file, where in (*_sounds_of(rules, flows), *hold):
        if file in sounds:
            continue
        try:
            sounds[file] = wav.read(_inside(media, file))
        except ResourceError as error:
            faults.append(Fault(where, str(error), f"put it into {media}"))
    if faults:
        raise ConfigError(*dict.fromkeys(faults))
    return Catalog(Dialplan(rules, users), flows, sounds, carriers, signatures, trust, users)


def advice(
    settings: Settings, catalog: Catalog, environment: Mapping[str, str], *, config: Path | None
) -> Iterator[Fault]:
    """Yield what works as it is written and is better written otherwise, with its line.

    config: the file that the settings are from, None where there is none.
    """
    host, sip = settings.sip.listen[0], settings.sip
    hosts = [one[0] for one in (sip.listen, sip.listen_also, sip.tls.listen, sip.tls.listen_also) if one[0]]
    if config is not None and settings.users and all(ipaddress.ip_address(one).is_loopback for one in hosts):
        what = f"sip.listen is {host}, where no telephone on another machine reaches the switch"
        yield load(config, environment).fault(("sip", "listen"), what, "write 0.0.0.0:5060, or run it with --sip")
    if config is not None and any(lacking("", user.codecs) for user in settings.users):
        document = load(config, environment)
        for at, user in enumerate(settings.users):
            for sentence in lacking(f"user {user.name}", user.codecs):
                yield document.fault(("users", at, "codecs"), sentence)
    if any(carrier.advice or lacking("", carrier.codecs) for carrier in catalog.carriers):
        document = load(read_from(settings)["carriers"], environment)
        for at, carrier in enumerate(catalog.carriers):
            for sentence in carrier.advice:
                yield document.fault((at, "srtp"), sentence)
            for sentence in lacking(f"carrier {carrier.name}", carrier.codecs):
                yield document.fault((at, "codecs"), sentence)


def _load_dialplans(
    path: Path, media: Path, environment: Mapping[str, str], faults: list[Fault]
) -> tuple[list[Rule], dict[str, Flow]]:
    rules: list[Rule] = []
    flows: dict[str, Flow] = {}
    places: dict[str, str] = {}
    for file in _files(path, faults):
        try:
            document = load(file, environment)
            _check_sections(document)
            rules.extend(load_rules(document))
            found = load_flows(document, media=media)
        except ConfigError as error:
            faults.extend(error.faults)
            continue
        for name, flow in found.items():
            where = document.where(("flows", name))
            if name in flows:
                faults.append(Fault(where, f"flow {name} stands already at {places[name]}", "rename one of them"))
            flows[name], places[name] = flow, where
    if not rules and not faults:
        faults.append(Fault(str(path), "holds no rule, so no call could be answered", "add a file with `rules:`"))
    return rules, flows


def _files(path: Path, faults: list[Fault]) -> list[Path]:
    if path.is_file():
        return [path]
    files = sorted([*path.glob("*.yaml"), *path.glob("*.yml")])
    if not files:
        faults.append(Fault(str(path), "holds no dialplan", "put a .yaml file there, or name another folder"))
    return files


def _check_sections(document: Document) -> None:
    if document.data is None:
        document.data = {}
    if not isinstance(document.data, dict):
        raise ConfigError(document.fault((), "is not a dialplan", "begin with `rules:` or `flows:`"))
    faults = [
        document.fault((key,), f"{key} is not a known section", "`rules` and `flows` are")
        for key in document.data
        if key not in _KNOWN_SECTIONS
    ]
    for key, kind, name in (("rules", list, "a list"), ("flows", dict, "a mapping from names to flows")):
        value = document.data.get(key)
        if value is not None and not isinstance(value, kind):
            faults.append(document.fault((key,), f"{key} is not {name}"))
    if faults:
        raise ConfigError(*faults)


def _unknown_names(rules: Sequence[Rule], flows: Mapping[str, Flow], carriers: Sequence[Carrier]) -> Iterator[Fault]:
    known = ", ".join(sorted(flows)) or "none"
    carrier_names = {carrier.name for carrier in carriers}
    listed = ", ".join(sorted(carrier_names)) or "none"
    for rule in rules:
        named = [(rule.carrier, rule.where)]
        for step, where in zip(rule.steps, rule.places, strict=True):
            if isinstance(step, Agent) and step.flow not in flows:
                yield Fault(where, f"flow {step.flow} does not exist", f"known flows: {known}")
            if isinstance(step, Dial | Transfer):
                named.append((step.carrier, where))
        for name, where in named:
            if name and name not in carrier_names:
                yield Fault(where, f"carrier {name} does not exist", f"known carriers: {listed}")
    for flow_name, flow in flows.items():
        for name, destination in flow.transfer.items():
            if destination.carrier and destination.carrier not in carrier_names:
                where = f"flow {flow_name}, transfer {name}"
                yield Fault(where, f"carrier {destination.carrier} does not exist", f"known carriers: {listed}")


def _open_ways_out(rules: Sequence[Rule], flows: Mapping[str, Flow], users: UserBook) -> Iterator[Fault]:
    """Yield a fault for each way by which a rule that is open to strangers might leave over a carrier."""
    hint = "take `strangers: true` off the rule, or call a user (`user:NAME`) or an address (`sip:…`)"
    for rule in rules:
        if not rule.strangers:
            continue
        for step, where in zip(rule.steps, rule.places, strict=True):
            flow = flows.get(step.flow) if isinstance(step, Agent) else None
            destinations = flow.transfer.values() if flow is not None else ()
            for one in (step, *destinations):
                for target, carrier in one.calls():
                    if may_leave(target, carrier, users):
                        yield Fault(where, f"strangers could call {target} over a carrier by this rule", hint)


def _sounds_of(rules: Sequence[Rule], flows: Mapping[str, Flow]) -> Iterator[tuple[str, str]]:
    for rule in rules:
        for step in rule.steps:
            for file in step.sounds():
                yield file, rule.where
    for name, flow in flows.items():
        for node in flow.nodes.values():
            if node.play:
                yield node.play, f"flow {name}"


def _inside(media: Path, file: str) -> Path:
    """Return the path of a sound; ResourceError where it leaves the media folder."""
    path = (media / file).resolve()
    if not path.is_relative_to(media.resolve()):
        raise ResourceError(f"sound {file} lies outside the media folder")
    return path
