"""List tables: the answer to POST /lists in; a table of at most 100 columns, and what to know of it, on stdout."""

from __future__ import annotations

import datetime as dt
import sys
import textwrap
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from success.calls import NOT_ON_RECORD
from success.phrases import counted, on_day

__all__ = ["WIDTH", "print_list"]

WIDTH = 100
_MONTHS = 12
_LONGEST_NAME = 40

Row = Mapping[str, Any]


class _Column(NamedTuple):
    """A column of a table.

    Attributes
    ----------
    show : a row -> its text.
    words : whether it is text that may run over several lines; numbers are aligned right and never broken.
    """

    head: str
    show: Callable[[Row], str]
    words: bool = False


def print_list(document: Mapping[str, Any]) -> None:
    """Print a list for people."""
    name, rows, total = document["list"], document["rows"], document["total"]
    day = on_day(dt.date.fromisoformat(document["as_of"]))
    many = f"{len(rows):,} of {total:,}" if len(rows) < total else f"{total:,}"
    click.secho(f"{name.capitalize()} on {day}: {many}", bold=True)
    for line in _before(name, document["summary"]):
        _print_line(line)
    if rows:
        click.echo()
        _print_table(_COLUMNS[name], rows)
    told = [*_left_out(document["summary"]), *_after(name, document["summary"])]
    if told:
        click.echo()
        for line in told:
            _print_line(line)


def _print_line(line: str) -> None:
    """A line of prose; what is too long goes on below, under where the words began."""
    indent = " " * (len(line) - len(line.lstrip()))
    click.echo(textwrap.fill(line.strip(), WIDTH, initial_indent=indent, subsequent_indent=f"{indent}  "))


def _print_table(columns: list[_Column], rows: list[dict[str, Any]]) -> None:
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        # What can be broken takes what the others leave.
        justify: Literal["left", "right"] = "left" if column.words else "right"
        shown.add_column(column.head, justify=justify, overflow="fold", no_wrap=not column.words)
    for row in rows:
        shown.add_row(*(escape(_printable(column.show(row))) for column in columns))
    wide = Console().width if sys.stdout.isatty() else WIDTH
    Console(width=min(WIDTH, wide), highlight=False).print(shown)


def _printable(text: str) -> str:
    """A text from data without what would steer a terminal."""
    return "".join(c if c.isprintable() else " " for c in text)


def _before(name: str, summary: Row) -> list[str]:
    """What is to be read before the rows."""
    if name == "overview":
        return [summary["line"]]
    if name == "matrix":
        return ["", *(f"  {one['sentence']}" for one in summary["quadrants"])]
    if name == "renewals":
        shown, more = summary["months"][:_MONTHS], len(summary["months"]) - _MONTHS
        told = ["", *(f"  {one['month']}: {one['sentence']}" for one in shown)]
        return [*told, f"  And {counted(more, 'month')} after those."] if more > 0 else told
    if name == "health":
        return ["; ".join(f"{counted(one['accounts'], 'account')} {one['band']}" for one in summary["bands"]) + "."]
    return []


def _left_out(summary: Row) -> list[str]:
    known = {reason: count for reason, count in (summary.get("left_out") or {}).items() if count}
    if not known:
        return []
    return ["Left out: " + ", ".join(f"{count:,} {reason.replace('_', ' ')}" for reason, count in known.items()) + "."]


def _after(name: str, summary: Row) -> list[str]:
    """What is to be known of the rows."""
    told = [str(note) for note in summary.get("notes") or []]
    precision = summary.get("precision")
    if precision and precision["overall"]["judged"]:
        told.append(f"What was said of earlier lists: {precision['overall']['sentence']}")
    return told


def _text(name: str) -> Callable[[Row], str]:
    return lambda row: str(row[name] if row[name] is not None else "")


def _number(name: str, digits: int = 0, sign: bool = False) -> Callable[[Row], str]:
    plus = "+" if sign else ""
    return lambda row: "" if row[name] is None else f"{row[name]:{plus},.{digits}f}"


