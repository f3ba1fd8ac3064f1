"""The rule-based scorecard: feature rows in; a health score, 0 to 100, higher is healthier, out; nothing is learned."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import numpy as np
import pandas as pd

from features.catalogue import CATALOGUE
from features.checks import folded
from features.errors import TenureError
from features.feature import DIMENSIONS, Feature
from features.practice import ScorecardRule, StageSettings
from features.stages import stages_of

__all__ = ["DEFAULT_RULES", "Rule", "Scorecard", "rule_of"]

_FEATURES: dict[str, Feature] = {feature.name: feature for feature in CATALOGUE}
_FILLS = {"skip": None, "worst": 0.0, "best": 100.0}


@dataclass(frozen=True)
class Rule:
    """One feature's part of the score: 0 points at `worst` and beyond, 100 at `best` and beyond, straight in between.

    Parameters
    ----------
    feature : a number feature of the catalogue.
    worst, best : its values, in the feature's unit; best may be the smaller one.
    weight : above 0; only its size beside the other rules' matters.
    name : as people read it; made of the feature and of what the rule is limited to when empty.
    segments, stages : of the accounts that the rule counts for, segments in any letter case; all when empty.
    missing : points of an account without a value, 0 to 100; the rule is not counted there when None.

    Raises
    ------
    TenureError : the feature is unknown or no number, worst equals best, or a number makes no sense.

    >>> Rule("days_since_last_use", worst=28, best=0, weight=1).points(pd.Series([0.0, 7.0, 90.0]))
    array([100.,  75.,   0.])
    """

    feature: str
    worst: float
    best: float
    weight: float
    name: str = ""
    segments: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    missing: float | None = None

    def __post_init__(self) -> None:
        where = f"The scorecard rule on {self.feature}"
        if self.feature not in _FEATURES:
            near = get_close_matches(self.feature, _FEATURES, 1)
            hint = f"did you mean {near[0]}?" if near else "docs/features.md lists all of them."
            raise TenureError(f"{where} names a feature that there is not; {hint}")
        if _FEATURES[self.feature].kind != "number":
            raise TenureError(f"{where} cannot be scored, because the feature is a name; take one that is a number.")
        if not all(math.isfinite(x) for x in (self.worst, self.best, self.weight)):
            raise TenureError(f"{where} has a worst, best or weight that is not a finite number; write one.")
        if self.worst == self.best:
            raise TenureError(f"{where} has the same worst and best value, {self.worst:g}; make them different.")
        if self.weight <= 0:
            raise TenureError(f"{where} has the weight {self.weight:g}; make it more than 0 or leave the rule out.")
        if self.missing is not None and not 0 <= self.missing <= 100:
            raise TenureError(f"{where} gives {self.missing:g} points to a missing value; make it 0 to 100.")

    @property
    def dimension(self) -> str:
        """That of the feature."""
        return _FEATURES[self.feature].dimension

    @property
    def label(self) -> str:
        """The rule's name, or its feature with what it is limited to."""
        limits = "; ".join(", ".join(names) for names in (self.segments, self.stages) if names)
        return self.name or self.feature + (f" ({limits})" if limits else "")

    def points(self, values: pd.Series) -> np.ndarray:
        """(n,) points for (n,) values, NaN where the value is missing."""
        x = values.to_numpy(dtype=np.float64, na_value=np.nan)
        return np.asarray(100 * np.clip((x - self.worst) / (self.best - self.worst), 0, 1), dtype=np.float64)

    def meets(self, other: Rule) -> bool:
        """Whether one account could be counted by both on the same feature."""
        apart = any(
            one and two and not set(one) & set(two)
            for one, two in ((folded(self.segments), folded(other.segments)), (self.stages, other.stages))
        )
        return self.feature == other.feature and not apart


def rule_of(given: ScorecardRule) -> Rule:
    """A rule of the settings, its feature found by metric and days where it is told so.

    Raises
    ------
    TenureError : as for a rule; or there is no such metric, or not over so many days.
    """
    missing = _FILLS[given.missing] if isinstance(given.missing, str) else given.missing
    feature = given.feature if given.feature is not None else _windowed(str(given.metric), given.days)
    return Rule(feature, given.worst, given.best, given.size, given.name or "", given.segments, given.stages, missing)


