"""Look-ups: a row that is dated before the row of another table that it names is worth a sentence."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb

from features.casting import cast_value
from features.contract import CONTRACT, Column
from features.sources.mapped import Mapped
from features.sources.mapping import Lookup
from features.sources.source import Source

__all__ = ["early_rows"]

_STARTS = {"accounts": "created_on", "subscriptions": "started_on"}


def early_rows(con: duckdb.DuckDBPyConnection, sources: Mapping[str, Source]) -> list[str]:
    """One sentence for each look-up through which rows precede what they belong to.

    The contract keeps no trace of a look-up's key, so this is told from the sources, every row counted.
    """
    said = []
    for table, source in sources.items():
        event = CONTRACT[table].event
        if not isinstance(source, Mapped) or len(event) != 1:
            continue
        for lookup in dict.fromkeys(c.lookup for c in source.mapping.columns.values() if c.lookup):
            for other, start in _STARTS.items():
                if other in sources and other != table and _foreign(sources[other], other) == lookup.source.lower():
                    said += _sentence(con, source, sources[other], event[0], start, lookup)
    return said


def _foreign(source: Source, table: str) -> str:
    """The name of the foreign table that a source reads, in lower case; none for a SQL view."""
    if isinstance(source, Mapped):
        return source.mapping.source.lower() if source.mapping.sql is None else ""
    return table


def _sentence(
    con: duckdb.DuckDBPyConnection, source: Source, other: Source, event: str, start: str, lookup: Lookup
) -> list[str]:
    ours, theirs = source.columns(con), other.columns(con)
    if event not in ours or start not in theirs:
        return []
    there = _dated(con, other, start, theirs[start], lookup.key)
    row = con.execute(
        f"""
        WITH rows AS ({_dated(con, source, event, ours[event], lookup.on)}),
             named AS (SELECT key, min(day) AS start FROM ({there}) GROUP BY 1)
        SELECT count(*) FILTER (WHERE rows.day < named.start), count(*) FROM rows LEFT JOIN named USING (key)
        """
    ).fetchone()
    early, total = row or (0, 0)
    if not early:
        return []
    return [
        f"{source.table}: {early:,} of {total:,} rows ({100 * early / total:.1f} %) are dated before the row of "
        f"{other.table} that their {lookup.on} names; such days are made up or the link is wrong."
    ]


def _dated(con: duckdb.DuckDBPyConnection, source: Source, column: str, kind: str, key: str) -> str:
    """SQL: each row's day as mapped and its key as the source holds it, side by side."""
    described = con.execute(f"DESCRIBE SELECT * FROM {source.original()}").fetchall()
    types = {name.lower(): own for name, own, *_ in described}
    day = cast_value(Column(column, "date"), column, kind)
    text = cast_value(Column("key"), key.lower(), types[key.lower()])
    return (
        f"SELECT day, key FROM (SELECT {day} AS day FROM {source.sql()}) AS mapped "
        f"POSITIONAL JOIN (SELECT {text} AS key FROM {source.original()}) AS original"
    )
