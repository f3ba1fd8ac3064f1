"""The protocol: a dataset, a recipe and a plan in; the recipe judged at every horizon on rows that it never saw out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.settings import Settings
from training.dataset import Dataset, Labelled
from training.evaluation import Evaluation, evaluate, risk_bands, tenure_bands
from training.forecasts import GROUPS, Forecast, forecast, learning_of, numbers_of, text_of
from training.gate import Evidence
from training.hazards import Learning
from training.plan import Plan
from training.recipe import Recipe
from training.sums import Sum, compare_sums, deciles
from training.thirds import THIRDS, thirds

__all__ = ["Judged", "judge", "pooled"]


@dataclass(frozen=True)
class Judged:
    """A recipe's forecasts at one horizon, on rows that it did not learn from.

    Parameters
    ----------
    horizon : days.
    validation : "in time" or "folds by account".
    held_out : the n rows that were forecast.
    predictions : by model, (n,) probabilities.
    draws : (m, n) the model's probabilities under other samples of calibration accounts.
    parts : of churn: "involuntary" (n,), "churn_by_renewal" (n,) until the next renewal is over, NaN where that lies
        beyond the horizon, and "retained_ratio" (n,) where revenue is known.
    evaluation : of all that.
    sums : by name (events, voluntary, involuntary, renewal, mrr), what was expected beside what came, over all rows,
        by segment and by decile of risk; renewal is churn until the next renewal is over.
    trees, methods : of the last fit, by horizon.
    """

    horizon: int
    validation: str
    held_out: Labelled
    predictions: dict[str, np.ndarray]
    draws: np.ndarray
    parts: dict[str, np.ndarray]
    evaluation: Evaluation
    sums: dict[str, dict[str, list[Sum]]]
    trees: dict[int, int]
    methods: dict[int, str]

    def table(self) -> pd.DataFrame:
        """One line a row: account_id, as_of, horizon, label, and a column p_<name> for each model."""
        return pd.DataFrame(
            {
                "account_id": self.held_out.accounts.astype(str),
                "as_of": self.held_out.as_of.astype("datetime64[us]"),
                "horizon": self.horizon,
                "label": self.held_out.labels,
                **{f"p_{name}": p for name, p in self.predictions.items()},
                **self.parts,
            }
        )

    def evidence(self) -> Evidence:
        """What the gate looks at."""
        held = self.held_out
        segment = text_of(held.rows, "segment")
        return Evidence(
            self.horizon,
            self.validation,
            held.labels,
            held.accounts,
            held.as_of,
            segment,
            self.predictions,
            self.evaluation,
        )


def judge(
    dataset: Dataset,
    plan: Plan,
    recipe: Recipe,
    settings: Settings,
    *,
    rivals: bool = True,
    say: Callable[[str], None] = lambda stage: None,
) -> dict[int, Judged]:
    """Judge a recipe at every horizon of a plan.

    At each horizon all shorter intervals are fitted again on that horizon's blocks, since those of a shorter one lie
    later, partly inside its holdout.

    Parameters
    ----------
    rivals : whether to fit what the model is set beside.
    """
    judged: dict[int, Judged] = {}
    for horizon in plan.horizons:
        say(f"judging {plan.outcome} at {horizon} days")
        shorter = [h for h in plan.horizons if h <= horizon]
        if horizon in plan.blocks:
            blocks = plan.blocks[horizon]
            learning = learning_of(dataset, plan.outcome, dict.fromkeys(shorter, blocks))
            held = dataset.at(plan.outcome, horizon).on(blocks.holdout)
            forecasts = [forecast(dataset, plan.outcome, learning, held, recipe, settings, rivals)]
        else:
            forecasts = _by_account(dataset, plan.outcome, shorter, recipe, settings, rivals)
        judged[horizon] = pooled(dataset, forecasts, plan.validation(horizon), settings)
    return judged


def pooled(dataset: Dataset, forecasts: Sequence[Forecast], validation: str, settings: Settings) -> Judged:
    """Put the forecasts of one or several fits together and evaluate them as one."""
    held = forecasts[0].held_out
    for other in forecasts[1:]:
        held = held.joined(other.held_out)
    order = np.argsort(np.concatenate([f.held_out.place for f in forecasts]), kind="stable")

    def joined(parts: Sequence[np.ndarray]) -> np.ndarray:
        return np.asarray(np.concatenate(parts, axis=-1)[..., order])

    predictions = {name: joined([f.predictions[name] for f in forecasts]) for name in forecasts[0].predictions}
    draws = joined([f.draws for f in forecasts])
    mrr = dataset.mrr[held.place] if len(dataset.mrr) else None
    notice = dataset.days_to_notice[held.place] if len(dataset.days_to_notice) and held.outcome == "churn" else None
    groups = {
        **{name: values(held.rows) for name, values in GROUPS.items()},
        "tenure": tenure_bands(numbers_of(held.rows, "tenure_days")),
        "risk": risk_bands(predictions["model"]),
    }
    evaluation = evaluate(
        held.labels,
        predictions,
        held.accounts,
        held.as_of,
        held.horizon,
        mrr=None if mrr is None else np.nan_to_num(mrr),
        groups=groups,
        seen={name: set().union(*(f.seen[name] for f in forecasts)) for name in forecasts[0].seen},
        notice_days=notice,
        capacity=settings.training.capacity,
        draws={"model": draws},
        resamples=settings.training.bootstrap,
        seed=settings.training.seed,
    )
    fitted = forecasts[-1].fitted
    told = [name for name in forecasts[0].parts if all(name in f.parts for f in forecasts)]
    parts = {name: joined([f.parts[name] for f in forecasts]) for name in told}
    return Judged(
        held.horizon,
        validation,
        held,
        predictions,
        draws,
        parts,
        evaluation,
        _sums(
            dataset,
            held,
            predictions["model"],
            draws,
            parts,
            groups["segment"],
            fitted.ratio_errors.get(held.horizon, 0.0),
            sum(f.calibration_events for f in forecasts),
        ),
        fitted.trees,
        {h: choice.fit.method for h, choice in fitted.calibrations.items()},
    )


def _by_account(
    dataset: Dataset, outcome: str, horizons: list[int], recipe: Recipe, settings: Settings, rivals: bool
) -> list[Forecast]:
    """Three fits: each third of the accounts is forecast once, calibrated on once and learned from once."""
    forecasts = []
    for fold in THIRDS:
        parts = {h: thirds(dataset, dataset.at(outcome, h), settings.training.seed, fold) for h in horizons}
        learning = {h: Learning(train, calibration) for h, (train, calibration, _) in parts.items()}
        held = parts[horizons[-1]][2]
        forecasts.append(forecast(dataset, outcome, learning, held, recipe, settings, rivals))
    return forecasts


def _sums(
    dataset: Dataset,
    held: Labelled,
    p: np.ndarray,
    draws: np.ndarray,
    parts: Mapping[str, np.ndarray],
    segment: np.ndarray,
    ratio_error: float,
    calibration_events: int,
) -> dict[str, dict[str, list[Sum]]]:
    # The spread of a sum over other samples of calibration accounts; an expected revenue moves as its retained part
    # does.
    error = float(draws.sum(axis=1).std() / p.sum())
    pairs = {"events": (p, held.labels, error)}
    target = dataset.targets[held.outcome]
    column = target.place(held.horizon)
    if "involuntary" in parts and target.involuntary is not None:
        involuntary = target.involuntary[held.place, column]
        # The share of either part was told from the accounts that churned in the calibration block.
        share = float(parts["involuntary"].sum() / p.sum())
        spread = math.sqrt(share * (1 - share) / max(calibration_events, 1))
        pairs["involuntary"] = (parts["involuntary"], involuntary, math.hypot(error, spread / max(share, 1e-12)))
        voluntary = p - parts["involuntary"]
        pairs["voluntary"] = (voluntary, held.labels - involuntary, math.hypot(error, spread / max(1 - share, 1e-12)))
    if "churn_by_renewal" in parts and len(dataset.days_to_churn):
        left = dataset.days_to_churn[held.place] <= numbers_of(held.rows, "days_to_renewal")
        expected = parts["churn_by_renewal"]
        pairs["renewal"] = (expected, np.where(np.isnan(expected), np.nan, left.astype(np.float64)), error)
    if "retained_ratio" in parts:
        mrr, ratio = dataset.mrr[held.place], dataset.retained_ratio[held.place, column]
        realised = mrr * np.where(held.labels == 1, 0.0, ratio)
        moves = ((1 - draws) * np.nan_to_num(mrr)).sum(axis=1).std()
        moved = math.hypot(float(moves / max(np.nansum((1 - p) * mrr), 1e-12)), ratio_error)
        pairs["mrr"] = (mrr * (1 - p) * parts["retained_ratio"], realised, moved)
    cuts = {"all": None, "segment": segment, "decile": deciles(p)}
    return {
        name: {
            cut: compare_sums(expected, came, held.accounts, groups, error, name != "mrr")
            for cut, groups in cuts.items()
        }
        for name, (expected, came, error) in pairs.items()
    }
