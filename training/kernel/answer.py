"""Answer: a kernel and rows in; the table that the MLflow model answers with out."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd

from training.kernel.drivers import explained_drivers, with_rest
from training.kernel.figures import figures, inputs, nearest
from training.kernel.model import Kernel
from training.kernel.rows import numbers

__all__ = ["EXPLAIN", "answer", "headline"]

EXPLAIN = 3
"""How many drivers are told unless another number is asked for."""


def headline(kernel: Kernel) -> int:
    """The horizon that is explained unless another is asked for: 90 days, else the nearest."""
    return nearest(kernel.horizons, 90)


def answer(kernel: Kernel, rows: pd.DataFrame, horizon: int | None = None, explain: int | None = None) -> pd.DataFrame:
    """Everything that a kernel tells of n rows of features, with the index of `rows`.

    Parameters
    ----------
    rows : features by name; columns that lack, gaps and categories that the kernel does not know are missing.
    horizon : the one that is explained; `headline` where it is None.
    explain : how many drivers of each row, the largest; 0 for none, which is quick. A list that is cut ends with
        "Everything else". `EXPLAIN` where it is None.

    Returns
    -------
    The columns of `figures`, then drivers: the JSON text of a list, empty where there is no probability.

    Raises
    ------
    ValueError : there is no such horizon, a number of drivers below 0, a column twice, or a number feature that holds
        something else than finite numbers; the text is one plain sentence.
    """
    horizon = headline(kernel) if horizon is None else _whole("horizon", horizon)
    explain = EXPLAIN if explain is None else _whole("explain", explain)
    kernel.place(horizon)
    if explain < 0:
        raise ValueError(f"explain is the number of drivers, 0 for none; it cannot be {explain}.")
    for name, is_text in inputs(kernel).items():
        if (rows.columns == name).sum() > 1:
            raise ValueError(f"The feature {name} is there more than once; send one column of it.")
        if not is_text and np.isinf(numbers(rows, name)).any():
            raise ValueError(f"The feature {name} must be finite, but some rows hold infinity; leave those empty.")
    encoded = kernel.encode(rows)
    table = figures(kernel, rows, encoded)
    told = ["[]"] * len(rows)
    if explain and len(rows):
        typical = kernel.typical_probability(horizon)
        # One more than is told says that there are others.
        found = explained_drivers(rows, kernel.explain(encoded, horizon).points, kernel, explain + 1)
        for n, p in enumerate(table[f"{kernel.outcome}_{horizon}d"].tolist()):
            if p == p:  # an expansion that nobody can tell has no drivers either
                cut = with_rest(found[n][:explain], len(found[n]) > explain, p, typical)
                told[n] = json.dumps(cut, ensure_ascii=False, allow_nan=False)
    table["drivers"] = pd.Series(told, index=table.index, dtype=object)
    return table


def _whole(name: str, value: Any) -> int:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise ValueError(f"{name} must be a whole number, but it is {value!r}.")
    return int(value)
