"""Drivers: rows and attributions in; drivers, grouped by topic, worded, adding up to the probability, out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from training.kernel.model import Kernel
from training.kernel.rows import Columns, numbers, text_values
from training.kernel.sentences import Value, is_missing, sentence, shown

__all__ = ["EVERYTHING_ELSE", "drivers", "explained_drivers", "text_inputs", "with_rest"]

EVERYTHING_ELSE = "Everything else"

_COMPARED = ("count", "percent", "days", "hours", "age", "number", "money")
"""Ways of writing a value beside which the typical account's value helps."""


def drivers(
    kernel: Kernel, rows: pd.DataFrame | Columns, horizon: int, count: int | None = None
) -> list[list[dict[str, Any]]]:
    """The drivers of each row, the largest first.

    Parameters
    ----------
    rows : features by name; columns may lack.
    count : how many of each row at most; all of them where it is None.

    Returns
    -------
    For each row its drivers: feature, sentence, value, unit, dimension, actionable, points, features. The points are
    in units of probability and those of all sum, with the typical account's probability, to the row's to 1e-9.

    Raises
    ------
    ValueError : a number feature holds something that is not a number.
    """
    return explained_drivers(rows, kernel.explain(rows, horizon).points, kernel, count)


def explained_drivers(
    rows: pd.DataFrame | Columns, points: np.ndarray, kernel: Kernel, count: int | None = None
) -> list[list[dict[str, Any]]]:
    """As `drivers`, from attributions (n, k) that are there already."""
    topics: dict[str, list[int]] = {}
    for place, name in enumerate(kernel.feature_names):
        topics.setdefault(kernel.words[name].driver, []).append(place)
    texts = text_inputs(kernel)
    columns: dict[str, list[Value]] = {}
    for name in kernel.words:
        if name in rows.columns:
            columns[name] = text_values(rows, name) if name in texts else numbers(rows, name).tolist()
    return [
        _row_drivers({name: column[n] for name, column in columns.items()}, row_points, topics, kernel, count)
        for n, row_points in enumerate(points.tolist())
    ]


def with_rest(
    kept: Sequence[Mapping[str, Any]], more: bool, probability: float, typical: float
) -> list[dict[str, Any]]:
    """The largest drivers, and one entry for the rest, so that typical + all points == probability to 1e-9.

    What a person can act on comes first among those kept.

    Parameters
    ----------
    kept : the largest drivers, the largest first.
    more : whether there are others, which the last entry then stands for.

    Raises
    ------
    ValueError : there are no others, and these do not add up.

    >>> drivers = with_rest([{"feature": "seats", "points": 0.2}], True, probability=0.3, typical=0.2)
    >>> [(driver["feature"], round(driver["points"], 9)) for driver in drivers]
    [('seats', 0.2), (None, -0.1)]
    """
    found = sorted((dict(driver) for driver in kept), key=lambda driver: not driver.get("actionable"))
    rest = probability - typical - math.fsum(driver["points"] for driver in found)
    if more:
        empty = dict.fromkeys(found[0])
        found.append({**empty, "sentence": EVERYTHING_ELSE, "actionable": False, "points": rest})
    elif abs(rest) > 1e-9:
        raise ValueError(f"the drivers miss the probability by {rest:.3g}")
    return found


def text_inputs(kernel: Kernel) -> set[str]:
    """The features, of those that a kernel has words for, whose values are text."""
    others = {name for name, wording in kernel.words.items() if wording.show == "text"}
    return {*kernel.categories, *(others - set(kernel.feature_names))}


def _row_drivers(
    values: Mapping[str, Value],
    points: Sequence[float],
    topics: Mapping[str, list[int]],
    kernel: Kernel,
    count: int | None,
) -> list[dict[str, Any]]:
    names = kernel.feature_names
    found = []
    for places in topics.values():
        total = float(sum([points[i] for i in places]))
        # The sentence must be about a feature that pulls the way the whole topic does; one with a value says more.
        way = 1 if total >= 0 else -1
        lead = places[0]
        if len(places) > 1:
            telling = [i for i in places if way * points[i] > 0 and not is_missing(values.get(names[i]))]
            # What was before stands in the sentence of what is now, and by itself it reads the wrong way round.
            now = [i for i in telling if not names[i].endswith("_before")]
            lead = max(now or telling or places, key=lambda i: way * points[i])
        found.append((-abs(total), names[lead], total, places))
    found.sort(key=lambda driver: driver[:2])
    # Only what is told is put into words, which takes longer than all the rest.
    return [_worded(name, total, places, values, kernel) for _, name, total, places in found[:count]]


def _worded(
    name: str, points: float, places: Sequence[int], values: Mapping[str, Value], kernel: Kernel
) -> dict[str, Any]:
    value, wording = values.get(name), kernel.words[name]
    return {
        "feature": name,
        "sentence": _compared(name, values, kernel),
        "value": None if is_missing(value) else value,
        "unit": wording.unit,
        "dimension": wording.dimension,
        "actionable": wording.actionable,
        "points": points,
        "features": [kernel.feature_names[i] for i in places],
    }


def _compared(name: str, values: Mapping[str, Value], kernel: Kernel) -> str:
    """The sentence, with the typical account's value behind it where the two differ to the eye."""
    text = sentence(name, values, kernel.words)
    value, typical, show = values.get(name), kernel.typical.get(name), kernel.words[name].show
    if is_missing(value) or is_missing(typical) or show.split("|")[0] not in _COMPARED:
        return text
    written = shown(show, typical)
    if show.startswith("count") and typical == 0:
        return text if value == 0 else f"{text} (typical: none)"
    return text if written == shown(show, value) else f"{text} (typical: {written})"
