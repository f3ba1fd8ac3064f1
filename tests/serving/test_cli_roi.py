"""Roi: ten accounts over two years, told on a terminal, as JSON, CSV and HTML, and kept for the service."""

from __future__ import annotations

import csv
import datetime as dt
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import serving.cli.roi as module
from features.errors import TenureError
from serving.cli.roi import roi
from serving.cli.roi_tables import WIDTH, print_roi
from serving.report_rows import COLUMNS
from serving.reports import GROUPINGS, revenue_document, roi_document
from serving.store.address import address_of
from serving.store.reports import report_of, told_periods
from serving.store.store import Store
from serving.store.tokens import create
from tests.serving.made_baselines import made_up

COMPANY = Path(__file__).resolve().parents[1] / "data" / "ten_accounts"


@pytest.fixture(autouse=True, scope="module")
def expectations() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("serving.baselines.expectations_for", made_up)
        yield


def run(home: Path, *options: object, company: Path = COMPANY) -> Result:
    arguments = [str(company), "--home", str(home), *map(str, options)]
    return CliRunner().invoke(roi, arguments, catch_exceptions=False)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One in which the last quarter of 2024 was asked for, with every file."""
    folder = tmp_path_factory.mktemp("home")
    told = run(
        folder, "--period", "2024Q4", "--by", "csm", "--json", "--csv", folder / "q.csv", "--html", folder / "q.html"
    )
    assert told.exit_code == 0, told.output
    (folder / "told.json").write_text(told.stdout, encoding="utf-8")
    return folder


def test_everything_is_kept(home: Path) -> None:
    with Store.open(address_of(home)) as store:
        assert told_periods(store, "roi") == told_periods(store, "revenue") == ["2024Q4"]
        for by in ("", *GROUPINGS):
            found = report_of(store, "revenue", "2024Q4", by)
            assert found is not None
            assert (found.body["by"] or "", found.as_of) == (by, dt.date(2025, 1, 1))


def test_json_is_what_the_service_answers(
    home: Path, make_client: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make_client(scored=False)
    told = json.loads((home / "told.json").read_text(encoding="utf-8"))
    again = run(home, "--period", "2024-Q4", "--csm", "ann", "--json")  # what is found again is not kept again
    one = json.loads(again.stdout)
    with Store.open(address_of(home)) as store:
        for name in ("_engine", "_reader", "_writer"):
            monkeypatch.setattr(client.store, name, getattr(store, name))
        _, client.token = create(store, "roi", ["read"])
        assert told["roi"] == client.post("/roi", json={"period": "2024q4"}).json()
        assert told["revenue"] == client.post("/revenue", json={"period": "2024Q4", "by": "csm"}).json()
        assert one["roi"] == client.post("/roi", json={"period": "2024Q4", "csm_id": "ann"}).json()
        assert one["revenue"] == client.post("/revenue", json={"period": "2024Q4"}).json()


def test_the_csv_has_every_figure(home: Path) -> None:
    with (home / "q.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    told = json.loads((home / "told.json").read_text(encoding="utf-8"))
    found = {(row["report"], row["group"], row["metric"]): row["value"] for row in rows}
    assert {(row["report"], row["group"], row["group_kind"]) for row in rows} == {
        *((kind, "everybody", "everybody") for kind in ("roi", "revenue")),
        *((kind, csm, "one") for kind in ("roi", "revenue") for csm in ("ann", "bob")),
        ("revenue", "nobody", "nobody"),
    }
    everybody = {**told["revenue"]["total"], "group": "everybody"}
    for group in (everybody, *told["revenue"]["groups"]):
        for name, metric in group["metrics"].items():
            value = found["revenue", group["group"] or "nobody", name]
            assert (float(value) if value else None) == metric["value"]
        for name, moved in group["movement"].items():
            assert float(found["revenue", group["group"] or "nobody", name]) == moved
    for csm in told["roi"]["csms"]:
        value = float(found["roi", csm["csm_id"], "impact_exit"])
        assert value == pytest.approx(csm["impact_exit"]["value"], abs=0.01)
    assert all(row["formula"] and row["unit"] for row in rows)


def test_the_page_is_whole_and_runs_nothing(home: Path) -> None:
    page = (home / "q.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert page.rstrip().endswith("</html>")
    assert "2024Q4" in page
    assert "<script" not in page


@pytest.mark.parametrize("by", ["", *GROUPINGS])
@pytest.mark.parametrize("csm", [None, "bob"])
def test_the_tables_are_readable(home: Path, capsys: pytest.CaptureFixture[str], by: str, csm: str | None) -> None:
    with Store.open(address_of(home)) as store:
        worth, revenue = report_of(store, "roi", "2024Q4"), report_of(store, "revenue", "2024Q4", by)
    assert worth is not None
    assert revenue is not None
    told = roi_document(worth, csm)
    assert told is not None
    print_roi(told, revenue_document(revenue), details=csm is not None or by == "csm")
    first, *lines = capsys.readouterr().out.splitlines()
    assert first == "2024Q4, 1 October 2024 to 31 December 2024, as known on 1 January 2025, in EUR"
    sentences = [line for line in lines if line.endswith(".") and "  " not in line]
    assert max(len(line) for line in lines if line not in sentences) <= WIDTH
    words = " ".join(lines).split()
    assert not {"nan", "None"} & set(words)
    assert "One period's figure is not evidence for pay or dismissal." in lines
    assert ("ann in 2024Q4" in lines) == (csm is None and by == "csm")
    assert ("bob in 2024Q4" in lines) == (csm == "bob" or by == "csm")
    assert any(line.startswith("closing") and "5,350" in line for line in lines), "by hand in docs/metrics.md"


def test_what_to_know_of_a_return_stands_beside_it_as_it_is(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also in names that look like colours, and of returns that are defined."""
    with Store.open(address_of(home)) as store:
        worth, revenue = report_of(store, "roi", "2024Q4"), report_of(store, "revenue", "2024Q4")
    assert worth is not None
    assert revenue is not None
    told = json.loads(json.dumps(roi_document(worth)))
    first, second, *_ = told["csms"]
    first |= {"csm_id": "[red]x[/red]"}
    first["roi"] |= {"value": None, "note": "Not defined: no cost of [red]x[/red] is booked in 2024-11."}
    second["roi"] |= {"value": 1.5, "note": "Costs of bob are booked in 2 of 3 months."}
    won = {"account_id": "A[1]", "name": "[b]B[/b]", "left_on": None, "returned_on": "2024-10-02", "mrr": 1.0}
    first["won_back"] = [won | {"inside": True}]
    print_roi(told, revenue_document(revenue), details=True)
    lines = capsys.readouterr().out.splitlines()
    assert "ROI of [red]x[/red]: Not defined: no cost of [red]x[/red] is booked in 2024-11." in lines
    assert "ROI of bob: Costs of bob are booked in 2 of 3 months." in lines
    assert "[red]x[/red] in 2024Q4" in lines
    assert "Won back, counted apart: [b]B[/b] (A[1])." in lines
    assert any(line.startswith("[red]x[/red]  ") for line in lines), "in the table"
    assert not any("\\[" in line for line in lines)


