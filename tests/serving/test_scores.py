"""The score store: written whole, read whole, and never worse for a broken file."""

from __future__ import annotations

import datetime as dt
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from serving.scores import ScoreStore, scores_folder, write_day

DAY = dt.date(2026, 2, 1)
NEXT = dt.date(2026, 2, 2)
Frames = Callable[..., pd.DataFrame]


def test_what_is_written_is_what_is_read(tmp_path: Path, make_frame: Frames) -> None:
    frame = make_frame()
    path = write_day(tmp_path, frame, DAY)
    assert path == tmp_path / "scores" / "2026-02-01.parquet"
    assert [p.name for p in path.parent.iterdir()] == [path.name]  # no draft is left
    day = ScoreStore(tmp_path).latest()
    assert day is not None
    assert (day.as_of, day.horizon, day.horizons, day.model_version) == (DAY, 90, (30, 90, 365), "3")
    assert (day.not_validated, day.expansion_version, day.rule_based) == (["churn_365d"], None, False)
    assert day.computed_at == dt.datetime(2026, 2, 1, 3, tzinfo=dt.UTC)
    assert list(day.rows) == list(frame["account_id"])
    stored = day.rows["a-1"]
    assert stored["churn_90d"] == frame.loc[1, "churn_90d"]  # to the last bit
    assert (stored["as_of"], stored["renews_on"], stored["name"]) == ("2026-02-01", "2026-06-01", "Zoë & Søns")
    assert stored["drivers"] == frame.loc[1, "drivers"]
    unscored = day.rows["a-5"]
    assert unscored["churn_90d"] is None
    assert unscored["drivers"] is None
    assert unscored["reason"] == "It gave notice."
    assert day.rows["a-0"]["renews_on"] is None
    json.dumps(list(day.rows.values()), allow_nan=False)


