"""Sandbox: a DuckDB of its own for what settings and foreign databases bring along, locked before any of it runs.

It reads the files and databases that it is given, writes into one scratch folder, and can do nothing else: no other
file, no network, no extension, no environment, no change of these limits. `guard` refuses most attempts with a
sentence before they come here; this is what holds when it misses one.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

import duckdb

from features.casting import quoted
from features.session import settle
from features.sources.scratch import Scratch
from features.sources.source import literal

__all__ = ["Sandbox"]


class Sandbox:
    """A locked DuckDB, open for as long as the context lasts.

    Parameters
    ----------
    scratch : the one folder that may be written.
    readable : files that may be read.
    database : a DuckDB file that is attached read-only as `db`.
    """

    def __init__(self, scratch: Scratch, readable: Iterable[Path] = (), database: Path | None = None) -> None:
        self.con = duckdb.connect(
            ":memory:", config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
        )
        self.scratch = scratch
        try:
            settle(self.con)
            self.con.execute("SET python_enable_replacements = false")
            self.con.execute(f"SET temp_directory = {literal(str(scratch.folder))}")
            if database is not None:
                self.con.execute(f"ATTACH {literal(str(database))} AS db (READ_ONLY)")
            paths = ", ".join(literal(str(p)) for p in readable)
            self.con.execute(f"SET allowed_paths = [{paths}]")
            self.con.execute(f"SET allowed_directories = [{literal(str(scratch.folder))}]")
            self.con.execute("SET enable_external_access = false")
            self.con.execute("SET lock_configuration = true")
        except duckdb.Error:
            self.con.close()
            raise

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.con.close()

    def export(self, query: str) -> Path:
        """Write a query's rows, in order, to a new Parquet file in the scratch folder.

        Types that Parquet would round or cannot hold are written as text.
        """
        columns = []
        for name, kind, *_ in self.con.execute(f"DESCRIBE {query}").fetchall():
            columns.append(
                quoted(name) if _parquet_holds(kind) else f"CAST({quoted(name)} AS VARCHAR) AS {quoted(name)}"
            )
        file = self.scratch.file(".parquet")
        self.con.execute(
            f"COPY (SELECT {', '.join(columns)} FROM ({query})) TO {literal(str(file))} "
            "(FORMAT parquet, COMPRESSION lz4)"
        )
        return file


def _parquet_holds(kind: str) -> bool:
    """Whether Parquet keeps a DuckDB type's values exactly; 128-bit whole numbers become doubles."""
    simple = ("BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
    times = ("DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE")
    return kind in (*simple, *times, "FLOAT", "DOUBLE", "VARCHAR") or kind.startswith("DECIMAL")
