"""Frozen: what a row of the store says when it is read again is what was expected."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from serving.baselines.frozen import expectation_of, rows_of
from serving.store.address import address_of
from serving.store.baselines import baselines_of, freeze
from serving.store.store import Store
from success.baselines import Expectation
from tests.success.expectations import make_expectation

NOW = dt.datetime(2025, 7, 1, 4, tzinfo=dt.UTC)


def expected(n: int = 12) -> Expectation:
    made = make_expectation(n, level_sd=0.1, shock_sd=1 / 3, growth_sd=0.01, growth=0.01)
    rows = made.rows.assign(
        account_id=[f"a-{i:02d}" for i in range(n)],
        segment=pd.Series([None if i % 3 else "mid" for i in range(n)], dtype=object),
        model_version=pd.Series([None if i % 4 == 0 else "3" for i in range(n)], dtype=object),
        source=np.where(np.arange(n) % 4, "model", "grace"),
        csm_id=pd.Series(["" if i % 5 == 0 else "c-1" for i in range(n)], dtype=object),
        reconstructed=np.arange(n) % 2 == 0,
        own_book_left_out=np.arange(n) % 3 == 0,
    )
    return dataclasses.replace(made, rows=rows)


def test_what_was_frozen_says_the_same_when_it_is_read(tmp_path: Path) -> None:
    made = expected()
    with Store.open(address_of(tmp_path)) as store:
        assert freeze(store, rows_of(made, NOW)) == 12
        stored = baselines_of(store, kind="period", period="2025-07")
    assert {row.computed_at for row in stored} == {NOW}
    read = expectation_of(stored)
    assert read.rows.astype(object).to_dict("records") == made.rows.astype(object).to_dict("records")
    assert read.rows["segment"].isna().any()
    assert not read.rows["segment"].map(lambda value: isinstance(value, float)).any()
    pd.testing.assert_frame_equal(read.shared, made.shared, rtol=1e-8)
    for name, part in made.months._asdict().items():
        assert getattr(read.months, name) == pytest.approx(part, rel=1e-8), name
    for day in (dt.date(2025, 7, 20), dt.date(2025, 10, 1), dt.date(2027, 1, 1)):
        for name, part in made.until(day)._asdict().items():
            assert getattr(read.until(day), name) == pytest.approx(part, rel=1e-6, abs=1e-9), name
    # A second time nothing is lost any more.
    assert rows_of(read, NOW) == stored


def test_the_columns_of_a_row_are_those_of_its_first_month() -> None:
    made = expected()
    told = made.until(dt.date(2025, 8, 1))
    for place, row in enumerate(rows_of(made, NOW)):
        assert row.expected_mrr == pytest.approx(told.exit[place], rel=1e-8)
        assert row.expected_churn == pytest.approx(told.churn[place], rel=1e-8)
        assert (row.period, row.as_of) == ("2025-07", dt.date(2025, 7, 1))
        assert type(row.expected_mrr) is type(row.expected_churn) is float


def test_nothing_is_nothing() -> None:
    assert rows_of(Expectation.empty(), NOW) == []
    assert len(expectation_of([])) == 0
