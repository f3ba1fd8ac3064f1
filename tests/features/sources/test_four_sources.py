"""The same history from Parquet, CSV, a DuckDB file and PostgreSQL is the same history, to the byte."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pytest

from features.build import build_features
from features.cohort import account_statuses
from features.history import History
from features.labels import churn_days
from features.simulation import simulate

AROUND = dt.date(2024, 3, 15)
DAYS = [AROUND, AROUND + dt.timedelta(days=30)]


def _bytes(frame: pd.DataFrame) -> bytes:
    """A frame as an Arrow stream."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return bytes(sink.getvalue())


def everything(location: Path | str, days: list[dt.date]) -> dict[str, Any]:
    """What comes out of a history, as bytes, and what was set aside."""
    history = History.open(location)
    found: dict[str, Any] = {
        "features": _bytes(build_features(history, days)),
        "churns": _bytes(churn_days(history, days[-1])),
        "failing": history.report.failing,
    }
    return found | {f"status {day}": _bytes(account_statuses(history, day)) for day in days}


def _as_csv(folder: Path, out: Path) -> Path:
    out.mkdir()
    for file in folder.glob("*.parquet"):
        duckdb.sql(f"COPY (FROM read_parquet('{file}')) TO '{out / (file.stem + '.csv')}' (HEADER)")
    return out


def _same_everywhere(
    folder: Path, days: list[dt.date], tmp_path: Path, postgres: Any, as_duckdb: Callable[[Path, Path], Path]
) -> None:
    expected = everything(folder, days)
    assert len(expected["features"]) > 1000
    others: dict[str, Path | str] = {
        "CSV": _as_csv(folder, tmp_path / "csv"),
        "DuckDB": as_duckdb(folder, tmp_path / "company.duckdb"),
        "PostgreSQL": postgres.load(folder),
    }
    for kind, location in others.items():
        for what, value in everything(location, days).items():
            assert value == expected[what], f"{what} from {kind}"


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.prove) for seed in (2, 3))])
def test_a_random_company(
    seed: int, company: ModuleType, tmp_path: Path, postgres: Any, as_duckdb: Callable[[Path, Path], Path]
) -> None:
    folder = tmp_path / "parquet"
    folder.mkdir()
    company.write(company.make(Random(seed), AROUND, accounts=12), folder, "parquet")
    _same_everywhere(folder, DAYS, tmp_path, postgres, as_duckdb)


def test_the_simulated_company(tmp_path: Path, postgres: Any, as_duckdb: Callable[[Path, Path], Path]) -> None:
    folder = tmp_path / "parquet"
    simulate(accounts=60, months=12, seed=5).write(folder)
    until = History.open(folder).observed_until
    _same_everywhere(folder, [until - dt.timedelta(days=60), until], tmp_path, postgres, as_duckdb)


def test_a_database_is_known_by_its_content_and_not_by_the_order_of_its_rows(
    company: ModuleType, tmp_path: Path, postgres: Any
) -> None:
    tables = company.make(Random(9), AROUND, accounts=8)
    prints = []
    for name, shuffle in (("a", None), ("b", Random(1))):
        (tmp_path / name).mkdir()
        prints.append(
            History.open(postgres.load(company.write(tables, tmp_path / name, "parquet", shuffle))).fingerprint
        )
    assert prints[0] == prints[1]
    tables["usage"][0]["events"] += 1
    (tmp_path / "c").mkdir()
    assert History.open(postgres.load(company.write(tables, tmp_path / "c", "parquet"))).fingerprint != prints[0]
