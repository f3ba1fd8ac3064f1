"""Settings: reads `tenure.toml` into frozen, checked values; every default stands here and nowhere else."""

from __future__ import annotations

import dataclasses
import datetime as dt
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from features.errors import TenureError
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
        if not 0 <= self.grace_days <= 365:
            raise TenureError(f"[outcomes.churn] grace_days = {self.grace_days} must be between 0 and 365.")
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
        if not 0.0001 <= self.growth <= 100:
            raise TenureError(f"[outcomes.expansion] growth = {self.growth} must be between 0.0001 and 100.")
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
        if not 1 <= self.capacity <= 100_000:
            raise TenureError(f"[training] capacity = {self.capacity} must be between 1 and 100000 accounts.")
        if not 1 <= self.backtest_origins <= 24:
            raise TenureError(f"[training] backtest_origins = {self.backtest_origins} must be between 1 and 24.")
        if not 200 <= self.bootstrap <= 100_000:
            raise TenureError(f"[training] bootstrap = {self.bootstrap} must be between 200 and 100000.")
        if not 0 <= self.warmup_days <= 3650:
            raise TenureError(f"[training] warmup_days = {self.warmup_days} must be between 0 and 3650.")
        if not 0 <= self.seed < 2**31:
            raise TenureError(f"[training] seed = {self.seed} must be between 0 and {2**31 - 1}.")


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
        for name in ("recording_lag_days", "stale_after_days"):
            if not 0 <= (getattr(self, name) or 0) <= 3650:
                raise TenureError(f"[history] {name} = {getattr(self, name)} must be between 0 and 3650.")
        if not 0 <= self.max_failing_share <= 1:
            raise TenureError(f"[history] max_failing_share = {self.max_failing_share} must be between 0 and 1.")


@dataclass(frozen=True)
class ScorecardRule:
    """One rule of the scorecard, `[[scorecard.rules]]`; `training.scorecard` says what its values must be.

    Parameters
    ----------
    feature : a number feature of the catalogue.
    worst, best : its values at 0 and at 100 points; best may be the smaller one.
    weight : beside the other rules'.
    """

    feature: str
    worst: float
    best: float
    weight: float = 1.0


@dataclass(frozen=True)
class Settings:
    """Everything `tenure.toml` can say.

    Parameters
    ----------
    scorecard : rules that replace the default ones, if any are given.
    tables : a mapping for each table that the file speaks of.
    """

    history: HistorySettings = field(default_factory=HistorySettings)
    churn: ChurnSettings = field(default_factory=ChurnSettings)
    expansion: ExpansionSettings = field(default_factory=ExpansionSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    scorecard: tuple[ScorecardRule, ...] = ()
    tables: dict[str, TableMapping] = field(default_factory=dict)


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
    sections: dict[str, tuple[str, type]] = {
        "history": ("history", HistorySettings),
        "training": ("training", TrainingSettings),
    }
    values: dict[str, Any] = {"tables": parse_tables(path, raw.pop("tables", {}))}
    values["scorecard"] = _rules(path, raw.pop("scorecard", {}))
    for name, body in raw.items():
        if name not in sections:
            raise TenureError(f"{path} has a section [{name}] that Tenure does not know; see docs/config.md.")
        attribute, kind = sections[name]
        values[attribute] = _section(path, name, kind, body)
    known: dict[str, type] = {"churn": ChurnSettings, "expansion": ExpansionSettings}
    if unknown := set(outcomes) - set(known):
        raise TenureError(f"{path} has an outcome [outcomes.{min(unknown)}] that Tenure does not know.")
    for name, body in outcomes.items():
        values[name] = _section(path, f"outcomes.{name}", known[name], body)
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
    for number, rule in enumerate(rules, start=1):
        if isinstance(rule, dict) and (lacking := {"feature", "worst", "best"} - set(rule)):
            raise TenureError(f"{path}: rule {number} in [[scorecard.rules]] has no {min(lacking)}; write one.")
    return tuple(_section(path, "scorecard.rules", ScorecardRule, rule) for rule in rules)


def _section(path: Path, name: str, kind: type, body: Any) -> Any:
    known = {f.name: f for f in dataclasses.fields(kind)}
    if not isinstance(body, dict):
        raise TenureError(f"{path}: {name} must be a section, as in [{name}].")
    for key, value in body.items():
        if key not in known:
            raise TenureError(f"{path} has a key {key} in [{name}] that Tenure does not know; see docs/config.md.")
        if not _fits(known[key].type, value):
            raise TenureError(f"{path}: {key} = {value!r} in [{name}] must be {_wanted(known[key].type)}.")
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in body.items()})


def _wanted(annotation: Any) -> str:
    """What a TOML value of a field's annotation looks like."""
    text = str(annotation)
    shapes = {"tuple": "a list of whole numbers, as in [90]", "dt.date": "a date without quotes, as in 2025-07-01"}
    shapes |= {"Literal": "a text in quotes", "str": "a text in quotes", "float": "a number", "int": "a whole number"}
    return next(shape for start, shape in shapes.items() if text.startswith(start))


def _fits(annotation: Any, value: Any) -> bool:
    """Whether a TOML value fits a field's annotation, which is text here and covers few shapes."""
    text = str(annotation)
    if text.startswith("tuple"):
        return isinstance(value, list) and all(isinstance(v, int) and not isinstance(v, bool) for v in value)
    if "dt.date" in text:
        return isinstance(value, dt.date) and not isinstance(value, dt.datetime)
    if text.startswith(("Literal", "str")):
        return isinstance(value, str)
    if text.startswith("float"):
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, int) and not isinstance(value, bool)
