"""What a scheduler needs: one at a time in a home, an end when it is asked to stop, days without a shell, JSON."""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pandas as pd
import pytest

from serving.cli import options
from serving.cli.jobs import BusyError, Exit, only_one
from serving.cli.output import whole
from serving.store.address import address_of
from serving.store.store import Store

ROOT = Path(__file__).resolve().parents[2]
OULAD = ROOT / "tests" / "data" / "oulad"

HOLD = """
import sys
from pathlib import Path
from serving.cli.jobs import only_one
with only_one(Path(sys.argv[1]), sys.argv[2]):
    print("held", flush=True)
    sys.stdin.readline()
"""

SLOW = """
import sys, time
import click
from serving.cli.main import cli, main

@cli.command()
def query():
    print("asked", flush=True)
    way = sys.argv[1]
    while True:
        try:
            time.sleep(60)
        except KeyboardInterrupt:
            if way == "another error":
                raise RuntimeError("Query interrupted") from None
            if way == "no error":
                break
    print("and on it goes", flush=True)

main(["query"])
"""


IMPORT = """
import builtins
known = builtins.__import__

def stop(name, *rest):
    if name == "click":
        raise KeyboardInterrupt
    return known(name, *rest)

builtins.__import__ = stop
from serving.cli import main
"""


def start(*arguments: object) -> subprocess.Popen[str]:
    """A Python of its own, with pipes to all it says."""
    pipe = subprocess.PIPE
    command = [sys.executable, *map(str, arguments)]
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd=ROOT)


def command(*arguments: object) -> subprocess.Popen[str]:
    return start("-m", "serving.cli", *arguments)


