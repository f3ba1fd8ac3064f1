"""Output: tables and progress for people, JSON for programs."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from features.errors import TenureError
from features.history import History
from features.settings import Settings
from serving.cli.options import latest_day
from training.tracking import require_inherited

__all__ = ["open_history", "print_json", "progress_bar", "require_folder", "stages", "table", "whole"]


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
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(text, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def require_folder(file: Path | None) -> None:
    """Refuse a file whose folder is not there, before anything is computed for it."""
    if file is not None and not file.absolute().parent.is_dir():
        raise TenureError(f"There is no folder {file.parent} to write {file.name} into; make it first.")


@contextlib.contextmanager
def whole(file: Path) -> Iterator[Path]:
    """A draft to write, which takes the file's place when all of it is there, so that nobody leaves half a file."""
    if file.exists() and not file.is_file():  # /dev/stdout and its like are nothing to put another file in place of
        yield file
        return
    file = file.resolve()
    draft = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        yield draft
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)


def open_history(folder: Path, settings: Settings, home: Path) -> History:
    """Read a history; rows set aside go to the quarantine under home, and a line on stderr says so."""
    require_inherited(home)  # a run that cannot be written to is better known now than after the work
    history = History.open(folder, settings, today=latest_day())
    if sum(history.report.failing.values()):
        try:
            file = history.write_quarantine(home / "quarantine")
        except OSError as error:
            raise TenureError(
                f"The home folder {home} cannot be written ({error.strerror}); choose another with --home."
            ) from None
        counts = ", ".join(f"{count:,} of {name}" for name, count in sorted(history.report.failing.items()))
        click.echo(f"Rows set aside: {counts}; see {file}.", err=True)
    for warning in history.report.warnings:
        click.echo(f"Warning: {warning}", err=True)
    return history
