"""Dialect: how a source writes text, numbers, days and times, and the SQL that reads what is written so.

A time without an offset is one of the declared zone's clocks. Where the clocks are put back, an hour exists twice:
the later one is meant, so that nothing is known before it happened. Where they are put forward, an hour does not
exist: it is read as if the clocks had not been put forward yet, which is again the later reading.
"""

from __future__ import annotations

from dataclasses import dataclass

from features.contract import Column
from features.sources.source import literal

__all__ = ["DELIMITERS", "ENCODINGS", "PLAIN", "UNREADABLE", "Dialect"]

ENCODINGS = ("utf-8", "utf-16", "latin-1", "iso-8859-15", "cp1250", "cp1252")
DELIMITERS = (",", ";", "\t", "|")
UNREADABLE = "? "
"""Stands before a text that is not written as declared, so that no later cast takes it for something else."""

_OFFSET = "(Z|z|UTC|[+-]\\d{2}(:?\\d{2})?)$"
_ISO = "^\\d{4}-\\d\\d?-\\d\\d?"
_NUMBERS = ("integer", "number", "money")
_NAIVE = ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS")


@dataclass(frozen=True)
class Dialect:
    """What a source's settings say of its writing.

    Parameters
    ----------
    encoding : of a text file, one of `ENCODINGS`; UTF-8 when not set.
    delimiter : between a text file's cells, one of `DELIMITERS`; found in the header when not set.
    decimal, thousands : the marks in its numbers.
    dates : strftime formats of its days and times; ISO 8601 when empty.
    timezone : the IANA zone of times without an offset; UTC when not set.
    """

    encoding: str | None = None
    delimiter: str | None = None
    decimal: str = "."
    thousands: str = ""
    dates: tuple[str, ...] = ()
    timezone: str | None = None

    @property
    def is_plain(self) -> bool:
        """Whether values need no more than a cast."""
        return (self.decimal, self.thousands, self.dates, self.timezone) == (".", "", (), None)

    def number(self, text: str) -> str:
        """SQL: a number's text with a decimal point, NULL where it is not one as declared."""
        text = f"trim({text})"
        if self.decimal == "." and not self.thousands:
            return f"CASE WHEN regexp_full_match({text}, '[+-]?(\\d+\\.?\\d*|\\.\\d+)([eE][+-]?\\d+)?') THEN {text} END"
        mark = "\\" + self.decimal
        groups = f"\\d{{1,3}}({_escaped(self.thousands)}\\d{{3}})+|" if self.thousands else ""
        shape = f"[+-]?({groups}\\d+)({mark}\\d*)?"
        bare = f"replace({text}, {literal(self.thousands)}, '')" if self.thousands else text
        return f"CASE WHEN regexp_full_match({text}, '{shape}') THEN replace({bare}, '{self.decimal}', '.') END"

    def instant(self, text: str, midnight_is_day: bool) -> str:
        """SQL: a day's or time's text as a UTC TIMESTAMP, NULL where it is not one as declared.

        Parameters
        ----------
        midnight_is_day : whether midnight stands for the day and so belongs to no zone.
        """
        if not self.dates:
            moved = self._to_utc(f"TRY_CAST({text} AS TIMESTAMP)", midnight_is_day)
            return (
                f"CASE WHEN NOT regexp_matches({text}, '{_ISO}') THEN NULL "
                f"WHEN regexp_matches({text}, '[ T]\\d\\d?:.*{_OFFSET}') "
                f"THEN CAST(TRY_CAST({text} AS TIMESTAMPTZ) AS TIMESTAMP) ELSE {moved} END"
            )
        readings = []
        for form in self.dates:
            parsed = f"CAST(try_strptime({text}, {literal(form)}) AS TIMESTAMP)"
            readings.append(parsed if "%z" in form else self._to_utc(parsed, midnight_is_day))
        return f"coalesce({', '.join(readings)})"

    def convert(self, column: Column, value: str, kind: str) -> str:
        """SQL: a source's value written so that a plain cast to a contract column's type reads it.

        Parameters
        ----------
        value, kind : SQL of the value and its DuckDB type.
        """
        if column.kind in ("date", "time") and kind in _NAIVE and self.timezone:
            return self._to_utc(f"CAST({value} AS TIMESTAMP)", column.kind == "date")
        if column.kind in ("date", "time") and self.dates and kind in ("INTEGER", "BIGINT"):  # 20240131
            value, kind = f"CAST({value} AS VARCHAR)", "VARCHAR"
        if kind != "VARCHAR":
            return value
        text = f"nullif(trim({value}), '')"
        if column.kind in _NUMBERS and (self.decimal != "." or self.thousands):
            return f"coalesce({self.number(text)}, '{UNREADABLE}' || {text})"
        if column.kind in ("date", "time") and (self.dates or self.timezone):
            instant = self.instant(text, column.kind == "date")
            return f"coalesce(CAST({instant} AS VARCHAR), '{UNREADABLE}' || {text})"
        return value

    def utc(self, local: str) -> str:
        """SQL: a TIMESTAMP of the zone's clocks in UTC."""
        return self._to_utc(local, midnight_is_day=False)

    def _to_utc(self, local: str, midnight_is_day: bool) -> str:
        if self.timezone is None:
            return local
        moved = f"CAST({local} AT TIME ZONE {literal(self.timezone)} AS TIMESTAMP)"
        if not midnight_is_day:
            return moved
        return f"CASE WHEN {local} = date_trunc('day', {local}) THEN {local} ELSE {moved} END"


PLAIN = Dialect()
"""UTF-8, decimal points, ISO days and UTC."""


def _escaped(mark: str) -> str:
    """A thousands mark in a regular expression, inside a SQL literal."""
    return "''" if mark == "'" else "\\" + mark if mark in ".," else mark