@contextlib.contextmanager
def holding(home: Path, job: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that is at a job for as long as the context lasts, or until it is given a line."""
    process = start("-c", HOLD, home, job)
    try:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def until(true: Callable[[], bool]) -> None:
    """Wait for something that must come within a minute."""
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_the_second_says_who_is_at_it_waits_and_then_runs(tmp_path: Path) -> None:
    with holding(tmp_path, "score") as first:
        second = command("score", OULAD, "--as-of", "2013-06-01", "--home", tmp_path)
        assert second.stderr
        said = second.stderr.readline()
        expected = rf"Another tenure score \(process {first.pid}, since \d\d:\d\d UTC\) is using .+; waiting for it\.\n"
        assert re.fullmatch(expected, said), said
        assert not (tmp_path / "scores.db").exists()
        assert second.poll() is None
        assert first.stdin
        print(file=first.stdin, flush=True)
        second.communicate(timeout=60)
    assert second.returncode == Exit.DONE
    with Store.open(address_of(tmp_path)) as store:
        assert store.run_of(dt.date(2013, 6, 1)) is not None


@pytest.mark.parametrize("job", ["train", "score"])
def test_who_will_not_wait_is_told_by_75_and_one_sentence(tenure: Any, tmp_path: Path, job: str) -> None:
    days = ["--as-of", "2013-06-01"]
    with holding(tmp_path, job) as first:
        assert tenure(job, OULAD, *days, "--home", tmp_path, "--no-wait", "--json") == Exit.BUSY == 75
    assert tenure.out == ""
    assert tenure.err.startswith(f"tenure: Another tenure {job} (process {first.pid}, since ")
    assert tenure.err.endswith(f"is using {tmp_path}; try again later, or leave out --no-wait to wait for it.\n")
    assert tenure.err.count("\n") == 1


def test_the_next_one_runs_at_once_when_the_holder_was_killed(tmp_path: Path) -> None:
    with holding(tmp_path, "tune") as first:
        with pytest.raises(BusyError), only_one(tmp_path, "tune", wait=False):
            pass
        first.kill()
        first.wait(10)
        assert (tmp_path / "tune.lock").read_text().startswith(f"{first.pid} ")
        with only_one(tmp_path, "tune", wait=False):
            assert (tmp_path / "tune.lock").read_text().startswith(f"{os.getpid()} ")


def test_other_jobs_and_other_homes_do_not_wait(tmp_path: Path) -> None:
    train, elsewhere = only_one(tmp_path, "train", wait=False), only_one(tmp_path / "other", "tune", wait=False)
    with holding(tmp_path, "tune"), train, elsewhere:
        pass


@pytest.mark.parametrize(
    "note", [b"{gone} 2026-01-05T10:00:00+00:00", b"", b"\xff\x00 what", b"12", b"99999999999999 x"]
)
def test_a_note_of_nobody_is_not_believed(tmp_path: Path, note: bytes) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait(30)
    file = tmp_path / "train.lock"
    file.write_bytes(note.replace(b"{gone}", str(gone.pid).encode()))
    # Held by somebody who writes no note, as flock(1) does around a backup.
    with file.open("rb") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with (
            pytest.raises(BusyError, match=r"^Another tenure train is using "),
            only_one(tmp_path, "train", wait=False),
        ):
            pass
    with only_one(tmp_path, "train", wait=False):
        pass


def test_a_holder_of_another_day_is_told_with_the_day(tmp_path: Path) -> None:
    file = tmp_path / "train.lock"
    file.write_text(f"{os.getpid()} 2026-01-05T23:10:00+00:00\n")
    with file.open() as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with pytest.raises(BusyError, match="since 2026-01-05 23:10 UTC"), only_one(tmp_path, "train", wait=False):
            pass


def test_a_home_that_cannot_be_is_one_sentence(tenure: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert tenure("score", OULAD, "--as-of", "2013-06-01", "--home", tmp_path / "file" / "home") == Exit.FAILED
    assert "cannot be written or locked" in tenure.err
    assert tenure.err.count("\n") == 1


def test_what_goes_wrong_inside_is_not_taken_for_the_lock(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), only_one(tmp_path, "train"):
        (tmp_path / "nothing").read_text()
    with only_one(tmp_path, "train", wait=False):
        pass


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, Exit.TERMINATED), (signal.SIGINT, Exit.INTERRUPTED)])
def test_who_is_asked_to_stop_in_the_middle_of_a_score_leaves_nothing_behind(
    tmp_path: Path, number: int, code: Exit
) -> None:
    process = command("score", OULAD, "--as-of", "2013-06-01", "--home", tmp_path)
    lock = tmp_path / "score.lock"
    until(lambda: lock.exists() and lock.read_text() != "")
    time.sleep(0.2)
    began = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert time.monotonic() - began < 15
    assert process.returncode == code
    assert (out, err.strip()) == ("", "tenure: stopped.")
    there = {file.name for file in tmp_path.rglob("*") if file.is_file()}
    assert there <= {"score.lock", "scores.db", "scores.db-wal", "scores.db-shm"}
    with Store.open(address_of(tmp_path)) as store:
        assert store.latest() is None
    with only_one(tmp_path, "score", wait=False):
        pass


def test_who_waits_can_be_stopped_too(tmp_path: Path) -> None:
    with holding(tmp_path, "score"):
        second = command("score", OULAD, "--as-of", "2013-06-01", "--home", tmp_path)
        assert second.stderr
        assert "waiting for it" in second.stderr.readline()
        second.terminate()
        assert second.wait(10) == Exit.TERMINATED
        second.communicate()


@pytest.mark.parametrize("way", ["another error", "no error", "dropped"])
def test_a_query_that_is_interrupted_is_no_error(way: str) -> None:
    """DuckDB makes a RuntimeError of what the handler raised, which somebody may swallow, or drops it and goes on."""
    process = start("-c", SLOW, way)
    try:
        assert process.stdout
        assert process.stdout.readline() == "asked\n"
        time.sleep(0.3)
        process.terminate()
        _, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert (process.returncode, err.strip()) == (Exit.TERMINATED, "tenure: stopped.")


def test_ctrl_c_while_modules_are_imported_is_no_traceback() -> None:
    process = start("-c", IMPORT)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (Exit.INTERRUPTED, "tenure: stopped.\n")


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "out.parquet"
    file.write_text("old")
    with pytest.raises(KeyboardInterrupt), whole(file) as draft:
        _half(draft)
    assert [f.name for f in tmp_path.iterdir()] == ["out.parquet"]
    assert file.read_text() == "old"
    (tmp_path / "link").symlink_to(file)
    with whole(tmp_path / "link") as draft:
        draft.write_text("new")
    assert file.read_text() == "new"
    assert (tmp_path / "link").is_symlink()
    with whole(Path(os.devnull)) as draft:
        draft.write_text("nowhere")
    assert not Path(os.devnull).is_file()


def _half(draft: Path) -> None:
    draft.write_text("half")
    raise KeyboardInterrupt


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """`clock(utc, here)`: what a calendar says in Greenwich and here."""

    def at(utc: str, here: str) -> None:
        date = type("date", (dt.date,), {"today": classmethod(lambda cls: dt.date.fromisoformat(here))})
        now = classmethod(lambda cls, zone: dt.datetime.fromisoformat(utc).replace(tzinfo=zone))
        time = type("datetime", (dt.datetime,), {"now": now})
        known = SimpleNamespace(date=date, datetime=time, timedelta=dt.timedelta, UTC=dt.UTC)
        monkeypatch.setattr(options, "dt", known)

    return at


def day_of(text: str) -> str:
    return str(options.DAY.convert(text, None, None))


@pytest.mark.parametrize("here", ["2026-02-28", "2026-03-01", "2026-03-02"])
def test_today_and_yesterday_are_days_in_utc(clock: Callable[[str, str], None], here: str) -> None:
    clock("2026-03-01T00:30", here)
    assert (day_of("today"), day_of("yesterday")) == ("2026-03-01", "2026-02-28")
    latest = max("2026-03-01", here)
    assert day_of(latest) == latest
    for wrong in (str(dt.date.fromisoformat(latest) + dt.timedelta(1)), "1899-12-31", "tomorrow", "Today", ""):
        with pytest.raises(click.BadParameter):
            day_of(wrong)


def test_every_command_that_takes_a_day_takes_today() -> None:
    from serving.cli.main import cli

    days = {
        name: [p for p in one.params if isinstance(p, click.Option) and "--as-of" in p.opts]
        for name, one in cli.commands.items()
    }
    assert {name for name, found in days.items() if found} >= {"features", "train", "backtest", "score", "monitor"}
    assert all(option.type is options.DAY for found in days.values() for option in found)


def test_score_tells_a_job_what_it_did(tenure: Any, tmp_path: Path) -> None:
    out = tmp_path / "scores.parquet"
    arguments = ("score", OULAD, "--home", tmp_path / "home", "--out", out, "--json")
    assert tenure(*arguments, "--as-of", "2013-06-01") == 0
    told = json.loads(tenure.out)
    scores = pd.read_parquet(out)
    assert told["as_of"] == "2013-06-01"
    assert told["accounts"] == len(scores) == sum(told["statuses"].values())
    assert told["statuses"] == scores["status"].value_counts().to_dict()
    assert (told["model_version"], told["expansion_version"]) == (None, None)
    assert (told["stored"], told["store"]) == ("new", str(tmp_path / "home" / "scores.db"))
    assert told["out"] == str(out)
    assert told["warnings"] == []
    content = out.read_bytes()
    assert tenure(*arguments, "--as-of", "2013-06-01") == 0
    assert json.loads(tenure.out) == told | {"stored": "same"}
    assert out.read_bytes() == content
    assert tenure(*arguments, "--as-of", "today") == 0
    (late,) = json.loads(tenure.out)["warnings"]
    assert re.match(
        r"Usage is known only until 201\d-\d\d-\d\d, [\d,]+ days before this day\. The scores speak of", late
    )
    assert f"Warning: {late}\n" in tenure.err


def test_features_and_simulate_tell_what_they_wrote(tenure: Any, tmp_path: Path) -> None:
    out = tmp_path / "features.parquet"
    days = ("--as-of", "2013-06-01", "--as-of", "2013-05-01", "--as-of", "2013-06-01")
    assert tenure("features", OULAD, *days, "--out", out, "--json", "--home", tmp_path) == 0
    rows = pd.read_parquet(out)
    told = json.loads(tenure.out)
    assert told == {
        "rows": len(rows), "features": len(rows.columns) - 2, "as_of": ["2013-05-01", "2013-06-01"], "file": str(out),
    }  # fmt: skip
    made = tmp_path / "company"
    assert tenure("simulate", made, "--accounts", "20", "--months", "6", "--json") == 0
    told = json.loads(tenure.out)
    assert (told["folder"], told["defects"]) == (str(made), 0)
    assert told["tables"]["accounts"] == len(pd.read_parquet(made / "accounts.parquet"))


def test_promote_tells_how_the_champion_came_to_be(tenure: Any, home: Path) -> None:
    assert tenure("promote", "churn", "--version", "1", "--json", "--home", home) == 0
    told = json.loads(tenure.out)
    assert (told["outcome"], told["version"]) == ("churn", "1")
    assert told["move"]["by"] == "gate"
    assert told["move"]["to"] == "1"
