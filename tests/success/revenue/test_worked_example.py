"""The ten accounts of docs/metrics.md: each figure of the page is what the code gives, and each metric is on it."""

from __future__ import annotations

import datetime as dt
import math
import re
from pathlib import Path

import pytest

from features.history import History
from features.ledger import ledger_of
from features.settings import Settings
from success import economics
from success.metric import Definition
from success.periods import Period
from success.revenue import movements, report
from success.revenue.report import RevenueReport, revenue_report, revenue_series

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
AS_OF = dt.date(2025, 1, 1)
PERIODS = ("2024Q1", "2024Q2", "2024Q3", "2024Q4", "2024")
DEFINITIONS: tuple[Definition, ...] = (*report.DEFINITIONS, *economics.DEFINITIONS)
OWN = {definition.name for definition in report.DEFINITIONS}


def _tables(header: str) -> list[tuple[list[str], list[list[str]]]]:
    """The tables of the page whose first header cell begins so: the other header cells, and the rows."""
    found: list[tuple[list[str], list[list[str]]]] = []
    lines = PAGE.splitlines()
    for number, line in enumerate(lines):
        if line.startswith(f"| {header}") and lines[number + 1].startswith("| ---"):
            rows = []
            for row in lines[number + 2 :]:
                if not row.startswith("|"):
                    break
                rows.append([cell.strip() for cell in row.strip("|").split("|")])
            found.append(([cell.strip() for cell in line.strip("|").split("|")], rows))
    return found


FIGURES = {row[0].strip("`"): row[1:] for head, rows in _tables("metric | 2024Q1") for row in rows}
TOLD = {row[0].strip("`"): row[1:] for head, rows in _tables("metric | title") for row in rows}


@pytest.fixture(scope="module")
def ten() -> History:
    history = History.open(ROOT / "tests" / "data" / "ten_accounts", Settings())
    assert not history.report.failing
    return history


@pytest.fixture(scope="module")
def reports(ten: History) -> list[RevenueReport]:
    return revenue_series(ten, [Period.parse(name) for name in PERIODS], AS_OF)


def _near(told: str, value: float | None) -> bool:
    """Whether a figure of the page is a value, rounded to as many digits as it has."""
    if value is None:
        return told in ("not defined", "not known")
    number = re.fullmatch(r"(-?[\d,]+(?:\.(\d+))?)( %)?", told)
    if not number:
        return False
    scale = 100 if number[3] else 1
    return math.isclose(
        float(number[1].replace(",", "")), value * scale, abs_tol=0.5001 * 10.0 ** -len(number[2] or "")
    )


@pytest.mark.parametrize("name", sorted(FIGURES))
def test_each_figure_of_the_page_is_what_the_code_gives(name: str, reports: list[RevenueReport]) -> None:
    assert len(FIGURES[name]) == len(PERIODS)
    for cell, found in zip(FIGURES[name], reports, strict=True):
        if name in found.total.movement:
            assert _near(cell, found.total.movement[name]), (found.period.name, cell, found.total.movement[name])
            continue
        metric = found.total.metrics[name]
        made, _, value = cell.rpartition(" = ")
        assert _near(value, metric.value), (found.period.name, cell, metric)
        if made:
            numerator, denominator = made.split(" / ")
            assert _near(numerator, metric.numerator), (found.period.name, cell, metric)
            assert _near(denominator, metric.denominator), (found.period.name, cell, metric)
        if metric.value is None:
            assert metric.note.endswith("."), metric


def test_each_metric_is_on_the_page_with_its_formula_and_worked() -> None:
    names = [definition.name for definition in DEFINITIONS]
    assert len(set(names)) == len(names), "two metrics have one name"
    for definition in DEFINITIONS:
        row = [definition.title, definition.formula, definition.unit, definition.numerator, definition.denominator]
        assert TOLD[definition.name] == row
        # Those on costs and the desk are worked in tables of their own, which their tests read.
        assert definition.name in FIGURES or definition.name not in OWN


def test_every_figure_that_is_told_has_a_definition_of_its_own(reports: list[RevenueReport]) -> None:
    by_name = {definition.name: definition for definition in report.DEFINITIONS}
    for found in reports:
        assert list(found.total.movement) == [definition.name for definition in movements.DEFINITIONS]
        own = {name: metric for name, metric in found.total.metrics.items() if name in OWN}
        assert {*own, *found.total.movement} == OWN
        assert all(metric.definition is by_name[name] for name, metric in own.items())


@pytest.mark.parametrize(("head", "rows"), _tables("movement, "), ids=lambda value: str(value)[:40])
def test_movements_by_group_are_those_of_the_page(head: list[str], rows: list[list[str]], ten: History) -> None:
    told = re.fullmatch(r"movement, (\w+) by (\w+)", head[0])
    assert told is not None
    found = revenue_report(ten, Period.parse(told[1]), AS_OF, told[2])
    names = ["" if name == "(nobody)" else name for name in head[1:]]
    assert [group.name for group in found.groups] == names
    for place, group in enumerate(found.groups, 1):
        expected = {row[0].strip("`"): float(row[place].replace(",", "")) for row in rows}
        assert {name: value for name, value in group.movement.items() if value or name in expected} == expected


def test_the_page_shows_each_account_as_it_pays(ten: History) -> None:
    ledger = ledger_of(ten, AS_OF)
    ((head, rows),) = _tables("account | segment")
    for place, month in enumerate(head[4:9], 4):
        year, number = map(int, month.split("-"))
        last = (dt.date(year, number, 28) + dt.timedelta(days=4)).replace(day=1) - dt.timedelta(days=1)
        paid = {row[0].split()[0]: row[place] for row in rows}
        expected = {name: float(cell.replace(",", "")) for name, cell in paid.items() if cell != "-"}
        total = expected.pop("all")
        assert ledger.mrr_on(last).to_dict() == expected
        assert sum(expected.values()) == total


def test_the_drift_that_the_page_tells_of_is_flagged(reports: list[RevenueReport]) -> None:
    assert [len(found.total.flags) for found in reports] == [0, 1, 0, 0, 0]
    assert "12.2 points above GRR" in reports[1].total.flags[0]


def test_what_is_negative_ended_or_left_early_is_said(reports: list[RevenueReport]) -> None:
    second, third, fourth = (found.total.metrics for found in reports[1:4])
    assert second["net_revenue_churn"].note.startswith("Negative churn")
    assert "1 with an MRR of 1,200.00 completed or merged" in fourth["nrr"].note
    assert fourth["left_before_renewal"].value == 1
    assert "nothing was lost" in third["cltv"].note
    assert "revenue churn 0" in third["cltv_margin"].note
