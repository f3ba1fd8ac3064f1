"""Report: what validation found, as counts by table and rule with examples, for people and for programs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import duckdb

from features.contract import CONTRACT
from features.sources.dialect import UNREADABLE

if TYPE_CHECKING:
    from features.sources.source import Source

__all__ = [
    "Disagreement",
    "Example",
    "Finding",
    "Leak",
    "Leaks",
    "Report",
    "TableReport",
    "percent",
    "printable",
    "row_pairs",
    "share_text",
]

EXAMPLES = 3
_KINDS = {
    "date": "a date",
    "time": "a time",
    "integer": "a whole number",
    "number": "a number",
    "money": "a number",
    "boolean": "true or false",
}


@dataclass(frozen=True)
class Example:
    """One row that broke a rule.

    Parameters
    ----------
    row : its place in the source, from 1; None for a line that is no row.
    reason : what is wrong with it, with the value where there is one.
    content : the row as it came, by column; for a broken line its text.
    """

    row: int | None
    reason: str
    content: dict[str, Any] | str | None = None


@dataclass(frozen=True)
class Finding:
    """One rule that rows of one table broke.

    Parameters
    ----------
    rows : how many rows broke it.
    examples : the first few by their place.
    """

    table: str
    rule: str
    rows: int
    examples: tuple[Example, ...]

    @property
    def example(self) -> str:
        """The first example's reason."""
        return self.examples[0].reason if self.examples else ""


@dataclass(frozen=True)
class Disagreement:
    """Two tables that say different things.

    Parameters
    ----------
    tables : the tables, the one whose rows are counted first.
    rule : what is wrong, in a few words.
    count, of, unit : how many of how many things.
    meaning : one or two sentences: what follows from it and what to do.
    examples : up to three, each naming its rows.
    """

    tables: tuple[str, ...]
    rule: str
    count: int
    of: int
    unit: str
    meaning: str
    examples: tuple[str, ...]

    @property
    def says(self) -> str:
        """The count in words.

        >>> Disagreement(("payments", "invoices"), "unknown invoice", 2, 8, "payments", "", ()).says
        '2 of 8 payments (25.0 %)'
        """
        return f"{self.count:,} of {self.of:,} {self.unit} ({percent(self.count, self.of)})"

    def to_json(self) -> dict[str, Any]:
        """The disagreement as plain values."""
        return {
            "tables": list(self.tables),
            "rule": self.rule,
            "count": self.count,
            "of": self.of,
            "unit": self.unit,
            "meaning": self.meaning,
            "examples": list(self.examples),
        }


@dataclass(frozen=True)
class Leak:
    """One sign of a leak.

    Parameters
    ----------
    where : the column or feature.
    kind : what kind of sign, in a few words.
    says : the numbers.
    meaning : what to do.
    """

    where: str
    kind: str
    says: str
    meaning: str

    def to_json(self) -> dict[str, Any]:
        """The sign as plain values."""
        return {"where": self.where, "kind": self.kind, "says": self.says, "meaning": self.meaning}


