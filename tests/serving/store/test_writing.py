"""Writing: a day is stored whole or not at all, once, whoever else writes and however it ends."""

from __future__ import annotations

import datetime as dt
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

import serving.store.writing as writing
from serving.store.address import address_of
from serving.store.errors import StoreError, StoreUnreachableError
from serving.store.store import Store
from serving.store.writing import write_day

ROOT = Path(__file__).resolve().parents[3]
DAY = dt.date(2026, 2, 1)
NEXT = dt.date(2026, 2, 2)
Frames = Callable[..., pd.DataFrame]


def counts(store: Store) -> tuple[int, int]:
    """Runs and rows that there are."""
    with store.reading() as connection:
        return tuple(
            connection.scalar(sa.text(f"SELECT count(*) FROM {table}")) for table in ("tenure_runs", "tenure_scores")
        )


def test_what_was_written_holds(store: Store, make_frame: Frames) -> None:
    assert store.latest() is None
    written = write_day(store, make_frame(), DAY)
    assert (written.new, written.replaced, written.accounts) == (True, False, 6)
    run = store.latest()
    assert run is not None
    assert (run.id, run.key, run.accounts) == (written.run_id, written.key, 6)
    assert (run.as_of, run.computed_at) == (DAY, dt.datetime(2026, 2, 1, 3, tzinfo=dt.UTC))
    assert run.statuses == {"ok": 5, "notice_given": 1}
    assert (run.model_version, run.expansion_version, run.catalogue_hash) == ("3", None, "c0ffee" * 10)
    assert run.header == {
        "as_of": "2026-02-01",
        "model_version": "3",
        "expansion_version": None,
        "computed_at": "2026-02-01T03:00:00Z",
        "horizons": [30, 90, 365],
        "drivers_horizon": 90,
        "interval": "90 %, from the error of the calibration; the trees' own uncertainty is not in it",
        "not_validated_in_time": ["churn_365d"],
        "rule_based": False,
        "catalogue_hash": "c0ffee" * 10,
    }


def test_the_same_again_writes_nothing(store: Store, make_frame: Frames) -> None:
    first = write_day(store, make_frame(), DAY)
    later = pd.Timestamp(2026, 2, 1, 9, 30, tz="UTC")
    shuffled = make_frame().sample(frac=1, random_state=1)
    for same in (make_frame(), make_frame().assign(computed_at=later), shuffled):
        again = write_day(store, same, DAY)
        assert (again.run_id, again.key, again.new, again.replaced) == (first.run_id, first.key, False, False)
    assert counts(store) == (1, 6)
    run = store.latest()
    assert run is not None
    assert run.header["computed_at"] == "2026-02-01T03:00:00Z"  # of the run that holds


FEATURES = pd.DataFrame({"mrr": [1.0, np.nan], "plan": ["a", None]}, index=["a-0", "a-1"])


@pytest.mark.parametrize(
    "change",
    [
        lambda f: f.assign(model_version="4"),
        lambda f: f.assign(name=["x", *f["name"][1:]]),
        lambda f: f.assign(name=None),
        lambda f: f.assign(csm_id="c-1"),
        lambda f: f.assign(mrr=np.nextafter(f["mrr"], 1e9)),
        lambda f: f.assign(drivers=f["drivers"].str.replace("About", "Of", n=1)),
        lambda f: f.assign(not_validated_in_time="[]"),
        lambda f: f.iloc[1:],
    ],
)
def test_whatever_else_differs_is_another_run(
    store: Store, make_frame: Frames, change: Callable[[pd.DataFrame], pd.DataFrame]
) -> None:
    first = write_day(store, make_frame(), DAY)
    other = write_day(store, change(make_frame()), DAY)
    assert (other.new, other.replaced) == (True, True)
    assert other.key != first.key
    run = store.run_of(DAY)
    assert run is not None
    assert run.key == other.key
    back = write_day(store, make_frame(), DAY)  # what held before the last is not what holds
    assert (back.new, counts(store)[0]) == (True, 3)


def test_when_a_frozen_score_was_computed_makes_no_other_run(tmp_path: Path, make_frame: Frames) -> None:
    digests = []
    for name, hour, version in (("one", 3, "3"), ("two", 9, "3"), ("three", 3, "4")):
        with Store.open(address_of(tmp_path / name)) as store:
            earlier = make_frame(version=version).assign(computed_at=pd.Timestamp(2026, 2, 1, hour, tz="UTC"))
            write_day(store, earlier, DAY)
            frame = make_frame(NEXT, accounts=3)
            frame["account_id"] = ["a-0", "a-3", "a-1"]
            frame.loc[2, "status"] = "churned"
            write_day(store, frame, NEXT)
            run = store.latest()
            assert run is not None
            assert store.rows(run, ["a-1"])["a-1"].frozen is not None
            with store.reading() as connection:
                digests.append(connection.scalar(sa.text("SELECT max(digest) FROM tenure_runs WHERE id = 2")))
    assert digests[0] == digests[1] != digests[2]


