from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from features.history import History
from features.labels import churn_days
from features.overview import churn_by_month, life_of, rows_by_month, tables_of
from features.simulation import simulate


def written(folder: Path, **tables: list[dict[str, object]]) -> History:
    """A history of small CSV files."""
    for name, rows in tables.items():
        pd.DataFrame(rows).to_csv(folder / f"{name}.csv", index=False)
    return History.open(folder)


@pytest.fixture
def small(tmp_path: Path) -> History:
    """Two accounts from 1 January to 31 March 2024: A stays and grows, B leaves on 10 February."""
    return written(
        tmp_path,
        accounts=[{"account_id": a, "created_on": "2023-01-01"} for a in "AB"],
        subscriptions=[
            {"subscription_id": "a1", "account_id": "A", "plan": "x", "started_on": "2023-01-01",
             "ended_on": "2024-02-20", "end_reason": "superseded", "seats": 1, "mrr": 100},
            {"subscription_id": "a2", "account_id": "A", "plan": "x", "started_on": "2024-02-20", "ended_on": "",
             "end_reason": "", "seats": 2, "mrr": 250},
            {"subscription_id": "b1", "account_id": "B", "plan": "x", "started_on": "2023-01-01",
             "ended_on": "2024-02-10", "end_reason": "voluntary", "seats": 1, "mrr": 40},
        ],
        usage=[{"account_id": a, "day": d, "feature": "f", "events": n} for a, d, n in
               (("A", "2024-01-01", 3), ("A", "2024-01-07", 4), ("A", "2024-01-08", 5), ("B", "2024-01-02", 1),
                ("A", "2024-03-31", 1))],
        tickets=[
            {"ticket_id": "t1", "account_id": "A", "opened_at": "2024-01-03 10:00:00", "priority": "urgent",
             "recorded_at": "2024-01-05 10:00:00"},
            {"ticket_id": "t2", "account_id": "A", "opened_at": "2024-03-03 10:00:00", "priority": "low",
             "recorded_at": "2024-03-05 10:00:00"},
        ],
    )  # fmt: skip


def test_a_month_counts_who_was_there_at_its_start(small: History) -> None:
    found = churn_by_month(small).set_index("month")
    assert [str(m.date()) for m in found.index] == ["2024-01-01", "2024-02-01", "2024-03-01"]
    assert list(found["customers"]) == [2, 2, 1]
    assert list(found["left"]) == [0, 1, 0]
    assert list(found["mrr"]) == [140, 140, 250]
    assert list(found["rate"]) == [0, 0.5, 0]
    # Clopper and Pearson: at the ends, as few or as many would be seen in 1 of 20.
    assert binom.sf(0, 2, found["low"].iloc[1]) == pytest.approx(0.05)
    assert binom.cdf(1, 2, found["high"].iloc[1]) == pytest.approx(0.05)
    assert (found["low"].iloc[0], found["high"].iloc[2]) == (0, pytest.approx(0.95))


def test_rows_are_counted_in_the_month_of_their_event(small: History) -> None:
    found = rows_by_month(small)
    assert list(found["usage"]) == [4, 0, 1]
    assert list(found["tickets"]) == [1, 0, 1]
    assert len(found) == 3


def test_tables_tell_their_span_and_how_late_they_know(small: History) -> None:
    found = tables_of(small).set_index("table")
    assert list(found["rows"]) == sorted(found["rows"], reverse=True)
    assert found.loc["tickets", ["first", "last"]].tolist() == [dt.date(2024, 1, 3), dt.date(2024, 3, 3)]
    assert found.loc["tickets", "recorded_after"] == 2
    assert found.loc["usage", "recorded_after"] == 0


def test_a_life_is_what_the_tables_say(small: History) -> None:
    life = life_of(small, "A")
    assert life.usage.loc["2024-01-01"] == 7
    assert life.usage.loc["2024-01-08"] == 5
    assert life.usage.sum() == 13
    told = [(day.date(), mrr) for day, mrr in zip(life.revenue["from"], life.revenue["mrr"], strict=True)]
    assert told == [(dt.date(2024, 1, 1), 100), (dt.date(2024, 2, 20), 250), (dt.date(2024, 3, 31), 250)]
    assert list(life.events["kind"]) == ["support ticket"] * 2
    assert list(life.events["bad"]) == [True, False]
    left = life_of(small, "B").revenue
    assert list(left["mrr"]) == [40, 0, 0]
    assert left["from"].iloc[1].date() == dt.date(2024, 2, 10)


def test_an_account_that_nothing_is_known_of_has_an_empty_life(small: History) -> None:
    life = life_of(small, "nobody")
    assert life.usage.sum() == 0
    assert life.revenue["mrr"].eq(0).all()
    assert len(life.events) == 0


def test_every_churn_of_a_customer_is_in_its_month(tmp_path: Path) -> None:
    simulate(accounts=250, months=12, seed=4).write(tmp_path)
    history = History.open(tmp_path)
    found = churn_by_month(history)
    churned = churn_days(history, history.observed_until)
    inside = churned["churned_on"].between(found["month"].min(), pd.Timestamp(history.observed_until), "left")
    # Some leave in the month they came in, and were no customers at its start.
    assert 0.9 * inside.sum() <= found["left"].sum() <= inside.sum()
    assert (np.diff(found["month"].to_numpy()) > np.timedelta64(27, "D")).all()
    assert rows_by_month(history)["usage"].sum() == tables_of(history).set_index("table").loc["usage", "rows"]
