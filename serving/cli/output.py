"""Output: tables and progress for people, JSON for programs."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from features.errors import TenureError
from features.history import History
from features.settings import Settings

__all__ = ["open_history", "print_json", "progress_bar", "require_folder", "stages", "table"]


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    click.echo(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False, default=str))


def table(title: str, columns: list[str], rows: list[list[str]], right: int = 1) -> None:
    """A table on stdout; columns from number `right` on are aligned right."""
    shown = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for place, name in enumerate(columns):
        shown.add_column(name, justify="right" if place >= right else "left", header_style="dim", overflow="fold")
    for row in rows:
        shown.add_row(*row)
    console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
    console.print(shown)


@contextlib.contextmanager
def stages() -> Iterator[Callable[[str], None]]:
    """A spinner on stderr whose text the caller sets; silent where stderr is no terminal."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("starting", total=None)
        yield lambda text: progress.update(task, description=text)


@contextlib.contextmanager
def progress_bar(text: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr, moved by (done, of all); silent where stderr is no terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(text, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def require_folder(file: Path | None) -> None:
    """Refuse a file whose folder is not there, before anything is computed for it."""
    if file is not None and not file.absolute().parent.is_dir():
        raise TenureError(f"There is no folder {file.parent} to write {file.name} into; make it first.")


def open_history(folder: Path, settings: Settings, home: Path) -> History:
    """Read a history; rows set aside go to the quarantine under home, and a line on stderr says so."""
    history = History.open(folder, settings, today=dt.date.today())
    if sum(history.report.failing.values()):
        file = history.write_quarantine(home / "quarantine")
        counts = ", ".join(f"{count:,} of {name}" for name, count in sorted(history.report.failing.items()))
        click.echo(f"Rows set aside: {counts}; see {file}.", err=True)
    for warning in history.report.warnings:
        click.echo(f"Warning: {warning}", err=True)
    return history
