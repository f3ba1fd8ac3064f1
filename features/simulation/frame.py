"""Columns of whole days and numbers into data frames with the contract's types, and those into Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from features.contract import CONTRACT
from features.simulation.timeline import Timeline

__all__ = ["as_text", "frame", "look_up", "write_csv", "write_table"]

_ARROW = {
    "text": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "money": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "time": pa.timestamp("us", tz="UTC"),
}


def look_up(words: NDArray[Any] | tuple[str, ...], at: NDArray[np.integer[Any]]) -> Any:
    """`words[at]` as a pandas text column, without a Python object a row; -1 is missing."""
    missing = at < 0
    taken = pa.array([str(w) for w in words], pa.string()).take(pa.array(np.where(missing, 0, at), mask=missing))
    return pd.array(taken, dtype=pd.StringDtype("pyarrow", na_value=np.nan))


def frame(table: str, timeline: Timeline, columns: dict[str, Any]) -> pd.DataFrame:
    """A data frame in the contract's types.

    Dates come as days from the start of the history, times as days with fractions, in order of the contract;
    they become `datetime64[us]`, times in UTC. `valid_from`, `recorded_at` and `<column>_recorded_at` may follow.
    """
    kinds = _kinds(table)
    done: dict[str, Any] = {}
    for name, values in columns.items():
        kind = kinds[name]
        if kind == "date":
            done[name] = timeline.dates(values)
        elif kind == "time":
            done[name] = pd.DatetimeIndex(timeline.times(values)).tz_localize("UTC")
        elif kind == "text":
            done[name] = values if isinstance(values, pd.api.extensions.ExtensionArray) else pd.array(values, "str")
        elif kind == "integer":
            done[name] = np.asarray(values).astype(np.int64)
        elif kind == "boolean":
            done[name] = values.astype(bool)
        else:
            done[name] = values.astype(np.float64)
    return pd.DataFrame(done)


def _kinds(table: str) -> dict[str, str]:
    """What the values of each column are: those of the contract, and when they were recorded or began to hold."""
    kinds: dict[str, str] = {c.name: c.kind for c in CONTRACT[table].columns}
    stamps = {f"{c.name}_recorded_at": "time" for c in CONTRACT[table].columns if c.late}
    return kinds | stamps | {"recorded_at": "time", "valid_from": "date"}


def write_table(rows: pd.DataFrame, path: Path, table: str | None) -> None:
    """Write Parquet with dates as dates; `table` None is the truth, whose one date is `as_of`."""
    if table is None:
        kinds: dict[str, str] = {"as_of": "date"}
    else:
        kinds = _kinds(table)
    schema = pa.schema(
        [
            (name, _ARROW[kinds[name]] if name in kinds else pa.Array.from_pandas(rows[name].head(0)).type)
            for name in rows.columns
        ]
    )
    # Column by column: a plain file without pandas' own metadata, that every reader sees alike.
    arrays = [_array(rows[field.name], field.type) for field in schema]
    pq.write_table(pa.Table.from_arrays(arrays, schema=schema), path, compression="zstd")


def as_text(rows: pd.DataFrame, table: str) -> pd.DataFrame:
    """The same rows as text: dates and times as ISO 8601 (times in UTC), true and false, missing where nothing is."""
    kinds = _kinds(table)
    done: dict[str, pd.Series] = {}
    for name in rows.columns:
        column, kind = rows[name], kinds[name]
        if kind == "date":
            text = column.dt.strftime("%Y-%m-%d")
        elif kind == "time":
            text = column.dt.strftime("%Y-%m-%dT%H:%M:%SZ")
        elif kind == "boolean":
            text = column.map({True: "true", False: "false"})
        else:
            text = column.astype("str")
        done[name] = text.astype("str").where(column.notna())
    return pd.DataFrame(done)


def write_csv(rows: pd.DataFrame, path: Path) -> None:
    """Write CSV in UTF-8, nothing where nothing is."""
    rows.to_csv(path, index=False, lineterminator="\n")


def _array(column: pd.Series, kind: pa.DataType) -> pa.Array:
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        column = column.dt.tz_localize(None)  # all times are UTC already
    return pa.Array.from_pandas(column).cast(kind)
