"""Mapped: a table of the contract computed from foreign ones, as its mapping says, and kept as a Parquet file.

Without a SQL view the rows are the source's own, one for one and in its order, so that row n of the mapped table is
row n of the source. A view's rows are numbered as they come out of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import duckdb

from features.casting import cast_value, quoted
from features.contract import Column
from features.errors import TenureError
from features.sources.dialect import UNREADABLE
from features.sources.guard import GuardError, check_expression, check_query
from features.sources.inference import typed_columns
from features.sources.mapping import ColumnMapping, Lookup, TableMapping, readable_columns
from features.sources.sandbox import Sandbox
from features.sources.scratch import Scratch
from features.sources.source import Source, closest, first_line, literal

__all__ = ["FileSource", "Mapped"]

MOSTLY = 0.5
"""An expression computes with a text column as numbers when this share of its texts are some; the rest is set aside."""


class FileSource(Source, Protocol):
    """A source that DuckDB reads from files."""

    @property
    def paths(self) -> tuple[Path, ...]: ...

    def read_as(self, table: str) -> Source:
        """The same source for a table of the contract."""
        ...


@dataclass(frozen=True)
class _Built:
    """What came out: the file, its columns and the source's unread ones with their types, and broken lines."""

    file: Path
    columns: dict[str, str]
    unread: dict[str, str]
    rejects: list[tuple[int, str, str]]


class Mapped:
    """One table as its mapping says.

    Parameters
    ----------
    sources : by name in lower case, every foreign table that the mapping reads.
    reported : of these, the ones whose broken lines another table reports.
    """

    is_csv = True

    def __init__(self, mapping: TableMapping, sources: Mapping[str, FileSource], reported: Collection[str]) -> None:
        self.mapping = mapping
        self.table = mapping.table
        self.sources = dict(sources)
        self.reported = frozenset(reported)
        self._scratch = Scratch()

    @property
    def label(self) -> str:
        if self.mapping.sql is not None:
            return f"the view of {', '.join(s.label for s in self.sources.values())}"
        return self._main.label

    @property
    def _main(self) -> FileSource:
        return self.sources[self.mapping.source.lower()]

    def columns(self, con: duckdb.DuckDBPyConnection) -> dict[str, str]:
        """The mapped columns, and after them the source's own that nothing reads."""
        return self._built.columns | self._built.unread

    def sql(self) -> str:
        return f"read_parquet([{literal(str(self._built.file))}], hive_partitioning = false)"

    def original(self) -> str:
        return self.sql() if self.mapping.sql is not None else self._main.original()

    def recall_rejects(self, con: duckdb.DuckDBPyConnection) -> None:
        con.execute("DROP TABLE IF EXISTS reject_errors")
        if self._built.rejects:
            con.execute("CREATE TEMP TABLE reject_errors (file_id BIGINT, line BIGINT, csv_line VARCHAR, "
                        "error_message VARCHAR)")  # fmt: skip
            con.executemany("INSERT INTO reject_errors VALUES (0, ?, ?, ?)", self._built.rejects)

    def refusal(self, error: Exception) -> TenureError:
        return TenureError(
            f"{self.label} cannot be read as table {self.table} ({first_line(error)}); see [tables.{self.table}]."
        )

    def digest(self) -> str:
        """SHA-256 over the mapping and the content of what it reads, hexadecimal."""
        total = hashlib.sha256(repr(self.mapping).encode())
        for name in sorted(self.sources):
            total.update(f"{name}:{self.sources[name].digest()};".encode())
        return total.hexdigest()

    @cached_property
    def _built(self) -> _Built:
        """Compute the table, once.

        Raises
        ------
        TenureError : the mapping does not fit the sources.
        """
        readable = [path for source in self.sources.values() for path in source.paths]
        with Sandbox(self._scratch, readable) as sandbox:
            con = sandbox.con
            try:
                if self.mapping.sql is not None:
                    query, unread = _View(con, self).query(self.mapping.sql), dict[str, str]()
                else:
                    query, unread = _Columns(con, self, self._main).query()
                file = sandbox.export(query)
            except GuardError as error:
                raise TenureError(f"[tables.{self.table}] sql {error}.") from None
            except duckdb.Error as error:
                raise self._failure(error) from None
            described = con.execute(f"DESCRIBE FROM read_parquet({literal(str(file))})").fetchall()
            return _Built(file, {n.lower(): kind for n, kind, *_ in described}, unread, self._rejects(con))

    def _failure(self, error: duckdb.Error) -> TenureError:
        if self.mapping.sql is not None:
            return TenureError(f"[tables.{self.table}] sql cannot be run ({first_line(error)}); mend it.")
        if "sniffing" in str(error):
            return self._main.refusal(error)
        return TenureError(f"[tables.{self.table}.columns] cannot be computed ({first_line(error)}); mend it.")

    def _rejects(self, con: duckdb.DuckDBPyConnection) -> list[tuple[int, str, str]]:
        """Broken lines: of the table's own source, and of others that no table reports."""
        if not con.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'reject_errors'").fetchone():
            return []
        rows = con.execute(
            "SELECT DISTINCT file_path, line, csv_line, error_message FROM reject_errors "
            "JOIN reject_scans USING (scan_id, file_id) ORDER BY ALL"
        ).fetchall()
        owner = {str(path): name for name, source in self.sources.items() for path in source.paths}
        kept = []
        for path, line, text, message in rows:
            name = owner.get(path, "")
            if self.mapping.sql is None and name == self.mapping.source.lower():
                kept.append((line, text, message))
            elif name not in self.reported:
                kept.append((line, text, f"in {self.sources[name].label}: {message}" if name else message))
        return kept


