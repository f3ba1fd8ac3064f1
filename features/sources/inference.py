"""Inference: gives the texts of a delimited file types, so that SQL from settings can compute with them.

An id keeps its leading zeros: a text counts as a whole number only if it is written as one.
"""

from __future__ import annotations

from collections.abc import Collection

import duckdb

from features.casting import quoted
from features.sources.dialect import Dialect
from features.sources.source import Source

__all__ = ["typed_columns"]

_WHOLE = "[+-]?(0|[1-9]\\d{0,17})"


def typed_columns(
    con: duckdb.DuckDBPyConnection,
    source: Source,
    types: dict[str, str],
    dialect: Dialect,
    columns: Collection[str] | None = None,
    share: float = 1.0,
) -> dict[str, str]:
    """SQL of each column with a type that its texts have; times are in UTC.

    Parameters
    ----------
    types : the source's columns, as `source.columns` gives them.
    columns : the ones wanted; all when None.
    share : of the texts that are there, how many must be of the type; the others become NULL.
    """
    wanted = [c for c in types if columns is None or c in columns]
    texts = [c for c in wanted if types[c] == "VARCHAR"] if source.is_csv else []
    clocks = [c for c in wanted if types[c].startswith("TIMESTAMP") and "ZONE" not in types[c] and dialect.timezone]
    counts: list[str] = []
    for column in texts:
        counts += [f"count({_text(column)})", *(f"count({value})" for value in _readings(column, dialect).values())]
    counts += [f"count(*) FILTER (WHERE {quoted(c)} <> date_trunc('day', {quoted(c)}))" for c in clocks]
    if not counts:
        return {c: quoted(c) for c in wanted}
    row = con.execute(f"SELECT {', '.join(counts)} FROM {source.sql()} AS source").fetchone() or ()
    for name in ("reject_errors", "reject_scans"):
        con.execute(f"DROP TABLE IF EXISTS {name}")
    found, typed = list(row), {c: quoted(c) for c in wanted}
    for column in texts:
        readings = _readings(column, dialect)
        there, *fitting = found[: 1 + len(readings)]
        del found[: 1 + len(readings)]
        # The type of most texts, and of types that fit as many the narrowest, which comes first.
        most = max(fitting)
        enough = there and most >= share * there
        typed[column] = list(readings.values())[fitting.index(most)] if enough else _text(column)
        if not there:  # of any type
            typed[column] = "NULL"
    for column, timed in zip(clocks, found, strict=True):
        if timed:  # a column of midnights is one of days, which belong to no zone
            typed[column] = dialect.utc(quoted(column))
    return typed


def _text(column: str) -> str:
    return f"nullif(trim({quoted(column)}), '')"


def _readings(column: str, dialect: Dialect) -> dict[str, str]:
    """SQL of a text as each type, NULL where it is none, the narrowest type first."""
    text = _text(column)
    number = dialect.number(text)
    instant = dialect.instant(text, midnight_is_day=True)
    numbers = {
        "whole": f"CASE WHEN regexp_full_match({number}, '{_WHOLE}') THEN TRY_CAST({number} AS BIGINT) END",
        # A number that begins with zeros is an id.
        "number": f"CASE WHEN NOT regexp_matches({number}, '^[+-]?0\\d') THEN TRY_CAST({number} AS DOUBLE) END",
        "flag": f"CASE WHEN lower({text}) IN ('true', 'false', 't', 'f') THEN CAST({text} AS BOOLEAN) END",
    }
    days = {
        "day": f"CASE WHEN {instant} = date_trunc('day', {instant}) AND NOT contains({text}, ':') "
        f"THEN CAST({instant} AS DATE) END",
        "time": instant,
    }
    # 20240131 is a number too, but a declared way of writing days says what it is.
    return days | numbers if dialect.dates else numbers | days
