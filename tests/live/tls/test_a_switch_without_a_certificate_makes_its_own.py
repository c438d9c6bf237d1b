"""`sip.tls.listen` alone: the certificate made then is all that a telephone needs, and it outlives a restart."""

import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.live.peers.free_ports import free_port
from tests.live.peers.switch import SwitchProcess, running_switch


@contextmanager
def switch_on(port: int, folder: Path) -> Iterator[SwitchProcess]:
    folder.mkdir(exist_ok=True)
    (folder / "softswitch.yaml").write_text(
        f"sip:\n  tls: {{listen: '127.0.0.1:{port}', listen_also: '[::1]:{port}'}}\n", encoding="utf-8"
    )
    with running_switch(folder, options=("--config", str(folder / "softswitch.yaml")), number=3) as running:
        yield running


def shown(port: int, authority: Path | None, host: str = "127.0.0.1") -> bytes:
    """Return the certificate that is shown, verified by an authority's file, or by the system's."""
    context = ssl.create_default_context(cafile=str(authority) if authority else None)
    with socket.create_connection((host if host == "::1" else "127.0.0.1", port), 5) as raw:
        with context.wrap_socket(raw, server_hostname=host) as tls:
            return tls.getpeercert(binary_form=True) or b""


def test_it_is_believed_by_who_has_it_and_stays_the_same(tmp_path: Path) -> None:
    port = free_port()
    with switch_on(port, tmp_path / "switch") as switch:
        own = switch.data / "tls" / "own.crt"
        first = shown(port, own)
        assert shown(port, own, "localhost") == shown(port, own, "::1") == first
        with pytest.raises(ssl.SSLCertVerificationError):
            shown(port, None)
        with pytest.raises(ssl.SSLCertVerificationError):
            shown(port, own, "example.com")
        said = re.search(r"made a TLS certificate of our own, (\S+); a telephone has to accept it", switch.output)
        assert said and said.group(1) == str(own)
        assert re.search(r"SHA-256 ([0-9A-F]{2}:){31}[0-9A-F]{2}", switch.output)
        assert f"tls=127.0.0.1:{port}" in switch.output
    with switch_on(port, tmp_path / "switch") as switch:
        assert shown(port, own) == first
