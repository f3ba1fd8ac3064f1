"""Reading: what was written comes back to the last character, and whatever is asked for gets an answer."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serving.store.address import address_of
from serving.store.errors import StoreError
from serving.store.reading import Run
from serving.store.store import Store
from serving.store.writing import write_day

DAY = dt.date(2026, 2, 1)
Frames = Callable[..., pd.DataFrame]


def newest(store: Store) -> Run:
    run = store.latest()
    assert run is not None
    return run


def test_a_row_is_what_was_given(store: Store, make_frame: Frames) -> None:
    frame = make_frame(expansion=True).assign(csm_id=["c-1", None, "c-2", "c-2", "c-2", "c-2"])
    write_day(store, frame, DAY)
    rows = store.rows(newest(store), ["a-5", "a-1", "a-1"])
    assert set(rows) == {"a-1", "a-5"}
    row, given = rows["a-1"], frame.loc[1]
    assert (row.account_id, row.csm_id, row.status) == ("a-1", None, "ok")
    assert (row.drivers, row.expansion_drivers, row.frozen) == (given["drivers"], given["expansion_drivers"], None)
    figures = json.loads(row.figures)
    apart = {"drivers", "expansion_drivers", "not_validated_in_time"}
    assert list(figures) == [name for name in frame.columns if name not in apart]
    assert figures["churn_90d"] == given["churn_90d"]  # to the last bit
    assert (figures["as_of"], figures["renews_on"], figures["name"]) == ("2026-02-01", "2026-06-01", "Zoë & Søns")
    assert (figures["computed_at"], figures["drivers_horizon"]) == ("2026-02-01T03:00:00Z", 90)
    assert "Zoë" in row.figures
    unscored = rows["a-5"]
    assert (unscored.csm_id, unscored.drivers, json.loads(unscored.figures)["churn_90d"]) == ("c-2", None, None)


def test_a_day_by_rules(store: Store, make_rule_frame: Frames) -> None:
    write_day(store, make_rule_frame(), DAY)
    run = newest(store)
    header = run.header
    assert (header["rule_based"], header["drivers_horizon"], header["interval"], run.model_version) == (
        True, None, None, None,
    )  # fmt: skip
    figures = json.loads(store.rows(run, ["a-1"])["a-1"].figures)
    assert (figures["health"], figures["churn_90d"], figures["health_source"]) == (10.0, None, "rule_based")


def test_the_frame_comes_back(store: Store, make_frame: Frames, make_rule_frame: Frames) -> None:
    for n, frame in enumerate((make_frame(), make_frame(expansion=True), make_rule_frame())):
        day = DAY + dt.timedelta(days=n)
        frame = frame.assign(as_of=day)
        write_day(store, frame, day)
        found = store.frame(newest(store))
        assert set(found.columns) == set(frame.columns)
        for name in frame.columns:
            was = [None if pd.isna(value) else value for value in frame[name]]
            now = [None if pd.isna(value) else value for value in found[name]]
            assert now == was, name
        assert str(found["computed_at"].dtype) == "datetime64[us, UTC]"


def test_the_latest_day_and_its_last_run_hold(store: Store, make_frame: Frames) -> None:
    for day, version in ((2, "1"), (2, "2"), (1, "3"), (3, "4"), (2, "5")):
        write_day(store, make_frame(dt.date(2026, 2, day), version=version), dt.date(2026, 2, day))
    assert newest(store).model_version == "4"
    found = {day: store.run_of(dt.date(2026, 2, day)) for day in (1, 2, 3, 4)}
    assert {day: run and run.model_version for day, run in found.items()} == {1: "3", 2: "5", 3: "4", 4: None}


def test_history_has_the_runs_that_hold_oldest_first(store: Store, make_frame: Frames) -> None:
    for day, version in ((4, "1"), (2, "1"), (2, "2"), (3, "1"), (1, "1")):
        write_day(store, make_frame(dt.date(2026, 2, day), version=version), dt.date(2026, 2, day))

    def told(*given: Any, **named: Any) -> list[tuple[int, str | None]]:
        found = store.history("a-1", *given, **named)
        assert all(json.loads(row.figures)["as_of"] == run.as_of.isoformat() for run, row in found)
        assert all(json.loads(row.figures)["model_version"] == run.model_version for run, row in found)
        return [(run.as_of.day, run.model_version) for run, _ in found]

    assert told(dt.date.min) == [(1, "1"), (2, "2"), (3, "1"), (4, "1")]
    assert told(dt.date(2026, 2, 2), dt.date(2026, 2, 3)) == [(2, "2"), (3, "1")]
    assert told(dt.date.min, limit=2) == [(1, "1"), (2, "2")]
    assert told(dt.date.min, limit=2, newest=True) == [(3, "1"), (4, "1")]
    assert told(dt.date(2026, 2, 2), dt.date(2026, 2, 3), limit=1, newest=True) == [(3, "1")]
    assert told(dt.date.min, newest=True) == told(dt.date.min)
    assert told(dt.date(2026, 2, 3), dt.date(2026, 2, 2)) == []
    for stranger in ("a-99", "", "a\x00", "\ud800", "x" * 5000):
        assert store.history(stranger, dt.date.min) == []
    run, _ = store.history("a-1", dt.date.min)[1]
    assert run == store.run_of(dt.date(2026, 2, 2))


def test_features_come_back_as_they_were_given(store: Store, make_frame: Frames) -> None:
    given = pd.DataFrame(
        {"mrr": [0.1, np.nan, np.inf], "seats": np.array([1, 2, 3]), "plan": ["a", None, "ü"]},
        index=["a-0", "a-1", "a-2"],
    )
    write_day(store, make_frame(), DAY, given)
    run = newest(store)
    assert store.features(run, "a-0") == {"mrr": 0.1, "seats": 1, "plan": "a"}
    assert store.features(run, "a-1") == {"mrr": None, "seats": 2, "plan": None}
    assert store.features(run, "a-2") == {"mrr": None, "seats": 3, "plan": "ü"}
    for without in ("a-3", "a-99", "\x00"):
        assert store.features(run, without) is None


STRANGE = ["it's", '"quoted"', "a/b\\c", "%_", "', '); DROP TABLE tenure_runs; --", "emoji \U0001f600", " ", "Straße",
           "STRASSE", "é", "e\u0301", ":name", "?", "$1", "%(x)s", "{}", "\t\n"]  # fmt: skip


def test_any_id_is_an_id(store: Store, make_frame: Frames) -> None:
    write_day(store, make_frame(accounts=len(STRANGE)).assign(account_id=STRANGE, csm_id=STRANGE), DAY)
    run = newest(store)
    assert set(store.rows(run, STRANGE)) == set(STRANGE)
    for account in STRANGE:
        (row,) = store.rows(run, [account]).values()
        assert (row.account_id, row.csm_id, json.loads(row.figures)["account_id"]) == (account, account, account)
        assert len(store.history(account, dt.date.min)) == 1


@pytest.fixture(params=["sqlite", "postgresql"], scope="module")
def standing(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, make_frame: Frames
) -> Iterator[Store]:
    """A store with one day, which no test changes."""
    server = request.getfixturevalue("postgres") if request.param == "postgresql" else None
    url = server.url(server.database()) if server else None
    with Store.open(address_of(tmp_path_factory.mktemp("standing"), url)) as store:
        write_day(store, make_frame(), DAY)
        yield store


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(max_size=8) | st.text(st.characters(), max_size=8) | st.sampled_from(["a-0", "a-1", "\ud83d"])))
def test_whatever_is_asked_for_gets_an_answer(standing: Store, ids: list[str]) -> None:
    known = {f"a-{n}" for n in range(6)}
    assert set(standing.rows(newest(standing), ids)) == known & set(ids)


def test_more_ids_than_a_statement_takes(standing: Store) -> None:
    ids = [f"b-{n}" for n in range(70_000)]
    assert set(standing.rows(newest(standing), ["a-1", *ids, "a-2"])) == {"a-1", "a-2"}
    assert standing.rows(newest(standing), []) == {}


def test_a_damaged_row_is_said_so(tmp_path: Path, make_frame: Frames) -> None:
    with Store.open(address_of(tmp_path)) as store:
        write_day(store, make_frame(), DAY)
        with store.writing() as connection:
            connection.execute(sa.text("UPDATE tenure_scores SET drivers = x'0102' WHERE account_id = 'a-1'"))
        with pytest.raises(StoreError, match=r"^The score store holds a row that cannot be read"):
            store.rows(newest(store), ["a-1"])
        assert set(store.rows(newest(store), ["a-2"])) == {"a-2"}
