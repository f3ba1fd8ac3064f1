"""Profile: what a foreign table holds, column by column, as far as a draft of its mapping needs to know."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import duckdb

from features.casting import quoted
from features.errors import TenureError
from features.session import settle
from features.sources.dialect import Dialect
from features.sources.find import Place
from features.sources.inference import typed_columns
from features.sources.mapped import FileSource

__all__ = ["ColumnProfile", "TableProfile", "profile_tables"]

MOST_ROWS = 500_000
"""Rows of a table that are looked at."""
MOST_VALUES = 20_000
"""Different values of a column that are compared with those of other columns."""

_DAY_FORMATS = {
    r"\d{1,2}\.\d{1,2}\.\d{4}": ("%d.%m.%Y",),
    r"\d{1,2}/\d{1,2}/\d{4}": ("%d/%m/%Y", "%m/%d/%Y"),
    r"\d{1,2}-\d{1,2}-\d{4}": ("%d-%m-%Y", "%m-%d-%Y"),
    r"\d{4}/\d{1,2}/\d{1,2}": ("%Y/%m/%d",),
    r"(19|20)\d{6}": ("%Y%m%d",),
    r"\d{1,2} [A-Z][a-z]{2} \d{4}": ("%d %b %Y",),
    r"[A-Z][a-z]{2} \d{1,2}, \d{4}": ("%b %d, %Y",),
}
_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE")
_CLOCKS = {r"": "", r" \d{1,2}:\d\d": " %H:%M", r" \d{1,2}:\d\d:\d\d": " %H:%M:%S"}


@dataclass(frozen=True)
class ColumnProfile:
    """One column: its DuckDB type, how many rows have a value, how many values there are, and some of them as text."""

    name: str
    kind: str
    present: int
    distinct: int
    low: object
    high: object
    values: frozenset[str]

    @property
    def is_key(self) -> bool:
        """Whether its values name rows."""
        return self.present > 0 and self.distinct == self.present

    @property
    def is_numeric(self) -> bool:
        return self.kind.startswith("DECIMAL") or self.kind.removeprefix("U") in _NUMBERS

    @property
    def is_timed(self) -> bool:
        return self.kind == "DATE" or self.kind.startswith("TIMESTAMP")

    @property
    def is_epoch(self) -> bool:
        """Whether it may count seconds or milliseconds since 1970, of a day from 2000 to 2100."""
        low, high = self.low, self.high
        if not isinstance(low, int) or not isinstance(high, int):
            return False
        return any(946_684_800 * u <= low and high <= 4_102_444_800 * u for u in (1, 1000))

    @property
    def is_flag(self) -> bool:
        shown = {v.strip().lower() for v in self.values}
        return self.kind == "BOOLEAN" or (0 < len(shown) <= 2 and shown <= {
            "0", "1", "y", "n", "yes", "no", "true", "false", "t", "f", "0.0", "1.0"})  # fmt: skip


@dataclass(frozen=True)
class TableProfile:
    """One foreign table: its rows, columns, and how it seems to be written."""

    name: str
    rows: int
    columns: dict[str, ColumnProfile]
    dialect: Dialect
    doubts: tuple[str, ...] = ()
    naive_times: bool = field(default=False)


def profile_tables(place: Place) -> tuple[list[TableProfile], list[str]]:
    """Every table of a place that can be read, and a sentence for each that cannot."""
    profiles, refusals = [], []
    for name in place.names():
        try:
            profiles.append(_profile(place, name))
        except TenureError as error:
            refusals.append(str(error))
        except duckdb.Error:
            refusals.append(f"{name} cannot be read.")
    return profiles, refusals


def _profile(place: Place, name: str) -> TableProfile:
    dialect, source = _encoding(place, name)
    doubts: list[str] = []
    with duckdb.connect(":memory:") as con:
        settle(con)
        types = source.columns(con)
        if source.is_csv:
            dialect, doubts = _writing(con, source, types, dialect)
        typed = typed_columns(con, source, types, dialect, share=0.98)
        listed = ", ".join(f"{value} AS {quoted(column)}" for column, value in typed.items())
        con.execute(f"CREATE TABLE seen AS SELECT {listed} FROM {source.sql()} AS source LIMIT {MOST_ROWS}")
        row = con.execute("SELECT count(*) FROM seen").fetchone()
        written = [d[0] for d in con.execute(f"DESCRIBE SELECT * FROM {source.sql()}").fetchall()]
        columns = {c: _column(con, c) for c in written}
    naive = any(c.kind in ("TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMP_MS", "TIMESTAMP_S") for c in columns.values())
    return TableProfile(name, row[0] if row else 0, columns, dialect, tuple(doubts), naive)


def _encoding(place: Place, name: str) -> tuple[Dialect, FileSource]:
    """The table, in UTF-8 or the first encoding that it can be read in."""
    dialect = Dialect()
    source = place.source(name, name, dialect, MOST_ROWS)
    if not source.is_csv:
        return dialect, source
    try:
        _ = source.paths
    except TenureError as error:
        named = re.search(r'encoding = "([\w-]+)"', str(error))
        if named is None:
            raise
        for encoding in (named[1], "latin-1"):
            dialect = Dialect(encoding=encoding)
            source = place.source(name, name, dialect, MOST_ROWS)
            try:
                _ = source.paths
            except TenureError:
                continue
            return dialect, source
        raise
    return dialect, source


def _column(con: duckdb.DuckDBPyConnection, column: str) -> ColumnProfile:
    name = quoted(column)
    kind, *_ = con.execute(f"SELECT typeof({name}) FROM seen LIMIT 1").fetchone() or ("VARCHAR",)
    low_high = (f"min({name}), max({name})" if "ZONE" not in kind else
                f"CAST(min({name}) AS VARCHAR), CAST(max({name}) AS VARCHAR)")  # fmt: skip
    if kind.endswith("[]") or kind.startswith(("STRUCT", "MAP", "UNION")):
        low_high = "NULL, NULL"
    present, distinct, low, high = con.execute(
        f"SELECT count({name}), count(DISTINCT {name}), {low_high} FROM seen"
    ).fetchone() or (0, 0, None, None)
    # In order of a hash, so that two columns of many values keep the same ones.
    values = con.execute(
        f"SELECT DISTINCT CAST({name} AS VARCHAR) AS v FROM seen WHERE {name} IS NOT NULL ORDER BY hash(v) "
        f"LIMIT {MOST_VALUES}"
    ).fetchall()
    return ColumnProfile(column, kind, present, distinct, low, high, frozenset(v for (v,) in values))


def _writing(
    con: duckdb.DuckDBPyConnection, source: FileSource, types: dict[str, str], dialect: Dialect
) -> tuple[Dialect, list[str]]:
    """How a text file's numbers and days seem to be written, and what the values leave open."""
    formats: list[str] = []
    doubts: list[str] = []
    decimal, thousands, points = False, False, False
    for column in types:
        name = quoted(column)
        rows = con.execute(
            f"SELECT DISTINCT trim({name}) FROM (SELECT {name} FROM {source.sql()} AS s LIMIT 50000) "
            f"WHERE nullif(trim({name}), '') IS NOT NULL LIMIT 2000"
        ).fetchall()
        texts = [r[0] for r in rows]
        if not texts:
            continue
        found, doubt = _day_format(column, texts)
        formats += found
        doubts += doubt
        commas = _share(r"[+-]?(\d{1,3}(\.\d{3})+|\d+)(,\d+)?", texts) and any("," in t for t in texts)
        decimal |= commas
        thousands |= commas and any("." in t for t in texts)
        points |= _share(r"[+-]?\d+\.\d+", texts)
    if decimal and not points:
        dialect = replace(dialect, decimal=",", thousands="." if thousands else "")
    if any(f[:8] not in ("%Y-%m-%d",) for f in formats):
        dialect = replace(dialect, dates=tuple(dict.fromkeys(formats)))
    return dialect, doubts


