"""Backtest: a dataset and a recipe in; the recipe judged on several later stretches of time out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from features.errors import TenureError
from features.settings import Settings
from training.blocks import Blocks, refit_blocks
from training.dataset import Dataset, Labelled
from training.evaluation import log_losses
from training.forecasts import forecast, learning_of
from training.plan import IN_TIME, events_by_day, make_plan, require_events
from training.protocol import Judged, pooled
from training.recipe import Recipe
from training.worth import Worth, worth_of

__all__ = ["Backtest", "Origin", "backtest", "origins_of"]

_CALIBRATION_SHARE = 0.25


@dataclass(frozen=True)
class Origin:
    """One day from which a model looked ahead.

    Parameters
    ----------
    blocks : what it learned from and calibrated on, known by the first day of its holdout.
    rows, events : held-out rows, and distinct accounts of them to which it happened.
    observed, expected : how many rows it happened to, and how many were expected.
    log_loss : by model, mean over the rows.
    """

    blocks: Blocks
    rows: int
    events: int
    observed: float
    expected: float
    log_loss: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        """Plain values; the days as ISO dates."""
        days = {name: getattr(self.blocks, name) for name in ("train", "calibration", "holdout")}
        return {
            **{name: [part[0].isoformat(), part[-1].isoformat(), len(part)] for name, part in days.items()},
            "rows": self.rows,
            "events": self.events,
            "observed": self.observed,
            "expected": self.expected,
            "log_loss": self.log_loss,
        }


@dataclass(frozen=True)
class Backtest:
    """One horizon's backtest: each origin, and all their held-out rows judged together.

    Parameters
    ----------
    worth : what the scorecard and its rules are worth beside the model; of churn at the headline horizon alone.
    """

    horizon: int
    origins: tuple[Origin, ...]
    judged: Judged
    worth: Worth | None = None


def backtest(
    dataset: Dataset,
    outcome: str,
    settings: Settings,
    recipe: Recipe,
    *,
    rivals: bool = True,
    say: Callable[[str], None] = lambda stage: None,
) -> tuple[dict[int, Backtest], dict[int, str]]:
    """Judge a recipe at rolling origins.

    At each origin the model is fitted and calibrated on what had matured by then, and forecasts the as_of days until
    the next one. Nothing is registered.

    Parameters
    ----------
    rivals : whether to fit what the model is set beside.

    Returns
    -------
    By horizon its backtest; and by horizon why there is none.

    Raises
    ------
    TenureError : no horizon can be validated in time, with the reason of the last one.
    """
    plan = make_plan(dataset, outcome, settings)
    notes = dict(plan.notes)
    found: dict[int, Backtest] = {}
    for horizon in plan.horizons:
        if plan.validation(horizon) != IN_TIME:
            continue
        labelled = dataset.at(outcome, horizon)
        shorter = [h for h in plan.horizons if h <= horizon]
        cuts = origins_of(labelled, settings.training.min_churned, settings.training.backtest_origins)
        forecasts, origins = [], []
        for number, blocks in enumerate(cuts, start=1):
            say(f"{outcome} at {horizon} days, origin {number} of {len(cuts)}: {blocks.holdout[0]}")
            held = labelled.on(blocks.holdout)
            try:
                made = forecast(
                    dataset,
                    outcome,
                    learning_of(dataset, outcome, dict.fromkeys(shorter, blocks)),
                    held,
                    recipe,
                    settings,
                    rivals,
                )
            except TenureError as error:
                notes[horizon] = f"The origin {blocks.holdout[0]} was left out. {error}"
                continue
            forecasts.append(made)
            p = made.predictions["model"]
            losses = {name: float(log_losses(held.labels, q).mean()) for name, q in made.predictions.items()}
            counts = (len(held.labels), held.events, float(held.labels.sum()), float(p.sum()))
            origins.append(Origin(blocks, *counts, losses))
        if forecasts:
            judged = pooled(dataset, forecasts, IN_TIME, settings)
            worth = None
            if rivals and outcome == "churn" and horizon == plan.headline:
                say(f"judging the scorecard at {horizon} days")
                worth = worth_of(dataset, judged.held_out, judged.predictions["model"], settings)
            found[horizon] = Backtest(horizon, tuple(origins), judged, worth)
    if not found:
        raise TenureError(next(reversed(notes.values())))
    return found, {h: note for h, note in notes.items() if h not in found or "origin" in note}


def origins_of(labelled: Labelled, needed: tuple[int, int, int], count: int) -> list[Blocks]:
    """Up to `count` origins, spread evenly over the days from which a model could have been fitted.

    A last stretch without an event of its own joins the one before it.

    Raises
    ------
    TenureError : there is none; with the numbers of the last day.
    """
    days = labelled.as_ofs
    by_day = events_by_day(labelled)
    usable: list[tuple[int, Blocks]] = []
    last: TenureError | None = None
    for place, day in enumerate(days):
        known = [d for d in days if d + dt.timedelta(labelled.gap_days) <= day]
        if not known:
            continue
        try:
            usable.append((place, _before(labelled, known, by_day, day, needed)))
        except TenureError as error:
            last = error
    if not usable:
        raise last or TenureError(
            f"The history is too short for a backtest at {labelled.horizon} days; use a shorter horizon, or wait."
        )
    # From the first usable day to the end there are this many days to forecast; each stretch gets its share.
    places = [place for place, _ in usable]
    starts = sorted({places[round(step)] for step in np.linspace(0, len(places), count, endpoint=False).astype(int)})
    cut = dict(usable)
    origins = []
    for start, end in zip(starts, [*starts[1:], len(days)], strict=True):
        blocks = cut[start]
        origins.append(Blocks(blocks.train, blocks.calibration, tuple(days[start:end]), labelled.gap_days))
    while len(origins) > 1 and not any(by_day[day] for day in origins[-1].holdout):
        tail = origins.pop()
        before = origins.pop()
        origins.append(Blocks(before.train, before.calibration, before.holdout + tail.holdout, before.gap_days))
    return origins


def _before(
    labelled: Labelled, known: list[dt.date], by_day: dict[dt.date, float], day: dt.date, needed: tuple[int, int, int]
) -> Blocks:
    """The blocks of a model fitted on a day: the latest quarter of the events calibrates."""
    total = sum(by_day[d] for d in known)
    error: TenureError | None = None
    for count in range(1, len(known)):
        if sum(by_day[d] for d in known[-count:]) < _CALIBRATION_SHARE * total:
            continue
        try:
            blocks = refit_blocks(known, labelled.gap_days, day, count)
            require_events(labelled, blocks, needed)
            return blocks
        except TenureError as found:
            error = error or found
    raise error or TenureError(f"Too few days had matured by {day}.")
