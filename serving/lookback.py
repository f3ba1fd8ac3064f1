"""Lookback: a day's scores and the days stored before it in; what health was then, and why it moved, out.

Stored health is used as it is where the model and the scale that told it are today's; else that day's stored features
are scored again, so that no two healths are set beside each other that do not mean the same.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from features.settings import StageSettings
from serving.past import Past, past_features, past_of
from serving.store import reading
from serving.store.reading import Run
from serving.store.store import Store
from success.change import Change, Day, Earlier, absent_features, change_of, earlier_health, features_of_data
from success.gauge import Gauge
from success.moved import moved_topics
from training.anchors import compared_stages
from training.own import Own

__all__ = ["LOOKBACK_COLUMNS", "lookback"]

LOOKBACK_COLUMNS = (
    "health_before", "health_before_on", "health_before_now", "change_customer", "change_stage", "change_data",
    "change_model", "change_calendar", "health_7d", "health_7d_on", "change_7d_customer", "change_7d_other",
    "health_28d", "health_28d_on", "moved",
)  # fmt: skip
"""What a score row says of the days before it, in this order."""

_TEXTS = ("health_before_on", "health_7d_on", "health_28d_on", "moved")
_OLDER = 6
"""A scored day stands for 7 or 28 days ago that is so many days older at most, so that weekly scoring finds one."""


def lookback(
    store: Store,
    as_of: dt.date,
    rows: pd.DataFrame,
    scores: pd.DataFrame,
    gauge: Gauge | None,
    stages: StageSettings | None = None,
    told: Own | None = None,
) -> pd.DataFrame:
    """What health was on the scored days before one, and what has moved it since.

    health_before is that of the newest scored day before, as it was told then, and health_before_now what today's
    model says of that day; change_customer, change_stage, change_data and change_model sum to health - health_before,
    see `success.change`. Where they cannot be told apart change_model is all of it and the others are NaN. health_7d
    and health_28d are what today's model says of the newest scored day that lies 7 to 13, and 28 to 34, days back;
    change_7d_customer and change_7d_other sum to health - health_7d, and the topics of `moved` are parts of the former.

    Parameters
    ----------
    rows : features of the day's cohort, indexed by account_id.
    scores : of the day, one row an account: account_id, status, segment, health, health_source, health_stage (only
        where a model told the health) and tables (JSON text, the same in all rows).
    gauge : what told the health; None for the scorecard, whose changes are not told apart.
    stages : for earlier days that do not say with which stage an account was compared.
    told : what the gauge says of the rows; it is asked when not given.

    Returns
    -------
    With the index of `rows`, `LOOKBACK_COLUMNS`: numbers float64, dates and texts object with None.
    """
    nothing = {name: _nothing(name, len(rows)) for name in LOOKBACK_COLUMNS}
    found = pd.DataFrame({name: pd.Series(cells, rows.index, dtype=cells.dtype) for name, cells in nothing.items()})
    today = scores.set_index("account_id").reindex(rows.index)
    healthy = np.isfinite(today["health"].to_numpy(dtype=np.float64, na_value=np.nan))
    runs = _runs(store, as_of) if healthy.any() else {}
    if not runs:
        return found
    mine = None if told is None else Own(told.attributions[healthy], told.calendar[healthy], told.base)
    now = _Now(store, rows[healthy], today[healthy], gauge, stages, mine)
    for name, cells in now.columns(runs).items():
        whole = _nothing(name, len(rows))
        whole[healthy] = cells
        found[name] = pd.Series(whole, rows.index, dtype=whole.dtype)
    return found


def _runs(store: Store, as_of: dt.date) -> dict[str, Run]:
    """The runs that hold for the day before, and for 7 and 28 days ago, where there are such."""
    found = {}
    with store.reading() as connection:
        for name, back in (("before", 1), ("7d", 7), ("28d", 28)):
            run = reading.run_before(connection, as_of - dt.timedelta(days=back - 1))
            if run is not None and (name == "before" or (as_of - run.as_of).days <= back + _OLDER):
                found[name] = run
    return found


class _Now:
    """The healthy accounts of today, to be set beside earlier days; every array is in their order."""

    def __init__(
        self,
        store: Store,
        rows: pd.DataFrame,
        scores: pd.DataFrame,
        gauge: Gauge | None,
        stages: StageSettings | None,
        told: Own | None,
    ) -> None:
        self.store, self.rows, self.gauge, self.stages, self.told = store, rows, gauge, stages, told
        self.health = scores["health"].to_numpy(dtype=np.float64)
        self.sources = _texts(scores["health_source"])
        tables = next((text for text in _texts(scores["tables"]) if text), None)
        self.day = Day(
            rows,
            _texts(scores["segment"]),
            _texts(scores["health_stage"]) if "health_stage" in scores else [None] * len(scores),
            scores["status"].to_numpy() == "stale",
            None if tables is None else frozenset(json.loads(tables)),
        )
        self._changes: dict[int, tuple[Earlier, Change]] = {}

    def columns(self, runs: dict[str, Run]) -> dict[str, np.ndarray]:
        """The columns of all the days that there are."""
        found: dict[str, np.ndarray] = {}
        if self.gauge is None:
            for name, run in runs.items():
                found |= self._by_rules(name, run)
            return found
        told = self.gauge.told(self.rows) if self.told is None else self.told
        if "7d" in runs:
            found |= self._week(self.gauge, runs["7d"], told)
        if "before" in runs:
            found |= self._before(self.gauge, runs["before"], told)
        if "28d" in runs:
            found |= self._month(self.gauge, runs["28d"])
        return found

    def _week(self, gauge: Gauge, run: Run, told: Own) -> dict[str, np.ndarray]:
        earlier, change = self._change(gauge, run, told, explain=True)
        customer = np.where(change.whole, change.customer, np.nan)
        topics = moved_topics(gauge.kernel, earlier.day.rows, self.rows, change.points)
        told_apart = np.isfinite(change.points).all(axis=1)
        moved = [json.dumps(topic) if known else None for topic, known in zip(topics, told_apart, strict=True)]
        return {
            "health_7d": change.before_now,
            "health_7d_on": _dates(run, change.before_now),
            "change_7d_customer": customer,
            "change_7d_other": self.health - change.before_now - customer,
            "moved": np.array(moved, dtype=object),
        }

    def _before(self, gauge: Gauge, run: Run, told: Own) -> dict[str, np.ndarray]:
        earlier, change = self._change(gauge, run, told)
        there = np.isfinite(earlier.health)
        parts = {"customer": change.customer, "stage": change.stage, "data": change.data}
        return {
            "health_before": earlier.health,
            "health_before_on": _dates(run, earlier.health),
            "health_before_now": np.where(there, change.before_now, np.nan),
            **{f"change_{name}": np.where(there & change.whole, part, np.nan) for name, part in parts.items()},
            "change_model": change.model,
            "change_calendar": np.where(there, change.calendar, np.nan),
        }

    def _month(self, gauge: Gauge, run: Run) -> dict[str, np.ndarray]:
        earlier = self._earlier(gauge, run)
        tables = self.day.tables if earlier.day.tables is None else earlier.day.tables
        health, _, _ = earlier_health(gauge, earlier, absent_features(tables))
        return {"health_28d": health, "health_28d_on": _dates(run, health)}

    def _by_rules(self, name: str, run: Run) -> dict[str, np.ndarray]:
        """What the scorecard said, if it was the scorecard."""
        past = past_of(self.store, run, self.rows.index.tolist())
        ours = np.array([then == now for then, now in zip(past.sources, self.sources, strict=True)], dtype=bool)
        health = np.where(ours, past.health, np.nan)
        return {f"health_{name}": health, f"health_{name}_on": _dates(run, health)}

    def _change(self, gauge: Gauge, run: Run, told: Own, *, explain: bool = False) -> tuple[Earlier, Change]:
        """The change since a day; kept, since in weekly scoring the day before is that of a week ago."""
        if run.id not in self._changes:
            earlier = self._earlier(gauge, run, explain=explain)
            self._changes[run.id] = earlier, change_of(gauge, earlier, self.day, told, explain=explain)
        return self._changes[run.id]

    def _earlier(self, gauge: Gauge, run: Run, *, explain: bool = False) -> Earlier:
        """What is stored of a day, with its features where they are needed."""
        past = past_of(self.store, run, self.rows.index.tolist())
        stale = np.array([status == "stale" for status in past.statuses], dtype=bool)
        same = _same(gauge, past)
        late = bool((stale | self.day.stale).any())
        rows, known = self.rows.iloc[:, :0], np.zeros(len(same), dtype=bool)
        if explain or not same.all() or features_of_data(past.tables, self.day.tables, stale=late):
            rows, known = past_features(self.store, run, self.rows)
            known &= run.catalogue_hash == gauge.kernel.catalogue_hash
        stages = past.stages
        if None in stages:
            made = compared_stages(rows, self.stages).tolist()
            stages = [
                stage or (told if there else today)
                for stage, told, there, today in zip(stages, made, known, self.day.stages, strict=True)
            ]
        day = Day(rows, past.segments, stages, stale, past.tables)
        return Earlier(day, past.health, past.calendar, same, known)


def _same(gauge: Gauge, past: Past) -> np.ndarray:
    """(n,) whether a health was told by this model on this scale.

    The log-odds of the typical account come out of all that a model learned, so that no two models share them to the
    last digit; version numbers of two homes may be the same.
    """
    anchors = gauge.anchors(past.segments, past.stages)
    model = np.array([source == "model" for source in past.sources], dtype=bool)
    return model & (past.points_to_double == gauge.scale.points_to_double) & (past.anchor == anchors)


def _dates(run: Run, health: np.ndarray) -> np.ndarray:
    """(n,) the day of a run where there is a health of it, else None."""
    return np.array([run.as_of if known else None for known in np.isfinite(health)], dtype=object)


def _nothing(name: str, n: int) -> np.ndarray:
    return np.full(n, None, dtype=object) if name in _TEXTS else np.full(n, np.nan)


def _texts(values: Iterable[Any]) -> list[str | None]:
    return [value if isinstance(value, str) else None for value in values]
