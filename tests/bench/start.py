"""How soon the switch takes calls, and what it weighs.

python tests/bench/start.py
"""

import tempfile
import time

from switch import percentile, resident_kib, start_switch, tree_kib


def main() -> None:
    """Start it several times; print seconds and megabytes."""
    ready, main_mib, all_mib = [], [], []
    for _ in range(5):
        with tempfile.TemporaryDirectory() as folder:
            process, _sip, seconds = start_switch(folder)
            ready.append(seconds)
            time.sleep(2.0)  # by now the speech workers have loaded their models
            main_mib.append(resident_kib(process.pid) / 1024)
            all_mib.append(tree_kib(process.pid) / 1024)
            process.terminate()
            process.wait(20)
    for name, values in (
        ("start to ready, s", ready),
        ("idle, main process (RSS), MiB", main_mib),
        ("idle, with its speech workers (PSS), MiB", all_mib),
    ):
        print(f"{name:42} p50 {percentile(values, 0.5):7.2f}   max {max(values):7.2f}")


if __name__ == "__main__":
    main()
