"""Loaded: what a CSM costs with their part of what names nobody, and the gross margin; or why nobody can tell."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from features.ledger import ledger_of
from features.money import RevenueSettings
from success.economics import gross_margin, loaded_cost, spending
from success.metric import Metric
from success.periods import Period
from tests.success.economics.companies import by_month, company, subscription

AS_OF = dt.date(2025, 1, 15)
QUARTER = Period.parse("2024Q4")


def cost(folder: Path, costs: list[dict[str, Any]], csm_id: str = "C1", as_of: dt.date = AS_OF) -> Metric:
    history = company(folder, subscriptions=[subscription("a", 100, "2023-01-01")], costs=costs)
    return loaded_cost(spending(history, as_of), csm_id, QUARTER, as_of)


def test_a_csm_costs_their_own_and_their_part_of_what_names_nobody(tmp_path: Path) -> None:
    """C1 costs 6,000 of 10,000 in two months and 6,000 of 6,000 in one, of tools for 1,000 a month; and training."""
    costs = [
        *by_month("2024-10", 3, 6000, csm_id="C1"),
        *by_month("2024-10", 2, 4000, csm_id="C2"),
        *by_month("2024-10", 3, 1000, "tools"),
        *by_month("2024-11", 1, 300, "training", csm_id="C1"),
        *by_month("2024-10", 3, 5000, "support"),
        *by_month("2024-10", 3, 5000, "renewals_team"),
        *by_month("2024-09", 1, 9000, csm_id="C1"),
    ]
    told = cost(tmp_path / "1", costs)
    assert told.value == pytest.approx(18_000 + 300 + 600 + 600 + 1000)
    assert told.note == ""
    other = cost(tmp_path / "2", costs, "C2")
    assert other.value == pytest.approx(8000 + 800)
    assert other.note == "Costs of C2 are booked in 2 of 3 months; no account was theirs in the others."


def test_all_csms_together_cost_all_there_is(tmp_path: Path) -> None:
    costs = [
        *by_month("2024-10", 3, 6000.01, csm_id="C1"),
        *by_month("2024-11", 2, 777.77, csm_id="C2"),
        *by_month("2024-12", 1, 5000, csm_id="C3"),
        *by_month("2024-10", 3, 333.33, "tools"),
    ]
    total = sum(cost(tmp_path / csm, costs, csm).value or 0 for csm in ("C1", "C2", "C3"))
    assert total == pytest.approx(sum(row["amount"] for row in costs))


def test_what_names_a_segment_is_in_nobodys_cost_and_said(tmp_path: Path) -> None:
    costs = [*by_month("2024-10", 3, 6000, csm_id="C1"), *by_month("2024-10", 3, 100, "tools", segment="smb")]
    told = cost(tmp_path, costs)
    assert told.value == 18_000
    assert told.note == "Costs of 300.00 that name a segment and no CSM are in no CSM's cost."


def held(account: str, csm_id: str, from_on: str, to_on: str = "") -> dict[str, Any]:
    return {"account_id": account, "csm_id": csm_id, "from_on": from_on, "to_on": to_on}


BOOKS = [
    held("a", "C1", "2023-01-01"),
    held("a", "C2", "2024-10-05", "2024-11-20"),  # taken from C1 in between, who has b until then
    held("b", "C1", "2023-01-01", "2024-11-01"),
    held("c", "C3", "2023-01-01"),
]
PAID = [subscription("a", 100, "2023-01-01"), subscription("b", 100, "2023-01-01")]
GONE = subscription("c", 100, "2023-01-01", "2024-11-15")


@pytest.mark.parametrize(
    ("csm_id", "booked", "why"),
    [
        ("C1", (10, 12), "2024-11"),  # a comes back to C1 on the 20th
        ("C1", (11,), "2024-10 and 2024-12"),
        ("C2", (10, 11), ""),  # held nothing in December
        ("C2", (10,), "2024-11"),
        ("C3", (10, 11), ""),  # in December the account was no customer any more
        ("C3", (10,), "2024-11"),
    ],
)
def test_a_month_of_a_csm_with_accounts_and_without_costs_is_not_left_out(
    tmp_path: Path, csm_id: str, booked: tuple[int, ...], why: str
) -> None:
    costs = [*by_month("2024-10", 3, 9000, csm_id="C9")]
    costs += [row for n in booked for row in by_month(f"2024-{n}", 1, 6000, csm_id=csm_id)]
    history = company(tmp_path, subscriptions=[*PAID, GONE], costs=costs, assignments=BOOKS)
    told = loaded_cost(spending(history, AS_OF), csm_id, QUARTER, AS_OF)
    if why:
        assert told.value is None
        assert told.note == f"Not defined: no cost of {csm_id} is booked in {why}, when accounts were theirs."
    else:
        assert told.value == 6000 * len(booked)
        assert (
            told.note
            == f"Costs of {csm_id} are booked in {len(booked)} of 3 months; no account was theirs in the others."
        )


def test_a_training_is_no_salary(tmp_path: Path) -> None:
    """Nor does a month have all it needs, of which only a small part of what the CSM costs is booked."""
    small = by_month("2024-12", 1, 10, "training", csm_id="C1")
    costs = [*by_month("2024-10", 2, 6000, csm_id="C1"), *small, *by_month("2024-12", 1, 6000, csm_id="C2")]
    history = company(tmp_path / "1", subscriptions=PAID, costs=costs, assignments=BOOKS[:1])
    told = loaded_cost(spending(history, AS_OF), "C1", QUARTER, AS_OF)
    assert told.note == "Not defined: no cost of C1 is booked in 2024-12, when accounts were theirs."
    trained = by_month("2024-10", 3, 10, "training", csm_id="C1")
    history = company(tmp_path / "2", subscriptions=PAID, costs=trained, assignments=BOOKS[:1])
    assert loaded_cost(spending(history, AS_OF), "C1", QUARTER, AS_OF).value == 30


@pytest.mark.parametrize(
    ("costs", "csm_id", "as_of", "why"),
    [
        ([*by_month("2024-10", 2, 1, csm_id="C1")], "C1", AS_OF, "no costs are known for 2024-12"),
        ([*by_month("2024-11", 1, 1, csm_id="C1")], "C1", AS_OF, "no costs are known for 2024-10 and 2024-12"),
        ([*by_month("2024-10", 3, 1, csm_id="C1")], "C9", AS_OF, "no cost of C9 is booked in 2024Q4"),
        ([*by_month("2024-10", 3, 1)], "", AS_OF, "no cost of nobody is booked in 2024Q4"),
        ([*by_month("2024-10", 3, 1, csm_id="C1")], "C1", dt.date(2024, 12, 31), "2024Q4 is not over on 2024-12-31"),
        (
            [*by_month("2024-10", 3, 1, "training", csm_id="C1"), *by_month("2024-11", 1, 1)],
            "C1",
            AS_OF,
            "the costs of 2024-11 name no CSM",
        ),
    ],
)
def test_why_nobody_can_tell(
    tmp_path: Path, costs: list[dict[str, Any]], csm_id: str, as_of: dt.date, why: str
) -> None:
    told = cost(tmp_path, costs, csm_id, as_of)
    assert told.value is None
    assert told.note.startswith(f"Not defined: {why}")
    assert told.note.endswith(".")


def margin(folder: Path, costs: list[dict[str, Any]], given: float | None = None, mrr: float = 1000) -> Metric:
    paid = [subscription("a", mrr, "2023-01-01")]
    history = company(folder, RevenueSettings(gross_margin=given), subscriptions=paid, costs=costs)
    return gross_margin(spending(history, AS_OF), ledger_of(history, AS_OF), QUARTER, AS_OF)


def test_the_margin_is_what_remains_after_delivery_over_a_year(tmp_path: Path) -> None:
    costs = [*by_month("2024-01", 6, 100, "cogs"), *by_month("2024-07", 6, 300, "cogs"), *by_month("2024-01", 12, 9)]
    told = margin(tmp_path / "found", costs)
    assert told.value == pytest.approx(0.8)
    assert told.numerator == pytest.approx(9600)
    assert told.denominator == pytest.approx(12_000)
    assert margin(tmp_path / "given", costs, given=0.7).value == 0.7
    lacking = margin(tmp_path / "lacking", costs[1:])
    assert lacking.value is None
    assert lacking.note == ("Not defined: no cogs are known for 2024-01; write gross_margin under [revenue] to set it.")
    free = margin(tmp_path / "free", costs, mrr=0)
    assert (free.value, free.note) == (None, "Not defined: there was no recurring revenue.")
