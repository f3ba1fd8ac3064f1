"""Loading: reads each source into a typed DuckDB table with its times of knowledge, and notes rows that do not cast.

Beside its own columns a loaded table holds `_row` (its place in the source, from 1), `_event` and `_known`
(timestamps, UTC; a table without time has known everything for ever) and `_<column>_known` for late columns.
"""

from __future__ import annotations

import duckdb

from features.casting import STORAGE, always_casts, cast_failure, cast_value, quoted, stamps
from features.contract import CONTRACT, Column, Table
from features.errors import TenureError
from features.sources.source import Source

__all__ = ["ALWAYS", "FOREVER", "late_stamp", "latest", "load_table", "uncast_bit"]

ALWAYS = "TIMESTAMP '-infinity'"
"""The time of what was known from the outset."""
FOREVER = "TIMESTAMP 'infinity'"
"""The end of what does not end."""


CODED = {"usage": ("account_id", "feature", "user_id")}
"""Texts that repeat over so many rows that they are kept as numbers, each meaning one text (an ENUM)."""


def load_table(con: duckdb.DuckDBPyConnection, source: Source, *, numbered: bool = True) -> tuple[list[str], list[str]]:
    """Create, or create again, the table `source.table`, and add lines that are no rows to `violations`.

    Parameters
    ----------
    numbered : whether rows get their place in the source, which one thread alone can tell.

    Returns
    -------
    Two lists: contract columns that the source lacks, and source columns that the contract does not know.

    Raises
    ------
    TenureError : the source cannot be read or lacks a required column.
    """
    table = CONTRACT[source.table]
    types = source.columns(con)
    timed = table.name == "usage" and "day" not in types and "occurred_at" in types
    aliases = {"day": "occurred_at"} if timed else {}
    given = {c.name: aliases.get(c.name, c.name) for c in table.columns if aliases.get(c.name, c.name) in types}
    extra = stamps(table, set(types))
    missing = [c for c in table.columns if c.name not in given]
    if required := [c.name for c in missing if c.required]:
        raise TenureError(
            f"{source.label} of table {table.name} has no column {required[0]}; "
            f"its columns are {', '.join(list(types)[:12])}."
        )
    given |= {c.name: c.name for c in extra}
    try:
        codes = _codes(con, table, source, types, given)
        typed = _select(table, source, types, given, codes, numbered)
        times = ", ".join(_times(table, {c.name for c in extra}))
        con.execute(f"CREATE OR REPLACE TABLE {quoted(table.name)} AS SELECT *, {times} FROM ({typed})")
    except duckdb.Error as error:
        raise source.refusal(error) from None
    if source.is_csv:
        source.recall_rejects(con)
        _note_broken_lines(con, source)
    return [c.name for c in missing], [c for c in types if c not in set(given.values())]


def _codes(
    con: duckdb.DuckDBPyConnection, table: Table, source: Source, types: dict[str, str], given: dict[str, str]
) -> dict[str, str]:
    """SQL for the value of each coded column, by column; makes an ENUM for each.

    Values are in order of their text, so that sorting by the code sorts by the text.
    """
    coded = [c for c in table.columns if c.name in CODED.get(table.name, ()) and c.name in given]
    found = {}
    for column in coded:
        raw, kind = given[column.name], types[given[column.name]]
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE _texts AS "
            f"SELECT {quoted(raw)} AS raw, {cast_value(column, raw, kind)} AS text "
            f"FROM (SELECT DISTINCT {quoted(raw)} FROM {source.sql()} AS source)"
        )
        values = "SELECT DISTINCT text FROM _texts WHERE text IS NOT NULL ORDER BY 1"
        if con.execute(f"{values} LIMIT 1").fetchall():
            name = quoted(f"_{table.name}_{column.name}")
            con.execute(f"DROP TYPE IF EXISTS {name}")
            con.execute(f"CREATE TYPE {name} AS ENUM ({values})")
            # Twenty million values need not be trimmed where none of the distinct ones has anything to trim.
            as_it_is = con.execute("SELECT count(*) FROM _texts WHERE raw IS DISTINCT FROM text").fetchall() == [(0,)]
            value = quoted(raw) if kind == "VARCHAR" and as_it_is else cast_value(column, raw, kind)
            found[column.name] = f"CAST({value} AS {name})"
        for done in ("_texts", "reject_errors", "reject_scans"):  # the next reading finds broken lines again
            con.execute(f"DROP TABLE IF EXISTS {done}")
    return found


def uncast_bit(table: Table, column: str) -> int:
    """The bit of `_uncast` that says that a column's value is none of its type."""
    names = [c.name for c in table.columns]
    names += ["recorded_at", *(f"{c.name}_recorded_at" for c in table.columns if c.late)]
    return 1 << names.index(column)


