"""Facts: a finished training in; what its card tells of it, and what the monitor will compare later days with, out."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Any

import numpy as np

from features.document import measured
from features.settings import Settings
from training.anchors import Anchors, compared_stages, make_anchors
from training.card import Card
from training.card.schema import BlockCard, HorizonCard
from training.dataset import Dataset
from training.evaluation.figures import plain
from training.forecasts import refit_learning
from training.gate import Decision
from training.hazards import FittedHazards
from training.kernel.figures import nearest
from training.kernel.rows import numbers
from training.monitoring.reference import make_reference
from training.plan import Plan
from training.protocol import Judged
from training.recipe import Recipe

__all__ = ["anchors_of", "card_of", "reference_of"]


def card_of(
    dataset: Dataset,
    settings: Settings,
    plan: Plan,
    described: Mapping[int, Mapping[str, Mapping[str, Any]]],
    recipe: Recipe,
    judged: Mapping[int, Judged],
    decision: Decision,
    final: FittedHazards,
) -> Card:
    """The card of a version: plain JSON values."""
    target = dataset.targets[plan.outcome]
    horizons: list[HorizonCard] = [
        {
            "days": horizon,
            "validation": found.validation,
            "note": plan.notes.get(horizon, ""),
            "gap_days": target.gaps[target.place(horizon)],
            "blocks": {name: _block(b) for name, b in described[horizon].items()},
            "evaluation": found.evaluation.to_json(),
            "sums": plain(found.sums),
        }
        for horizon, found in judged.items()
    ]
    known = ~np.isnan(target.labels[:, 0])
    grace = settings.churn.grace_days if plan.outcome == "churn" else 0
    calibrations = {
        str(h): {"method": choice.fit.method, "compared": [dataclasses.asdict(row) for row in choice.table]}
        for h, choice in final.calibrations.items()
    }
    return {
        "outcome": plan.outcome,
        "event": settings.churn.event,
        "grace_days": settings.churn.grace_days,
        "growth": settings.expansion.growth,
        "recording_lag_days": target.gaps[0] - target.horizons[0] - grace,
        "known_on": dataset.known_on.isoformat(),
        "observed": [dataset.first_day.isoformat(), dataset.known_on.isoformat()],
        "rows": int(known.sum()),
        "accounts": int(np.unique(dataset.accounts[known]).size),
        "grid": settings.training.grid,
        "inputs": len(final.kernel.feature_names),
        "left_out": [{"name": f.name, "measures": measured(f.measure)} for f in dataset.catalogue if f.csm_controlled],
        "recipe": recipe.to_json(),
        "horizons": horizons,
        "not_fitted": {str(h): note for h, note in plan.notes.items() if h not in plan.horizons},
        "notes": _notes(final),
        "calibrations": plain(calibrations),
        "decision": plain(dataclasses.asdict(decision)),
        "data_fingerprint": dataset.fingerprint,
        "catalogue_hash": dataset.catalogue_hash,
    }


def _notes(final: FittedHazards) -> list[str]:
    """What a reader should know of the registered model."""
    shares = [interval.share for interval in final.kernel.intervals]
    if shares and all(isinstance(share, float) for share in shares):
        return [
            "Too few accounts churned involuntarily, or otherwise, to tell who would: the involuntary part is one and "
            "the same share of every account's probability."
        ]
    return []


def _block(described: Mapping[str, Any]) -> BlockCard:
    return {
        "first_as_of": described["first_as_of"],
        "last_as_of": described["last_as_of"],
        "as_of_days": described["as_of_days"],
        "rows": described["rows"],
        "accounts": described["accounts"],
        "churned_accounts": described["events"],
        "base_rate": described["base_rate"],
    }


def reference_of(
    dataset: Dataset, plan: Plan, judged: Mapping[int, Judged], final: FittedHazards, seed: int
) -> dict[str, Any]:
    """What the registered model was used to, for `tenure monitor`."""
    kernel = final.kernel
    latest = dataset.as_of > np.datetime64(dataset.as_of.max() - np.timedelta64(366, "D"))
    rows = dataset.rows[latest].reset_index(drop=True)
    calibration = {}
    for horizon, learning in refit_learning(dataset, plan, seed).items():
        part = learning.calibration
        calibration[horizon] = (part.labels, kernel.probabilities(part.rows, horizon), part.accounts)
    figures = {
        h: {name: found.evaluation.figures["model"][name].value for name in ("log_loss", "auc")}
        for h, found in judged.items()
    }
    learned = [blocks.train[-1] for blocks in plan.refit.values()]
    return make_reference(
        rows,
        {horizon: kernel.probabilities(rows, horizon) for horizon in kernel.horizons},
        dataset.accounts[latest],
        dataset.as_of[latest],
        calibration=calibration,
        scored_from=max(learned) + dt.timedelta(1) if learned else None,
        tables=dataset.tables,
        holdout=figures,
    )


_REFERENCE_DAYS = 4
"""As_of days of the reference cohort, spread over a year, so that every season and place in a term is in it."""


def anchors_of(dataset: Dataset, settings: Settings, final: FittedHazards) -> Anchors:
    """What was usual in each segment and stage of the latest year, which health is told against."""
    kernel = final.kernel
    latest = np.unique(dataset.as_of[dataset.as_of > dataset.as_of.max() - np.timedelta64(366, "D")])
    days = latest[np.unique(np.linspace(0, len(latest) - 1, _REFERENCE_DAYS).round().astype(int))]
    chosen = np.isin(dataset.as_of, days)
    rows = dataset.rows[chosen].reset_index(drop=True)
    return make_anchors(
        kernel,
        rows,
        dataset.accounts[chosen],
        compared_stages(rows, settings.stages),
        nearest(kernel.horizons, 90),
        _renewed(dataset)[chosen],
    )


def _renewed(dataset: Dataset) -> np.ndarray:
    """(n,) whether the next renewal came, as far as can be known, and the account did not leave then or before."""
    target = dataset.targets["churn"]
    wait = target.gaps[0] - target.horizons[0]
    renewal = numbers(dataset.rows, "days_to_renewal")
    known = (np.datetime64(dataset.known_on, "D") - dataset.as_of).astype(float)
    churn = dataset.days_to_churn if len(dataset.days_to_churn) else np.full(len(renewal), np.nan)
    with np.errstate(invalid="ignore"):
        return (renewal + 1 + wait <= known) & ~(churn <= renewal + 1)
