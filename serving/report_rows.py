"""Report rows: the figures of reports, one a row, in; a CSV that a spreadsheet opens and runs nothing of, out."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["COLUMNS", "csv_of"]

COLUMNS = (
    "report", "period", "by", "group", "group_kind", "metric", "value", "low", "high", "unit", "numerator",
    "denominator", "note", "formula",
)  # fmt: skip
"""report: roi or revenue. by: what it is told by; empty for revenue of all accounts. group: one of those, or as its
kind is called. group_kind: everybody (all accounts), nobody (those that are in no group) or one. low, high: 90 %
interval."""

_RUN = ("=", "+", "-", "@", "\t", "\r")
"""A text that begins so is a formula to a spreadsheet."""


def csv_of(rows: Iterable[Mapping[str, Any]]) -> str:
    """The rows as CSV with a header; what a row does not have is left empty.

    Raises
    ------
    ValueError : a row has a column that is none.
    """
    sink = io.StringIO()
    writer = csv.DictWriter(sink, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return sink.getvalue()


def _cell(value: Any) -> Any:
    """A value as it is written: numbers exactly, text so that no spreadsheet takes it for a formula.

    >>> [_cell(x) for x in (0.1, None, "Mid", "=1+1")]
    [0.1, None, 'Mid', "'=1+1"]
    """
    return f"'{value}" if isinstance(value, str) and value.startswith(_RUN) else value