def test_features_are_told_apart_too(store: Store, make_frame: Frames) -> None:
    keys = [write_day(store, make_frame(), DAY, given).key for given in (None, FEATURES, FEATURES.assign(mrr=2.0))]
    assert len(set(keys)) == 3
    assert write_day(store, make_frame(), DAY, FEATURES.assign(mrr=2.0)).key == keys[-1]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda f: f.drop(columns="reading"), "no column reading"),
        (lambda f: f.iloc[:0], "no account"),
        (lambda f: pd.concat([f, f.iloc[:1]]), "twice"),
        (lambda f: f.assign(churn_90d=1.5), "outside 0 to 1"),
        (lambda f: f.assign(as_of=pd.Timestamp(NEXT)), "another day"),
        (lambda f: f.assign(churn_90d=f["churn_90d"] + 2e-9, churn_90d_high=f["churn_365d"]), "miss its probability"),
        (lambda f: f.assign(drivers="[half"), "not a score file"),
    ],
)
def test_a_frame_that_is_no_score_file_changes_nothing(
    store: Store, make_frame: Frames, change: Callable[[pd.DataFrame], pd.DataFrame], says: str
) -> None:
    write_day(store, make_frame(), DAY)
    with pytest.raises(ValueError, match=says):
        write_day(store, change(make_frame()), DAY)
    assert counts(store) == (1, 6)


@pytest.mark.parametrize("column", ["account_id", "csm_id", "segment"])
@pytest.mark.parametrize("text", ["nul\x00", "half \ud800", "long " * 300])
def test_what_a_database_cannot_hold_is_refused_alike_by_both(
    store: Store, make_frame: Frames, column: str, text: str
) -> None:
    frame = make_frame()
    # As an object: pandas' own type of text does not hold a half either.
    frame[column] = pd.Series([text, *(f"t-{n}" for n in range(5))], dtype=object)
    with pytest.raises(StoreError) as refusal:
        write_day(store, frame, DAY)
    assert str(refusal.value) == (
        f"The {column} {text[:60]!a} is one that the score store cannot hold: it has a NUL or half of a surrogate pair "
        "in it, or more than 1,024 bytes; correct it where the history is from."
    )
    assert counts(store) == (0, 0)


def test_a_name_may_hold_what_an_id_may_not(store: Store, make_frame: Frames) -> None:
    """JSON can say it in escapes."""
    write_day(store, make_frame().assign(name="nul\x00 \U0001f600"), DAY)
    run = store.latest()
    assert run is not None
    assert '"name":"nul\\u0000 \U0001f600"' in store.rows(run, ["a-1"])["a-1"].figures


@pytest.mark.parametrize("same", [True, False])
def test_two_writers_at_once(
    store: Store, store_url: str | None, tmp_path: Path, make_frame: Frames, same: bool
) -> None:
    frames = [make_frame(accounts=300), make_frame(accounts=300, version="3" if same else "4")]
    start, told = threading.Barrier(2), []

    def write(frame: pd.DataFrame) -> None:
        with Store.open(address_of(tmp_path, store_url)) as own:
            start.wait()
            told.append(write_day(own, frame, DAY))

    threads = [threading.Thread(target=write, args=[frame]) for frame in frames]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(written.new for written in told) == [not same, True]
    assert len({written.key for written in told}) == (1 if same else 2)
    assert counts(store) == ((1, 300) if same else (2, 600))
    run = store.latest()
    assert run is not None
    assert {row.figures.count(f'"model_version":"{run.model_version}"') for row in rows_of(store).values()} == {1}


def rows_of(store: Store) -> dict[str, Any]:
    """The rows of the newest run."""
    run = store.latest()
    assert run is not None
    return store.rows(run, [f"a-{n}" for n in range(400)])


