"""Worth: held-out rows with a model's forecasts and a scorecard in; what the team's own weights are worth out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from features.settings import Settings
from training.dataset import Dataset, Labelled
from training.evaluation.figures import Figure, Sampler, figure_of, plain, resample
from training.evaluation.ranking import Ranking
from training.evaluation.warning import Warned, Warnings, warnings_of
from training.rivals import scorecard_of

__all__ = ["MODEL", "SCORECARD", "ScoreWorth", "Worth", "worth_of"]

MODEL, SCORECARD = "model", "scorecard"


@dataclass(frozen=True)
class ScoreWorth:
    """What one score is worth: the model's, the scorecard's, or that of a single rule.

    Parameters
    ----------
    name : "model", "scorecard", or the rule's.
    feature, weight : of a rule.
    counted : share of the rows that have this score.
    auc : of the counted rows, the share of pairs, one that left and one that stayed, in the right order.
    warned : how long before the notice it put accounts on its list; None where nobody's notice is known.
    """

    name: str
    feature: str | None
    weight: float | None
    counted: float
    auc: Figure
    warned: Warned | None


@dataclass(frozen=True)
class Worth:
    """A model, a scorecard and each of its rules on the same rows.

    Parameters
    ----------
    horizon : days within which churn counts.
    rows : how many there are.
    rules : in the scorecard's order.
    warnings : what the lead times are taken from; None where nobody's notice is known.
    """

    horizon: int
    rows: int
    model: ScoreWorth
    scorecard: ScoreWorth
    rules: tuple[ScoreWorth, ...]
    warnings: Warnings | None

    def to_json(self) -> dict[str, Any]:
        """Plain values, None where a figure is not defined; the scores stand in `model`, `scorecard` and `rules`."""
        found: dict[str, Any] = plain(self)
        if found["warnings"] is not None:
            del found["warnings"]["scores"]
        return found


def worth_of(dataset: Dataset, held: Labelled, p: np.ndarray, settings: Settings) -> Worth:
    """Judge the scorecard of the settings beside a model on (n,) held-out rows of churn.

    Parameters
    ----------
    p : (n,) the model's probabilities.
    """
    scorecard = scorecard_of(settings)
    points = scorecard.individual(held.rows)
    # What CSMs control is no model input: without its column, not even a rule that says what missing is worth tells
    # one account from another.
    absent = [rule.label for rule in scorecard.rules if rule.feature not in held.rows.columns]
    points[absent] = np.nan
    risks = [p, -scorecard.score(held.rows)["score"].to_numpy(), *(-points.to_numpy().T)]
    about: list[tuple[str, str | None, float | None]] = [(MODEL, None, None), (SCORECARD, None, None)]
    about += [(rule.label, rule.feature, rule.weight) for rule in scorecard.rules]
    by_place = {str(place): np.asarray(risk, dtype=np.float64) for place, risk in enumerate(risks)}
    aucs = _aucs(held, by_place, settings)
    left = _days_left(dataset, held)
    warnings = None
    if left is not None:
        warnings = warnings_of(by_place, held.accounts, held.as_of, left, held.horizon, settings.training.capacity)
    worths = [
        ScoreWorth(
            *one,
            float(np.mean(~np.isnan(by_place[place]))),
            aucs[place],
            None if warnings is None else warnings.scores[place],
        )
        for place, one in zip(by_place, about, strict=True)
    ]
    return Worth(held.horizon, len(p), worths[0], worths[1], tuple(worths[2:]), warnings)


def _days_left(dataset: Dataset, held: Labelled) -> np.ndarray | None:
    """(n,) days to the notice, or to the end where none came before it; NaN for who did not leave."""
    if not len(dataset.days_to_churn):
        return None
    churned = dataset.days_to_churn[held.place]
    if not len(dataset.days_to_notice):
        return churned
    return np.where(np.isnan(churned), np.nan, np.fmin(churned, dataset.days_to_notice[held.place]))


def _aucs(held: Labelled, risks: Mapping[str, np.ndarray], settings: Settings) -> dict[str, Figure]:
    """By score, its AUC over the rows that have it; the accounts are drawn as every other figure's are."""
    names, owner = np.unique(held.accounts, return_inverse=True)
    samplers: dict[str, Sampler] = {}
    for name, risk in risks.items():
        known = ~np.isnan(risk)
        if 0 < held.labels[known].sum() < known.sum():
            samplers[name] = _Auc(held.labels[known], risk[known], owner[known])
    training = settings.training
    values, samples = resample(samplers, len(names), len(owner), training.bootstrap, training.seed)
    nothing = Figure(math.nan, math.nan, math.nan)
    return {
        name: figure_of(values[name]["auc"], samples[name]["auc"]) if name in samplers else nothing for name in risks
    }


class _Auc:
    def __init__(self, labels: np.ndarray, risk: np.ndarray, owner: np.ndarray) -> None:
        together = np.zeros(len(labels), dtype=np.int64)
        self._ranking = Ranking(labels, risk, owner, together, {"rows": np.ones(len(labels))})

    def figures(self, counts: np.ndarray) -> dict[str, np.ndarray]:
        with np.errstate(divide="ignore", invalid="ignore"):
            return {"auc": self._ranking.hold(counts).auc()}
