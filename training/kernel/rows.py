"""Rows: feature rows in, the float matrix that the trees read, or one column of numbers, out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["Columns", "encode_rows", "fill_gaps", "numbers", "text_values"]


class Columns:
    """Rows as arrays by feature, wherever a kernel takes a frame; for few rows most of a frame's time is its own.

    Parameters
    ----------
    values : (n,) float64 with NaN for each number feature, object with None for each text; features may lack.

    Attributes
    ----------
    encoded : the rows as each kernel reads them, so that it reads them once.
    """

    def __init__(self, values: Mapping[str, np.ndarray], count: int) -> None:
        self.columns = dict(values)
        self.encoded: dict[Any, Any] = {}
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, name: str) -> np.ndarray:
        return self.columns[name]


def numbers(rows: pd.DataFrame | Columns, name: str) -> np.ndarray:
    """A number feature of n rows, (n,) float64; NaN where it is missing, everywhere where there is no such column.

    Raises
    ------
    ValueError : it holds something that is not a number.
    """
    if name not in rows.columns:
        return np.full(len(rows), np.nan)
    if isinstance(rows, Columns):
        return np.asarray(rows[name], dtype=np.float64)
    try:
        return np.asarray(rows[name].to_numpy(dtype=np.float64, na_value=np.nan))
    except (TypeError, ValueError):
        raise ValueError(f"The feature {name} must be a number, but some rows hold other values.") from None


def text_values(rows: pd.DataFrame | Columns, name: str) -> list[str | float | None]:
    """A text feature of n rows; None or a number where it is missing."""
    column = rows[name] if isinstance(rows, Columns) else rows[name].astype(object)
    return [value if isinstance(value, (str, float)) else None for value in column.tolist()]


def encode_rows(
    rows: pd.DataFrame | Columns,
    feature_names: Sequence[str],
    categories: Mapping[str, Sequence[str]],
    fills: Mapping[str, float] | None = None,
) -> np.ndarray:
    """Turn rows into an (n, k) float64 matrix, NaN for missing.

    Numbers pass through. Categories become the position in their list; anything not in the list, and an absent column,
    is missing. `fills` stand in for gaps, see `fill_gaps`.

    Raises
    ------
    ValueError : a number feature holds something that is not a number.
    """
    matrix = np.full((len(rows), len(feature_names)), np.nan, dtype=np.float64)
    for position, name in enumerate(feature_names):
        if name not in rows.columns:
            continue
        if name in categories:
            codes = {value: float(code) for code, value in enumerate(categories[name])}
            told = text_values(rows, name)
            matrix[:, position] = [codes.get(value, math.nan) if isinstance(value, str) else math.nan for value in told]
        else:
            matrix[:, position] = numbers(rows, name)
    return fill_gaps(matrix, feature_names, fills) if fills else matrix


def fill_gaps(matrix: np.ndarray, feature_names: Sequence[str], fills: Mapping[str, float]) -> np.ndarray:
    """A copy of an (n, k) matrix with the fills in its gaps.

    Where the rows that trees were grown on had no gap, LightGBM would read NaN as 0; the training median says less.
    """
    values = np.array([fills.get(name, np.nan) for name in feature_names], dtype=np.float64)
    return np.where(np.isnan(matrix), values, matrix)
