"""Health: what of a probability is the customer's own, and what is usual for its kind, in; points of health out.

Higher is healthier, and 50 is the typical account of the segment and stage. Every `points_to_double` points, the odds
of staying double, as on a credit scorecard (Siddiqi 2006, Credit Risk Scorecards, ch. 6). What only says when the
renewal falls, what the plan does not include and what no table tells of are points of their own, apart from health.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from training.anchors import Anchors
from training.own import CALENDAR, Own

__all__ = ["TYPICAL", "Health", "Scale", "band_of", "display", "healths", "read_back"]

TYPICAL = 50.0
"""The health of the typical account of a segment and stage."""


@dataclass(frozen=True)
class Scale:
    """How log-odds become points of health.

    Parameters
    ----------
    anchors : what is usual, frozen with the model.
    names : the model's k inputs in order, and `dimensions`, (k,), what each is about.
    points_to_double : points of health that double the odds of staying.
    plan_dependent : features whose missing value can mean that the plan does not include what they measure.
    """

    anchors: Anchors
    names: tuple[str, ...]
    dimensions: tuple[str, ...]
    points_to_double: float = 10.0
    plan_dependent: frozenset[str] = frozenset()

    @property
    def points(self) -> float:
        """Points of health in one unit of log-odds."""
        return self.points_to_double / math.log(2)

    @property
    def digest(self) -> str:
        """Tells this scale from any other."""
        told = [self.anchors.to_json(), self.names, self.dimensions, self.points_to_double, sorted(self.plan_dependent)]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


class Health(NamedTuple):
    """The health of n accounts.

    Attributes
    ----------
    health : (n,) exact and unclamped; 50 + own.sum(axis=1).
    own : (n, k) points of each feature; 0 where they are apart from health.
    dimensions : by name (n,), 50 and the points of the dimension's features; NaN where nothing of it is known, because
        the tables that feed it are not there.
    calendar : (n,) points apart from health, of when the renewal falls; 0 is what that means on average for everyone,
        not for the cell, whose stage may itself be a matter of the calendar.
    plan, no_data : (n,) points apart from health, of values that the plan does not include and of tables that are not
        there; 0 is typical of the cell.
    anchor : (n,) log-odds of the typical account of the cell, on an average day of its term.
    cell : (n,) places in the anchors' cells.
    """

    health: np.ndarray
    own: np.ndarray
    dimensions: dict[str, np.ndarray]
    calendar: np.ndarray
    plan: np.ndarray
    no_data: np.ndarray
    anchor: np.ndarray
    cell: np.ndarray


def healths(
    scale: Scale,
    told: Own,
    missing: np.ndarray,
    segments: Sequence[str | None],
    stages: Sequence[str | None],
    no_data: np.ndarray | None = None,
) -> Health:
    """The health of n accounts.

    Parameters
    ----------
    told : their log-odds, taken apart at the calendar of the scale's anchors.
    missing : (n, k) whether a feature has no value.
    segments, stages : (n,) what each account is compared with.
    no_data : (n, k) or (k,) whether a feature's tables are not there; none when not given.

    Notes
    -----
    health = 50 - points * sum of (attribution - its mean in the cell) over the customer's own features, with points =
    points_to_double / ln 2.
    """
    n, k = told.attributions.shape
    places = {key: scale.anchors.place(*key) for key in set(zip(segments, stages, strict=True))}
    cell = np.array([places[key] for key in zip(segments, stages, strict=True)], dtype=np.intp)
    usual = np.array([[c.attributions.get(name, 0.0) for name in scale.names] for c in scale.anchors.cells])
    calendar_features = np.isin(np.array(scale.names), CALENDAR)
    usual[:, calendar_features] = usual[-1, calendar_features]
    usual_calendar = scale.anchors.cells[-1].calendar
    points = -scale.points * (told.attributions - usual[cell])

    absent = np.zeros((n, k), dtype=bool)
    if no_data is not None:
        absent |= no_data
    absent &= ~calendar_features
    not_in_plan = missing & np.isin(np.array(scale.names), sorted(scale.plan_dependent)) & ~absent & ~calendar_features
    mine = ~(absent | not_in_plan | calendar_features)

    owned = np.where(mine, points, 0.0)
    found, total = {}, np.zeros(n)
    for name in dict.fromkeys(scale.dimensions):
        of = np.array([d == name for d in scale.dimensions]) & ~calendar_features
        if not of.any():
            continue
        part = _sum(owned[:, of])
        total = total + part
        found[name] = np.where(absent[:, of].all(axis=1), np.nan, TYPICAL + part)
    calendar = _sum(np.where(calendar_features, points, 0.0)) - scale.points * (told.calendar - usual_calendar)
    anchor = told.base + _sum(usual[cell]) + usual_calendar
    plan, empty = _sum(np.where(not_in_plan, points, 0.0)), _sum(np.where(absent, points, 0.0))
    return Health(TYPICAL + total, owned, found, calendar, plan, empty, anchor, cell)


def read_back(
    health: np.ndarray | float,
    apart: np.ndarray | float,
    anchor: np.ndarray | float,
    points_to_double: float,
) -> np.ndarray:
    """The probability that stored points say; `apart` is the sum of calendar, plan and no-data points.

    >>> float(read_back(60.0, 0.0, 0.0, 10.0).round(3))  # half the odds of leaving of 1 to 1
    0.333
    """
    log_odds = np.asarray(anchor) - (np.asarray(health) - TYPICAL + np.asarray(apart)) * math.log(2) / points_to_double
    return np.asarray(1 / (1 + np.exp(-log_odds)))


def display(health: float) -> int:
    """What a person reads of a score: a whole number from 0 to 100.

    >>> [display(x) for x in (-12.3, 49.6, 131.0)]
    [0, 50, 100]
    """
    return round(min(max(health, 0.0), 100.0))


def band_of(health: float | None, bands: Sequence[str], edges: Sequence[float]) -> str | None:
    """The band of a score as it is displayed; each edge is the lowest score of the band above it.

    >>> [band_of(x, ("red", "yellow", "green"), (40, 55)) for x in (39.4, 39.6, 80.0, None)]
    ['red', 'yellow', 'green', None]
    """
    if health is None or math.isnan(health):
        return None
    shown = display(health)
    return bands[sum(shown >= edge for edge in edges)]


def _sum(matrix: np.ndarray) -> np.ndarray:
    """Sums over columns, one after the other, so that they do not depend on how many rows there are."""
    if not matrix.shape[1]:
        return np.zeros(len(matrix))
    return np.asarray(np.add.accumulate(matrix, axis=1)[:, -1] + 0.0)
