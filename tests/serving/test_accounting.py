"""Accounting: which period and day are meant, which health counts, and what is kept of what was found."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import serving.accounting as module
from features.errors import TenureError
from serving.accounting import day_known, last_period, require_begun, usual_period
from serving.store.address import address_of
from serving.store.store import Store
from serving.store.writing import write_day
from success.metric import Metric
from success.periods import Period
from success.worth import RoiReport
from success.worth.definitions import ROI
from success.worth.figures import Book
from tests.success.economics.companies import by_month, company, subscription

UNTIL = dt.date(2025, 7, 1)


def history(until: dt.date = UNTIL) -> Any:
    return SimpleNamespace(observed_until=until)


@pytest.mark.parametrize(
    ("day", "name"),
    [("2025-01-01", "2024Q4"), ("2025-03-31", "2024Q4"), ("2025-04-01", "2025Q1"), ("2025-12-31", "2025Q3")],
)
def test_the_last_quarter_that_is_over(day: str, name: str) -> None:
    as_of = dt.date.fromisoformat(day)
    found = last_period(as_of)
    assert found.name == name
    assert found.over_on(as_of)
    assert not Period.parse(f"{found.until.year}Q{found.until.month // 3 + 1}").over_on(as_of)


@pytest.mark.parametrize(
    ("period", "asked", "meant"),
    [
        (None, None, "2025-07-01"),
        ("2025Q2", None, "2025-07-01"),
        ("2025Q2", "2025-05-01", "2025-05-01"),
        ("2025Q2", "2025-08-15", "2025-08-15"),  # costs of June are booked by then
        ("2025Q3", "2025-08-15", "2025-07-01"),  # nothing of July was observed
        (None, "2025-08-15", "2025-08-15"),
        (None, "2025-02-01", "2025-02-01"),
    ],
)
def test_the_day_whose_knowledge_counts(period: str | None, asked: str | None, meant: str) -> None:
    wanted = None if period is None else Period.parse(period)
    day = None if asked is None else dt.date.fromisoformat(asked)
    assert str(day_known(history(), wanted, day)) == meant


def test_a_period_that_has_not_begun_is_refused() -> None:
    period = Period.parse("2025Q3")
    require_begun(period, dt.date(2025, 7, 2))
    with pytest.raises(TenureError, match=r"^2025Q3 begins on 2025-07-01, and nothing of it is known on 2025-07-01; "):
        require_begun(period, UNTIL)


@pytest.mark.parametrize(("scored", "counts"), [("2025-07-01", True), ("2025-06-24", True), ("2025-06-23", False),
                                                ("2025-07-02", False), (None, False)])  # fmt: skip
def test_the_health_of_a_periods_end_is_what_was_stored_then(
    tmp_path: Path, make_frame: Callable[..., pd.DataFrame], scored: str | None, counts: bool
) -> None:
    with Store.open(address_of(tmp_path)) as store:
        if scored is not None:
            day = dt.date.fromisoformat(scored)
            write_day(store, make_frame(day).assign(health=[10.0, 20.0, 30.0, 40.0, 50.0, np.nan]), day)
        found = module._health(store, UNTIL)
    if not counts:
        assert found is None
        return
    assert found is not None
    assert found.set_index("account_id")["health"].to_dict() == {f"a-{n}": 10.0 * (n + 1) for n in range(5)}


def test_without_any_health_there_is_none(tmp_path: Path, make_frame: Callable[..., pd.DataFrame]) -> None:
    with Store.open(address_of(tmp_path)) as store:
        write_day(store, make_frame(UNTIL), UNTIL)
        assert module._health(store, UNTIL) is None


def test_who_held_an_account_last(tmp_path: Path) -> None:
    """Of those that left too; who took one over later counts only once that is known."""
    paid = [subscription("a", 100, "2024-01-01", "2024-06-01"), subscription("b", 100, "2024-01-01")]
    held = [
        {"account_id": "a", "csm_id": "C1", "from_on": "2024-01-01", "to_on": "2024-03-01"},
        {"account_id": "a", "csm_id": "C2", "from_on": "2024-03-01", "to_on": "2024-06-01"},
        {"account_id": "b", "csm_id": "C1", "from_on": "2024-01-01", "to_on": ""},
        {"account_id": "b", "csm_id": "C2", "from_on": "2024-03-01", "to_on": "2024-04-01"},
    ]
    found = company(tmp_path, subscriptions=paid, assignments=held)
    assert module._held_last(found, dt.date(2025, 1, 1)) == {"a": "C2", "b": "C1"}
    assert module._held_last(found, dt.date(2024, 2, 1)) == {"a": "C1", "b": "C1"}
    assert module._held_last(company(tmp_path / "none", subscriptions=paid), dt.date(2025, 1, 1)) == {}


@pytest.mark.parametrize(
    ("booked", "as_of", "name"),
    [
        (("2024-01", 12), "2025-01-15", "2024Q4"),
        (("2024-01", 11), "2025-01-15", "2024Q3"),  # December is not booked yet
        (("2024-01", 12), "2025-01-01", "2024Q3"),  # nor known on the day after it
        (("2024-01", 8), "2025-01-15", "2024Q2"),
        (("2023-01", 3), "2025-01-15", "2024Q4"),  # what stopped long ago is no reason to tell of long ago
        (None, "2025-01-15", "2024Q4"),
    ],
)
def test_the_usual_period_is_one_whose_costs_are_known(
    tmp_path: Path, booked: tuple[str, int] | None, as_of: str, name: str
) -> None:
    costs = [row | {"recorded_at": month_after(row["month"], 5)} for row in by_month(*booked, 10)] if booked else []
    tables = {"costs": costs} if booked else {}
    found = company(tmp_path, subscriptions=[subscription("a", 100, "2023-01-01")], **tables)
    assert usual_period(found, dt.date.fromisoformat(as_of)).name == name


def month_after(month: dt.date, days: int) -> str:
    return f"{(month + dt.timedelta(days=40)).replace(day=days)} 00:00:00"


def test_rows_tell_a_csm_from_everybody_whatever_they_are_called() -> None:
    """A CSM called company, one called everybody; and nobody."""
    books = {name: replace(Book.empty(), mrr=float(n)) for n, name in enumerate(("all", "none", "company", "nobody"))}
    people = [person(name, books[name]) for name in ("company", "nobody")]
    inputs: Any = SimpleNamespace(period=Period.parse("2024Q4"))
    for nobody in (books["none"], None):
        made = RoiReport(inputs, books["all"], tuple(people), nobody, {}, None, ())  # type: ignore[arg-type]  # no ranking
        rows = list(module._of_kind(made))
        mrr = {(row["group"], row["group_kind"]): row["value"] for row in rows if row["metric"] == "mrr"}
        expected = {("everybody", "everybody"): 0.0, ("nobody", "nobody"): 1.0}
        if nobody is None:
            del expected["nobody", "nobody"]
        assert mrr == expected | {("company", "one"): 2.0, ("nobody", "one"): 3.0}
        roi = [(row["group"], row["group_kind"]) for row in rows if row["metric"] == "roi"]
        assert roi == [("company", "one"), ("nobody", "one")]


def person(name: str, book: Book) -> Any:
    nothing = Metric(ROI, None, note="Not defined: there is no book in this period.")
    since = SimpleNamespace(impact=None)
    return SimpleNamespace(csm_id=name, book=book, cost=nothing, roi=nothing, roi_low=None, roi_high=None, since=since)