def _day_format(column: str, texts: list[str]) -> tuple[list[str], list[str]]:
    """The strftime formats of a column of days or times, and a doubt about them; nothing for any other column."""
    iso = r"\d{4}-\d{1,2}-\d{1,2}"
    for shape, forms in {iso: ("%Y-%m-%d",), **_DAY_FORMATS}.items():
        matching = [c for pattern, c in _CLOCKS.items() if any(re.fullmatch(shape + pattern, t) for t in texts[:200])]
        if not matching or not _share(f"{shape}( \\d{{1,2}}:\\d\\d(:\\d\\d)?)?", texts):
            continue
        form, doubts = forms[0], []
        if shape.startswith("(19"):
            if not any(w in column for w in ("date", "day", "_at", "_on", "dat")):
                continue
        elif len(forms) == 2:
            numbers = [[int(n) for n in re.findall(r"\d+", t)[:2]] for t in texts]
            first, second = max(n[0] for n in numbers), max(n[1] for n in numbers)
            form = forms[1] if second > 12 else forms[0]
            if first <= 12 and second <= 12:
                doubts = [f"{column}: no day is after the 12th, so whether day or month comes first is a guess"]
        return [form + clock for clock in matching], doubts
    return [], []


def _share(pattern: str, texts: Iterable[str], least: float = 0.98) -> bool:
    listed = list(texts)
    return sum(1 for t in listed if re.fullmatch(pattern, t)) >= least * len(listed)
