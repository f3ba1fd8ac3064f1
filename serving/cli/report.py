"""Report: what `tenure check` found, as text for a terminal of 80 columns or more."""

from __future__ import annotations

import datetime as dt
import shutil
import sys
import textwrap

import click

from features.validation.report import Report, percent, printable, row_pairs
from serving.cli.output import table

__all__ = ["print_report"]


def print_report(report: Report, name: str, observed: tuple[dt.date, dt.date] | None) -> None:
    """The report on stdout, in the order in which a reader needs it.

    Parameters
    ----------
    name : what was checked.
    observed : the observed days `[from, until)`; not told when None.
    """
    rows = []
    for t in report.tables:
        aside = report.failing.get(t.table, 0)
        rows.append([t.table, f"{t.rows:,}", f"{aside:,}", percent(aside, t.rows) if aside else ""])
    click.secho(f"{printable(name)}: {len(report.tables)} tables", bold=True)
    table("", ["table", "rows", "set aside", "share"], rows)
    if observed:
        click.echo(f"\nObserved from {observed[0]} until {observed[1]} (that day not included).")
    _findings(report)
    _disagreements(report)
    _leaks(report)
    if report.notes:
        _heading("Worth knowing")
        for note in report.notes:
            _say(note, "- ", "  ")


def _findings(report: Report) -> None:
    if not report.findings:
        return
    _heading("Rows that cannot be right")
    for finding in report.findings:
        unit = "row" if finding.rows == 1 else "rows"
        _say(f"{finding.table}: {finding.rule}, {finding.rows:,} {unit}", "- ", "  ")
        for example in finding.examples:
            place = "" if example.row is None else f"row {example.row:,}: "
            _say(f"{place}{example.reason}", "    ", "      ")
            if pairs := row_pairs(example):
                text = ", ".join(f"{name}: {value}" if name else value for name, value in pairs)
                _say(text, "      ", "      ", dim=True)


def _disagreements(report: Report) -> None:
    if not report.disagreements:
        return
    _heading("Tables that disagree (nothing of this is set aside)")
    for d in report.disagreements:
        _say(f"{' and '.join(d.tables)}: {d.rule}, {d.says}", "- ", "  ")
        _say(d.meaning, "    ", "    ")
        for example in d.examples:
            _say(example, "    for example ", "      ", dim=True)


def _leaks(report: Report) -> None:
    if report.leaks is None:
        return
    _heading("Possible leaks")
    for leak in report.leaks.found:
        _say(f"{leak.where}: {leak.kind}", "- ", "  ")
        _say(f"{leak.says} {leak.meaning}", "    ", "    ")
    none = "" if report.leaks.found else "None found in what was looked at. "
    _say(none + report.leaks.judged, "  ", "  ", dim=not none)


def _heading(text: str) -> None:
    click.echo()
    click.secho(text, bold=True)


def _say(text: str, first: str, then: str, dim: bool = False) -> None:
    """Wrapped lines; the width of the terminal, 80 to 120 columns."""
    columns = shutil.get_terminal_size((120, 24)).columns if sys.stdout.isatty() else 120
    width = min(max(columns, 80), 120)
    text = printable(text)
    lines = textwrap.wrap(text, width, initial_indent=first, subsequent_indent=then, break_on_hyphens=False)
    for line in lines:
        click.secho(line, dim=dim)
