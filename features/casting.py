"""Casting: turns a source's columns into the contract's types in SQL, keeping apart what cannot be cast."""

from __future__ import annotations

from features.contract import Column, Table

__all__ = ["STORAGE", "always_casts", "cast_failure", "cast_value", "quoted", "stamps"]

_FLOATS = ("DOUBLE", "FLOAT")
_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
_EXACT = {"integer": _WHOLE, "number": _WHOLE[:3], "money": _WHOLE[:3], "boolean": ("BOOLEAN",)}
"""DuckDB types whose every value fits the kind as it is."""
STORAGE = {
    "text": "VARCHAR",
    "integer": "BIGINT",
    "number": "DECIMAL(18, 4)",
    "money": "DECIMAL(18, 4)",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "time": "TIMESTAMP",
}
"""How each kind of column is kept."""
FIRST_DAY, LAST_DAY = "1900-01-01", "2200-01-01"
"""No event of a company lies outside these days, the second not included."""


def quoted(name: str) -> str:
    """A SQL identifier, quoted."""
    return '"' + name.replace('"', '""') + '"'


def cast_value(column: Column, source: str, source_type: str) -> str:
    """SQL for a column's value in the contract's type; NULL where missing or impossible.

    Parameters
    ----------
    source : the column's name in the source.
    source_type : its DuckDB type there.
    """
    raw = _present(source, source_type)
    text = f"CAST({raw} AS VARCHAR)"
    if source_type in _EXACT.get(column.kind, ()):
        return f"CAST({raw} AS {STORAGE[column.kind]})"
    match column.kind:
        case "text":
            if source_type in _FLOATS:  # ids that passed through a frame with gaps: 1.0 is 1
                return f"CASE WHEN {raw} = floor({raw}) THEN CAST(TRY_CAST({raw} AS BIGINT) AS VARCHAR) ELSE {text} END"
            return text
        case "integer":
            # A cast alone would round 5.7 to 6.
            exact = f"TRY_CAST({text} AS DECIMAL(38, 6))"
            return f"CASE WHEN {exact} = floor({exact}) THEN TRY_CAST({exact} AS BIGINT) END"
        case "number" | "money":
            if source_type in _FLOATS:
                # A fifth decimal must be rounded as it is written, so that text and binary files come to the same.
                short = f"{raw} * 10000 = round({raw} * 10000)"
                return (
                    f"CASE WHEN {short} THEN TRY_CAST({raw} AS DECIMAL(18, 4)) "
                    f"ELSE TRY_CAST({text} AS DECIMAL(18, 4)) END"
                )
            return f"TRY_CAST({text} AS DECIMAL(18, 4))"
        case "boolean":
            if source_type in _FLOATS:
                return f"CASE WHEN {raw} = 1 THEN true WHEN {raw} = 0 THEN false END"
            return f"TRY_CAST({text} AS BOOLEAN)"
        case "date":
            day = raw if source_type == "DATE" else f"CAST({_instant(raw, text, source_type)} AS DATE)"
            return _in_calendar(day, "DATE")
        case "time":
            return _in_calendar(_instant(raw, text, source_type), "TIMESTAMP")


def always_casts(column: Column, source_type: str) -> bool:
    """Whether no value of a source's type can fail to be one of the column's."""
    return column.kind == "text" or source_type in _EXACT.get(column.kind, ())


def cast_failure(column: Column, source: str, source_type: str) -> str:
    """SQL that is true where a value is there but is none of its type."""
    return f"({_present(source, source_type)} IS NOT NULL AND ({cast_value(column, source, source_type)}) IS NULL)"


def _present(source: str, source_type: str) -> str:
    """The raw value; an empty text and not-a-number count as missing."""
    name = quoted(source)
    if source_type in _FLOATS:
        return f"CASE WHEN isnan({name}) THEN NULL ELSE {name} END"
    if source_type == "VARCHAR":
        return f"nullif(trim({name}), '')"
    return name


def _instant(raw: str, text: str, source_type: str) -> str:
    """A timestamp without zone, in UTC; a text without an offset is read as UTC."""
    if source_type.startswith("TIMESTAMP") and "TZ" not in source_type and "ZONE" not in source_type:
        return f"CAST({raw} AS TIMESTAMP)"
    # DuckDB would read a bare time of day as one of today.
    return (
        f"CASE WHEN regexp_matches({text}, '^\\d{{4}}-\\d\\d?-\\d\\d?') "
        f"THEN CAST(TRY_CAST({text} AS TIMESTAMPTZ) AS TIMESTAMP) END"
    )


def _in_calendar(value: str, kind: str) -> str:
    """A date or time that people use; DuckDB knows years and infinities that nothing behind it can hold."""
    return f"CASE WHEN {value} >= {kind} '{FIRST_DAY}' AND {value} < {kind} '{LAST_DAY}' THEN {value} END"


def stamps(table: Table, present: set[str]) -> list[Column]:
    """The `recorded_at` columns of a table that a source has: the row's and those of its late columns."""
    names = ["recorded_at", *(f"{c.name}_recorded_at" for c in table.columns if c.late)]
    return [Column(name, "time") for name in names if name in present]
