"""Compute: runs the compiled catalogue over a history, each table read once for all as_of days."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import pandas as pd

from features.casting import quoted
from features.cohort import COHORT
from features.engine.compiler import Compiler
from features.feature import Catalogue
from features.history import History
from features.rollups import unordered
from features.subscriptions import account_states

__all__ = ["compute_features"]


def compute_features(catalogue: Catalogue, history: History, as_ofs: Sequence[dt.date]) -> pd.DataFrame:
    """One row per cohort account and day: as_of, account_id, then every feature as a double or a text.

    Notes
    -----
    Each scan is one statement into a temporary table: the plan of one is small, and its memory is free when the next
    begins.
    """
    con = history.con
    days = ", ".join(f"(DATE '{d.isoformat()}')" for d in as_ofs)
    compiler = Compiler(history)
    values = []
    for feature in catalogue:
        kind = "DOUBLE" if feature.kind == "number" else "VARCHAR"
        values.append(f"CAST({compiler.value(feature.measure)} AS {kind}) AS {quoted(feature.name)}")
    tables = {
        "_as_ofs": f"SELECT as_of FROM (VALUES {days}) AS d(as_of)",
        "_state": f"SELECT * FROM {account_states(history, '_as_ofs')} WHERE {COHORT}",
        **compiler.tables(),
    }
    with unordered(con):
        for name, sql in tables.items():
            con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {sql}")
    rows = con.execute(
        f"SELECT state.as_of, state.account_id, {', '.join(values)} FROM _state AS state {compiler.joins()} "
        "ORDER BY state.as_of, state.account_id"
    ).df()
    for name in tables:
        con.execute(f"DROP TABLE {name}")
    return rows
