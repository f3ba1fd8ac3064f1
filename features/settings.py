"""Settings: reads `tenure.toml` into frozen, checked values; every default stands here and nowhere else."""

from __future__ import annotations

import datetime as dt
import tomllib
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from features.alert_rules import DEFAULT_ALERTS, AlertRule, ArmSettings, WebhookSettings
from features.checks import check_bounds
from features.errors import TenureError
from features.money import BaselineSettings, RevenueSettings
from features.plays import Plays
from features.practice import (
    AdvocateSettings,
    CallSettings,
    GrowthSettings,
    HealthSettings,
    ScorecardRule,
    StageSettings,
)
from features.sections import read_list, read_section
from features.sources.mapping import TableMapping, parse_tables

__all__ = [
    "ChurnSettings",
    "ExpansionSettings",
    "HistorySettings",
    "ScorecardRule",
    "Settings",
    "TrainingSettings",
    "load_settings",
]


@dataclass(frozen=True)
class ChurnSettings:
    """What counts as churn and how far ahead it is forecast.

    Parameters
    ----------
    horizons : days after as_of that a label covers, ascending.
    grace_days : a return within this many days of the end is no churn.
    event : "end" dates churn by the subscription's end, "notice" by the earlier of notice and end.
    """

    horizons: tuple[int, ...] = (30, 90, 180, 365)
    grace_days: int = 30
    event: Literal["end", "notice"] = "end"

    def __post_init__(self) -> None:
        _check_horizons("churn", self.horizons)
        check_bounds("outcomes.churn", self, grace_days=(0, 365))
        if self.event not in ("end", "notice"):
            raise TenureError(f'[outcomes.churn] event = "{self.event}" must be "end" or "notice".')


@dataclass(frozen=True)
class ExpansionSettings:
    """What counts as expansion and how far ahead its labels look.

    Parameters
    ----------
    growth : the share by which the MRR must grow, above 0; 0.1 is a tenth.
    horizons : days after as_of that a label covers, ascending.
    """

    growth: float = 0.10
    horizons: tuple[int, ...] = (30, 90, 180, 365)

    def __post_init__(self) -> None:
        check_bounds("outcomes.expansion", self, growth=(0.0001, 100))
        _check_horizons("expansion", self.horizons)


@dataclass(frozen=True)
class TrainingSettings:
    """How the history is cut into blocks and what is enough to learn from.

    Parameters
    ----------
    grid : as_of days on the first of each month, or each Monday.
    warmup_days : no as_of day is closer than this to the first day of usage.
    calibration_from, holdout_from : first as_of of these blocks; placed automatically when not set.
    min_churned : distinct accounts that churned (or grew, for expansion) required in train, calibration and holdout.
    capacity : accounts that one CSM can call in a week, for the precision of such a list.
    backtest_origins : how many later stretches of time `tenure backtest` judges on.
    bootstrap : account-bootstrap resamples behind every interval.
    seed : of every random choice in training.
    """

    grid: Literal["monthly", "weekly"] = "monthly"
    warmup_days: int = 28
    calibration_from: dt.date | None = None
    holdout_from: dt.date | None = None
    min_churned: tuple[int, int, int] = (100, 50, 50)
    capacity: int = 25
    backtest_origins: int = 4
    bootstrap: int = 2000
    seed: int = 20240229

    def __post_init__(self) -> None:
        if self.grid not in ("monthly", "weekly"):
            raise TenureError(f'[training] grid = "{self.grid}" must be "monthly" or "weekly".')
        if len(self.min_churned) != 3 or any(n < 1 for n in self.min_churned):
            raise TenureError("[training] min_churned must be three numbers of at least 1, as in [100, 50, 50].")
        check_bounds(
            "training",
            self,
            capacity=(1, 100_000),
            backtest_origins=(1, 24),
            bootstrap=(200, 100_000),
            warmup_days=(0, 3650),
            seed=(0, 2**31 - 1),
        )


@dataclass(frozen=True)
class HistorySettings:
    """How a company's history is read and when it is refused.

    Parameters
    ----------
    max_failing_share : the run stops when more than this share of one table's rows fails validation.
    observed_until : end of the observed period; the day after the last usage day when not set.
    recording_lag_days : days from an event to its record; the 95th percentile of the data when not set.
    stale_after_days : a score is marked stale when usage stops more than this many days before as_of.
    """

    max_failing_share: float = 0.20
    observed_until: dt.date | None = None
    recording_lag_days: int | None = None
    stale_after_days: int = 7

    def __post_init__(self) -> None:
        check_bounds(
            "history", self, recording_lag_days=(0, 3650), stale_after_days=(0, 3650), max_failing_share=(0, 1)
        )


