"""Which certificates the switch shows and believes, by its settings and its carriers, and what is wrong with them."""

import datetime
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from softswitch.call.carrier import Carrier
from softswitch.catalog import Catalog, read_from
from softswitch.config import Settings, TlsSection
from softswitch.document import Document, Key, load
from softswitch.errors import ConfigError, Fault, ResourceError
from softswitch.net.sip_tls import PeerTls, ServerTls
from softswitch.net.tls_files import Facts, KeyPair, check_authorities, own_names, own_pair, read_certificate, read_pair
from softswitch.net.tls_names import proves, said

log = logging.getLogger("softswitch.tls")

#: Folder of our own certificate, in the data folder.
OWN_FOLDER = "tls"


def server_tls(settings: Settings, *, wall: datetime.datetime) -> ServerTls:
    """Return what we show to those who connect; our own certificate is made where none is given and none is there.

    Raises ResourceError with a sentence.
    """
    tls = settings.sip.tls
    if not tls.listen[0]:
        return ServerTls(ca=tls.ca)
    pair = _given(tls)
    if pair is None:
        names = own_names((settings.sip.public_address, tls.listen[0], tls.listen_also[0]))
        pair, made = own_pair(settings.data / OWN_FOLDER, names, wall=wall)
        _tell(pair, made=made)
    return ServerTls(
        pair,
        tls.client_ca,
        tls.verify_clients,
        {name: KeyPair(one.certificate, one.key) for name, one in tls.names.items()},
        tls.ca,
    )


def peer_tls(carriers: Iterable[Carrier]) -> dict[str, PeerTls]:
    """Return, by name, how we connect to each carrier that is reached over TLS."""
    return {
        carrier.name: PeerTls(
            carrier.tls_verify,
            carrier.tls_ca,
            _of_carrier(carrier),
            carrier.tls_name,
            (carrier.host,) if carrier.host else (),
        )
        for carrier in carriers
        if carrier.secure
    }


def _given(tls: TlsSection) -> KeyPair | None:
    return KeyPair(tls.certificate, tls.key) if tls.certificate is not None and tls.key is not None else None


def _of_carrier(carrier: Carrier) -> KeyPair | None:
    certificate, key = carrier.tls_certificate, carrier.tls_key
    return KeyPair(certificate, key) if certificate is not None and key is not None else None


def _tell(pair: KeyPair, *, made: bool) -> None:
    """Say what a telephone has to accept: nobody has signed this certificate but itself."""
    facts = read_pair(pair)
    log.log(
        logging.WARNING if made else logging.INFO,
        "%s TLS certificate of our own, %s; a telephone has to accept it (copy it there, or tell it not to verify): "
        "for %s, until %s, SHA-256 %s",
        "made a" if made else "using the",
        pair.certificate,
        said(facts.names),
        facts.ends.date().isoformat(),
        facts.fingerprint,
    )


# What `softswitch check` says ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Findings:
    """What is wrong with TLS: `faults` keep the switch from starting, `late` keep it and peers from connecting, and
    `warnings` will one day."""

    faults: tuple[Fault, ...] = ()
    late: tuple[Fault, ...] = ()
    warnings: tuple[Fault, ...] = ()

    def tell(self) -> None:
        """Log what does not keep the switch from starting; raise ConfigError for what does."""
        if self.faults:
            raise ConfigError(*self.faults)
        for fault in self.late:
            log.error("%s", fault)
        for fault in self.warnings:
            log.warning("%s", fault)


@dataclass(frozen=True, slots=True)
class _File:
    """A file to look at. key: of a pair, None for a file of authorities. names: of these one must be proved."""

    document: Document
    location: tuple[Key, ...]
    certificate: Path
    key: Path | None = None
    authorities: bool = False
    names: tuple[str, ...] = ()


def examine(
    settings: Settings,
    catalog: Catalog,
    *,
    config: Path | None,
    environment: Mapping[str, str],
    wall: datetime.datetime,
) -> Findings:
    """Read every certificate and key that the settings and the carriers name, and say what is wrong, with its line.

    config: the file that the settings are from, None where there is none.
    """
    files: list[_File] = []
    if config is not None:
        files.extend(_of_settings(load(config, environment), settings.sip.tls))
    faults: list[Fault] = []
    late: list[Fault] = []
    warnings: list[Fault] = []
    if any(carrier.secure for carrier in catalog.carriers):
        document = load(read_from(settings)["carriers"], environment)
        files.extend(_of_carriers(document, catalog.carriers))
        if not settings.sip.tls.listen[0]:
            late.extend(_out_of_reach(document, catalog.carriers))
    for file in files:
        try:
            facts = _read(file)
        except ResourceError as error:
            faults.append(file.document.fault(file.location, str(error)))
            continue
        if facts is None:
            continue
        name = str(file.certificate)
        if fault := facts.fault(wall=wall):
            late.append(file.document.fault(file.location, f"{name} {fault}", "put a new one in its place"))
        if warning := facts.warning(wall=wall):
            warnings.append(file.document.fault(file.location, f"{name} {warning}", "put a new one in its place"))
        if file.names and not proves(facts.names, file.names):
            what = f"{name} is for {said(facts.names)}, not for {said(file.names)}"
            warnings.append(file.document.fault(file.location, what, "name the certificate of that host"))
    return Findings(tuple(faults), tuple(late), tuple(warnings))


def _read(file: _File) -> Facts | None:
    if file.authorities:
        check_authorities(file.certificate)
        return None
    if file.key is None:
        return read_certificate(file.certificate)
    return read_pair(KeyPair(file.certificate, file.key))


def _of_settings(document: Document, tls: TlsSection) -> Iterator[_File]:
    place: tuple[Key, ...] = ("sip", "tls")
    pair = _given(tls)
    if pair is not None:
        yield _File(document, (*place, "certificate"), pair.certificate, pair.key)
    for key, path in (("client_ca", tls.client_ca), ("ca", tls.ca)):
        if path is not None:
            yield _File(document, (*place, key), path, authorities=True)
    for name, one in tls.names.items():
        yield _File(document, (*place, "names", name), one.certificate, one.key, names=(name,))


def _out_of_reach(document: Document, carriers: Sequence[Carrier]) -> Iterator[Fault]:
    """Yield a fault for each carrier over TLS: without a TLS socket of ours it could not come back to us."""
    for at, carrier in enumerate(carriers):
        if carrier.secure:
            what = f"carrier {carrier.name} is reached over TLS, for which the switch has to listen itself"
            yield document.fault((at, "transport"), what, "set sip.tls.listen in softswitch.yaml")


def _of_carriers(document: Document, carriers: Sequence[Carrier]) -> Iterator[_File]:
    for at, carrier in enumerate(carriers):
        if carrier.tls_ca is not None:
            yield _File(document, (at, "tls_ca"), carrier.tls_ca, authorities=True)
        pair = _of_carrier(carrier)
        if pair is not None:
            yield _File(document, (at, "tls_certificate"), pair.certificate, pair.key)
