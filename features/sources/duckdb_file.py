"""DuckDB file: the tables and views of a database file, opened read-only and copied table by table."""

from __future__ import annotations

from pathlib import Path

import duckdb

from features.casting import quoted
from features.errors import TenureError
from features.sources.dialect import Dialect
from features.sources.exported import Exported
from features.sources.sandbox import Sandbox
from features.sources.scratch import Scratch
from features.sources.source import first_line

__all__ = ["DuckDBFile", "is_duckdb_file"]

SUFFIXES = (".duckdb", ".ddb", ".db")


def is_duckdb_file(path: Path) -> bool:
    """Whether a path is meant as a DuckDB file: by its name, or by the word that such files carry."""
    if not path.is_file():
        return path.suffix.lower() in SUFFIXES and not path.is_dir()
    return path.suffix.lower() in SUFFIXES or _has_mark(path)


def _has_mark(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(12)[8:] == b"DUCK"


class DuckDBFile:
    """A DuckDB file; its views run in a sandbox, so that none of them can read anything but the file.

    Raises
    ------
    TenureError : there is no such file, it is no DuckDB file, or it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.label = path.name
        self._scratch = Scratch()
        if not path.is_file():
            raise TenureError(f"There is no file {path}; give the DuckDB file, folder or URL of the company's tables.")
        if not _has_mark(path):
            raise TenureError(f"{path} is not a DuckDB file; give one, or the folder that holds the tables as files.")
        try:
            self._sandbox = Sandbox(self._scratch, database=path)
        except duckdb.Error as error:
            cause = "another program is writing to it" if "lock" in str(error) else first_line(error)
            raise TenureError(
                f"{path.name} cannot be opened ({cause.replace(str(path), path.name)}); "
                "close what else has it open, or write it again."
            ) from None
        rows = self._sandbox.con.execute(
            """
            SELECT table_name, schema_name FROM duckdb_tables() WHERE database_name = 'db' AND NOT internal
            UNION ALL SELECT view_name, schema_name FROM duckdb_views() WHERE database_name = 'db' AND NOT internal
            ORDER BY schema_name <> 'main', schema_name
            """
        ).fetchall()
        self._found: dict[str, tuple[str, str]] = {}
        for name, schema in rows:
            self._found.setdefault(name.lower(), (schema, name))

    def names(self) -> list[str]:
        """The tables and views that there are; of two with one name that of schema main."""
        return sorted(name for _, name in self._found.values())

    def source(self, name: str, table: str, dialect: Dialect, most: int | None = None) -> Exported:
        """One of the tables, copied now; `most` rows of it where that is enough.

        Raises
        ------
        TenureError : a view cannot be computed.
        KeyError : it is not there.
        """
        schema, name = self._found[name.lower()]
        limit = f" LIMIT {most}" if most else ""
        try:
            file = self._sandbox.export(f"SELECT * FROM db.{quoted(schema)}.{quoted(name)}{limit}")
        except duckdb.Error as error:
            raise TenureError(
                f"{name} in {self.label} cannot be read ({first_line(error)}); "
                "a view may read only tables of its own file."
            ) from None
        return Exported(table, name, self.label, file, dialect, self._scratch)

    def missing(self, table: str) -> str:
        """What is not there, as the beginning of a sentence."""
        listed = ", ".join(self.names()[:8])
        return f"{self.label} has no table {table}" + (f" (it has {listed})" if listed else " and is empty")

    def close(self) -> None:
        self._sandbox.con.close()