def test_columns_have_their_types_even_when_empty(tmp_path: Path, make_frame: Frames) -> None:
    frame = make_frame(accounts=2).iloc[1:].assign(renews_on=None, name=None)  # one account, not scored
    schema = pq.read_schema(write_day(tmp_path, frame, DAY))
    assert str(schema.field("churn_90d").type) == "double"
    assert str(schema.field("renews_on").type) == "date32[day]"
    assert str(schema.field("expected_mrr_365d").type) == "double"
    assert str(schema.field("drivers_horizon").type) == "int32"
    assert b"trees' own uncertainty is not in it" in schema.field("churn_30d_high").metadata[b"description"]
    assert str(schema.field("name").type) == "string"
    assert str(schema.field("computed_at").type) == "timestamp[us, tz=UTC]"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda f: f.drop(columns="reading"), "no column reading"),
        (lambda f: f.drop(columns=[f"churn_{h}d" for h in (30, 90, 365)]), "no column churn_<days>d"),
        (lambda f: f.drop(columns="churn_365d_low"), "no column churn_365d_low"),
        (lambda f: f.drop(columns="expected_mrr_30d"), "no column expected_mrr_30d"),
        (lambda f: f.drop(columns="typical_90d"), "no column typical_90d"),
        (lambda f: f.iloc[:0], "no account"),
        (lambda f: pd.concat([f, f.iloc[:1]]), "twice"),
        (lambda f: f.assign(churn_90d=1.5), "outside 0 to 1"),
        (lambda f: f.assign(status="fine"), "unknown status 'fine'"),
        (lambda f: f.assign(as_of=pd.Timestamp(NEXT)), "another day"),
        (lambda f: f.assign(mrr="much"), "mrr is not of type double"),
        (lambda f: f.assign(computed_at=pd.NaT), "computed_at"),
        (lambda f: f.assign(model_version=["3", "4", "3", "3", "3", "3"]), "more than one model"),
        (lambda f: f.assign(churn_90d=f["churn_90d"] + 2e-9, churn_90d_high=f["churn_365d"]), "miss its probability"),
        (
            lambda f: f.assign(churn_30d=f["churn_90d"] + 1e-12, churn_30d_high=f["churn_365d"]),
            "falls as the horizon grows",
        ),
        (lambda f: f.assign(churn_30d=None), "known at some horizons only"),
        (lambda f: f.assign(churn_30d_low=None), "its interval are not known together"),
        (lambda f: f.assign(churn_365d_low=f["churn_365d"] + 1e-12), "the interval of churn does not hold it"),
        (lambda f: f.assign(churn_365d_high=f["churn_365d"] - 1e-12), "the interval of churn does not hold it"),
        (lambda f: f.assign(involuntary_30d=f["churn_30d"] + 1e-12), "involuntary part is more"),
        (lambda f: f.assign(expected_mrr_90d=-0.01), "expected_mrr_90d has values below 0"),
        (lambda f: f.assign(renewal_next=1.01), "renewal_next has values outside 0 to 1"),
        (lambda f: f.assign(health_adoption=101.0), "health_adoption has values outside 0 to 100"),
        (lambda f: f.assign(drivers_horizon=180), "drivers_horizon is not one of its horizons"),
        (lambda f: f.assign(drivers_horizon=None), "no drivers_horizon"),
        (lambda f: f.assign(not_validated_in_time='{"churn_365d": 1}'), "not_validated_in_time"),
        (lambda f: f.assign(drivers=None), "no drivers"),
        (lambda f: f.assign(drivers='[{"feature": "mrr"}]'), "points"),
        (lambda f: f.assign(drivers="[half"), "not a score file"),
    ],
)
def test_a_frame_that_is_no_score_file_is_refused(
    tmp_path: Path, make_frame: Frames, change: Callable[[pd.DataFrame], pd.DataFrame], says: str
) -> None:
    write_day(tmp_path, make_frame(), DAY)
    before = (scores_folder(tmp_path) / "2026-02-01.parquet").read_bytes()
    with pytest.raises(ValueError, match=says):
        write_day(tmp_path, change(make_frame()), DAY)
    assert [p.read_bytes() for p in scores_folder(tmp_path).iterdir()] == [before]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda f: f.drop(columns="expansion_drivers"), "no column expansion_drivers"),
        (lambda f: f.drop(columns="expansion_30d_low"), "no column expansion_30d_low"),
        (lambda f: f.assign(expansion_30d=f["expansion_90d"] + 1e-12), "expansion falls as the horizon grows"),
        (lambda f: f.assign(expansion_typical_90d=0.2), "the expansion_drivers of account 'a-0' miss"),
        (lambda f: f.assign(expansion_version=["2", "3", "2", "2", "2", "2"]), "more than one model"),
    ],
)
def test_expansion_is_checked_likewise(
    tmp_path: Path, make_frame: Frames, change: Callable[[pd.DataFrame], pd.DataFrame], says: str
) -> None:
    write_day(tmp_path, make_frame(expansion=True), DAY)
    day = ScoreStore(tmp_path).latest()
    assert day is not None
    assert day.expansion_version == "2"
    with pytest.raises(ValueError, match=says):
        write_day(tmp_path, change(make_frame(expansion=True)), DAY)


def test_a_day_of_health_by_rules_is_stored(tmp_path: Path, make_rule_frame: Frames) -> None:
    write_day(tmp_path, make_rule_frame(), DAY)
    day = ScoreStore(tmp_path).latest()
    assert day is not None
    assert (day.rule_based, day.horizon, day.model_version, day.not_validated) == (True, None, None, None)
    assert (day.rows["a-1"]["health"], day.rows["a-1"]["churn_90d"]) == (10.0, None)
    assert day.rows["a-1"]["health_source"] == "rule_based"


def test_a_file_of_one_horizon_is_refused_in_a_plain_sentence(tmp_path: Path, make_frame: Frames) -> None:
    write_day(tmp_path, make_frame(version="1"), DAY)
    added = ("low", "high", "30d", "365d", "involuntary_90d", "expected_mrr_90d")
    old = [name for name in make_frame().columns if name.endswith(added)]
    old += ["renewal_next", "drivers_horizon", "not_validated_in_time", "expansion_version"]
    make_frame(NEXT).drop(columns=old).to_parquet(scores_folder(tmp_path) / "2026-02-02.parquet")
    store = ScoreStore(tmp_path)
    assert version(store) == "1"
    assert store.trouble == [
        "The scores in 2026-02-02.parquet are of an earlier version's layout; run `tenure score` for that day again."
    ]


