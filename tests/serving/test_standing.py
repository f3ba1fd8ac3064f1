"""A real company scored on two days a week apart: what every stored row says of health, before and now, adds up."""

from __future__ import annotations

import datetime as dt
import json
import math
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from serving.job import champions_of, score_and_store
from serving.store.address import address_of
from serving.store.store import Store
from success.book import FEATURES
from success.health import read_back

if TYPE_CHECKING:
    from features.history import History

DIMENSIONS = ("adoption", "engagement", "support", "billing", "sentiment", "relationship", "growth", "contract")


@pytest.fixture(scope="module")
def scored(
    home: Path, history: History, tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[dict[str, Any]], list[list[dict[str, Any]]], Any]:
    """The rows of the later day and their drivers, and its book."""
    fresh = tmp_path_factory.mktemp("standing") / "home"
    shutil.copytree(home, fresh, ignore=shutil.ignore_patterns("scores.db*", "server-*"))
    last = history.observed_until
    with Store.open(address_of(fresh)) as store:
        for day in (last - dt.timedelta(7), last):
            score_and_store(history, fresh, store, champions_of(fresh), day)
        run = store.latest()
        assert run is not None
        accounts = store.frame(run)["account_id"].tolist()
        stored = store.rows(run, accounts).values()
        assert run.header["tables"] == sorted(history.tables)
        rows, drivers, book = [], [], store.book(run)
        for row in stored:
            figures = json.loads(row.figures)
            if figures.get("health") is not None:
                rows.append(figures)
                drivers.append(json.loads(row.drivers))
        return rows, drivers, book


def test_health_is_what_its_parts_are(scored: Any) -> None:
    rows, drivers, _ = scored
    assert len(rows) > 500
    for row, told in zip(rows, drivers, strict=True):
        parts = [row[f"health_{name}"] - 50 for name in DIMENSIONS if row[f"health_{name}"] is not None]
        assert row["health"] - 50 == pytest.approx(math.fsum(parts), abs=1e-9)
        points = [driver["health_points"] for driver in told if driver["health_points"] is not None]
        assert row["health"] - 50 == pytest.approx(math.fsum(points), abs=1e-9)
        apart = row["calendar_points"] + row["plan_points"] + row["no_data_points"]
        p = read_back(row["health"], apart, row["health_anchor"], row["points_to_double"])
        assert float(p) == pytest.approx(row["churn_90d"], abs=1e-9)
        assert row["health_source"] == "model"


def test_every_change_is_accounted_for(scored: Any) -> None:
    rows, _, _ = scored
    known = [row for row in rows if row["health_before"] is not None]
    assert len(known) > 0.95 * len(rows)
    for row in known:
        causes = [row[f"change_{name}"] for name in ("customer", "stage", "data", "model")]
        assert row["health"] - row["health_before"] == pytest.approx(math.fsum(causes), abs=1e-9)
        assert row["health_before_now"] == row["health_before"]  # one and the same model
        assert (row["change_data"], row["change_model"]) == (0, 0)
        week = row["change_7d_customer"] + row["change_7d_other"]
        assert row["health"] - row["health_7d"] == pytest.approx(week, abs=1e-9)
        assert row["health_28d"] is None
    moved = [row["moved"] for row in known if row["moved"]]
    assert len(moved) > 0.5 * len(known)
    assert all(topic["sentence"] and topic["points"] for topics in moved for topic in topics)


def test_the_lists_are_kept_with_the_day(scored: Any) -> None:
    rows, _, book = scored
    listed = book[book["list_rank"].notna()]
    assert len(listed)
    assert set(listed["listed_since"]) <= {
        row["health_before_on"] and _day(row["health_before_on"]) for row in rows
    } | {_day(rows[0]["as_of"])}
    for _, mine in listed.groupby("csm_id", dropna=False):
        assert sorted(mine["list_rank"]) == list(range(1, len(mine) + 1))
        assert len(mine) <= 25


def test_the_book_says_what_the_rows_say_and_the_arm_and_no_row_does(scored: Any) -> None:
    rows, _, book = scored
    assert {f"f_{name}" for name in FEATURES} <= set(book.columns)
    by_account = book.set_index("account_id")
    for row in rows[::25]:
        told = by_account.loc[row["account_id"]]
        assert told["health"] == row["health"]
        assert told["band"] == row["band"]
        assert json.loads(told["rule_scores"])
        assert "arm" not in row
        assert "rule_scores" not in row
    arms = set(book["arm"].dropna())
    assert arms == {"control"}
    assert 0 < book["arm"].notna().mean() < 0.3


def test_stages_and_bands_are_told_and_the_rules_beside_them(scored: Any) -> None:
    rows, _, _ = scored
    assert {row["stage"] for row in rows} == {"onboarding", "adoption", "renewal", "expansion"}
    assert {row["health_stage"] for row in rows} <= {"onboarding", "adoption", "expansion"}
    assert {row["band"] for row in rows} == {"red", "yellow", "green"}
    rules = np.array([row["rule_health"] for row in rows], dtype=float)
    assert np.isfinite(rules).mean() > 0.95
    assert np.nanmin(rules) >= 0
    assert np.nanmax(rules) <= 100


def _day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)
