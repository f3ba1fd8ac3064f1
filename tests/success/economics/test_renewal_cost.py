"""Renewal cost: per 1,000 of value renewed, sum over sum, and improving or worsening against a year before."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

from features.ledger import ledger_of
from features.money import RevenueSettings
from success.economics import economics_metrics
from success.economics.basis import Basis
from success.economics.renewal_cost import renewal_metrics
from success.economics.spending import Costs
from success.periods import Period
from tests.success.economics.companies import by_month, company, subscription

AS_OF = dt.date(2025, 1, 15)


def basis(before: float, now: float) -> Basis:
    """1,000,000 renewed in each of two years, at these costs."""
    months = [dt.date(2023 + n // 12, n % 12 + 1, 1) for n in range(24)]
    amounts = [100 * (before if month.year == 2023 else now) / 12 for month in months]
    rows = pd.DataFrame({"month": pd.to_datetime(months).as_unit("us"), "category": "csm", "cents": amounts})
    renewals = pd.DataFrame(
        {
            "renews_on": pd.to_datetime(["2023-06-30", "2024-06-30"]).as_unit("us"),
            "group": "",
            "value": 1_000_000.0,
            "monthly": False,
        }
    )
    costs = Costs(rows, AS_OF, RevenueSettings(), present=True)
    parts = {(None, month, "csm"): amount for month, amount in zip(months, amounts, strict=True)}
    return Basis(costs, parts, {}, renewals, None, dt.date(2022, 1, 1))


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        (100_000, 85_000, "Improving: 85 per 1,000 renewed after 100 a year before."),
        (100_000, 110_000, "Worsening: 110 per 1,000 renewed after 100 a year before."),
        (100_000, 100_000, "Unchanged: 100 per 1,000 renewed after 100 a year before."),
    ],
)
def test_the_worked_figures(before: float, now: float, told: str) -> None:
    found = renewal_metrics(basis(before, now), Period.parse("2024"), None)
    assert found["renewal_cost_12m_year_before"].value == pytest.approx(before / 1000)
    assert found["renewal_cost_12m"].value == pytest.approx(now / 1000)
    assert found["renewal_cost_12m"].denominator == 1_000_000
    assert found["renewal_cost_change"].value == pytest.approx((now - before) / 1000)
    assert found["renewal_cost_change"].note == told


def test_a_company_whose_contracts_renew_in_two_quarters(tmp_path: Path) -> None:
    """100 a month costs 300 a quarter; 2,400 and 1,200 are renewed, a third contract is lost, a fourth is monthly."""
    history = company(
        tmp_path,
        subscriptions=[
            subscription("a", 200, "2022-02-01", term_months=12, renews_on="2023-02-01"),
            subscription("b", 100, "2022-08-01", term_months=12, renews_on="2023-08-01"),
            subscription("c", 900, "2023-02-01", "2024-02-01", term_months=12, renews_on="2024-02-01"),
            subscription("m", 70, "2023-12-01", term_months=1, renews_on="2024-01-01"),
        ],
        costs=[
            *by_month("2023-01", 24, 60),
            *by_month("2023-01", 24, 40, "renewals_team"),
            *by_month("2023-01", 24, 1000, "tools"),
        ],
    )
    told = economics_metrics(history, ledger_of(history, AS_OF), Period.parse("2024Q1"), AS_OF)[None]
    assert told["renewal_cost"].value == pytest.approx(1000 * 300 / 2400)
    assert told["renewal_cost"].note == "Terms of one month are not in it; 210.00 of them went on."
    year = economics_metrics(history, ledger_of(history, AS_OF), Period.parse("2024Q4"), AS_OF)[None]
    assert year["renewal_cost"].value is None
    assert year["renewal_cost"].note == "Not defined: nothing with a term longer than a month was renewed."
    # Sum over sum, and no mean of two quarters' figures.
    assert year["renewal_cost_12m"].value == pytest.approx(1000 * 1200 / 3600)
    assert year["renewal_cost_12m_year_before"].value == pytest.approx(1000 * 1200 / 3600)
    assert year["renewal_cost_change"].note == "Unchanged: 333.3 per 1,000 renewed after 333.3 a year before."


def test_a_renewal_belongs_to_whoever_held_the_account_on_the_day_before(tmp_path: Path) -> None:
    history = company(
        tmp_path,
        subscriptions=[subscription("a", 100, "2023-05-01", term_months=12, renews_on="2024-05-01")],
        assignments=[
            {"account_id": "a", "csm_id": "C1", "from_on": "2023-05-01", "to_on": "2024-05-01"},
            {"account_id": "a", "csm_id": "C2", "from_on": "2024-05-01", "to_on": ""},
        ],
        costs=[*by_month("2024-01", 12, 10, csm_id="C1"), *by_month("2024-01", 12, 20, csm_id="C2")],
    )
    told = economics_metrics(history, ledger_of(history, AS_OF), Period.parse("2024"), AS_OF, "csm")
    assert told["C1"]["renewal_cost"].value == pytest.approx(1000 * 120 / 1200)
    assert (told["C2"]["renewal_cost"].value, told["C2"]["renewal_cost"].numerator) == (None, 240)
