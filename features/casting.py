"""Casting: turns a source's columns into the contract's types in SQL, keeping apart what cannot be cast."""

from __future__ import annotations

from features.contract import Column, Table

__all__ = ["cast_failure", "cast_value", "quoted", "stamps"]

_FLOATS = ("DOUBLE", "FLOAT")


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
    match column.kind:
        case "text":
            return text
        case "integer":
            # A cast alone would round 5.7 to 6.
            exact = f"TRY_CAST({text} AS DECIMAL(38, 6))"
            return f"CASE WHEN {exact} = floor({exact}) THEN TRY_CAST({exact} AS BIGINT) END"
        case "number" | "money":
            return f"TRY_CAST({text} AS DECIMAL(18, 4))"
        case "boolean":
            return f"TRY_CAST({text} AS BOOLEAN)"
        case "date":
            if source_type == "DATE":
                return raw
            return f"CAST({_instant(raw, text, source_type)} AS DATE)"
        case "time":
            return _instant(raw, text, source_type)


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
    if source_type.startswith("TIMESTAMP") and "ZONE" not in source_type:
        return f"CAST({raw} AS TIMESTAMP)"
    return f"CAST(TRY_CAST({text} AS TIMESTAMPTZ) AS TIMESTAMP)"


def stamps(table: Table, present: set[str]) -> list[Column]:
    """The `recorded_at` columns of a table that a source has: the row's and those of its late columns."""
    names = ["recorded_at", *(f"{c.name}_recorded_at" for c in table.columns if c.late)]
    return [Column(name, "time") for name in names if name in present]