def _windowed(metric: str, days: int | None) -> str:
    """The feature that measures something over so many days."""
    found = [(name, re.fullmatch(r"(\w+)_(\d+)d", name)) for name, f in _FEATURES.items() if f.kind == "number"]
    windows: dict[str, dict[int, str]] = {}
    for name, parts in found:
        if parts:
            windows.setdefault(parts[1], {})[int(parts[2])] = name
    where = f"The scorecard rule on {metric}"
    if metric in windows:
        if days in windows[metric]:
            return windows[metric][days]
        there = " and ".join(str(known) for known in sorted(windows[metric]))
        raise TenureError(f"{where} asks for {days} days, over which it is not measured; there is {there}.")
    if metric in _FEATURES:
        raise TenureError(f'{where} names a feature, which says its days by itself; write feature = "{metric}".')
    near = get_close_matches(metric, windows, 1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(windows))}."
    raise TenureError(f"{where} names a metric that there is not; {hint}")


DEFAULT_RULES = (
    # Adoption, 25: is what was bought taken up?
    Rule("seats_used_share", worst=0.1, best=0.8, weight=10),
    Rule("entitled_features_share_28d", worst=0.1, best=0.7, weight=5),
    Rule("core_features_share_28d", worst=0.2, best=1, weight=5),
    Rule("milestones_overdue", worst=2, best=0, weight=5),
    # Engagement, 30: do people come, and do they keep coming?
    Rule("days_since_last_use", worst=28, best=1, weight=10),
    Rule("active_days_28d", worst=0, best=20, weight=8),
    Rule("active_users_change", worst=-0.5, best=0, weight=7),
    Rule("events_quarter_change", worst=-0.5, best=0, weight=5),
    # Support, 15: does help help?
    Rule("escalated_tickets_180d", worst=2, best=0, weight=5),
    Rule("tickets_open", worst=3, best=0, weight=3),
    Rule("resolution_hours_180d", worst=120, best=24, weight=3),
    Rule("ticket_csat_180d", worst=2, best=4.5, weight=4),
    # Billing, 10: does the money come?
    Rule("overdue_invoices", worst=2, best=0, weight=5),
    Rule("failed_payments_90d", worst=3, best=0, weight=5),
    # Sentiment, 10: what do they say?
    Rule("nps_mean_180d", worst=3, best=9, weight=7),
    Rule("csat_mean_180d", worst=2, best=4.5, weight=3),
    # Relationship, 10: is anyone there who wants us to stay?
    Rule("champions_left_180d", worst=1, best=0, weight=4),
    Rule("decision_makers_left_180d", worst=1, best=0, weight=3),
    Rule("days_since_sponsor_use", worst=60, best=7, weight=3),
)
"""What a customer success manager would write down before seeing any outcome; weights add up to 100.

None of them was tuned on data, and none is a feature that CSMs control, for the reason that keeps those out of
the models: distress draws touches.
"""


