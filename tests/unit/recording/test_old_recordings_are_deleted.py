"""What is older than it may be is deleted, what a killed process left gets its name, and nothing else is touched."""

import os
from pathlib import Path

from softswitch.apps.retention import sweep

NOW = 1_800_000_000.0
DAY = 86_400.0


def put(folder: Path, name: str, days: float) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(name)
    os.utime(path, (NOW - days * DAY,) * 2)
    return path


def swept(folder: Path, days: float) -> int:
    return sum(1 for _ in sweep(folder, days, wall=NOW))


def test_old_recordings_go_and_their_empty_folders_with_them(tmp_path: Path) -> None:
    gone = [put(tmp_path, f"2026-11-0{day}/a-{day}.wav{end}", 60) for day in (1, 2) for end in ("", ".enc")]
    young = put(tmp_path, "2027-01-14/b.ogg", 1)
    late = put(tmp_path, "2026-11-03/c.ogg.enc", 29.9)
    assert swept(tmp_path, 30) > 5
    assert not any(path.exists() for path in gone) and young.exists() and late.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2026-11-03", "2027-01-14"]


def test_what_is_not_ours_stays(tmp_path: Path) -> None:
    theirs = [put(tmp_path, name, 900) for name in ("a.wav", "2020-01-01/notes.txt", "2020-01-x/a.wav", "music/a.wav")]
    swept(tmp_path, 30)
    assert all(path.exists() for path in theirs)


def test_without_a_number_of_days_nothing_is_deleted(tmp_path: Path) -> None:
    old = put(tmp_path, "2020-01-01/a.wav", 2000)
    swept(tmp_path, 0)
    assert old.exists()


def test_what_a_killed_process_left_gets_its_name_and_never_that_of_another(tmp_path: Path) -> None:
    left = put(tmp_path, "2027-01-14/a.wav.part", 0.01)
    running = put(tmp_path, "2027-01-14/b.wav.enc.part", 0.0001)
    taken = put(tmp_path, "2027-01-14/c.ogg", 0.5)
    twin = put(tmp_path, "2027-01-14/c.ogg.part", 0.5)
    swept(tmp_path, 0)
    assert not left.exists() and left.with_suffix("").read_text() == "2027-01-14/a.wav.part"
    assert running.exists() and twin.exists() and taken.read_text() == "2027-01-14/c.ogg"


def test_it_pauses_after_every_entry(tmp_path: Path) -> None:
    """Whoever sweeps may stop after a few entries: a million files never hold up what is being written."""
    for number in range(40):
        put(tmp_path, f"2026-01-01/{number}.wav", 300)
    sweeping = sweep(tmp_path, 30, wall=NOW)
    for _ in range(10):
        next(sweeping)
    assert 25 <= len(list((tmp_path / "2026-01-01").iterdir())) < 40


def test_no_folder_is_no_fault(tmp_path: Path) -> None:
    assert swept(tmp_path / "nowhere", 30) == 0
