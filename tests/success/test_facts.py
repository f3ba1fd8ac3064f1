"""Facts: as plain loops over a day's rows find them, whatever becomes known later, and null where not on record."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import statistics
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pandas as pd
import pytest

from features.history import History
from success.facts import facts_of
from tests.features import company as made_up
from tests.features import upheaval
from tests.success import facts_oracle as oracle

AS_OF = dt.date(2024, 5, 31)
GONE = {"churned_on", "end_reason", "last_mrr"}
"""Null of whoever is still a customer."""
NULLABLE = {"arm", "card_expires_on", *GONE}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    root, number = tmp_path_factory.mktemp("companies"), itertools.count()

    def fresh() -> Path:
        place = root / str(next(number))
        place.mkdir()
        return place

    return fresh


def differences(found: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """What the facts of an account say otherwise than they should."""
    return [f"{key}: {found.get(key)!r} for {value!r}" for key, value in wanted.items() if found.get(key) != value]


@pytest.mark.parametrize("seed", range(4))
def test_facts_are_what_plain_loops_find(seed: int, folder: Callable[[], Path]) -> None:
    tables = made_up.make(Random(7000 + seed), AS_OF, accounts=10)
    history = History.open(made_up.write(tables, folder(), "parquet"))
    assert history.report.failing == {}
    # Beside the day around which the company lies, days on which something is just due, or just a year ago.
    due = max(row["due_on"] for row in tables["invoices"])
    begun = min(row["started_on"] for row in tables["subscriptions"]) + dt.timedelta(days=365)
    for day in (AS_OF, due, begun):
        seen = upheaval.cut(tables, day, made_up.EVENT)
        facts = facts_of(history, day)
        assert set(facts) == {row["account_id"] for row in seen["accounts"]}
        for account, found in facts.items():
            assert differences(found, oracle.expected(seen, account, day)) == [], (account, day)


def test_facts_of_the_simulated_company_are_what_plain_loops_find(company: Path, history: History) -> None:
    day = dt.date(2025, 2, 3)
    facts = facts_of(history, day)
    some = set(Random(1).sample(sorted(facts), 60))
    tables: dict[str, list[dict[str, Any]]] = {}
    for name, columns in made_up.COLUMNS.items():
        frame = pd.read_parquet(company / f"{name}.parquet")
        if "account_id" in frame:
            frame = frame[frame["account_id"].isin(some)]
        for column in frame.select_dtypes("datetimetz"):
            frame[column] = frame[column].dt.tz_convert(None)
        rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
        for row in rows:
            row |= {column: value.to_pydatetime() for column, value in row.items() if isinstance(value, pd.Timestamp)}
        tables[name] = [{column: row.get(column) for column in columns.split()} for row in rows]
    seen = upheaval.cut(tables, day, made_up.EVENT)
    for account in sorted(some):
        assert differences(facts[account], oracle.expected(seen, account, day)) == [], account
    assert sum(facts[account]["churned_on"] is not None for account in some) > 5
    assert all((one.get("last_mrr") is not None) == (one["churned_on"] is not None) for one in facts.values())
    assert statistics.median(len(json.dumps(one, separators=(",", ":"))) for one in facts.values()) < 1600


@pytest.mark.parametrize("seed", range(3))
def test_what_becomes_known_later_changes_no_fact(seed: int, folder: Callable[[], Path]) -> None:
    rng = Random(8000 + seed)
    tables = made_up.make(rng, AS_OF)
    before = facts_of(History.open(made_up.write(tables, folder(), "parquet")), AS_OF)
    changed = upheaval.rewrite(rng, tables, AS_OF, made_up.EVENT)
    after = History.open(made_up.write(changed, folder(), "parquet"))
    assert json.dumps(facts_of(after, AS_OF)) == json.dumps(before)
    assert facts_of(after, AS_OF + dt.timedelta(days=60)) != before, "the later rows must be there at all"


def test_a_table_that_is_not_there_is_null_and_so_is_what_a_column_would_say(folder: Callable[[], Path]) -> None:
    tables = made_up.make(Random(3), AS_OF, accounts=8)
    whole = facts_of(History.open(made_up.write(tables, folder(), "csv")), AS_OF)
    assert all(value is not None for key, value in next(iter(whole.values())).items() if key not in NULLABLE)
    place = made_up.write(tables, folder(), "csv")
    for name in ("touches", "tickets", "invoices", "payments", "cards", "surveys", "milestones", "advocacy", "exits",
                 "arms", "assignments", "entitlements", "users"):  # fmt: skip
        next(place.glob(f"{name}.*")).unlink()
    bare = facts_of(History.open(place), AS_OF)
    gone = {"contact", "tickets", "invoices", "payments", "card_expires_on", "surveys", "milestones", "advocacy",
            "exits", "arm", "csm", "sponsors", "users"}  # fmt: skip
    for account, facts in bare.items():
        assert {key for key, value in facts.items() if value is None and key not in GONE} == gone, account
        assert facts["features"]["unused"] is None
        assert facts["usage"] == whole[account]["usage"]
        assert facts.get("customer_since") == whole[account].get("customer_since")


def test_columns_that_are_not_there_are_null(folder: Callable[[], Path]) -> None:
    tables = made_up.make(Random(4), AS_OF, accounts=8)
    for name, columns in {
        "touches": ["direction"],
        "users": ["deactivated_on", "deactivated_on_recorded_at"],
        "tickets": ["priority", "escalated_at", "escalated_at_recorded_at"],
        "usage": ["user_id"],
        "milestones": ["kind"],
    }.items():
        tables[name] = [{c: v for c, v in row.items() if c not in columns} for row in tables[name]]
    place = folder()
    for name, rows in tables.items():
        pd.DataFrame(rows).to_csv(place / f"{name}.csv", index=False)
    for facts in facts_of(History.open(place), AS_OF).values():
        assert facts["contact"]["two_way"] is None
        assert (facts["sponsors"]["left"], facts["users"]["staying"]) == (None, None)
        assert (facts["tickets"]["worst"], facts["tickets"]["escalated"], facts["tickets"]["urgent_90d"]) == (None,) * 3
        assert (facts["usage"]["people_28d"], facts["users"]["ever_used"]) == (None, None)
        assert facts["milestones"]["first_value_on"] is None
        assert facts["tickets"]["open"] is not None


def test_of_answers_given_at_once_the_highest_is_told(folder: Callable[[], Path]) -> None:
    tables = made_up.make(Random(5), AS_OF, accounts=1)
    row = {**dict.fromkeys(made_up.COLUMNS["surveys"].split()), "account_id": "A0", "kind": "nps"}
    row["responded_at"] = dt.datetime(2024, 5, 30, 9)
    tables["accounts"][0] |= {"created_on": dt.date(2022, 1, 1), "recorded_at": None, "valid_from": None}
    tables["accounts"] = tables["accounts"][:1]
    tables["surveys"] = [{**row, "score": score} for score in (3, 9, 6)]
    facts = facts_of(History.open(made_up.write(tables, folder(), "csv")), AS_OF)["A0"]
    assert facts["surveys"]["nps"] == {"score": 9, "on": "2024-05-30"}
