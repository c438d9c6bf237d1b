"""tshark, the dissector of Wireshark: what other people's tools read in a capture file of ours."""

import shutil
import subprocess
from pathlib import Path

import pytest

INSTALL = (
    "tshark is not installed. Install it with docker/setup.sh (Debian: apt-get install tshark), "
    "or leave its tests out on purpose with SOFTSWITCH_TESTS_WITHOUT=tshark"
)
LIMIT_SECONDS = 60.0


class Tshark:
    """Reads capture files; looks no names up, and checks every checksum."""

    _OPTIONS = ("-n", "-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE")

    def __init__(self) -> None:
        program = shutil.which("tshark")
        if program is None:
            pytest.fail(INSTALL, pytrace=False)
        self._program = program

    def fields(self, file: Path, *names: str, only: str = "") -> list[list[str]]:
        """Return these fields of each packet; only: a display filter."""
        wanted = [option for name in names for option in ("-e", name)]
        chosen = ["-Y", only] if only else []
        # The first of several values of one field: of a header that stands twice, the upper one.
        options = ("-T", "fields", "-E", "occurrence=f", "-E", "separator=\t", *wanted, *chosen)
        return [line.split("\t") for line in self._run(file, *options).splitlines()]

    def text(self, file: Path) -> str:
        """Return everything that it reads in the file."""
        return self._run(file, "-V", "-x")

    def _run(self, file: Path, *options: str) -> str:
        result = subprocess.run(
            [self._program, "-r", str(file), *self._OPTIONS, *options],
            capture_output=True,
            timeout=LIMIT_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert result.returncode == 0, result.stderr.decode(errors="replace")
        return result.stdout.decode(errors="replace")
