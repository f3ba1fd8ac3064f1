"""Practice: how a customer success team works (health, stages, calls, growth, scorecard), as checked settings."""

from __future__ import annotations

from dataclasses import dataclass

from features.alert_rules import DEFAULT_ALERTS, ODDS_OF_LEAVING, AlertRule
from features.checks import STAGES, check_bounds, check_limits, one_line
from features.errors import TenureError

__all__ = [
    "DEFAULT_ALERTS",
    "IMPACTS",
    "ODDS_OF_LEAVING",
    "STAGES",
    "AdvocateSettings",
    "AlertRule",
    "CallSettings",
    "GrowthSettings",
    "HealthSettings",
    "ScorecardRule",
    "StageSettings",
]

IMPACTS = {"low": 1.0, "medium": 3.0, "high": 9.0}
"""Weights of the impacts that a rule may be given instead."""


@dataclass(frozen=True)
class HealthSettings:
    """How health is written for people, `[health]`.

    Parameters
    ----------
    points_to_double : points of health by which the odds of staying double.
    bands : names of stretches of health, the worst first.
    edges : where each band but the first begins; health is 0 to 100, and an edge belongs to the better band.
    """

    points_to_double: float = 10.0
    bands: tuple[str, ...] = ("red", "yellow", "green")
    edges: tuple[float, ...] = (40.0, 55.0)

    def __post_init__(self) -> None:
        check_bounds("health", self, points_to_double=(0.1, 100))
        if (
            not 2 <= len(self.bands) <= 9
            or len(set(self.bands)) < len(self.bands)
            or not all(map(one_line, self.bands))
        ):
            raise TenureError(f"[health] bands = {list(self.bands)} must be 2 to 9 different names, the worst first.")
        count = "1 number" if len(self.bands) == 2 else f"{len(self.bands) - 1} numbers"
        inside = all(0 < edge < 100 for edge in self.edges)
        if len(self.edges) != len(self.bands) - 1 or not inside or list(self.edges) != sorted(set(self.edges)):
            raise TenureError(
                f"[health] edges = {list(self.edges)} must be {count} between 0 and "
                f"100 in ascending order, one fewer than the {len(self.bands)} bands."
            )


@dataclass(frozen=True)
class StageSettings:
    """When an account is in which stage of its life, `[stages]`; see `features.stages`.

    Parameters
    ----------
    onboarding_days : from the first subscription; up to twice as many where milestones say it is not live yet.
    renewal_days : before the renewal.
    expansion_growth : of its MRR in 180 days, as a share.
    """

    onboarding_days: int = 90
    renewal_days: int = 90
    expansion_growth: float = 0.10

    def __post_init__(self) -> None:
        check_bounds("stages", self, onboarding_days=(0, 3650), renewal_days=(0, 3650), expansion_growth=(0.0001, 100))


@dataclass(frozen=True)
class CallSettings:
    """Whom to call, `[calls]`.

    Parameters
    ----------
    capacity : accounts that one CSM can call in a week; that of [training] when not set.
    high_risk : risk is high from so many times the account's typical probability of leaving.
    high_value : monthly revenue from which value is high; the median of the paying accounts when not set.
    strategic_weight : how many times its revenue a strategic account is worth.
    involuntary_share : an account is billing's from this share of its risk that is involuntary.
    """

    capacity: int | None = None
    high_risk: float = 2.0
    high_value: float | None = None
    strategic_weight: float = 1.0
    involuntary_share: float = 0.5

    def __post_init__(self) -> None:
        check_bounds(
            "calls",
            self,
            capacity=(1, 100_000),
            high_risk=(0.01, 1000),
            high_value=(0, 1e12),
            strategic_weight=(0.01, 1000),
            involuntary_share=(0, 1),
        )


@dataclass(frozen=True)
class GrowthSettings:
    """Which accounts could buy more, `[growth]`.

    Parameters
    ----------
    limit_share, seats_share : share of a usage limit, and of the seats, from which there is something to sell.
    new_users : in 90 days, from which there is something to sell.
    least_health : an account of lower health is not asked to buy more.
    """

    limit_share: float = 0.8
    seats_share: float = 0.9
    new_users: int = 3
    least_health: float = 45.0

    def __post_init__(self) -> None:
        check_bounds(
            "growth",
            self,
            limit_share=(0.01, 100),
            seats_share=(0.01, 100),
            new_users=(1, 1_000_000),
            least_health=(0, 100),
        )


@dataclass(frozen=True)
class AdvocateSettings:
    """Who can be asked for a reference, `[advocates]`.

    Parameters
    ----------
    least_health, least_nps : below either nobody is asked.
    rest_days : since the last act of advocacy, before somebody is asked again.
    """

    least_health: float = 60.0
    least_nps: float = 9.0
    rest_days: int = 180

    def __post_init__(self) -> None:
        check_bounds("advocates", self, least_health=(0, 100), least_nps=(0, 10), rest_days=(0, 3650))


@dataclass(frozen=True)
class ScorecardRule:
    """One rule of the scorecard, `[[scorecard.rules]]`; `training.scorecard` knows which features it may name.

    Parameters
    ----------
    feature : a number feature of the catalogue; None where metric and days name it.
    worst, best : its values at 0 and at 100 points; best may be the smaller one.
    weight : beside the other rules'; 1 when neither it nor `impact` is given.
    impact : "low", "medium" or "high", in place of a weight.
    name : of the rule, as people read it; the feature's own when not set.
    metric, days : in place of `feature`: what is measured, and over how many days.
    segments, stages : of the accounts that the rule counts for; all of them when empty.
    missing : what an account without a value gets: "skip" (the rule is not counted), "worst", "best" or points.
    """

    feature: str | None
    worst: float
    best: float
    weight: float | None = None
    impact: str | None = None
    name: str | None = None
    metric: str | None = None
    days: int | None = None
    segments: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    missing: str | float = "skip"

    def __post_init__(self) -> None:
        where = f"The scorecard rule on {self.feature or self.metric or 'nothing'}"
        if (self.feature is None) == (self.metric is None):
            raise TenureError(f"{where} needs either a feature, or a metric and its days.")
        if (self.days is None) != (self.metric is None):
            raise TenureError(f"{where} needs metric and days together; a feature says its days by itself.")
        if self.weight is not None and self.impact is not None:
            raise TenureError(f"{where} has both a weight and an impact; keep one of them.")
        if self.impact is not None and self.impact not in IMPACTS:
            raise TenureError(f'{where} has the impact "{self.impact}"; there are {", ".join(IMPACTS)}.')
        if self.name is not None and not one_line(self.name):
            raise TenureError(f"{where} has a name that is empty or too long; write up to 100 letters on one line.")
        check_limits(where, self.segments, self.stages)
        points = self.missing
        if points not in ("skip", "worst", "best") and (isinstance(points, str) or not 0 <= points <= 100):
            raise TenureError(f'{where} has missing = {points!r}; write "skip", "worst", "best" or points, 0 to 100.')

    @property
    def size(self) -> float:
        """Its weight, whichever way it was given."""
        return IMPACTS[self.impact] if self.impact is not None else 1.0 if self.weight is None else self.weight
