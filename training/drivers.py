"""Drivers: exact attributions, grouped by what they are about and worded for a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from features.catalogue import CATALOGUE
from features.feature import Catalogue, Feature
from training.kernel import Kernel
from training.sentences import is_missing, sentence, shown

__all__ = ["drivers", "explained_drivers"]

_COMPARED = ("count", "percent", "days", "hours", "age", "number", "money")
"""Ways of writing a value beside which the typical account's value helps."""


def drivers(
    kernel: Kernel, rows: pd.DataFrame, horizon: int, catalogue: Catalogue = CATALOGUE
) -> list[list[dict[str, Any]]]:
    """All drivers of each row, the largest first.

    Parameters
    ----------
    rows : features by name; columns may lack.

    Returns
    -------
    For each row its drivers: feature, sentence, value, unit, dimension, actionable, points, features. The points are
    in units of probability and sum, with the typical account's probability, to the row's to 1e-9.
    """
    return explained_drivers(rows, kernel.explain(rows, horizon).points, kernel, catalogue)


def explained_drivers(
    rows: pd.DataFrame, points: np.ndarray, kernel: Kernel, catalogue: Catalogue = CATALOGUE
) -> list[list[dict[str, Any]]]:
    """As `drivers`, from attributions (n, k) that are there already."""
    topics: dict[str, list[int]] = {}
    for place, name in enumerate(kernel.feature_names):
        topics.setdefault(catalogue[name].driver, []).append(place)
    known = [n for n in catalogue.names if n in rows.columns]
    records = rows[known].astype(object).to_dict("records")
    return [
        _row_drivers({str(k): v for k, v in values.items()}, row_points, topics, kernel, catalogue)
        for values, row_points in zip(records, points, strict=True)
    ]


def _row_drivers(
    values: Mapping[str, Any], points: np.ndarray, topics: dict[str, list[int]], kernel: Kernel, catalogue: Catalogue
) -> list[dict[str, Any]]:
    found = []
    for places in topics.values():
        total = float(sum(points[i] for i in places))
        # The sentence must be about a feature that pulls the way the whole topic does; one with a value says more.
        way = 1 if total >= 0 else -1
        telling = [i for i in places if way * points[i] > 0 and not is_missing(values.get(kernel.feature_names[i]))]
        lead = max(telling or places, key=lambda i: way * points[i])
        feature = catalogue[kernel.feature_names[lead]]
        value = values.get(feature.name)
        found.append(
            {
                "feature": feature.name,
                "sentence": _compared(feature, values, kernel, catalogue),
                "value": None if is_missing(value) else value,
                "unit": feature.unit,
                "dimension": feature.dimension,
                "actionable": feature.actionable,
                "points": total,
                "features": [kernel.feature_names[i] for i in places],
            }
        )
    return sorted(found, key=lambda d: (-abs(d["points"]), d["feature"]))


def _compared(feature: Feature, values: Mapping[str, Any], kernel: Kernel, catalogue: Catalogue) -> str:
    """The sentence, with the typical account's value behind it where the two differ to the eye."""
    text = sentence(feature, values, catalogue)
    typical = kernel.typical.get(feature.name)
    value = values.get(feature.name)
    if is_missing(value) or is_missing(typical) or feature.show.split("|")[0] not in _COMPARED:
        return text
    written = shown(feature.show, typical)
    if feature.show.startswith("count") and typical == 0:
        return text if value == 0 else f"{text} (typical: none)"
    return text if written == shown(feature.show, value) else f"{text} (typical: {written})"