@dataclass(frozen=True)
class Settings:
    """Everything `tenure.toml` can say.

    Parameters
    ----------
    scorecard : rules that replace the default ones, if any are given.
    tables : a mapping for each table that the file speaks of.
    alerts : the default ones unless others are given; none at all where the list is empty.

    Raises
    ------
    TenureError : two alerts have one name, or one is about a horizon that is not forecast.
    """

    history: HistorySettings = field(default_factory=HistorySettings)
    churn: ChurnSettings = field(default_factory=ChurnSettings)
    expansion: ExpansionSettings = field(default_factory=ExpansionSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    scorecard: tuple[ScorecardRule, ...] = ()
    tables: dict[str, TableMapping] = field(default_factory=dict)
    health: HealthSettings = field(default_factory=HealthSettings)
    stages: StageSettings = field(default_factory=StageSettings)
    calls: CallSettings = field(default_factory=CallSettings)
    growth: GrowthSettings = field(default_factory=GrowthSettings)
    advocates: AdvocateSettings = field(default_factory=AdvocateSettings)
    plays: Plays = field(default_factory=Plays)
    alerts: tuple[AlertRule, ...] = DEFAULT_ALERTS
    arms: ArmSettings = field(default_factory=ArmSettings)
    webhook: WebhookSettings = field(default_factory=WebhookSettings)
    revenue: RevenueSettings = field(default_factory=RevenueSettings)
    baselines: BaselineSettings = field(default_factory=BaselineSettings)

    def __post_init__(self) -> None:
        names = [rule.name for rule in self.alerts]
        if twice := [name for name in names if names.count(name) > 1]:
            raise TenureError(f'[[alerts]] has more than one alert called "{twice[0]}"; give each its own name.')
        numbers = [f"churn_{horizon}d" for horizon in self.churn.horizons]
        for rule in self.alerts:
            if rule.when.startswith("churn_") and rule.when not in numbers:
                raise TenureError(
                    f'The alert "{rule.name}" in [[alerts]] is about {rule.when}, but the horizons of '
                    f"[outcomes.churn] give {', '.join(numbers)}."
                )

    @property
    def weekly_calls(self) -> int:
        """Accounts that one CSM can call in a week."""
        return self.training.capacity if self.calls.capacity is None else self.calls.capacity


_SECTIONS: dict[str, type] = {
    "history": HistorySettings,
    "training": TrainingSettings,
    "health": HealthSettings,
    "stages": StageSettings,
    "calls": CallSettings,
    "growth": GrowthSettings,
    "advocates": AdvocateSettings,
    "arms": ArmSettings,
    "webhook": WebhookSettings,
    "baselines": BaselineSettings,
}
_OTHERS = ("outcomes", "scorecard", "plays", "alerts", "tables", "revenue")


def load_settings(path: Path | str | None = None) -> Settings:
    """Read settings from a TOML file; the defaults when there is none.

    Raises
    ------
    TenureError : the file cannot be read, or a section, key or value is not one that Tenure knows.
    """
    if path is None:
        return Settings()
    path = Path(path)
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TenureError(f"The settings file {path} cannot be read ({error.strerror}); check the path.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TenureError(f"The settings file {path} is not valid TOML: {error}.") from None
    outcomes = raw.pop("outcomes", {})
    if not isinstance(outcomes, dict):
        raise TenureError(f"{path}: outcomes must be a section, as in [outcomes.churn].")
    values: dict[str, Any] = {"tables": parse_tables(path, raw.pop("tables", {}))}
    values["scorecard"] = _rules(path, raw.pop("scorecard", {}))
    values["plays"] = _plays(path, raw.pop("plays", {}))
    values["revenue"] = _revenue(path, raw.pop("revenue", {}))
    if "alerts" in raw:
        values["alerts"] = read_list(path, "alerts", AlertRule, raw.pop("alerts"), ("name", "when"))
    for name, body in raw.items():
        if name not in _SECTIONS:
            near = get_close_matches(name, (*_SECTIONS, *_OTHERS), 1)
            hint = f"did you mean {near[0]}? docs/config.md lists all of them." if near else "see docs/config.md."
            raise TenureError(f"{path} has a section [{name}] that Tenure does not know; {hint}")
        values[name] = read_section(path, name, _SECTIONS[name], body)
    known: dict[str, type] = {"churn": ChurnSettings, "expansion": ExpansionSettings}
    if unknown := set(outcomes) - set(known):
        raise TenureError(f"{path} has an outcome [outcomes.{min(unknown)}] that Tenure does not know.")
    for name, body in outcomes.items():
        values[name] = read_section(path, f"outcomes.{name}", known[name], body)
    return Settings(**values)


def _check_horizons(outcome: str, horizons: tuple[int, ...]) -> None:
    where = f"[outcomes.{outcome}] horizons = {list(horizons)}"
    if not 1 <= len(horizons) <= 12 or list(horizons) != sorted(set(horizons)):
        raise TenureError(f"{where} must be 1 to 12 numbers of days in ascending order.")
    if not all(1 <= h <= 1825 for h in horizons):
        raise TenureError(f"{where} must be between 1 and 1825 days.")


def _rules(path: Path, body: Any) -> tuple[ScorecardRule, ...]:
    rules = body.get("rules", []) if isinstance(body, dict) and set(body) <= {"rules"} else None
    if not isinstance(rules, list) or (body and not rules):
        raise TenureError(f"{path}: the scorecard is a list of rules, each of them under [[scorecard.rules]].")
    return read_list(path, "scorecard.rules", ScorecardRule, rules, ("worst", "best"), feature=None)


def _revenue(path: Path, body: Any) -> RevenueSettings:
    rates = body.pop("rates", {}) if isinstance(body, dict) else {}
    if not isinstance(rates, dict):
        raise TenureError(f"{path}: rates must be a section, as in [revenue.rates].")
    upper: dict[str, Any] = {}
    for currency, rate in rates.items():
        if (name := currency.strip().upper()) in upper:
            raise TenureError(f"{path}: [revenue.rates] says twice what one {name} is worth; keep one of the two.")
        upper[name] = rate
    found: RevenueSettings = read_section(path, "revenue", RevenueSettings, body, rates=upper)
    return found


def _plays(path: Path, body: Any) -> Plays:
    if not isinstance(body, dict):
        raise TenureError(f"{path}: plays must be a section, as in [plays].")
    for key, text in body.items():
        if text is not False and not (isinstance(text, str) and text.strip()):
            raise TenureError(f"{path}: {key} in [plays] must be a text in quotes, or false where there is no play.")
    return Plays().with_({key: text or "" for key, text in body.items()})
