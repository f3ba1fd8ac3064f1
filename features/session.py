"""Session: a DuckDB connection in; the same connection speaking UTC and showing no progress bar out."""

from __future__ import annotations

import contextlib

import duckdb

__all__ = ["settle"]


def settle(con: duckdb.DuckDBPyConnection) -> None:
    """Bring a connection to where results do not depend on whose machine it is, a notebook's kernel included."""
    con.execute("SET TimeZone = 'UTC'")
    # In a notebook without ipywidgets DuckDB has no bar, and refuses to be told so.
    with contextlib.suppress(duckdb.InvalidInputException):
        con.execute("SET enable_progress_bar = false")
