"""Retention cost: the worked figures, months that are missing, and groups whose parts add up to the whole."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.history import History
from features.ledger import ledger_of
from features.money import RevenueSettings
from success.economics import economics_metrics
from success.metric import Metric
from success.periods import Period
from success.revenue.groups import GROUPINGS
from tests.success.economics.companies import by_month, company, subscription

AS_OF = dt.date(2025, 1, 15)
YEAR = Period.parse("2024")


def figures(history: History, period: Period = YEAR, as_of: dt.date = AS_OF) -> dict[str, Metric]:
    return economics_metrics(history, ledger_of(history, as_of), period, as_of)[None]


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> History:
    """10M of revenue with costs of 1.5M in 2023, and 15M with 1.95M in 2024."""
    paid = [
        subscription("a", 1_000_000, "2023-03-01", "2024-01-01", end_reason="superseded"),
        subscription("a", 1_250_000, "2024-01-01"),
    ]
    costs = [*by_month("2023-01", 12, 100_000), *by_month("2023-01", 12, 25_000, "tools")]
    costs += [*by_month("2024-01", 12, 130_000), *by_month("2024-01", 12, 32_500, "training")]
    costs += by_month("2023-01", 24, 999_999, "support")  # off by default
    return company(tmp_path_factory.mktemp("grown"), subscriptions=paid, costs=costs)


def test_the_worked_figures(grown: History) -> None:
    told = figures(grown)
    assert told["crc_ratio"].value == pytest.approx(0.13)
    assert (told["crc_ratio"].numerator, told["crc_ratio"].denominator) == (1_950_000, 15_000_000)
    assert told["crc_ratio_year_before"].value == pytest.approx(0.15)
    assert told["crc_change"].value == pytest.approx(-0.02)
    assert told["crc_change"].note.startswith("Falling: 13.0 % after 15.0 % a year before")
    assert "5 to 15 %" in told["crc_change"].note
    assert told["managed_revenue"].value == pytest.approx(15_000_000)


def test_categories_are_listed_with_amounts_and_support_is_none_unless_added(tmp_path: Path, grown: History) -> None:
    told = figures(grown)
    assert told["retention_cost"].value == 1_950_000
    assert "csm 1,560,000.00" in told["retention_cost"].note
    assert "training 390,000.00" in told["retention_cost"].note
    assert "tools 0.00" in told["retention_cost"].note
    assert told["retention_cost_csm"].value == 1_560_000
    assert "retention_cost_support" not in told
    with_support = company(
        tmp_path,
        RevenueSettings(retention_costs=("csm", "support")),
        subscriptions=[subscription("a", 1000, "2022-01-01")],
        costs=[*by_month("2024-01", 12, 100), *by_month("2024-01", 12, 50, "support")],
    )
    told = figures(with_support)
    assert told["crc_ratio"].value == pytest.approx(0.15)
    assert told["retention_cost_support"].value == 600
    assert told["crc_change"].note == (
        "No trend: a year before, the figure is not defined; no retention costs are known for 2023-01, 2023-02 and 10 "
        "more months."
    )


def test_accounts_lost_since_count_for_the_months_they_paid(tmp_path: Path) -> None:
    paid = [subscription("a", 100, "2023-01-01"), subscription("b", 400, "2023-01-01", "2024-02-16")]
    history = company(tmp_path, subscriptions=paid, costs=by_month("2024-01", 12, 10))
    expected = 1200 + 400 + 400 * 15 / 29
    assert figures(history)["managed_revenue"].value == pytest.approx(expected)
    assert figures(history)["crc_ratio"].value == pytest.approx(120 / expected)


def test_two_subscriptions_at_once_add_up_and_trials_do_not(tmp_path: Path) -> None:
    paid = [
        subscription("a", 100, "2023-01-01"),
        subscription("a", 50, "2024-01-01", subscription_id="other"),
        subscription("a", 999, "2024-01-01", subscription_id="trial", trial="true"),
        subscription("free", 0, "2023-01-01"),
    ]
    history = company(tmp_path, subscriptions=paid, costs=by_month("2024-01", 12, 15))
    assert figures(history)["crc_ratio"].value == pytest.approx(0.1)


def test_a_month_without_costs_leaves_the_figure_undefined_and_is_named(tmp_path: Path) -> None:
    costs = [row for row in by_month("2024-01", 12, 10) if row["month"].month != 3]
    costs += by_month("2024-03", 1, 10, "acquisition")  # no retention cost
    history = company(tmp_path, subscriptions=[subscription("a", 100, "2023-01-01")], costs=costs)
    told = figures(history)
    assert told["crc_ratio"].value is None
    assert told["crc_ratio"].denominator == pytest.approx(1200)
    for name in ("crc_ratio", "retention_cost", "retention_cost_csm"):
        assert told[name].note == "Not defined: no retention costs are known for 2024-03."
    assert told["crc_change"].note == "No trend: no retention costs are known for 2024-03."
    assert told["managed_revenue"].value == pytest.approx(1200)
    first = figures(history, Period.parse("2024Q1"), dt.date(2024, 5, 1))
    assert first["renewal_cost"].note == "Not defined: no renewal costs are known for 2024-03."


def test_a_category_that_one_month_lacks_is_told(tmp_path: Path) -> None:
    tools = [row for row in by_month("2024-01", 12, 5, "tools") if row["month"].month != 7]
    history = company(
        tmp_path,
        subscriptions=[subscription("a", 100, "2023-01-01")],
        costs=[*by_month("2024-01", 12, 10), *tools],
    )
    assert figures(history)["crc_ratio"].note == "The costs of 2024-07 have no tools, which every other month has."


def test_costs_are_known_when_they_are_booked_and_the_month_is_over(tmp_path: Path) -> None:
    costs = [*by_month("2024-01", 11, 10), *by_month("2024-12", 1, 10, recorded_at="2025-01-09 15:00:00")]
    paid = [subscription("a", 100, "2023-01-01")]
    booked = company(tmp_path / "booked", subscriptions=paid, costs=costs)
    early, late = dt.date(2025, 1, 9), dt.date(2025, 1, 10)
    assert figures(booked, as_of=early)["crc_ratio"].note == "Not defined: no retention costs are known for 2024-12."
    assert figures(booked, as_of=late)["crc_ratio"].value == pytest.approx(0.1)
    unstamped = company(tmp_path / "unstamped", subscriptions=paid, costs=by_month("2024-01", 12, 10))
    inside = figures(unstamped, as_of=dt.date(2024, 12, 31))["crc_ratio"]
    assert inside.note == "Not defined: no retention costs are known for 2024-12."
    assert inside.denominator == pytest.approx(1100 + 100 * 30 / 31)


def test_without_a_table_of_costs_nothing_is_told(tmp_path: Path) -> None:
    told = figures(company(tmp_path, subscriptions=[subscription("a", 100, "2023-01-01")]))
    for name in ("crc_ratio", "retention_cost", "renewal_cost", "gross_margin"):
        assert told[name].value is None
        assert told[name].note.startswith("Not defined: there is no table of costs")


def test_costs_without_revenue_are_over_nothing(tmp_path: Path) -> None:
    history = company(
        tmp_path, subscriptions=[subscription("free", 0, "2023-01-01")], costs=by_month("2024-01", 12, 10)
    )
    told = figures(history)["crc_ratio"]
    assert (told.value, told.note) == (None, "Not defined: no revenue was managed.")


def test_costs_that_name_a_segment_go_there_and_the_others_by_revenue(tmp_path: Path) -> None:
    """A month costs 60 that name smb, 40 that name a CSM whose book is 3 to 1, and 50 that name nobody."""
    accounts = [
        {"account_id": a, "created_on": "2023-01-01", "segment": segment}
        for a, segment in (("a", "smb"), ("b", "big"), ("c", "big"))
    ]
    history = company(
        tmp_path,
        accounts=accounts,
        subscriptions=[subscription(a, mrr, "2023-01-01") for a, mrr in (("a", 100), ("b", 300), ("c", 600))],
        assignments=[{"account_id": a, "csm_id": "C1", "from_on": "2023-01-01"} for a in ("a", "b")],
        costs=[
            *by_month("2024-01", 12, 60, "programs", segment="smb"),
            *by_month("2024-01", 12, 40, csm_id="C1"),
            *by_month("2024-01", 12, 50, "tools"),
        ],
    )
    told = economics_metrics(history, ledger_of(history, AS_OF), YEAR, AS_OF, "segment")
    assert list(told) == [None, "big", "smb"]
    assert told["smb"]["crc_ratio"].numerator == pytest.approx(12 * (60 + 10 + 5))
    assert told["big"]["crc_ratio"].numerator == pytest.approx(12 * (30 + 45))
    assert told["smb"]["crc_ratio"].value == pytest.approx(75 / 100)
    assert told["big"]["crc_ratio"].value == pytest.approx(75 / 900)
    by_csm = economics_metrics(history, ledger_of(history, AS_OF), YEAR, AS_OF, "csm")
    # What names smb follows the revenue of smb, all of which is C1's.
    assert by_csm["C1"]["crc_ratio"].numerator == pytest.approx(12 * (60 + 40 + 50 * 0.4))
    assert by_csm[""]["crc_ratio"].numerator == pytest.approx(12 * 50 * 0.6)


@pytest.mark.parametrize("by", GROUPINGS)
def test_groups_add_up_to_the_whole(history: History, by: str) -> None:
    period, as_of = Period.parse("2024"), history.observed_until
    ledger = ledger_of(history, as_of)
    told = economics_metrics(history, ledger, period, as_of, by)
    total, groups = told[None], [told[group] for group in told if group is not None]
    assert len(groups) > 1
    revenue = ledger.revenue(period.start, period.until).sum()
    assert total["managed_revenue"].value == pytest.approx(revenue, rel=1e-12)
    for name in ("managed_revenue", "retention_cost", "retention_cost_csm", "retention_cost_tools"):
        assert sum(group[name].value or 0 for group in groups) == pytest.approx(total[name].value, rel=1e-9), name
    for name in ("renewal_cost_12m", "renewal_cost"):
        for side in ("numerator", "denominator"):
            parts = sum(getattr(group[name], side) for group in groups)
            assert parts == pytest.approx(getattr(total[name], side), rel=1e-9), (name, side)


CSMS = ("C1", "C2", "C3", "C4")
DAYS = st.dates(dt.date(2023, 10, 1), dt.date(2024, 12, 28))


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(CSMS), DAYS, st.integers(1, 400)), max_size=6),
    st.lists(st.tuples(st.sampled_from(["", *CSMS]), DAYS, st.sampled_from(["csm", "tools"])), min_size=1, max_size=8),
    st.sampled_from([YEAR, Period.parse("2024Q4")]),
)
def test_csms_add_up_to_the_company_also_those_who_left(
    tmp_path: Path, held: list[tuple[Any, ...]], booked: list[tuple[Any, ...]], period: Period
) -> None:
    costs = [
        *by_month("2024-01", 12, 33.33),
        *(row for csm, day, kind in booked for row in by_month(f"{day:%Y-%m}", 1, 77.77, kind, csm_id=csm)),
    ]
    books = [
        {"account_id": a, "csm_id": c, "from_on": day, "to_on": day + dt.timedelta(days=n)} for a, c, day, n in held
    ]
    paid = [
        subscription("a", 100.01, "2023-03-31", term_months=1),
        subscription("b", 70, "2023-05-17", "2024-08-09", term_months=3),
        subscription("c", 33.33, "2024-02-02"),
    ]
    folder = tmp_path / str(len(list(tmp_path.iterdir())))
    history = company(folder, subscriptions=paid, costs=costs, **({"assignments": books} if books else {}))
    total, *groups = economics_metrics(history, ledger_of(history, AS_OF), period, AS_OF, "csm").values()
    for name in ("managed_revenue", "retention_cost", "retention_cost_csm", "retention_cost_tools"):
        assert sum(group[name].value or 0 for group in groups) == pytest.approx(total[name].value, abs=0.005), name
    for name in ("renewal_cost", "renewal_cost_12m"):
        for side in ("numerator", "denominator"):
            parts = [getattr(group[name], side) or 0 for group in groups]
            assert sum(parts) == pytest.approx(getattr(total[name], side) or 0, abs=0.005), name


def test_csms_of_the_made_up_company_add_up(history: History) -> None:
    """Half of those who cost something in the year have left before its last quarter."""
    as_of = history.observed_until
    found = economics_metrics(history, ledger_of(history, as_of), Period.parse("2025Q1"), as_of, "csm")
    total = found.pop(None)
    for name in ("managed_revenue", "retention_cost", "retention_cost_csm"):
        assert sum(group[name].value or 0 for group in found.values()) == pytest.approx(total[name].value, abs=0.01)
