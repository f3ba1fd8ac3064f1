"""One company put into every kind of source."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest


@pytest.fixture(scope="session")
def as_duckdb() -> Callable[[Path, Path], Path]:
    """Put the Parquet files of a folder into a new DuckDB file."""

    def make(folder: Path, file: Path) -> Path:
        with duckdb.connect(str(file)) as con:
            for table in sorted(folder.glob("*.parquet")):
                con.execute(f"CREATE TABLE \"{table.stem}\" AS FROM read_parquet('{table}')")
        return file

    return make
