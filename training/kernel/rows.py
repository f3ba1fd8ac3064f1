"""Rows: feature rows in, the float matrix that the trees read, or one column of numbers, out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

__all__ = ["encode_rows", "fill_gaps", "numbers"]


def numbers(rows: pd.DataFrame, name: str) -> np.ndarray:
    """A number feature of n rows, (n,) float64; NaN where it is missing, everywhere where there is no such column.

    Raises
    ------
    ValueError : it holds something that is not a number.
    """
    if name not in rows.columns:
        return np.full(len(rows), np.nan)
    try:
        return np.asarray(rows[name].to_numpy(dtype=np.float64, na_value=np.nan))
    except (TypeError, ValueError):
        raise ValueError(f"The feature {name} must be a number, but some rows hold other values.") from None


def encode_rows(
    rows: pd.DataFrame,
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
            values = rows[name].astype(object)
            matrix[:, position] = [codes.get(v, math.nan) if isinstance(v, str) else math.nan for v in values]
        else:
            matrix[:, position] = numbers(rows, name)
    return fill_gaps(matrix, feature_names, fills) if fills else matrix


def fill_gaps(matrix: np.ndarray, feature_names: Sequence[str], fills: Mapping[str, float]) -> np.ndarray:
    """A copy of an (n, k) matrix with the fills in its gaps.

    Where the rows that trees were grown on had no gap, LightGBM would read NaN as 0; the training median says less.
    """
    filled = matrix.copy()
    for position, name in enumerate(feature_names):
        if name in fills:
            gaps = np.isnan(filled[:, position])
            filled[gaps, position] = fills[name]
    return filled
