"""Disks: `tenure score` on a disk that fills up, in the middle of whatever it was doing."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.prove.serving.place import studied
from benchmarks.serving.homes import Home, opened

__all__ = ["fill_disk"]

_ROOMY = 512 * 2**20
_ATTEMPTS = 3


def fill_disk(out: Path, seeds: int) -> bool:
    """A disk that is full while scoring: one sentence, nothing changed, and all is done once there is room."""
    summary = studied(
        out / "full-disks.json",
        "tenure score of a new day where the home has room for only a part of what that writes: the exit code and "
        "sentence, whether the stored days are as before, and the same command once there is room",
        _fill,
        max(1, seeds // 7),
        _summary,
    )
    return bool(
        summary["scored_without_room"] < summary["attempts"]
        and summary["told_in_a_sentence"] == summary["attempts"] - summary["scored_without_room"]
        and summary["changed"] + summary["damaged"] == 0
        and summary["done_with_room"] == summary["repetitions"]
    )


def _fill(home: Home, number: int) -> dict[str, Any]:
    random = np.random.default_rng(number)
    found: Counter[str] = Counter(dict.fromkeys(_COUNTED, 0))
    sentences: set[str] = set()
    with _small_disk() as (place, leave, way):
        folder = home.without_scores(place / "home").folder
        days = [home.as_of - dt.timedelta(days=7 * (_ATTEMPTS - n)) for n in range(_ATTEMPTS + 1)]
        needed = _used(place)
        if _score(home, folder, days[0]).returncode:
            raise RuntimeError("the first day could not be scored")
        needed = _used(place) - needed
        standing = _days(folder)
        for day in days[1:]:
            room = int(random.uniform(0.05, 0.95) * needed)
            limit = leave(room)
            done = _score(home, folder, day, limit=limit)
            leave(_ROOMY)
            found["attempts"] += 1
            now = _days(folder)
            if done.returncode == 0:
                found["scored_without_room"] += 1
                found["changed"] += {other: text for other, text in now.items() if other != str(day)} != standing
                standing = now
            else:
                lines = done.stderr.strip().splitlines()
                sentences.update(line for line in lines[-1:])
                found["told_in_a_sentence"] += _in_a_sentence(done)
                found["changed"] += now != standing
            found["damaged"] += _damaged(folder)
        again = _score(home, folder, *days[1:])
        whole = {str(day) for day in days} == set(_days(folder))
        found["done_with_room"] += again.returncode == 0 and whole and not _damaged(folder)
    return {**found, "way": way, "sentences": sorted(sentence.replace(str(folder), "HOME") for sentence in sentences)}


_COUNTED = ("attempts", "scored_without_room", "told_in_a_sentence", "changed", "damaged", "done_with_room")


def _in_a_sentence(done: subprocess.CompletedProcess[str]) -> bool:
    """Whether a command failed as it should: exit code 1, and one line of its own as the last on stderr."""
    lines = done.stderr.strip().splitlines()
    return done.returncode == 1 and "Traceback" not in done.stderr and lines[-1].startswith("tenure: ")


def _score(home: Home, folder: Path, *days: dt.date, limit: Callable[[], None] | None = None) -> Any:
    asked = [part for day in days for part in ("--as-of", str(day))]
    command = [sys.executable, "-m", "serving.cli", "score", str(home.company), *asked]
    options = ["--home", str(folder), "--config", str(home.config)]
    return subprocess.run([*command, *options], capture_output=True, text=True, preexec_fn=limit)


def _days(folder: Path) -> dict[str, str]:
    """By scored day: all rows, as a reader of the store finds them."""
    with contextlib.closing(sqlite3.connect(folder / "scores.db")) as con:
        days = [dt.date.fromisoformat(day) for (day,) in con.execute("SELECT DISTINCT as_of FROM tenure_runs")]
    found = {}
    with opened(folder) as store:
        for day in days:
            run = store.run_of(day)
            assert run is not None
            frame = store.frame(run)
            found[str(day)] = f"{run.key} {len(frame) == run.accounts} {frame.to_json()}"
    return found


def _damaged(folder: Path) -> bool:
    with contextlib.closing(sqlite3.connect(folder / "scores.db")) as con:
        return bool(con.execute("PRAGMA integrity_check").fetchone()[0] != "ok")


def _used(place: Path) -> int:
    return sum(file.stat().st_size for file in place.rglob("*") if file.is_file())


@contextlib.contextmanager
def _small_disk() -> Iterator[tuple[Path, Callable[[int], Callable[[], None] | None], str]]:
    """A folder; how to leave it so much room, as what a process must do before it writes; and in which way.

    A disk in memory where one may be mounted, as root may on Linux. Elsewhere no file may grow beyond what the store
    has and the room that is left.
    """
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        mounted = _mount("-t", "tmpfs", "-o", f"size={_ROOMY}", "tmpfs", folder)

        def leave(room: int) -> Callable[[], None] | None:
            if not mounted:
                return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (_largest(place) + room,) * 2)
            free = shutil.disk_usage(place)
            if not _mount("-o", f"remount,size={min(_ROOMY, free.used + room)}", folder):
                raise RuntimeError("the disk in memory cannot be made smaller")
            return None

        try:
            yield place, leave, "a disk in memory" if mounted else "a limit on the size of files"
        finally:
            if mounted:
                subprocess.run(["umount", folder], check=False)


def _mount(*options: str) -> bool:
    if sys.platform != "linux" or os.geteuid() != 0:
        return False
    return subprocess.run(["mount", *options], capture_output=True, check=False).returncode == 0


def _largest(place: Path) -> int:
    """The size of the store's file."""
    return (place / "home" / "scores.db").stat().st_size


def _summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    counts = {name: sum(run[name] for run in runs) for name in _COUNTED}
    sentences = sorted({sentence for run in runs for sentence in run["sentences"]})
    return {"repetitions": len(runs), **counts, "way": runs[0]["way"], "sentences": sentences}
