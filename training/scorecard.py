"""The rule-based scorecard: feature rows in; a health score, 0 to 100, higher is healthier, out; nothing is learned."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
import pandas as pd

from features.catalogue import CATALOGUE
from features.errors import TenureError
from features.feature import DIMENSIONS, Feature

__all__ = ["DEFAULT_RULES", "Rule", "Scorecard"]

_FEATURES: dict[str, Feature] = {feature.name: feature for feature in CATALOGUE}


@dataclass(frozen=True)
class Rule:
    """One feature's part of the score: 0 points at `worst` and beyond, 100 at `best` and beyond, straight in between.

    Parameters
    ----------
    feature : a number feature of the catalogue.
    worst, best : its values, in the feature's unit; best may be the smaller one.
    weight : above 0; only its size beside the other rules' matters.

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

    @property
    def dimension(self) -> str:
        """That of the feature."""
        return _FEATURES[self.feature].dimension

    def points(self, values: pd.Series) -> np.ndarray:
        """(n,) points for (n,) values, NaN where the value is missing."""
        x = values.to_numpy(dtype=np.float64, na_value=np.nan)
        return np.asarray(100 * np.clip((x - self.worst) / (self.best - self.worst), 0, 1), dtype=np.float64)


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
    rules : at least one, no feature twice.

    Raises
    ------
    TenureError : there is no rule, or two are on one feature.

    Notes
    -----
    What is not known is not counted: a rule without a value drops out of the row and the other rules' weights
    fill its place. The score is also the mean of the dimensions' scores by the weights that were counted.
    """

    rules: tuple[Rule, ...] = DEFAULT_RULES

    def __post_init__(self) -> None:
        if not self.rules:
            raise TenureError("The scorecard has no rule; give it at least one.")
        names = [rule.feature for rule in self.rules]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise TenureError(f"The scorecard has more than one rule on {twice[0]}; keep one of them.")

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The dimensions that the rules speak of, in the catalogue's order."""
        return tuple(name for name in DIMENSIONS if any(rule.dimension == name for rule in self.rules))

    def score(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Score (n, k) feature rows; an absent column is missing in every row.

        Returns
        -------
        (n, 1 + dimensions) with the index of `rows`: `score` and one column a dimension, 0 to 100, NaN where no
        rule had a value.
        """
        parts = {name: [rule for rule in self.rules if rule.dimension == name] for name in self.dimensions}
        columns = {"score": self.rules} | parts
        scored = {name: _weighted_mean(rules, rows) for name, rules in columns.items()}
        return pd.DataFrame(scored, index=rows.index, columns=list(columns))


def _weighted_mean(rules: Sequence[Rule], rows: pd.DataFrame) -> np.ndarray:
    total, weights = np.zeros(len(rows)), np.zeros(len(rows))
    for rule in rules:
        if rule.feature in rows.columns:
            points = rule.points(rows[rule.feature])
            known = ~np.isnan(points)
            total += np.where(known, rule.weight * points, 0.0)
            weights += rule.weight * known
    return np.divide(total, weights, out=np.full(len(rows), np.nan), where=weights > 0)