@dataclass(frozen=True)
class Leaks:
    """What was found, and a sentence on what was looked at: silence says nothing where there was too little to see."""

    found: list[Leak] = field(default_factory=list)
    judged: str = ""


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
    disagreements : tables that contradict each other; filled by `find_disagreements`.
    leaks : signs that something was written after the churn; None until `find_leaks` has looked.
    notes : sentences on what is right but worth knowing.
    warnings : sentences on what is likely wrong, which every command repeats.
    """

    tables: list[TableReport] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    failing: dict[str, int] = field(default_factory=dict)
    disagreements: list[Disagreement] = field(default_factory=list)
    leaks: Leaks | None = None
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def read_violations(self, con: duckdb.DuckDBPyConnection) -> None:
        """Take counts and first examples from the table `violations`."""
        self.findings = [
            Finding(table, rule, rows, tuple(Example(e["row"], e["reason"], e["line"]) for e in examples))
            for table, rule, rows, examples in con.execute(
                f"""
                SELECT "table", rule, count(DISTINCT _row) + count(*) FILTER (WHERE _row IS NULL),
                       min({{'place': coalesce(_row, 0), 'reason': reason, 'row': _row, 'line': line}}, {EXAMPLES})
                FROM violations WHERE until = TIMESTAMP 'infinity' GROUP BY "table", rule ORDER BY "table", rule
                """
            ).fetchall()
        ]
        self.failing = dict(
            con.execute(
                'SELECT "table", count(DISTINCT _row) + count(*) FILTER (WHERE _row IS NULL) '
                "FROM violations WHERE until = TIMESTAMP 'infinity' GROUP BY 1"
            ).fetchall()
        )

    def read_examples(self, con: duckdb.DuckDBPyConnection, sources: Mapping[str, Source]) -> None:
        """Give each example its row as it came, and quote the value that is wrong. Reads each such source once."""
        for name, source in sources.items():
            findings = [f for f in self.findings if f.table == name]
            places = {e.row for f in findings for e in f.examples if e.row is not None}
            if not places:
                continue
            contents = _rows(con, source.original(), places)
            mapped = contents if source.sql() == source.original() else _rows(con, source.sql(), places)
            self.findings = [_with_rows(f, contents, mapped) if f.table == name else f for f in self.findings]

    def to_json(self) -> dict[str, Any]:
        """The report as plain values."""
        by_table: dict[str, list[dict[str, Any]]] = {}
        for f in self.findings:
            examples = [{"row": e.row, "reason": e.reason, "content": e.content} for e in f.examples]
            entry = {"rule": f.rule, "rows": f.rows, "example": f.example, "examples": examples}
            by_table.setdefault(f.table, []).append(entry)
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
            "disagreements": [d.to_json() for d in self.disagreements],
            "leaks": [leak.to_json() for leak in self.leaks.found] if self.leaks else [],
            "leaks_judged": self.leaks.judged if self.leaks else "",
            "notes": self.notes,
            "warnings": self.warnings,
        }


def row_pairs(example: Example, width: int = 60) -> list[tuple[str, str]]:
    """The row as it came: (column, value) in its order, ("", text) for a line that is no row.

    Values are cut to a width, and nothing is left in them that would move a terminal's cursor.

    >>> row_pairs(Example(2, "", {"account_id": "A", "day": None}))
    [('account_id', 'A'), ('day', '(empty)')]
    """
    if example.content is None:
        return []
    if isinstance(example.content, str):
        return [("", printable(example.content)[:1000])]
    return [(printable(name), printable(_short(value, width))) for name, value in example.content.items()]


def printable(text: str) -> str:
    """Text without line breaks, escapes and other characters that are not to be seen."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _short(value: Any, width: int) -> str:
    text = "(empty)" if value is None or value == "" else str(value)
    return text if len(text) <= width else text[: width - 3] + "..."


def _rows(con: duckdb.DuckDBPyConnection, relation: str, places: set[int]) -> dict[int, dict[str, Any]]:
    """Rows of a relation by their place; counted before they are filtered, since places are those of all rows."""
    listed = ", ".join(str(int(p)) for p in sorted(places))
    found = con.execute(
        f"""
        SELECT place, CAST(to_json(content) AS VARCHAR)
        FROM (SELECT source AS content, row_number() OVER () AS place FROM {relation} AS source)
        WHERE place IN ({listed})
        """
    ).fetchall()
    return {place: json.loads(text) for place, text in found}


def _with_rows(
    finding: Finding, contents: Mapping[int, dict[str, Any]], mapped: Mapping[int, dict[str, Any]]
) -> Finding:
    """The finding with its examples' rows filled in: as they came, and a value quoted as the contract calls it."""
    examples = []
    for example in finding.examples:
        if example.row is not None and example.row in contents:
            reason = _quoting(finding.table, example.reason, mapped.get(example.row, {}))
            example = Example(example.row, reason, contents[example.row])
        examples.append(example)
    return Finding(finding.table, finding.rule, finding.rows, tuple(examples))


def _quoting(table: str, reason: str, content: Mapping[str, Any]) -> str:
    """The reason with the value that is wrong, where the source calls the column as the contract does."""
    said = re.fullmatch(r"(\w+) is not of its type", reason)
    if said is None:
        return reason
    by_name = {name.lower(): value for name, value in content.items()}
    name = said[1]
    column = CONTRACT[table].by_name.get(name)
    wanted = _KINDS.get(column.kind if column else "time", "of its type")
    for called in (name, "occurred_at" if name == "day" else name):
        if by_name.get(called) is not None:
            written = str(by_name[called]).removeprefix(UNREADABLE)
            return f'{called} is "{written[:60]}", which is not {wanted}'
    return f"{name} is not {wanted}"


def percent(count: int, of: int) -> str:
    """A share in percent that never says 0 of something that is there.

    >>> percent(1, 8), percent(1, 9999), percent(0, 0)
    ('12.5 %', '< 0.1 %', '0.0 %')
    """
    share = count / max(of, 1)
    return "< 0.1 %" if 0 < share < 0.0005 else f"{100 * share:.1f} %"


def share_text(failing: int, rows: int) -> str:
    """A share with its numbers.

    >>> share_text(1, 8)
    '1 of 8 rows (12.5 %)'
    """
    return f"{failing:,} of {rows:,} rows ({100 * failing / max(rows, 1):.1f} %)"
