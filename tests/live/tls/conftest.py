"""An authority of the tests, an Asterisk and a baresip that speak TLS, and switches that believe them or do not."""

import contextlib
import shutil
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from softswitch.net.tls_files import KeyPair
from tests.live.peers.asterisk import PASSWORD, Asterisk, running_asterisk
from tests.live.peers.baresip import Baresip, running_baresip
from tests.live.peers.free_ports import LOOPBACK, free_port
from tests.live.peers.switch import ROOT, SwitchProcess, running_switch
from tests.tools.certificates import Authority

#: An account of Asterisk's that registers, and its numbers: a tone of 440 Hz, an echo.
ACCOUNT, TONE_440, ECHO = "49301001", "1602", "1600"

ASTERISK = """
[tls]
type = transport
protocol = tls
bind = 127.0.0.1:{port}
method = tlsv1_2
cert_file = {pair.certificate}
priv_key_file = {pair.key}
ca_list_file = {ca}
verify_server = yes
verify_client = {verify_client}
require_client_cert = {verify_client}
"""

RULES = "rules:\n  - {number: '_9X.', strip: 1, steps: [dial: {to: '{to}', carrier: acme, seconds: 30}]}\n"

SETTINGS = """
carriers: carriers.yaml
dialplans: plan
rtp: {{media_timeout: 4}}
users:
  - {{name: alice, password: open-sesame, number: 101{alice}}}
  - {{name: bob, password: open-sesame, number: 102{bob}}}
sip:
  tls:
    listen: 127.0.0.1:{port}
    certificate: {pair.certificate}
    key: {pair.key}
{more}
"""


class Files:
    """Certificates in files. ours, theirs: of the switch and of Asterisk, both for localhost and 127.0.0.1."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority, self.other = Authority("Carriers' authority"), Authority("Nobody's authority")
        self.ca, self.other_ca = self.authority.write(folder), self.other.write(folder, "other")
        self.ours = self.sign("ours", "localhost", "127.0.0.1")
        self.theirs = self.sign("theirs", "localhost", "127.0.0.1")

    def sign(self, name: str, *names: str, of: Authority | None = None, **dates: float) -> KeyPair:
        return (of or self.authority).sign(*names, **dates).write(self.folder, name)  # type: ignore[arg-type]

    def of_phone(self) -> str:
        """Return what baresip has to be told: whom it believes, and its own certificate."""
        pair = self.sign("phone", "localhost", "127.0.0.1")
        both = self.folder / "phone.pem"
        both.write_bytes(pair.certificate.read_bytes() + pair.key.read_bytes())
        return f"sip_cafile {self.ca}\nsip_certificate {both}\nsip_verify_server yes\n"


class TlsSwitch:
    """A switch that listens for TLS. acme: its carrier."""

    def __init__(self, process: SwitchProcess, port: int, config: Path) -> None:
        self.process = process
        self.port = port
        self.config = config

    @property
    def acme(self) -> dict[str, Any]:
        [found] = [one for one in self.process.trunks() if one["name"] == "acme"]
        return found

    def wait_acme(self, **fields: str) -> dict[str, Any]:
        """Wait until the carrier's `state` is this, or its `last_error` holds this."""
        deadline = time.monotonic() + 15
        while not all(text in str((found := self.acme)[name]) for name, text in fields.items()):
            assert time.monotonic() < deadline, f"acme is {found}, not {fields}:\n{self.process.output[-3000:]}"
            time.sleep(0.1)
        return found

    def shown(self, name: str | None = None) -> bytes:
        """Return the certificate that a new connection is shown. name: the host that it asks for (SNI)."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with (
            socket.create_connection((LOOPBACK, self.port), 5) as raw,
            context.wrap_socket(raw, server_hostname=name) as tls,
        ):
            return tls.getpeercert(binary_form=True) or b""

    def counts(self, name: str) -> dict[str, float]:
        """Return the metrics of one name, by their labels."""
        return {key: value for key, value in self.process.metrics().items() if key.startswith(f"softswitch_{name}")}


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("certificates"))


class TlsAsterisk:
    """An Asterisk with a TLS transport."""

    def __init__(self, asterisk: Asterisk, port: int) -> None:
        self.asterisk = asterisk
        self.port = port

    def carrier(self, **keys: object) -> str:
        """Return an entry of carriers.yaml for it: we register, and verify it by `tls_ca`."""
        values: dict[str, object] = {
            "name": "acme",
            "host": "localhost",
            "port": self.port,
            "transport": "tls",
            "username": f"'{ACCOUNT}'",
            "from_user": f"'{ACCOUNT}'",
            "password": PASSWORD,
            "register": "true",
            "number_format": "as_dialled",
            "health_seconds": 1,
            **keys,
        }
        return "- {" + ", ".join(f"{key}: {value}" for key, value in values.items()) + "}\n"


@contextlib.contextmanager
def asterisk_with_tls(
    folder: Path, files: Files, pair: KeyPair, *, verify_client: str = "no", more: Mapping[str, str] | None = None
) -> Iterator[TlsAsterisk]:
    """more: what is added to its configuration files, by their names."""
    port = free_port()
    text = ASTERISK.format(port=port, pair=pair, ca=files.ca, verify_client=verify_client)
    added = {"pjsip.conf": text}
    for name, lines in (more or {}).items():
        added[name] = added.get(name, "") + lines
    with running_asterisk(folder, lambda name, old: old + added.get(name, "")) as asterisk:
        yield TlsAsterisk(asterisk, port)


@pytest.fixture(scope="session")
def tls_asterisk(files: Files, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsAsterisk]:
    """One Asterisk for every test that leaves it as it was; it asks clients for no certificate."""
    with asterisk_with_tls(tmp_path_factory.mktemp("asterisk") / "tls", files, files.theirs) as running:
        yield running


@pytest.fixture
def strict_asterisk(files: Files, tmp_path: Path) -> Iterator[TlsAsterisk]:
    """One that wants a certificate of its authority from whoever connects."""
    with asterisk_with_tls(tmp_path / "strict", files, files.theirs, verify_client="yes") as running:
        yield running


@pytest.fixture
def tls_switch(files: Files, tmp_path: Path) -> Iterator[Callable[..., TlsSwitch]]:
    """A function that starts a switch with these carriers, this certificate of ours and these lines of `sip.tls`.

    users: keys that alice and bob have besides, each after a comma.
    """
    with contextlib.ExitStack() as stack:

        def start(carriers: str = "", *, pair: KeyPair | None = None, more: str = "", **users: str) -> TlsSwitch:
            config = tmp_path / "config"
            shutil.copytree(ROOT / "dialplans", config / "plan")
            if carriers:
                (config / "plan" / "tls.yaml").write_text(RULES, encoding="utf-8")
            (config / "carriers.yaml").write_text(carriers or "[]\n", encoding="utf-8")
            port = free_port()
            keys = {"alice": "", "bob": ""} | users
            settings = SETTINGS.format(port=port, pair=pair or files.ours, more=more, **keys)
            (config / "softswitch.yaml").write_text(settings, encoding="utf-8")
            options = ("--config", str(config / "softswitch.yaml"))
            process = stack.enter_context(running_switch(tmp_path, options=options, number=5))
            return TlsSwitch(process, port, config)

        yield start


@pytest.fixture(scope="session")
def tls_baresip(files: Files, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Baresip]:
    """A telephone that believes our authority, and has a certificate itself."""
    with running_baresip(tmp_path_factory.mktemp("phone") / "baresip", files.of_phone()) as running:
        yield running
