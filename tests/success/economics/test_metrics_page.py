"""The page on metrics: what it says retaining costs and how the desk stands is what comes out of its ten accounts."""

from __future__ import annotations

import datetime as dt
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from features.history import History
from features.ledger import ledger_of
from success.economics import DEFINITIONS, desk_metrics, economics_metrics, loaded_cost, spending
from success.metric import Metric
from success.periods import Period

ROOT = Path(__file__).parents[3]
DATA = ROOT / "tests" / "data"
AS_OF = dt.date(2025, 1, 1)
HEALTH = re.compile(r"Stored health on\s+2025-01-01: ([^.]+)\.")

Table = tuple[list[str], dict[str, list[str]]]
"""The heads of the columns, and by the first cell the other cells of its row."""


@pytest.fixture(scope="module")
def page() -> str:
    text = (ROOT / "docs" / "metrics.md").read_text()
    return text[text.index("## What retaining costs") :]


@pytest.fixture(scope="module")
def ten(tmp_path_factory: pytest.TempPathFactory) -> History:
    folder = tmp_path_factory.mktemp("ten")
    for source in ("ten_accounts", "ten_desk"):
        shutil.copytree(DATA / source, folder, dirs_exist_ok=True)
    return History.open(folder)


def tables(page: str) -> list[Table]:
    found: list[Table] = []
    for block in re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE):
        first, _, *rows = [[cell.strip() for cell in line.strip(" |\n").split(" | ")] for line in block.splitlines()]
        found.append((first, {row[0].replace("`", ""): row[1:] for row in rows}))
    return found


def table(page: str, first: str) -> Table:
    """The table whose first column is called so and that has figures."""
    (found,) = [one for one in tables(page) if one[0][0] == first and "formula" not in one[0]]
    return found


def told(metric: Metric) -> str:
    """A metric as the page writes it."""
    if metric.value is None:
        return "not defined"
    parts = ""
    if metric.denominator is not None and metric.definition.name != "days_to_live":
        parts = f"{amount(metric.numerator or 0)} / {amount(metric.denominator)} = "
    return parts + (f"{100 * metric.value:.2f} %" if metric.definition.unit == "share" else amount(metric.value))


def amount(value: float) -> str:
    return f"{value:,.2f}".removesuffix(".00")


def test_every_definition_stands_on_the_page_as_it_is(page: str) -> None:
    written = {name: cells for heads, rows in tables(page) if heads[2:3] == ["formula"] for name, cells in rows.items()}
    expected = {
        d.name: [d.title, d.formula, d.unit, d.numerator, *([d.denominator] if d.denominator else [])]
        for d in DEFINITIONS
    }
    assert written == expected


def test_costs_by_period(page: str, ten: History) -> None:
    heads, rows = table(page, "metric")
    ledger = ledger_of(ten, AS_OF)
    for column, name in enumerate(heads[1:]):
        found = economics_metrics(ten, ledger, Period.parse(name), AS_OF)[None]
        assert {key: cells[column] for key, cells in rows.items()} == {key: told(m) for key, m in found.items()}
    assert economics_metrics(ten, ledger, Period.parse("2024Q4"), AS_OF)[None]["crc_change"].note.startswith(
        "Falling: 9.4 % after 17.5 % a year before"
    )


def test_costs_by_csm(page: str, ten: History) -> None:
    heads, rows = table(page, "costs of 2024 by csm")
    found = economics_metrics(ten, ledger_of(ten, AS_OF), Period.parse("2024"), AS_OF, "csm")
    for column, group in enumerate(heads[1:]):
        metrics = found["" if group == "(nobody)" else group]
        assert {key: cells[column] for key, cells in rows.items()} == {key: told(metrics[key]) for key in rows}


def test_loaded_costs(page: str, ten: History) -> None:
    heads, rows = table(page, "costs of CSMs")
    costs = spending(ten, AS_OF)
    for row, cells in rows.items():
        csm = row.removeprefix("loaded_cost of ")
        found = [told(loaded_cost(costs, csm, Period.parse(name), AS_OF)) for name in heads[1:]]
        assert cells == found, csm


def test_the_desk(page: str, ten: History) -> None:
    heads, rows = table(page, "desk of 2024")
    stored = HEALTH.search(page)
    assert stored
    pairs = [pair.split() for pair in stored[1].split(",")]
    health = pd.DataFrame({"account_id": [a for a, _ in pairs], "health": [float(h) for _, h in pairs]})
    found = desk_metrics(ten, ledger_of(ten, AS_OF), Period.parse("2024"), AS_OF, "csm", health)
    for column, group in enumerate(heads[1:]):
        metrics = found[None if group == "all" else group]
        written = {key: cells[column] for key, cells in rows.items() if cells[column] != "-"}
        assert written == {key: told(metric) for key, metric in metrics.items()}, group
    young = desk_metrics(ten, ledger_of(ten, AS_OF), Period.parse("2024Q4"), AS_OF)[None]["days_to_live"]
    assert young.note == "Not defined: no account was sold in the period."