def test_a_reader_meanwhile_sees_the_day_before(
    store: Store, store_url: str | None, tmp_path: Path, make_frame: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = write_day(store, make_frame(), DAY)
    inserted, go_on = threading.Event(), threading.Event()
    insert = writing.insert

    def slowly(*given: Any) -> None:
        insert(*given)
        inserted.set()
        assert go_on.wait(30)

    monkeypatch.setattr(writing, "insert", slowly)
    own = Store.open(address_of(tmp_path, store_url))
    writer = threading.Thread(target=write_day, args=[own, make_frame(NEXT), NEXT])
    writer.start()
    try:
        assert inserted.wait(30)
        run = store.latest()
        assert run is not None
        assert (run.key, len(rows_of(store)), counts(store)) == (old.key, 6, (1, 6))
    finally:
        go_on.set()
        writer.join()
        own.close()
    run = store.latest()
    assert run is not None
    assert (run.as_of, counts(store)) == (NEXT, (2, 12))


def test_what_fails_halfway_is_undone(store: Store, make_frame: Frames, monkeypatch: pytest.MonkeyPatch) -> None:
    write_day(store, make_frame(), DAY)

    def halfway(connection: sa.Connection, table: sa.Table, rows: Any) -> None:
        insert(connection, table, list(rows)[:3])
        raise KeyboardInterrupt

    insert = writing.insert
    monkeypatch.setattr(writing, "insert", halfway)
    with pytest.raises(KeyboardInterrupt):
        write_day(store, make_frame(version="4"), DAY)
    assert counts(store) == (1, 6)
    monkeypatch.setattr(writing, "insert", insert)
    assert write_day(store, make_frame(version="4"), DAY).replaced


_HALF = """
import sys, time
from pathlib import Path
import datetime as dt
import pandas as pd
import serving.store.writing as writing
from serving.store.address import address_of
from serving.store.store import Store
whole = writing.insert
def half(connection, table, rows):
    rows = list(rows)
    whole(connection, table, rows[: len(rows) // 2])
    print("half", flush=True)
    time.sleep(60)
writing.insert = half
frame = pd.read_parquet(sys.argv[2])
with Store.open(address_of(Path(sys.argv[1]), sys.argv[3] or None)) as store:
    writing.write_day(store, frame, dt.date(2026, 2, 2))
"""


def test_a_writer_that_is_killed_leaves_the_day_before(
    store: Store, store_url: str | None, tmp_path: Path, make_frame: Frames
) -> None:
    old = write_day(store, make_frame(), DAY)
    new = make_frame(NEXT, accounts=2000)
    new.to_parquet(tmp_path / "new.parquet")
    command = [sys.executable, "-c", _HALF, tmp_path, tmp_path / "new.parquet", store_url or ""]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"half\n"
    process.kill()
    process.wait()
    process.stdout.close()
    with Store.open(address_of(tmp_path, store_url), create=False) as fresh:
        for reader in (store, fresh):
            run = reader.latest()
            assert run is not None
            assert (run.key, counts(reader)) == (old.key, (1, 6))
    assert write_day(store, new, NEXT).new  # nothing of it is locked
    assert counts(store) == (2, 2006)


def test_a_full_disk_is_said_so_and_changes_nothing(tmp_path: Path, make_frame: Frames) -> None:
    large = make_frame(NEXT, accounts=1000).assign(name=[os.urandom(500).hex() for _ in range(1000)])
    file = tmp_path / "scores.db"

    def full() -> str:
        with pytest.raises(StoreUnreachableError) as refusal:
            write_day(store, large, NEXT)
        run = store.latest()
        assert run is not None
        assert (run.as_of, counts(store)) == (DAY, (1, 6))
        return str(refusal.value)

    with Store.open(address_of(tmp_path)) as store:
        write_day(store, make_frame(), DAY)
        with store._engine.connect() as connection:  # the one that is used again
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 20}")
        assert full() == (
            f"The score store {file} has no room left on its disk, so nothing was changed; free some and try again."
        )
        with store._engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
        # And as the system says it, in the middle of a write.
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (file.stat().st_size + 300_000, limits[1]))
        try:
            said = full()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert said.endswith("so nothing was changed; see to the disk and try again.")
        assert write_day(store, large, NEXT).new


def test_rows_of_a_run_are_the_same_text_on_both_databases(postgres: Any, tmp_path: Path, make_frame: Frames) -> None:
    told = []
    for url in (None, postgres.url(postgres.database())):
        with Store.open(address_of(tmp_path, url)) as store:
            write_day(store, make_frame(expansion=True), DAY, FEATURES)
            run = store.latest()
            assert run is not None
            told.append((run.header, run.statuses, rows_of(store), store.features(run, "a-1"), run.computed_at))
    assert told[0] == told[1]