class _View:
    """The query of a SQL view: its sources under their own names, and its columns read as the settings say."""

    def __init__(self, con: duckdb.DuckDBPyConnection, mapped: Mapped) -> None:
        self.con, self.mapped = con, mapped

    def query(self, sql: str) -> str:
        self.con.execute("CREATE SCHEMA src")
        used = check_query(self.con, sql, self.mapped.sources)
        views = []
        dialect = self.mapped.mapping.dialect
        for name in sorted(used):
            source = self.mapped.sources[name]
            typed = typed_columns(self.con, source, source.columns(self.con), dialect)
            listed = ", ".join(f"{value} AS {quoted(column)}" for column, value in typed.items())
            self.con.execute(f"CREATE VIEW src.{quoted(name)} AS SELECT {listed} FROM {source.sql()}")
            views.append(f"{quoted(name)} AS (SELECT * FROM src.{quoted(name)})")
        # The view stands in brackets of its own, behind names for tables written without `src.`
        text = f"({sql}\n)"
        inner = f"(WITH {', '.join(views)} SELECT * FROM {text} AS view)" if views else text
        readable = readable_columns(self.mapped.table)
        columns = []
        for name, kind, *_ in self.con.execute(f"DESCRIBE SELECT * FROM {inner} AS view").fetchall():
            column, value = readable.get(name.lower()), quoted(name)
            read = dialect.convert(column, value, kind) if column and not kind.startswith("TIMESTAMP") else value
            columns.append(f"{read} AS {value}")
        return f"SELECT {', '.join(columns)} FROM {inner} AS view"


