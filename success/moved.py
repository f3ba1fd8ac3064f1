"""Moved: what the model reads on two days and the points of each feature between them in; the topics that moved out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from success.phrases import LEAST_POINTS
from training.kernel import Kernel
from training.kernel.drivers import text_inputs
from training.kernel.rows import numbers, text_values
from training.kernel.sentences import Value, is_missing, sentence

__all__ = ["moved_topics"]


def moved_topics(
    kernel: Kernel, before: pd.DataFrame, after: pd.DataFrame, points: np.ndarray, count: int = 3
) -> list[list[dict[str, Any]]]:
    """For each of n accounts the driver topics whose points of health moved most, the largest first.

    A topic is told by the feature that moved it most and that reads differently on the two days; one without such a
    feature, or with less than half a point, is not told.

    Parameters
    ----------
    before, after : (n) features on the two days.
    points : (n, k) change of health by feature of the kernel; NaN where it is not known.
    count : topics of an account at most.

    Returns
    -------
    Of each: feature, dimension, sentence (of the later day), sentence_before, points, actionable.
    """
    topics: dict[str, list[int]] = {}
    for place, name in enumerate(kernel.feature_names):
        topics.setdefault(kernel.words[name].driver, []).append(place)
    places = list(topics.values())
    known = np.nan_to_num(points, nan=0.0)
    totals = np.column_stack([known[:, of].sum(axis=1) for of in places]) if places else np.zeros((len(points), 0))
    order = np.argsort(-np.abs(totals), axis=1, kind="stable")
    earlier, later = _columns(kernel, before), _columns(kernel, after)
    found: list[list[dict[str, Any]]] = []
    for n, (row, total, by_size) in enumerate(zip(known.tolist(), totals.tolist(), order.tolist(), strict=True)):
        told: list[dict[str, Any]] = []
        large = [topic for topic in by_size if abs(total[topic]) >= LEAST_POINTS]
        then, now = ({name: column[n] for name, column in day.items()} if large else {} for day in (earlier, later))
        for topic in large:
            told += _told(kernel, places[topic], row, total[topic], then, now)
            if len(told) == count:
                break
        found.append(told)
    return found


def _told(
    kernel: Kernel,
    places: Sequence[int],
    points: Sequence[float],
    total: float,
    then: Mapping[str, Value],
    now: Mapping[str, Value],
) -> list[dict[str, Any]]:
    """A topic as it is told; nothing where no feature of it reads differently."""
    way = 1 if total >= 0 else -1
    pulling = [i for i in places if way * points[i] > 0]
    # One that has a value on both days says more than one that has come or gone.
    pulling.sort(key=lambda i: (_gap(kernel.feature_names[i], then, now), -way * points[i]))
    for name in (kernel.feature_names[i] for i in pulling):
        text, before = sentence(name, now, kernel.words), sentence(name, then, kernel.words)
        if text != before:
            wording = kernel.words[name]
            return [
                {
                    "feature": name,
                    "dimension": wording.dimension,
                    "sentence": text,
                    "sentence_before": before,
                    "points": total,
                    "actionable": wording.actionable,
                }
            ]
    return []


def _gap(name: str, then: Mapping[str, Value], now: Mapping[str, Value]) -> bool:
    return is_missing(then.get(name)) or is_missing(now.get(name))


def _columns(kernel: Kernel, rows: pd.DataFrame) -> dict[str, list[Value]]:
    """Every feature that a sentence can name, by column."""
    texts = text_inputs(kernel)
    return {
        name: text_values(rows, name) if name in texts else numbers(rows, name).tolist()
        for name in kernel.words
        if name in rows.columns
    }