def test_a_quarter_that_is_not_over_says_so(tmp_path: Path) -> None:
    """What was asked for goes on beyond what was observed."""
    settings = tmp_path / "tenure.toml"
    settings.write_text("[history]\nobserved_until = 2024-12-01\n", encoding="utf-8")
    told = run(tmp_path, "--config", settings, "--period", "2024Q4", "--as-of", "2024-12-20", "--csm", "ann")
    assert told.stdout.splitlines()[0].startswith("2024Q4, 1 October 2024 to 31 December 2024, not over yet, as known")
    assert told.stderr == "Warning: nothing was observed on or after 2024-12-01, so that 2024Q4 is told up to then.\n"
    with Store.open(address_of(tmp_path)) as store:
        for kind in ("roi", "revenue"):
            found = report_of(store, kind, "2024Q4")
            assert found is not None
            assert (str(found.as_of), found.body["partial_until"]) == ("2024-12-01", "2024-12-01")
            assert [csm["roi"]["value"] for csm in found.body.get("csms", ())] == [None, None][: 2 * (kind == "roi")]


def test_nobody_of_that_name_is_said_with_who_there_is() -> None:
    body = {"period": "2024Q3", "csms": [{"csm_id": f"c-{n}"} for n in range(10)]}
    some = ", ".join(f"c-{n}" for n in range(8))
    assert str(module._unknown(body, "eve")) == (
        f"No CSM 'eve' had a book or a cost in 2024Q3; there are {some} and 2 more."
    )
    assert str(module._unknown({**body, "csms": []}, "eve")).endswith("; nobody had a book then.")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--period", "2026Q1"], r"^2026Q1 begins on 2026-01-01, and nothing of it is known on 2025-01-01; name an"),
        (["--csv", "/nowhere/at/all.csv"], "^There is no folder /nowhere/at"),
    ],
)
def test_what_cannot_be_told_is_said_in_a_sentence(home: Path, options: list[str], says: str) -> None:
    with pytest.raises(TenureError, match=says):
        run(home, *options)


@pytest.mark.parametrize("options", [["--period", "Q3"], ["--by", "industry"], ["--csm", "ann", "--all"]])
def test_a_wrong_command_line_is_refused(home: Path, options: list[str]) -> None:
    assert run(home, *options).exit_code == 2


def test_currencies_without_rates_are_never_added(tmp_path: Path) -> None:
    folder = tmp_path / "company"
    shutil.copytree(COMPANY, folder)
    file = folder / "subscriptions.csv"
    file.write_text(file.read_text(encoding="utf-8").replace("EUR", "USD", 1), encoding="utf-8")
    with pytest.raises(TenureError, match=r"EUR and USD|USD and EUR"):
        run(tmp_path / "home", "--period", "2024Q4", company=folder)
