"""Mapping: what `[tables.X]` in tenure.toml may say of a table, read strictly into frozen values."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from features.casting import stamps
from features.contract import CONTRACT, Column
from features.errors import TenureError
from features.sources.dialect import DELIMITERS, ENCODINGS, PLAIN, Dialect
from features.sources.source import closest

__all__ = ["ColumnMapping", "Lookup", "TableMapping", "parse_tables", "readable_columns"]

_WRITING = ("encoding", "delimiter", "decimal", "thousands", "dates", "timezone")
_TABLE_KEYS = ("source", "sql", "columns", *_WRITING)
_COLUMN_KEYS = ("column", "lookup", "on", "key", "value", "expression", "factor", "values")


@dataclass(frozen=True)
class Lookup:
    """A value of another source: of the row whose `key` there equals `on` here."""

    source: str
    on: str
    key: str
    value: str


@dataclass(frozen=True)
class ColumnMapping:
    """Where one column of the contract comes from: exactly one of column, expression, constant and lookup.

    Parameters
    ----------
    column : the source's column.
    expression : SQL over the source's columns of one row.
    constant : the same text in every row.
    lookup : a value of another source.
    factor : what a number is multiplied by, to change its unit.
    values : pairs (as the source writes it, as the contract does); other values stay as they are.
    taken : False leaves a column of this name in the source unread.
    """

    column: str | None = None
    expression: str | None = None
    constant: str | None = None
    lookup: Lookup | None = None
    factor: float | None = None
    values: tuple[tuple[str, str], ...] = ()
    taken: bool = True


@dataclass(frozen=True)
class TableMapping:
    """How one table of the contract is read.

    Parameters
    ----------
    table : its name in the contract.
    source : the name of the file or table that it comes from.
    sql : one SELECT that gives the table, instead of `source` and `columns`.
    columns : by column of the contract; a column that is not listed is taken under its own name.
    dialect : how the source writes text, numbers and times.
    taken : False leaves the table unread although there is one of its name.
    """

    table: str
    source: str
    sql: str | None = None
    columns: dict[str, ColumnMapping] = field(default_factory=dict)
    dialect: Dialect = PLAIN
    taken: bool = True

    @property
    def is_plain(self) -> bool:
        """Whether the source's own columns are the contract's already."""
        return self.sql is None and not self.columns and self.dialect.is_plain


def readable_columns(table: str) -> dict[str, Column]:
    """Every column that a source of a table may have, its times of recording included."""
    spec = CONTRACT[table]
    stamped = {"recorded_at", *(f"{c.name}_recorded_at" for c in spec.columns)}
    columns = spec.by_name | {c.name: c for c in stamps(spec, stamped)}
    if table == "usage":
        columns["occurred_at"] = Column("occurred_at", "time")
    return columns


def parse_tables(path: Path, body: Any) -> dict[str, TableMapping]:
    """The mappings in `[tables]`.

    Raises
    ------
    TenureError : a table, key or value is not one that Tenure knows.
    """
    if not isinstance(body, dict):
        raise TenureError(f"{path}: tables must be sections, as in [tables.usage].")
    mappings = {}
    for table, keys in body.items():
        if table not in CONTRACT:
            raise TenureError(
                f"{path} has a section [tables.{table}], but Tenure has no table {table}; "
                f"the closest are {closest(table, CONTRACT)}."
            )
        mappings[table] = _Section(path, f"tables.{table}").table(table, keys)
    return mappings


@dataclass(frozen=True)
class _Section:
    """One section of the file, for messages that name it."""

    path: Path
    name: str

    def refuse(self, key: str, wanted: str) -> TenureError:
        return TenureError(f"{self.path}: {key} in [{self.name}] must be {wanted}.")

    def text(self, key: str, value: Any) -> str:
        if not isinstance(value, str) or not value.strip():
            raise self.refuse(key, "a text in quotes")
        return value

    def known(self, keys: Any, known: tuple[str, ...]) -> dict[str, Any]:
        if not isinstance(keys, dict):
            raise TenureError(f"{self.path}: {self.name} must be a section, as in [{self.name}].")
        if unknown := [k for k in keys if k not in known]:
            raise TenureError(
                f"{self.path} has a key {unknown[0]} in [{self.name}] that Tenure does not know; "
                f"the closest are {closest(unknown[0], known)}."
            )
        return keys

    def table(self, table: str, body: Any) -> TableMapping:
        keys = self.known(body, _TABLE_KEYS)
        if "sql" in keys and (extra := [k for k in ("source", "columns") if k in keys]):
            raise TenureError(f"{self.path}: [{self.name}] has both sql and {extra[0]}; sql gives the whole table.")
        if keys.get("source") is False:
            return TableMapping(table, table, taken=False)
        columns = keys.get("columns", {})
        if not isinstance(columns, dict):
            raise self.refuse("columns", f"a section, as in [{self.name}.columns]")
        readable = readable_columns(table)
        if unknown := [c for c in columns if c not in readable]:
            raise TenureError(
                f"{self.path} maps a column {unknown[0]} in [{self.name}.columns] that table {table} does not have; "
                f"the closest are {closest(unknown[0], readable)}."
            )
        inside = _Section(self.path, f"{self.name}.columns")
        return TableMapping(
            table,
            self.text("source", keys.get("source", table)),
            self.text("sql", keys["sql"]).strip().rstrip("; \t\r\n") if "sql" in keys else None,
            {name: inside.column(name, value) for name, value in columns.items()},
            self.dialect(keys),
        )

    def dialect(self, keys: Mapping[str, Any]) -> Dialect:
        given = {k: keys[k] for k in _WRITING if k in keys}
        dates = given.get("dates", [])
        dates = [dates] if isinstance(dates, str) else dates
        if not isinstance(dates, list) or any(not isinstance(d, str) or "%" not in d for d in dates):
            raise self.refuse("dates", 'a format or a list of formats, as in "%d.%m.%Y"')
        given["dates"] = tuple(dates)
        for key, choices in (("encoding", ENCODINGS), ("delimiter", DELIMITERS), ("decimal", (".", ","))):
            if key in given and given[key] not in choices:
                listed = ", ".join(f'"{c}"'.replace("\t", "\\t") for c in choices)
                raise self.refuse(key, f"one of {listed}")
        if given.get("thousands", ".") not in (".", ",", " ", "'", "\u00a0", "\u202f"):
            raise self.refuse("thousands", "a point, a comma, a blank or an apostrophe")
        if given.get("thousands") == given.get("decimal", "."):
            raise self.refuse("thousands", "another mark than decimal")
        if "timezone" in given:
            zone = self.text("timezone", given["timezone"])
            if zone not in zoneinfo.available_timezones():
                raise self.refuse("timezone", 'the name of a time zone, as in "Europe/Berlin"')
        return Dialect(**given)

    def column(self, name: str, value: Any) -> ColumnMapping:
        if value is False:
            return ColumnMapping(taken=False)
        if isinstance(value, str):
            return ColumnMapping(column=self.text(name, value))
        inside = _Section(self.path, f"{self.name}.{name}")
        if not isinstance(value, dict):
            raise self.refuse(name, "the name of a column in quotes, false, or a table in braces")
        keys = inside.known(value, _COLUMN_KEYS)
        looked_up = "lookup" in keys
        origins: list[str] = [k for k in ("column", "expression", "lookup") if k in keys]
        if not looked_up and "value" in keys:
            origins.append("value")
        if len(origins) != 1:
            raise self.refuse(name, "exactly one of column, expression, lookup and value")
        if looked_up and not {"on", "value"} <= keys.keys():
            raise self.refuse(
                name, 'given with on and value, as in { lookup = "subscriptions", on = "id", value = "x" }'
            )
        if not looked_up and (stray := set(keys) & {"on", "key"}):
            raise self.refuse(min(stray), "used with lookup only")
        if "value" in origins and (stray := set(keys) & {"factor", "values"}):
            raise self.refuse(min(stray), "left out beside a constant value")
        lookup = None
        if looked_up:
            texts = {k: inside.text(k, keys[k]) for k in ("lookup", "on", "key", "value") if k in keys}
            lookup = Lookup(texts["lookup"], texts["on"], texts.get("key", texts["on"]), texts["value"])
        return ColumnMapping(
            column=inside.text("column", keys["column"]) if "column" in keys else None,
            expression=inside.text("expression", keys["expression"]) if "expression" in keys else None,
            constant=inside.constant(keys["value"]) if "value" in origins else None,
            lookup=lookup,
            factor=inside.factor(keys.get("factor")),
            values=inside.values(keys.get("values", {})),
        )

    def constant(self, value: Any) -> str:
        if isinstance(value, bool):
            return str(value).lower()
        if not isinstance(value, (str, int, float, dt.date)):
            raise self.refuse("value", "a text, a number, a day or true or false")
        return str(value)

    def factor(self, value: Any) -> float | None:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < abs(value) < 1e12:
            raise self.refuse("factor", "a number other than 0")
        return float(value)

    def values(self, value: Any) -> tuple[tuple[str, str], ...]:
        if not isinstance(value, dict):
            raise self.refuse("values", 'a table in braces, as in { "H" = "high" }')
        return tuple(sorted((known, self.constant(meant)) for known, meant in value.items()))
