"""Exported: a database's table as it was read once, in a Parquet file of our own."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb

from features.casting import quoted
from features.errors import TenureError
from features.session import settle
from features.sources.dialect import Dialect
from features.sources.scratch import Scratch
from features.sources.source import first_line, literal

__all__ = ["Exported"]


@dataclass(frozen=True)
class Exported:
    """One table of a database; `where` is how messages name the database."""

    table: str
    name: str
    where: str
    file: Path
    dialect: Dialect
    scratch: Scratch = field(compare=False, repr=False)

    is_csv = False

    @property
    def label(self) -> str:
        return f"{self.name} in {self.where}"

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files that DuckDB reads."""
        return (self.file,)

    def read_as(self, table: str) -> Exported:
        """The same rows for a table of the contract."""
        return replace(self, table=table)

    def columns(self, con: duckdb.DuckDBPyConnection) -> dict[str, str]:
        described = con.execute(f"DESCRIBE SELECT * FROM {self.sql()}").fetchall()
        return {name.lower(): kind for name, kind, *_ in described}

    def sql(self) -> str:
        return f"read_parquet([{literal(str(self.file))}], hive_partitioning = false)"

    def original(self) -> str:
        return self.sql()

    def recall_rejects(self, con: duckdb.DuckDBPyConnection) -> None:
        """A database has no broken lines."""

    def refusal(self, error: Exception) -> TenureError:
        return TenureError(
            f"{self.label} cannot be read as table {self.table} ({first_line(error)}); look at its columns."
        )

    def digest(self) -> str:
        """SHA-256 of the columns and the rows, whatever the order in which the database gave the rows.

        Rows are hashed one by one and their hashes added up, so that nothing has to be sorted.
        """
        with duckdb.connect(":memory:") as con:
            settle(con)
            columns = sorted(self.columns(con))
            row = ", ".join(f"CAST({quoted(c)} AS VARCHAR)" for c in columns)
            totals = con.execute(
                "SELECT count(*), sum(md5_number_lower(line)), sum(md5_number_upper(line)) "
                f"FROM (SELECT CAST(to_json([{row}]) AS VARCHAR) AS line FROM {self.sql()})"
            ).fetchone()
        return hashlib.sha256(f"{columns};{totals}".encode()).hexdigest()
