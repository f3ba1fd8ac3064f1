"""`python -m benchmarks.serving.books scores.parquet`: what a day of many accounts costs to store and to read."""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from benchmarks.serving.homes import crowd, opened
from serving.layout import table_of
from serving.store.books import packed_book
from serving.store.writing import write_day
from success.book import FEATURES

READS = 9


def main() -> None:
    """Print the seconds and bytes as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="what `tenure score --out` wrote")
    parser.add_argument("--accounts", type=int, default=20_000)
    parser.add_argument("--scored", action="store_true", help="leave out accounts without a probability")
    parser.add_argument("--store", help="the URL of an empty PostgreSQL; a file of SQLite when not given")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tenure-bench-") as scratch:
        print(
            json.dumps(_measured(_day(asked.file, asked.accounts, asked.scored), Path(scratch), asked.store), indent=1)
        )


def _day(file: Path, accounts: int, scored: bool) -> pd.DataFrame:
    frame = crowd(file, 3 * accounts)
    return (frame[frame["drivers"].notna()] if scored else frame).head(accounts)


def _measured(frame: pd.DataFrame, scratch: Path, url: str | None) -> dict[str, Any]:
    as_of = pd.Timestamp(frame["as_of"].iloc[0]).date()
    values = np.random.default_rng(0).normal(size=(len(frame), len(FEATURES)))
    features = pd.DataFrame(values, index=frame["account_id"], columns=list(FEATURES))
    packing, content = _timed(lambda: packed_book(table_of(frame, as_of), features))
    checking, _ = _timed(lambda: table_of(frame, as_of))
    with opened(scratch, url) as store:
        writing, _ = _timed(lambda: write_day(store, frame, as_of, features))
        run = store.latest()
        assert run is not None
        reads = [_timed(lambda: store.book(run))[0] for _ in range(READS)]
        rows = store.rows(run, frame["account_id"].tolist()).values()
        with store.writing() as connection:
            connection.execute(sa.text("DELETE FROM tenure_books"))
        anew, book = _timed(lambda: store.book(run))
    return {
        "accounts": len(frame),
        "columns": len(book.columns),
        "write_day_seconds": round(writing, 2),
        "of_that_the_book_seconds": round(packing - checking, 2),
        "book_bytes": len(content),
        "book_in_memory_bytes": int(book.memory_usage(deep=True).sum()),
        "figures_bytes": sum(len(row.figures) for row in rows),
        "book_milliseconds": {"median": round(1e3 * statistics.median(reads), 1), "best": round(1e3 * min(reads), 1)},
        "book_from_rows_seconds": round(anew, 2),
    }


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    made = work()
    return time.perf_counter() - began, made


if __name__ == "__main__":
    main()
