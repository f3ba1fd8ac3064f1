"""Person: what a CSM cost and brought, with why there is no return and what to know of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.money import RevenueSettings
from success.baselines import Expectation
from success.worth import gather, roi_report
from tests.success.worth.companies import AS_OF, Q3, assigned, by_month, company, expected, report, subscription


def test_a_month_that_nobody_booked_makes_no_return_look_better(tmp_path: Path) -> None:
    """Costs of a in two of three months: two thirds of the cost would be half as much again of return."""
    names = [f"{csm}{n}" for csm in "abc" for n in range(4)]
    costs = [
        *by_month("2025-07", 2, 500, csm_id="a"),
        *by_month("2025-07", 3, 500, csm_id="b"),
        *by_month("2025-07", 2, 500, csm_id="c"),
    ]
    history = company(
        tmp_path,
        revenue=RevenueSettings(gross_margin=0.8),
        subscriptions=[subscription(name, 100, "2024-01-01") for name in names],
        assignments=[assigned(name, name[0], to_on="2025-09-01" if name[0] == "c" else "") for name in names],
        costs=costs,
    )
    inputs = gather(history, Q3, AS_OF, expected([(name, name[0], 100.0, 0.1) for name in names]), Expectation.empty())
    made = roi_report(inputs)
    a, b, c = made.people
    why = "Not defined: no cost of a is booked in 2025-09, when accounts were theirs."
    assert (a.cost.value, a.cost.note, a.roi.value, a.roi.note) == (None, why, None, why)
    assert (b.cost.value, b.roi.note) == (1500, "")
    assert b.roi.value is not None
    # Who held nothing in September has a return, with what to know of it.
    assert c.cost.value == 1000
    assert c.roi.value == pytest.approx(c.book.impact_exit.value * 0.8 / 1000)
    assert c.roi.note == c.cost.note == "Costs of c are booked in 2 of 3 months; no account was theirs in the others."
    rows = {
        (row["group"], row["metric"]): row["note"] for row in made.rows() if row["metric"] in ("roi", "loaded_cost")
    }
    assert {rows["a", "roi"], rows["a", "loaded_cost"]} == {why}


def test_a_book_of_one_account_is_said_in_words(tmp_path: Path) -> None:
    history = company(
        tmp_path, subscriptions=[subscription("a", 100, "2024-01-01")], assignments=[assigned("a", "csm")]
    )
    found = report(history, expected([("a", "csm", 100.0, 0.001)]))["by"]["csm"]
    assert found["sentences"][0] == "The book is too small to tell: 1 account and hardly any expected churn."