class _Columns:
    """The query of a mapping column by column."""

    def __init__(self, con: duckdb.DuckDBPyConnection, mapped: Mapped, main: FileSource) -> None:
        self.con, self.mapped, self.main = con, mapped, main
        self.mapping = mapped.mapping
        self.types = main.columns(con)
        self.readable = readable_columns(mapped.table)
        self.joins: dict[tuple[str, str, str], list[str]] = {}
        self.computed: set[str] = set()
        self.read: set[str] = set()

    def query(self) -> tuple[str, dict[str, str]]:
        """SQL of the mapped rows in the source's order, and the source's columns that nothing reads, with types."""
        values = {}
        for name, column in self.readable.items():
            mapping = self.mapping.columns.get(name)
            if mapping is None and name in self.types:
                mapping = ColumnMapping(column=name)
            if mapping is not None and mapping.taken:
                values[name] = self._value(name, column, mapping)
        typed = typed_columns(self.con, self.main, self.types, self.mapping.dialect, self.computed, MOSTLY)
        columns = [f"{quoted(c)} AS {quoted('raw ' + c)}" for c in self.types]
        columns += [f"{value} AS {quoted(c)}" for c, value in typed.items()]
        # `_place` keeps the source's order through the joins; a space cannot stand in any other name made here.
        inner = f'SELECT {", ".join(columns)}, row_number() OVER () AS "_ place" FROM {self.main.sql()} AS source'
        listed = ", ".join(f"{value} AS {quoted(name)}" for name, value in values.items())
        joined = "".join(self._join(number, *key) for number, key in enumerate(self.joins))
        order = ' ORDER BY row."_ place"' if joined else ""
        told = self.read | set(self.readable)
        unread = {c: kind for c, kind in self.types.items() if c not in told}
        return f"SELECT {listed} FROM ({inner}) AS row{joined}{order}", unread

    def _value(self, name: str, column: Column, mapping: ColumnMapping) -> str:
        dialect = self.mapping.dialect
        if mapping.constant is not None:
            return literal(mapping.constant)
        if mapping.expression is not None:
            return self._expression(name, mapping)
        if mapping.lookup is not None:
            value, kind = self._looked_up(name, mapping.lookup)
        else:
            source = self._known(name, str(mapping.column))
            value, kind = f"row.{quoted('raw ' + source)}", self.types[source]
        if mapping.values:
            text = f"trim(CAST({value} AS VARCHAR))"
            cases = " ".join(f"WHEN {literal(known)} THEN {literal(meant)}" for known, meant in mapping.values)
            value, kind = f"CASE {text} {cases} ELSE {text} END", "VARCHAR"
        if mapping.factor is not None:
            text = f"nullif(trim(CAST({value} AS VARCHAR)), '')"
            number = f"TRY_CAST({dialect.number(text)} AS DOUBLE)" if kind == "VARCHAR" else f"CAST({value} AS DOUBLE)"
            product = f"CAST(round({number} * {mapping.factor!r}, 9) AS VARCHAR)"
            return f"coalesce({product}, '{UNREADABLE}' || {text})"
        return dialect.convert(column, value, kind)

    def _expression(self, name: str, mapping: ColumnMapping) -> str:
        """An expression over typed columns; where one of its texts has not the type, the row is set aside."""
        sql = str(mapping.expression)
        try:
            used = check_expression(self.con, sql, self.types)
        except GuardError as error:
            raise TenureError(f"[tables.{self.mapped.table}.columns] {name}: the expression {error}.") from None
        self.computed |= used
        self.read |= used
        value = f"({sql}\n)"
        if mapping.factor is not None:
            value = f"{value} * {mapping.factor!r}"
        if not self.main.is_csv or not used:
            return value
        raw = {c: f"nullif(trim(row.{quoted('raw ' + c)}), '')" for c in sorted(used)}
        failed = " OR ".join(f"{text} IS NOT NULL AND row.{quoted(c)} IS NULL" for c, text in raw.items())
        texts = " || ', ' || ".join(f"coalesce({text}, '')" for text in raw.values())
        return f"CASE WHEN {failed} THEN '{UNREADABLE}' || {texts} ELSE CAST({value} AS VARCHAR) END"

    def _looked_up(self, name: str, lookup: Lookup) -> tuple[str, str]:
        other = self.mapped.sources[lookup.source.lower()]
        self._known(name, lookup.on)
        types = other.columns(self.con)
        for column in (lookup.key, lookup.value):
            if column.lower() not in types:
                raise self._unknown(name, column, other, types)
        key = (lookup.source.lower(), lookup.on.lower(), lookup.key.lower())
        wanted = self.joins.setdefault(key, [])
        if lookup.value.lower() not in wanted:
            wanted.append(lookup.value.lower())
        number = list(self.joins).index(key)
        return f"there{number}.{quoted(lookup.value.lower())}", types[lookup.value.lower()]

    def _join(self, number: int, name: str, on: str, key: str) -> str:
        """A join with one row a key; a key with two answers gives none, so that no row comes twice."""
        other, there = self.mapped.sources[name], f"there{number}"
        types = other.columns(self.con)
        text = Column("key")
        values = ", ".join(
            f"CASE WHEN count(DISTINCT {quoted(v)}) = 1 THEN min({quoted(v)}) END AS {quoted(v)}"
            for v in self.joins[name, on, key]
        )
        here = cast_value(text, f"raw {on}", self.types[on])
        return (
            f' LEFT JOIN (SELECT {cast_value(text, key, types[key])} AS "_ key", {values} FROM {other.sql()} '
            f'GROUP BY 1) AS {there} ON {there}."_ key" = {here}'
        )

    def _known(self, name: str, column: str) -> str:
        """A column of the source in lower case, noted as read."""
        if column.lower() not in self.types:
            raise self._unknown(name, column, self.main, self.types)
        self.read.add(column.lower())
        return column.lower()

    def _unknown(self, name: str, column: str, source: Source, types: dict[str, str]) -> TenureError:
        return TenureError(
            f"[tables.{self.mapped.table}.columns] {name} reads column {column}, which {source.label} does not have; "
            f"the closest are {closest(column, types)}."
        )
