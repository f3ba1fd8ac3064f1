"""Report: what validation found, as counts by table and rule with examples, for people and for programs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import duckdb

__all__ = ["Finding", "Report", "TableReport", "share_text"]


@dataclass(frozen=True)
class Finding:
    """One rule that rows of one table broke, with the number of rows and one example."""

    table: str
    rule: str
    rows: int
    example: str


@dataclass(frozen=True)
class TableReport:
    """One table: where it came from, how many rows were read and which of its columns Tenure does not use."""

    table: str
    source: str
    rows: int
    unknown_columns: list[str]


@dataclass
class Report:
    """What `tenure check` prints.

    Attributes
    ----------
    tables : one entry a table.
    findings : one entry a table and rule.
    failing : rows set aside by table; a row that breaks two rules counts once.
    notes : sentences on what is right but worth knowing.
    warnings : sentences on what is likely wrong, which every command repeats.
    """

    tables: list[TableReport] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    failing: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def read_violations(self, con: duckdb.DuckDBPyConnection) -> None:
        """Take counts and first examples from the table `violations`."""
        self.findings = [
            Finding(*row)
            for row in con.execute(
                'SELECT "table", rule, count(DISTINCT _row) + count(*) FILTER (WHERE _row IS NULL), '
                "arg_min(reason, coalesce(_row, 0)) FROM violations WHERE until = TIMESTAMP 'infinity' "
                'GROUP BY "table", rule ORDER BY "table", rule'
            ).fetchall()
        ]
        self.failing = dict(
            con.execute(
                'SELECT "table", count(DISTINCT _row) + count(*) FILTER (WHERE _row IS NULL) '
                "FROM violations WHERE until = TIMESTAMP 'infinity' GROUP BY 1"
            ).fetchall()
        )

    def to_json(self) -> dict[str, Any]:
        """The report as plain values."""
        by_table: dict[str, list[dict[str, Any]]] = {}
        for f in self.findings:
            by_table.setdefault(f.table, []).append({"rule": f.rule, "rows": f.rows, "example": f.example})
        return {
            "tables": [
                {
                    "table": t.table,
                    "source": t.source,
                    "rows": t.rows,
                    "set_aside": self.failing.get(t.table, 0),
                    "rules": by_table.get(t.table, []),
                    "unknown_columns": t.unknown_columns,
                }
                for t in self.tables
            ],
            "notes": self.notes,
            "warnings": self.warnings,
        }


def share_text(failing: int, rows: int) -> str:
    """A share with its numbers.

    >>> share_text(1, 8)
    '1 of 8 rows (12.5 %)'
    """
    return f"{failing:,} of {rows:,} rows ({100 * failing / max(rows, 1):.1f} %)"
