"""Figures: a kernel and rows in; every number that it tells of them out.

Batch scoring, the service and the MLflow model go through this one path, so that the same features give the same bytes
in all of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from training.kernel.curve import curve_of
from training.kernel.drivers import text_inputs
from training.kernel.model import Encoded, Kernel
from training.kernel.rows import Columns, numbers

__all__ = ["figure_columns", "figures", "inputs", "nearest", "read_anyway"]

_ALWAYS = {"churn": ("mrr", "days_to_renewal", "term_months"), "expansion": ("mrr",)}


def inputs(kernel: Kernel) -> dict[str, bool]:
    """Each column that a kernel's figures and drivers are told from, and whether its values are text."""
    texts = text_inputs(kernel)
    return {name: name in texts for name in (*kernel.words, *read_anyway(kernel))}


def read_anyway(kernel: Kernel) -> tuple[str, ...]:
    """The features that a kernel's figures are told from, whether or not the trees read them."""
    return _ALWAYS.get(kernel.outcome, ())


def figures(kernel: Kernel, rows: pd.DataFrame, encoded: Encoded | None = None) -> pd.DataFrame:
    """Every number that a kernel tells of n rows of features, with the index of `rows`.

    Parameters
    ----------
    encoded : the same rows, where the kernel has them already.

    Returns
    -------
    For each horizon <outcome>_<h>d with _low and _high, which hold 90 % of what the calibration's error allows, and
    typical_<h>d (expansion_typical_<h>d, of expansion); of churn also involuntary_<h>d and expected_mrr_<h>d, and at
    the end renewal_next. NaN where the kernel or the row does not tell: the parts of churn and the revenue of models
    without them, revenue without an MRR, a renewal beyond the last horizon, expansion of an MRR of 0.

    Raises
    ------
    ValueError : a number feature holds something that is not a number.
    """
    return pd.DataFrame(figure_columns(kernel, rows, encoded), index=rows.index, dtype=np.float64)


def figure_columns(
    kernel: Kernel, rows: pd.DataFrame | Columns, encoded: Encoded | None = None
) -> dict[str, np.ndarray]:
    """The columns of `figures`, (n,) float64 each, without a frame around them."""
    outcome, prefix = kernel.outcome, "" if kernel.outcome == "churn" else f"{kernel.outcome}_"
    encoded = kernel.encode(rows) if encoded is None else encoded
    mrr = numbers(rows, "mrr")
    found: dict[str, Any] = {}
    for h in kernel.horizons:
        p = kernel.probabilities(encoded, h)
        low, high = kernel.bounds(encoded, h)
        found[f"{outcome}_{h}d"] = p
        # Without any error, there and back through log-odds may round to the other side of p.
        found[f"{outcome}_{h}d_low"], found[f"{outcome}_{h}d_high"] = np.minimum(low, p), np.maximum(high, p)
        found[f"{prefix}typical_{h}d"] = kernel.typical_probability(h)
        if outcome == "churn":
            parts = all(interval.share is not None for interval in kernel.intervals)
            found[f"involuntary_{h}d"] = kernel.involuntary(encoded, h) if parts else np.nan
            # At a horizon the curve says the same; taken from the probability itself, the two cannot disagree.
            ratio = kernel.retained_ratio(encoded, h) if h in kernel.ratios else np.nan
            found[f"expected_mrr_{h}d"] = np.where(mrr >= 0, mrr, np.nan) * (1 - p) * ratio
    if outcome == "churn":
        found["renewal_next"] = curve_of(kernel, rows, encoded).renewed(numbers(rows, "days_to_renewal"))
    columns = {
        name: told if isinstance(told, np.ndarray) else np.full(len(mrr), told, dtype=np.float64)
        for name, told in found.items()
    }
    if outcome == "expansion":
        # An account that pays nothing cannot grow by a tenth, and none like it was learned from.
        columns = {name: np.where(mrr <= 0, np.nan, told) for name, told in columns.items()}
    return columns


def nearest(horizons: Iterable[int], asked: int) -> int:
    """The horizon nearest to one that is asked for, the shorter of two.

    >>> [nearest((30, 60, 365), asked) for asked in (30, 45, 400)]
    [30, 30, 365]
    """
    return min(horizons, key=lambda h: (abs(h - asked), h))
