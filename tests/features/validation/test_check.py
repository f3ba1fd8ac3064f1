"""`tenure check`: the report in a terminal, as JSON and as HTML, and when it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

COMPANY = {
    "accounts": "account_id,created_on\nA,2024-01-01\n",
    "subscriptions": "subscription_id,account_id,plan,started_on,mrr\nsA,A,pro,2024-01-01,10\n",
    "usage": "account_id,day,feature,events\n" + "A,2024-02-01,report,1\n" * 9 + "A,2024-02-30,[red]x,1\n",
    "churns": "account_id,churned_on\nA,2024-01-20\n",
}


@pytest.fixture
def folder(fresh_folder: Callable[[], Path]) -> Path:
    folder = fresh_folder()
    for name, text in COMPANY.items():
        (folder / f"{name}.csv").write_text(text)
    return folder


def test_the_parts_come_in_the_order_a_reader_needs(tenure: Any, folder: Path, tmp_path: Path) -> None:
    assert tenure("check", folder, "--home", tmp_path) == 0, tenure.err
    parts = ("4 tables", "Rows that cannot be right", "Tables that disagree", "Possible leaks", "Worth knowing")
    places = [tenure.out.index(part) for part in parts]
    assert places == sorted(places)
    assert 'row 10: day is "2024-02-30", which is not a date' in tenure.out
    assert "account_id: A, day: 2024-02-30, feature: [red]x, events: 1" in tenure.out
    assert "churned, but the subscription goes on, 1 of 1 rows of churns (100.0 %)" in tenure.out
    assert max(len(line) for line in tenure.out.splitlines()) <= 120


def test_json_and_html(tenure: Any, folder: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    assert tenure("check", folder, "--home", tmp_path, "--json", "--html", page) == 0, tenure.err
    told = json.loads(tenure.out)
    assert told["observed"] == {"from": "2024-02-01", "until": "2024-02-02"}
    assert told["disagreements"][0]["count"] == 1
    assert "[red]x" in page.read_text(encoding="utf-8")
    assert tenure("check", folder, "--home", tmp_path, "--html", tmp_path / "none" / "report.html") == 1
    assert "There is no folder" in tenure.err


def test_a_table_that_cannot_be_relied_on_is_reported_and_refused(tenure: Any, folder: Path, tmp_path: Path) -> None:
    (folder / "usage.csv").write_text(COMPANY["usage"] + "A,never,report,1\n" * 9)
    page = tmp_path / "report.html"
    assert tenure("check", folder, "--home", tmp_path, "--html", page) == 1
    assert "Rows that cannot be right" in tenure.out
    [refusal] = [line for line in tenure.err.splitlines() if line.startswith("tenure:")]
    assert "Table usage cannot be relied on: 10 of 19 rows (52.6 %)" in refusal
    assert "Table usage cannot be relied on" in page.read_text(encoding="utf-8")


def test_a_history_without_use_is_reported_and_refused(tenure: Any, folder: Path, tmp_path: Path) -> None:
    (folder / "usage.csv").write_text("account_id,day,feature,events\n")
    assert tenure("check", folder, "--home", tmp_path, "--json") == 1
    assert json.loads(tenure.out)["observed"] is None
    assert "Table usage has no row" in tenure.err
