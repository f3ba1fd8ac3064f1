"""Drafts of a mapping: what is found under other names, what is said to be missing, and that drafts are valid."""

from __future__ import annotations

import importlib.util
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import pytest

from features.casting import quoted
from features.history import History
from features.settings import load_settings
from features.simulation import simulate
from features.sources.suggest import suggest
from features.sources.words import likeness, words

WHOLE = Path(__file__).parents[4] / "shared" / "data"
OULAD = Path(__file__).parents[2] / "data" / "oulad"


@pytest.fixture(scope="module")
def renaming() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tenure_renaming", Path(__file__).with_name("renaming.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulated")
    simulate(accounts=150, months=14, seed=5).write(folder)
    return folder


def draft(folder: Path, tmp_path: Path) -> tuple[str, dict[str, Any], Path]:
    text = suggest(folder)
    file = tmp_path / "draft.toml"
    file.write_text(text, encoding="utf-8")
    return text, tomllib.loads(text).get("tables", {}), file


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("style", ["camel", *(pytest.param(s, marks=pytest.mark.prove) for s in ("snake", "title"))])
def test_a_renamed_company_is_recognised(style: str, simulated: Path, renaming: ModuleType, tmp_path: Path) -> None:
    folder = tmp_path / "renamed"
    folder.mkdir()
    wanted: dict[tuple[str, str], str] = {}
    con = duckdb.connect()
    for file in sorted(simulated.glob("*.parquet")):
        table = file.stem
        own = [row[0] for row in con.execute(f"DESCRIBE FROM read_parquet('{file}')").fetchall()]
        names = {c: renaming.styled(renaming.COLUMNS[table].get(c, c), style) for c in own}
        listed = ", ".join(f"{quoted(c)} AS {quoted(n)}" for c, n in names.items())
        out = folder / f"{renaming.styled(renaming.TABLES[table], style)}.csv"
        con.execute(f"COPY (SELECT {listed} FROM read_parquet('{file}')) TO '{out}' (HEADER)")
        wanted |= {(table, c): n for c, n in names.items()}
    _, tables, draft_file = draft(folder, tmp_path)
    found = 0
    for (table, column), name in wanted.items():
        origin = tables.get(table, {}).get("columns", {}).get(column, column)
        origin = origin.get("column", origin.get("on")) if isinstance(origin, dict) else origin
        right_table = tables.get(table, {}).get("source", table) == renaming.styled(renaming.TABLES[table], style)
        found += right_table and origin == name
    assert found / len(wanted) >= 0.9, f"{found} of {len(wanted)}"
    before = {t.table: t.rows for t in History.open(simulated).report.tables}
    history = History.open(folder, load_settings(draft_file))
    assert {t.table: t.rows for t in history.report.tables} == before


def test_what_is_in_the_contract_already_needs_nothing(tmp_path: Path) -> None:
    _, tables, _ = draft(OULAD, tmp_path)
    assert tables == {"accounts": {}, "subscriptions": {}, "usage": {}}


ACCOUNTS = "id,signup\n" + "".join(f"A{i:03},0{1 + i % 9}/0{1 + i % 8}/2023\n" for i in range(40))
CONTRACTS = "nr;cust;tier;begin;end;yearly_price_cents\n" + "".join(
    f"{i:04};A{i % 40:03};Pro;{1 + i % 28}.05.2023;{'' if i % 3 else '17.12.2023'};{i}00,50\n" for i in range(60)
)
EVENTS = "contract,ts,duration_ms\n" + "".join(f"{i % 60:04},{1700000000 + 9999 * i},{i * 500}\n" for i in range(300))


def test_a_nasty_folder(tmp_path: Path) -> None:
    folder = write(tmp_path / "f", clients=ACCOUNTS, agreements=CONTRACTS, product_events=EVENTS)
    (folder / "clients.csv").write_bytes(ACCOUNTS.replace("id,", "id,Straße,").replace(",0", ",Süd,0").encode("cp1252"))
    text, tables, file = draft(folder, tmp_path)
    assert tables["accounts"]["encoding"] == "cp1252"
    assert tables["accounts"]["dates"] == ["%d/%m/%Y"]
    assert tables["subscriptions"]["dates"] == ["%d.%m.%Y"]
    assert tables["subscriptions"]["decimal"] == ","
    assert "# end_reason: NOT FOUND; an end without a reason counts as chosen by the customer" in text
    assert tables["usage"]["columns"]["account_id"] == {
        "lookup": "agreements", "on": "contract", "key": "nr", "value": "cust"}  # fmt: skip
    assert tables["usage"]["columns"]["day"] == {"expression": 'to_timestamp("ts")'}
    assert tables["usage"]["columns"]["minutes"]["factor"] == pytest.approx(1 / 60000)
    assert tables["usage"]["columns"]["events"] == {"value": 1}
    assert tables["usage"]["columns"]["feature"] == {"value": "all"}
    assert "NOT FOUND: each row counts as one event" in text
    assert "no day is after the 12th" in text
    history = History.open(folder, load_settings(file))
    assert history.report.failing.keys() <= {"usage"}
    assert history.con.execute("SELECT count(*) FROM subscriptions WHERE ended_on IS NOT NULL").fetchone() == (20,)


def test_what_cannot_be_found_is_said(tmp_path: Path) -> None:
    folder = write(tmp_path / "f", accounts="account_id,created_on\nA,2023-01-01\nB,2023-01-02\n", weather="a,b\n1,2\n")
    (folder / "broken.csv").write_bytes(b"")
    text, tables, _ = draft(folder, tmp_path)
    assert "# NOT FOUND: table subscriptions, which is needed" in text
    assert "# NOT FOUND: table usage, which is needed" in text
    assert "# No table of the contract was recognised in: weather (names are compared in English)." in text
    assert "# Left out: broken.csv of table broken is empty" in text
    assert tables == {"accounts": {}}


def test_a_table_that_has_the_name_and_not_the_columns_is_left_out(tmp_path: Path) -> None:
    folder = write(tmp_path / "f", accounts="account_id,created_on\nA,2023-01-01\nB,2023-01-02\n", arms="x\n1\n")
    text, tables, _ = draft(folder, tmp_path)
    assert tables["arms"] == {"source": False}
    assert text.count("[tables.arms]") == 1


def test_a_database_is_drafted_too(
    simulated: Path, postgres: Any, as_duckdb: Callable[[Path, Path], Path], tmp_path: Path
) -> None:
    for location in (as_duckdb(simulated, tmp_path / "c.duckdb"), postgres.load(simulated)):
        text = suggest(location)
        tables = tomllib.loads(text)["tables"]
        assert {"accounts", "subscriptions", "usage", "tickets", "surveys"} <= tables.keys()
        assert not [c for t in tables.values() for c in t.get("columns", {})]
        assert "s3cret" not in text


@pytest.mark.parametrize(
    ("name", "column", "table"),
    [("customerId", "account_id", "tickets"), ("Usage Date", "day", "usage"), ("MRR_AMOUNT", "mrr", "subscriptions"),
     ("ticket_priority", "priority", "tickets"), ("isTrial", "trial", "subscriptions")],
)  # fmt: skip
def test_names_that_are_alike(name: str, column: str, table: str) -> None:
    assert likeness(name, column, table) > 0.9


def test_names_that_are_not() -> None:
    assert likeness("refund_amount_usd", "account_id", "churns") < 0.3
    assert words("") == frozenset()