@dataclass(frozen=True)
class Scorecard:
    """A weighted mean of rules, in all and by dimension.

    Parameters
    ----------
    rules : at least one; several on one feature only where no account is counted by two of them.
    stages : when an account is in which stage.

    Raises
    ------
    TenureError : there is no rule, or two are on one feature, or two have one name.

    Notes
    -----
    What is not known is not counted: a rule without a value drops out of the row and the other rules' weights
    fill its place, unless the rule says what missing is worth. The score is also the mean of the dimensions' scores by
    the weights that were counted.
    """

    rules: tuple[Rule, ...] = DEFAULT_RULES
    stages: StageSettings = field(default_factory=StageSettings)

    def __post_init__(self) -> None:
        if not self.rules:
            raise TenureError("The scorecard has no rule; give it at least one.")
        for place, rule in enumerate(self.rules):
            if any(rule.meets(other) for other in self.rules[:place]):
                raise TenureError(
                    f"The scorecard has more than one rule on {rule.feature} for the same accounts; keep one of them, "
                    "or give them segments or stages that do not overlap."
                )
        labels = [rule.label for rule in self.rules]
        if twice := sorted({label for label in labels if labels.count(label) > 1}):
            raise TenureError(f'The scorecard has more than one rule called "{twice[0]}"; give each its own name.')

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The dimensions that the rules speak of, in the catalogue's order."""
        return tuple(name for name in DIMENSIONS if any(rule.dimension == name for rule in self.rules))

    def score(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Score (n, k) feature rows; an absent column is missing in every row.

        Returns
        -------
        (n, 1 + dimensions) with the index of `rows`: `score` and one column a dimension, 0 to 100, NaN where no
        rule was counted.
        """
        points = self._points(rows)
        columns = {"score": range(len(self.rules))} | {
            name: [place for place, rule in enumerate(self.rules) if rule.dimension == name] for name in self.dimensions
        }
        scored = {name: self._mean(points, places) for name, places in columns.items()}
        return pd.DataFrame(scored, index=rows.index, columns=list(columns))

    def individual(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Each rule's own points for (n, k) feature rows.

        Returns
        -------
        (n, rules) with the index of `rows`, one column a rule under its label, 0 to 100, NaN where it is not counted.
        """
        labels = [rule.label for rule in self.rules]
        return pd.DataFrame(np.column_stack(self._points(rows)), index=rows.index, columns=labels)

    def told(self, rows: pd.DataFrame) -> list[list[dict[str, Any]]]:
        """For each of n rows, the rules that were counted, in the rules' order.

        Returns
        -------
        Of each: name, feature, value (None where it is missing), score (0 to 100, one decimal) and weight.
        """
        told: list[list[dict[str, Any]]] = [[] for _ in range(len(rows))]
        for rule, points in zip(self.rules, self._points(rows), strict=True):
            places = np.flatnonzero(~np.isnan(points))
            values = np.round(_values(rows, rule.feature).to_numpy(dtype=np.float64, na_value=np.nan)[places], 6)
            scores = np.round(points[places], 1)
            for place, value, score in zip(places.tolist(), values.tolist(), scores.tolist(), strict=True):
                told[place].append(
                    {
                        "name": rule.label,
                        "feature": rule.feature,
                        "value": value if math.isfinite(value) else None,
                        "score": score,
                        "weight": rule.weight,
                    }
                )
        return told

    def _points(self, rows: pd.DataFrame) -> list[np.ndarray]:
        """By rule, (n,) points, NaN where it is not counted."""
        found = []
        segments = folded(rows["segment"].tolist()) if "segment" in rows.columns else [""] * len(rows)
        stages = stages_of(rows, self.stages) if any(rule.stages for rule in self.rules) else np.array([])
        for rule in self.rules:
            points = rule.points(_values(rows, rule.feature))
            if rule.missing is not None:
                points = np.where(np.isnan(points), rule.missing, points)
            if rule.segments:
                points = np.where(np.isin(segments, folded(rule.segments)), points, np.nan)
            if rule.stages:
                points = np.where(np.isin(stages, rule.stages), points, np.nan)
            found.append(points)
        return found

    def _mean(self, points: Sequence[np.ndarray], places: Sequence[int]) -> np.ndarray:
        """(n,) the mean of some rules' points by their weights, NaN where none was counted."""
        total, weights = np.zeros(len(points[0])), np.zeros(len(points[0]))
        for place in places:
            weight, known = self.rules[place].weight, ~np.isnan(points[place])
            total += np.where(known, weight * points[place], 0.0)
            weights += weight * known
        return np.divide(total, weights, out=np.full(len(total), np.nan), where=weights > 0)


def _values(rows: pd.DataFrame, name: str) -> pd.Series:
    """A column, or one without a value where there is none."""
    return rows[name] if name in rows.columns else pd.Series(np.nan, index=rows.index, dtype=np.float64)