def _percent(name: str) -> Callable[[Row], str]:
    return lambda row: "" if row[name] is None else f"{100 * row[name]:.0f} %"


def _account(row: Row) -> str:
    name = str(row["name"] or "")
    if len(name) > _LONGEST_NAME:
        name = f"{name[: _LONGEST_NAME - 1].rstrip()}…"
    return f"{name} ({row['account_id']})" if name else str(row["account_id"])


def _act(row: Row) -> str:
    """What stands behind it, and what to do."""
    return ". ".join(str(row[name]) for name in ("driver", "play") if row[name])


def _spoke(row: Row) -> str:
    """When there last was a conversation."""
    days = row["days_since_contact"]
    if days is not None:
        return f"{days:.0f} d ago"
    return "not on record" if row["contact"] == NOT_ON_RECORD else "never"


def _weakest(row: Row) -> str:
    found = [
        (value, name.removeprefix("health_"))
        for name, value in row.items()
        if name.startswith("health_") and name not in _NO_DIMENSION and value is not None
    ]
    return ", ".join(f"{name} {value:.0f}" for value, name in sorted(found)[:3])


_NO_DIMENSION = {"health_source", "health_cell", "health_7d", "health_28d"}
_WHO = [_Column("account", _account, True), _Column("csm", _text("csm_id"), True)]
_MRR = _Column("mrr", _number("mrr"))
_HEALTH = _Column("health", _number("health"))
_COLUMNS: dict[str, list[_Column]] = {
    "calls": [
        *_WHO,
        _MRR,
        _Column("at stake", _number("at_stake")),
        _HEALTH,
        _Column("spoke", _spoke, True),
        _Column("why, and what to do", _act, True),
    ],
    "billing": [
        *_WHO,
        _MRR,
        _Column("at stake", _number("at_stake")),
        _Column("by payments", _percent("involuntary_share")),
        _Column("why, and what to do", _act, True),
    ],
    "leaving": [*_WHO, _MRR, _Column("ends on", _text("ends_on")), _Column("plan", _text("plan"), True)],
    "growth": [*_WHO, _MRR, _HEALTH, _Column("kind", _text("kind"), True), _Column("why", _text("why"), True)],
    "advocates": [*_WHO, _MRR, _Column("nps", _number("nps")), _HEALTH, _Column("why", _text("why"), True)],
    "renewals": [
        *_WHO,
        _Column("renews on", _text("renews_on")),
        _MRR,
        _Column("renews", _percent("likelihood")),
        _HEALTH,
        _Column("why, and what to do", _act, True),
    ],
    "movers": [
        *_WHO,
        _MRR,
        _Column("health", lambda row: f"{row['health_7d'] or 0:.0f} to {row['health'] or 0:.0f}"),
        _Column("by them", _number("change", sign=True)),
        _Column("what moved, and what to do", _act, True),
    ],
    "disagreements": [
        *_WHO,
        _MRR,
        _Column("model", _number("model")),
        _Column("rules", _number("rules")),
        _Column("pulse", _number("pulse")),
        _Column("what they say", _text("sentence"), True),
    ],
    "health": [
        *_WHO,
        _Column("stage", _text("stage"), True),
        _MRR,
        _HEALTH,
        _Column("band", _text("band"), True),
        _Column("weakest", _weakest, True),
    ],
    "matrix": [
        *_WHO,
        _MRR,
        _Column("leaves", _percent("churn")),
        _HEALTH,
        _Column("quadrant", lambda row: str(row["quadrant"]).replace("_", " "), True),
    ],
    "overview": [
        _Column("by", _text("by"), True),
        _Column("group", _text("group"), True),
        _Column("accounts", _number("accounts")),
        _MRR,
        _Column("at risk", _number("mrr_at_risk")),
        _Column("median health", _number("median_health")),
        _Column("in a week", _number("change_7d", 1, sign=True)),
    ],
}
