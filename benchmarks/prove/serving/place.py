"""Place: one trained and scored company that the studies of a run share, and stores with its scores."""

from __future__ import annotations

import contextlib
import functools
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.prove.record import PACKAGES, Record
from benchmarks.serving.homes import Home, crowd, made, opened
from benchmarks.serving.postgres import postgres

__all__ = ["Study", "databases", "filled", "shared", "studied"]

SETTINGS = """
[outcomes.churn]
horizons = [30, 90]
[outcomes.expansion]
horizons = [90]
[training]
min_churned = [10, 20, 5]
bootstrap = 200
"""
Study = Callable[[Home, int], dict[str, Any]]


@functools.cache
def shared() -> Home:
    """600 accounts and two versions of churn, made by the first study that needs them; gone when the process ends."""
    _kept.append(tempfile.TemporaryDirectory(prefix="tenure-prove-"))
    return made(Path(_kept[0].name), SETTINGS, accounts=600, months=24, seed=0, versions=2)


_kept: list[tempfile.TemporaryDirectory[str]] = []


def studied(
    file: Path, about: str, study: Study, repetitions: int, summarise: Callable[[list[dict[str, Any]]], dict[str, Any]]
) -> dict[str, Any]:
    """Run what is not on record yet, one after the other, since each has the machine to itself; the summary.

    Parameters
    ----------
    study : a function of a module: the home and the number of the repetition in, what was found out.
    """
    record = Record(file, about, (*PACKAGES, "success", "serving", "benchmarks/serving"))
    numbers = range(repetitions)
    home = shared() if record.missing(numbers) else None
    summary = summarise(record.runs(functools.partial(study, home), numbers, at_once=1))
    record.close(numbers, summary)
    return summary


@contextlib.contextmanager
def databases(home: Home, scratch: Path) -> Iterator[dict[str, tuple[Home, str | None]]]:
    """By name: a copy of a home whose store is new and empty, in its own file and on a server."""
    with postgres() as server:
        yield {
            "sqlite": (home.without_scores(scratch / "sqlite"), None),
            "postgresql": (home.without_scores(scratch / "postgresql"), server.create("tenure")),
        }


def filled(home: Home, url: str | None, accounts: int) -> pd.DataFrame:
    """Store the scored day with as many accounts as wanted; what was stored."""
    from serving.store.writing import write_day

    frame = crowd(home.file, accounts)
    with opened(home.folder, url) as store:
        write_day(store, frame, home.as_of)
    return frame