def _select(
    table: Table,
    source: Source,
    types: dict[str, str],
    given: dict[str, str],
    codes: dict[str, str],
    numbered: bool,
) -> str:
    """Every contract column, cast; `_uncast` has a bit for each column whose value is none of its type."""
    values: list[str] = []
    failures: list[str] = []
    for column in (*table.columns, *stamps(table, set(types))):
        name = given.get(column.name)
        if name is None:
            values.append(f"CAST(NULL AS {STORAGE[column.kind]}) AS {quoted(column.name)}")
            continue
        value = codes.get(column.name) or cast_value(column, name, types[name])
        values.append(f"{value} AS {quoted(column.name)}")
        if not always_casts(column, types[name]):
            bit = uncast_bit(table, column.name)
            failures.append(f"CASE WHEN {cast_failure(column, name, types[name])} THEN {bit} ELSE 0 END")
    uncast = f"CAST({' + '.join(failures) or '0'} AS UINTEGER)"
    place = "row_number() OVER ()" if numbered else "CAST(NULL AS BIGINT)"
    return f"SELECT {', '.join(values)}, {uncast} AS _uncast, {place} AS _row FROM {source.sql()} AS source"


def _times(table: Table, stamped: set[str]) -> list[str]:
    """SQL for when each row and each late value became known.

    A late value is known from its own stamp where there is one, else from its own event time; never before its row.
    """
    instants = ", ".join(_instant(table.by_name[c], stamped) for c in table.event)
    event = f"least({instants})" if instants else ALWAYS
    recorded = "recorded_at" if "recorded_at" in stamped else "CAST(NULL AS TIMESTAMP)"
    # A plan without event time (a milestone neither due nor reached) is known from its record alone, and what is filled
    # in later can make it known sooner, never take it back.
    planned = ", ".join(_instant(c, stamped) for c in map(table.by_name.get, table.event) if c and not c.late)
    known = f"greatest(least({planned}), {recorded})" if planned else f"greatest({event}, {recorded})"
    for late in (c for c in map(table.by_name.get, table.event) if c and c.late):
        instant = _instant(late, stamped)
        known = f"least({known}, CASE WHEN {instant} IS NOT NULL THEN greatest({instant}, {recorded}) END)"
    columns = [f"{event} AS _event", f"{known} AS _known", "CAST(NULL AS TIMESTAMP) AS _bad_from"]
    for column in table.columns:
        if column.late is None:
            continue
        own = f"CAST({quoted(column.late)} AS TIMESTAMP)"
        stamp = late_stamp(column, stamped)
        since = f"coalesce({stamp}, {own})"
        # Without any time the value is never seen; `greatest` alone would pass over the gap.
        columns.append(
            f"CASE WHEN {quoted(column.name)} IS NOT NULL AND {since} IS NOT NULL THEN greatest({since}, {known}) END "
            f"AS {quoted(f'_{column.name}_known')}"
        )
    return columns


def _instant(column: Column, stamped: set[str]) -> str:
    """SQL for the time that an event column gives; one that is filled in later gives none before it is known."""
    own = f"CAST({quoted(column.name)} AS TIMESTAMP)"
    if not column.late:
        return own
    return f"CASE WHEN {own} IS NOT NULL THEN greatest({late_stamp(column, stamped)}, {own}) END"


def latest(table: str) -> str:
    """SQL for when a table's last row became known: what has no time that can be read counts as come then.

    Counting it from the outset would let a line that is appended tomorrow stop a day of last year.
    """
    return f"coalesce((SELECT max(_known) FROM {quoted(table)}), {ALWAYS})"


def late_stamp(column: Column, stamped: set[str]) -> str:
    """SQL for when a late value was recorded: by its own stamp, or by that of the column it comes with."""
    names = dict.fromkeys(f"{name}_recorded_at" for name in (column.name, column.late))
    given = [quoted(name) for name in names if name in stamped]
    return f"coalesce({', '.join(given)})" if given else "CAST(NULL AS TIMESTAMP)"


def _note_broken_lines(con: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Lines that are no CSV, which DuckDB sets aside by itself, join the other violations, each once.

    Raises
    ------
    TenureError : a quotation mark is left open, so that whatever follows it is no longer rows.
    """
    if not con.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'reject_errors'").fetchone():
        return
    swallowed = con.execute("SELECT min(line) FROM reject_errors WHERE contains(csv_line, chr(10))").fetchone()
    if swallowed and swallowed[0] is not None:
        raise TenureError(
            f"{source.label} of table {source.table} has a quotation mark in line {swallowed[0]} that is never closed; "
            "close it or write the file again."
        )
    con.execute(
        f"""
        INSERT INTO violations
        SELECT '{source.table}', NULL, 'broken line', 'line ' || line || ' of the file: ' || min(error_message),
               {latest(source.table)}, {FOREVER}, min(csv_line), {latest(source.table)}
        FROM reject_errors GROUP BY file_id, line
        """
    )
    con.execute("DROP TABLE reject_errors")
    con.execute("DROP TABLE IF EXISTS reject_scans")
