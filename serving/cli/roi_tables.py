"""Roi tables: the answers to POST /roi and POST /revenue in; tables of at most 120 columns on stdout."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from serving.cli.figures import say
from success.phrases import on_day

__all__ = ["WIDTH", "print_roi"]

Document = Mapping[str, Any]

WIDTH = 120
_NONE = "-"
_ALL = "all"
_NOTHING: Document = {"value": None, "low": None, "high": None}
_MOST = 10
"""Accounts of a list that are named; the others are counted."""
_LISTS = {
    "changed_hands": "Changed hands, split by the days of each",
    "notices_withdrawn": "Notices withdrawn",
    "won_back": "Won back, counted apart",
}


def print_roi(worth: Document, revenue: Document, *, details: bool) -> None:
    """Print what was earned, and what each CSM was worth.

    Parameters
    ----------
    details : all of each CSM that is in the report, and not one line.
    """
    click.secho(_title(worth), bold=True)
    for note in dict.fromkeys([*revenue["notes"], *worth["notes"]]):
        say(_clean(note))
    click.echo()
    _print_movement(revenue)
    click.echo()
    _print_metrics("What was earned", revenue["total"])
    _print_groups(revenue)
    click.echo()
    _print_books(worth)
    for csm in worth["csms"] if details else ():
        click.echo()
        _print_csm(csm, worth)
    click.echo()
    for sentence in (worth["shift"]["sentence"], worth["ranking"]["sentence"], worth["question"]):
        say(_clean(sentence))


def _title(worth: Document) -> str:
    first, last = dt.date.fromisoformat(worth["from"]), dt.date.fromisoformat(worth["until"]) - dt.timedelta(days=1)
    known = on_day(dt.date.fromisoformat(worth["as_of"]))
    money = f", in {worth['currency']}" if worth["currency"] else ""
    partial = ", not over yet" if worth["partial_until"] else ""
    return f"{worth['period']}, {on_day(first)} to {on_day(last)}{partial}, as known on {known}{money}"


def _print_movement(revenue: Document) -> None:
    groups = [revenue["total"], *revenue["groups"]]
    names = [name for name in groups[0]["movement"] if any(group["movement"].get(name) for group in groups)]
    heads = ["MRR", *(_plain(_group(group)) for group in groups)]
    if (
        len(groups) > _ABREAST
    ):  # more than fit beside one another stand below one another, only where each began and ended
        names = [name for name in ("opening", "new", "expansion", "contraction", "closing") if name in names]
        rows = [[_plain(_group(one)), *(_number(one["movement"][name]) for name in names)] for one in groups]
        return _table("How MRR moved", [revenue["by"], *names], rows)
    rows = [[name.replace("_", " "), *(_number(group["movement"].get(name)) for group in groups)] for name in names]
    _table("How MRR moved", heads, rows)


_ABREAST = 6


def _print_metrics(title: str, group: Document) -> None:
    rows = [
        [one["title"], _value(one["value"], one["unit"]), _number(one["numerator"]), _number(one["denominator"]),
         _plain(one["formula"] if one["value"] is not None else one.get("note", ""))]
        for one in group["metrics"].values()
    ]  # fmt: skip
    _table(title, ["", "", "numerator", "denominator", "formula, or why there is none"], rows, words=1)
    for flag in group["flags"]:
        say(_clean(flag))


_RETAINED = ("nrr", "grr", "logo_retention", "renewal_rate")


def _print_groups(revenue: Document) -> None:
    if not revenue["groups"]:
        return
    click.echo()
    first = revenue["total"]["metrics"]
    names = [name for name in _RETAINED if name in first]
    rows = [
        [_plain(_group(group)), *(_told(group["metrics"].get(name)) for name in names)] for group in revenue["groups"]
    ]
    _table(f"Retained, by {revenue['by']}", [revenue["by"], *(first[name]["title"] for name in names)], rows)


def _print_books(worth: Document) -> None:
    rows = [_book(csm["csm_id"], csm, csm) for csm in worth["csms"]]
    if worth["nobody"]:
        rows.append(_book("nobody", worth["nobody"], {}))
    rows.append(_book(_ALL, worth["company"], {}))
    columns = [
        "CSM",
        "accounts",
        "expected",
        "paid",
        "exit impact",
        "common",
        "its own (90 %)",
        "saves",
        "ROI",
        "so it is",
    ]
    _table(
        "What CSMs were worth: MRR on the last day beside what was expected; impacts are a year's",
        columns,
        rows,
        words=1,
    )
    lacking: dict[str, list[str]] = {}
    for csm in worth["csms"]:
        if csm["roi"].get("note"):
            lacking.setdefault(csm["roi"]["note"], []).append(str(csm["csm_id"]))
    for note, whose in lacking.items():
        say(_clean(f"ROI of {', '.join(whose)}: {note}"))


def _book(name: object, book: Document, csm: Document) -> list[str]:
    own = book["remainder_exit"] if name != _ALL else _NOTHING
    return [
        _plain(str(name)),
        _number(book["accounts"]),
        _number(book["expected_exit_mrr"]),
        _number(book["realised_exit_mrr"]),
        _signed(book["impact_exit"]["value"]),
        _signed(book["shift_exit"]),
        f"{_signed(own['value'])} ({_signed(own['low'])} to {_signed(own['high'])})"
        if own["value"] is not None
        else _NONE,
        _signed(book["saves"]["value"], 1),
        _told(csm["roi"]) if csm else _NONE,
        str(csm["verdict"]) if csm else "",
    ]


def _print_csm(csm: Document, worth: Document) -> None:
    click.secho(_clean(f"{csm['csm_id']} in {worth['period']}"), bold=True)
    for sentence in (*csm["sentences"], csm["since"]["sentence"]):
        say(_clean(sentence))
    made = {"Return (ROI)": csm["roi"], "Loaded cost": csm["cost"], "Gross margin": worth["gross_margin"]}
    rows = [
        [
            name,
            _told(one),
            _number(one["numerator"]),
            _number(one["denominator"]),
            _plain(one.get("note") or one["formula"]),
        ]
        for name, one in made.items()
    ]
    _table("", ["", "", "numerator", "denominator", "formula, or what to know"], rows, words=1)
    if csm["explained"]:
        rows = [
            [_account(one), _number(one["expected"]), _number(one["realised"]), _signed(one["difference"]),
             _plain(one["sentence"])]
            for one in csm["explained"]
        ]  # fmt: skip
        _table(
            "What explains most of it, MRR on the last day",
            ["account", "expected", "paid", "a year", ""],
            rows,
            words=1,
        )
    for name, title in _LISTS.items():
        if csm[name]:
            say(f"{title}: {_named(csm[name])}.")


def _named(rows: Sequence[Document]) -> str:
    told = ", ".join(_clean(_called(one)) for one in rows[:_MOST])
    return f"{told} and {len(rows) - _MOST:,} more" if len(rows) > _MOST else told


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]], words: int = 0) -> None:
    """A table whose first column is text, and whose last `words` columns are; the others are numbers."""
    shown = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for place, head in enumerate(heads):
        text = place == 0 or place >= len(heads) - words
        shown.add_column(
            head, justify="left" if text else "right", header_style="dim", overflow="fold", no_wrap=not text
        )
    for row in rows:
        shown.add_row(*row)
    wide = Console().width if sys.stdout.isatty() else WIDTH
    Console(width=wide, highlight=False).print(shown)


def _called(row: Document) -> str:
    return f"{row['name']} ({row['account_id']})" if row["name"] else str(row["account_id"])


def _account(row: Document) -> str:
    return _plain(_called(row))


def _group(group: Document) -> str:
    return str(group["group"] or "none")


def _told(metric: Document | None) -> str:
    return _NONE if metric is None else _value(metric["value"], metric["unit"])


def _value(value: float | None, unit: str) -> str:
    if value is None:
        return _NONE
    if unit == "share":
        return f"{100 * value:,.1f} %"
    if unit == "multiple":
        return f"{value:,.2f}"
    return _number(value)


def _number(value: float | None) -> str:
    if value is None:
        return _NONE
    return f"{value:,.0f}" if abs(value) >= 100 or float(value).is_integer() else f"{value:,.2f}"


def _signed(value: float | None, digits: int = 0) -> str:
    return _NONE if value is None else f"{value + 0.0:+,.{digits}f}"


def _clean(text: str) -> str:
    """A text from data without what would steer a terminal."""
    return "".join(c if c.isprintable() else " " for c in text)


def _plain(text: str) -> str:
    """A text from data as a cell of a table, which reads what stands in brackets."""
    return escape(_clean(text))