def test_a_write_that_fails_leaves_the_day_as_it_was(
    tmp_path: Path, make_frame: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_day(tmp_path, make_frame(), DAY)
    before = path.read_bytes()

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_day(tmp_path, make_frame(version="4"), DAY)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_there_is_no_day_before_the_first(tmp_path: Path) -> None:
    assert ScoreStore(tmp_path).latest() is None
    scores_folder(tmp_path).mkdir()
    (scores_folder(tmp_path) / "2026-02-31.parquet").write_bytes(b"no such day")
    (scores_folder(tmp_path) / "notes.txt").write_text("hello")
    assert ScoreStore(tmp_path).latest() is None


def version(store: ScoreStore) -> str | None:
    day = store.latest()
    assert day is not None
    return day.model_version


def test_newer_and_changed_files_are_seen_at_once(tmp_path: Path, make_frame: Frames) -> None:
    write_day(tmp_path, make_frame(version="1"), DAY)
    store = ScoreStore(tmp_path)
    first = store.latest()
    assert store.latest() is first  # nothing new, nothing read
    write_day(tmp_path, make_frame(version="2"), DAY)
    assert version(store) == "2"
    newer = write_day(tmp_path, make_frame(NEXT, version="3"), NEXT)
    assert version(store) == "3"
    older = dt.date(2026, 1, 1)
    write_day(tmp_path, make_frame(older, version="0"), older)
    assert version(store) == "3"
    newer.unlink()
    assert version(store) == "2"


def test_a_folder_at_rest_is_not_listed_again_until_it_changes(
    tmp_path: Path, make_frame: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_day(tmp_path, make_frame(version="1"), DAY)
    os.utime(scores_folder(tmp_path), (1, 1))  # changed long ago
    store = ScoreStore(tmp_path)
    assert version(store) == "1"
    listings = []
    listdir = os.listdir
    monkeypatch.setattr(os, "listdir", lambda path: listings.append(path) or listdir(path))
    assert version(store) == "1"
    assert listings == []
    write_day(tmp_path, make_frame(NEXT, version="2"), NEXT)
    assert version(store) == "2"


@pytest.mark.parametrize("content", [b"", b"PAR1 half of a fi", "half", "foreign"])
def test_a_broken_newest_file_leaves_the_day_before_serving(
    tmp_path: Path, make_frame: Frames, content: bytes | str
) -> None:
    good = write_day(tmp_path, make_frame(version="1"), DAY)
    broken = scores_folder(tmp_path) / "2026-02-02.parquet"
    running = ScoreStore(tmp_path)
    assert version(running) == "1"
    if content == "foreign":
        pd.DataFrame({"account_id": ["a-1"]}).to_parquet(broken)
    elif content == "half":
        broken.write_bytes(good.read_bytes()[: good.stat().st_size // 2])
    else:
        assert isinstance(content, bytes)
        broken.write_bytes(content)
    for store in (running, ScoreStore(tmp_path)):  # one that had read the day before, and one that had not
        assert version(store) == "1"
        assert version(store) == "1"
        assert store.trouble == [
            "The scores in 2026-02-02.parquet cannot be read; run `tenure score` for that day again."
        ]
    write_day(tmp_path, make_frame(NEXT, version="2"), NEXT)
    assert version(running) == "2"
    assert running.trouble == []


def test_a_served_file_that_is_overwritten_with_rubbish_is_served_from_memory(
    tmp_path: Path, make_frame: Frames
) -> None:
    path = write_day(tmp_path, make_frame(version="1"), DAY)
    store = ScoreStore(tmp_path)
    assert version(store) == "1"
    path.write_bytes(b"rubbish")
    assert version(store) == "1"
    assert version(store) == "1"
    assert len(store.trouble) == 1


def test_readers_see_one_day_or_the_other_and_never_wait_for_nothing(tmp_path: Path, make_frame: Frames) -> None:
    write_day(tmp_path, make_frame(version="0"), DAY)
    store = ScoreStore(tmp_path)
    faults: list[object] = []
    seen: set[str] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            day = store.latest()
            if day is None or {row["model_version"] for row in day.rows.values()} != {day.model_version}:
                faults.append(day)
            elif day.model_version:
                seen.add(day.model_version)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for n in range(1, 21):
        write_day(tmp_path, make_frame(version=str(n)), DAY)
    last = version(store)
    done.set()
    for reader in readers:
        reader.join()
    assert faults == []
    assert len(seen) > 1
    # One thread may be reading the last day while this one asks; the next question has it.
    assert "20" in (last, version(store))
