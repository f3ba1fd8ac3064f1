"""Baselines: frozen once, for good, whoever asks for something else."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pytest
import sqlalchemy as sa

from serving.store.baselines import Baseline, baselines_of, freeze
from serving.store.errors import StoreError
from serving.store.store import Store

COMPUTED = dt.datetime(2025, 7, 1, 3, tzinfo=dt.UTC)


def baseline(account: str, period: str = "2025-07", expected: float = 100.0, csm: str = "") -> Baseline:
    day = dt.date(2025, 7, 1)
    return Baseline(account, "period", period, day, "3", expected, 0.1, COMPUTED, csm, {"segment": "mid", "x": [1.5]})


def test_what_was_frozen_first_holds(store: Store) -> None:
    rows = [baseline("a-1"), baseline("a-2"), baseline("a-1", csm="c-1"), baseline("a-1", period="2025-08")]
    assert freeze(store, rows) == 4
    assert freeze(store, rows) == 0
    assert freeze(store, [baseline("a-1", expected=5.0), baseline("a-3"), baseline("a-3", expected=7.0)]) == 1
    expected = sorted([*rows, baseline("a-3")], key=lambda row: row.key)
    assert baselines_of(store, kind="period") == expected
    assert baselines_of(store, kind="period", period="2025-08") == [baseline("a-1", period="2025-08")]
    assert baselines_of(store, kind="period", csm_id="c-1") == [baseline("a-1", csm="c-1")]
    assert baselines_of(store, kind="assignment") == []


def test_all_are_frozen_or_none(store: Store) -> None:
    freeze(store, [baseline("a-0")])
    with pytest.raises(ValueError, match="cannot hold the id"):
        freeze(store, [baseline("a-1"), baseline("nul\x00")])
    with pytest.raises(StoreError):
        freeze(store, [baseline("a-1"), dataclasses.replace(baseline("a-2"), expected_mrr=None)])  # type: ignore[arg-type]
    assert [row.account_id for row in baselines_of(store, kind="period")] == ["a-0"]


STATEMENTS = [
    "UPDATE tenure_baselines SET expected_mrr = 0",
    "UPDATE tenure_baselines SET expected_mrr = 0 WHERE account_id = 'a-1'",
    "DELETE FROM tenure_baselines",
]
COLUMNS = "id, account_id, kind, period, csm_id, as_of, expected_mrr, expected_churn, detail, computed_at"


def refused(store: Store, statement: str) -> None:
    before = baselines_of(store, kind="period")
    with pytest.raises(StoreError, match="so nothing was changed"), store.writing() as connection:
        connection.execute(sa.text(statement))
    assert baselines_of(store, kind="period") == before


@pytest.mark.parametrize("statement", STATEMENTS)
def test_no_statement_rewrites_one(store: Store, statement: str) -> None:
    freeze(store, [baseline("a-1"), baseline("a-2")])
    refused(store, statement)


def test_nor_does_what_is_an_update_or_deletion_in_disguise(store: Store) -> None:
    freeze(store, [baseline("a-1")])
    with store.reading() as connection:
        known = connection.scalar(sa.text("SELECT id FROM tenure_baselines"))
        server = connection.dialect.name == "postgresql"
    if server:
        refused(store, "TRUNCATE tenure_baselines")
        values = f"{known + 1}, 'a-1', 'period', '2025-07', '', '2025-07-01', 0, 0, '', '2025-07-01'"
        refused(
            store,
            f"INSERT INTO tenure_baselines ({COLUMNS}) VALUES ({values}) "
            "ON CONFLICT ON CONSTRAINT tenure_baselines_once DO UPDATE SET expected_mrr = 0",
        )
        return
    for number, account in ((known + 1, "a-1"), (known, "a-9")):
        values = f"{number}, '{account}', 'period', '2025-07', '', '2025-07-01', 0, 0, '', '2025-07-01'"
        refused(store, f"REPLACE INTO tenure_baselines ({COLUMNS}) VALUES ({values})")
