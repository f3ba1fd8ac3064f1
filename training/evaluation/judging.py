"""Judging: labelled rows and several models' probabilities in, one Evaluation out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from features.errors import TenureError
from training.evaluation.chance import by_chance
from training.evaluation.figures import Difference, Figure, Sampler, difference_of, figure_of, plain, resample
from training.evaluation.lead import LeadSampler, LeadTime
from training.evaluation.slices import Slice, SliceSampler, cut_slices, finish
from training.evaluation.stability import Stability, list_stability
from training.evaluation.view import Rows, View, with_calibration_error
from training.resampling import shared_uniforms

__all__ = ["Evaluation", "evaluate"]

_PERFECT_DRAWS = 500


@dataclass(frozen=True)
class Evaluation:
    """Figures of several models on the same n rows.

    Parameters
    ----------
    rows, accounts, churned_accounts, churned_rows : counts; events are distinct churned accounts.
    base_rate : share of churned rows.
    figures : by model, then by name:
        log_loss, brier, auc, calibration_error (mean |observed - expected| over ten equal-mass bins);
        observed_to_expected, intercept (log-odds added to make it right on average), slope (1 is right);
        lift_5, lift_10 (churn among the riskiest 5 and 10 % of all rows; base rate = 1);
        precision_at_capacity (share that churned among a day's `capacity` riskiest accounts, mean over days);
        mrr_log_loss (weighted by MRR), mrr_expected (MRR times probability, summed over rows),
        mrr_observed_to_expected, mrr_found_10 (share of the churned MRR that a day's riskiest 10 % hold, all days
        together).
    perfect : by model, the calibration error of a perfectly calibrated model with these probabilities and
        rows: value is the mean, low and high the 5th and 95th percentile.
    differences : by comparator, the paired difference in log loss.
    resamples : account-bootstrap draws behind the intervals.
    horizon, days, capacity : days a label covers, as_of days, and the length of a day's list.
    mrr, churned_mrr : summed over rows, so that an account counts once on every as_of day; None without MRR.
    drawn : models whose intercept, slope and ratios hold the calibration block's sampling error too.
    slices : by column, the model's rows in groups; that of a term column is the base rate by term.
    lead : days from a score to the notice; None without notices.
    stability : how the model's list changes from one as_of day to the next; None where there is only one.
    """

    rows: int
    accounts: int
    churned_accounts: int
    churned_rows: int
    base_rate: float
    figures: dict[str, dict[str, Figure]]
    perfect: dict[str, Figure]
    differences: dict[str, Difference]
    resamples: int
    horizon: int = 0
    days: int = 1
    capacity: int = 25
    mrr: float | None = None
    churned_mrr: float | None = None
    drawn: tuple[str, ...] = ()
    slices: dict[str, tuple[Slice, ...]] = field(default_factory=dict)
    lead: LeadTime | None = None
    stability: Stability | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain dicts, lists and floats, None where a figure is not defined."""
        found: dict[str, Any] = plain(self)
        return found


def evaluate(
    labels: np.ndarray,
    predictions: Mapping[str, np.ndarray],
    accounts: np.ndarray,
    as_of: np.ndarray,
    horizon: int,
    *,
    model: str = "model",
    mrr: np.ndarray | None = None,
    groups: Mapping[str, np.ndarray] | None = None,
    seen: Mapping[str, Collection[str]] | None = None,
    notice_days: np.ndarray | None = None,
    capacity: int = 25,
    draws: Mapping[str, np.ndarray] | None = None,
    resamples: int = 2000,
    seed: int = 20240229,
) -> Evaluation:
    """Judge probabilities on labelled rows.

    Parameters
    ----------
    labels : (n,) of 0 and 1, both present.
    predictions : by model name, (n,) probabilities strictly inside (0, 1).
    accounts, as_of : (n,) the account and day of each row; accounts are what is resampled.
    horizon : days, for how far an account's rows share their label.
    model : the name that the others are compared with, and whose slices and list are looked at.
    mrr : (n,) monthly recurring revenue of each row, not negative; its figures are NaN without it.
    groups : by column (segment, tenure, risk, term), (n,) text to cut slices by.
    seen : by column, the values that training and calibration had; a value beyond them is marked as new.
    notice_days : (n,) days from as_of to the notice, NaN where none was given.
    capacity : accounts that can be looked after from one day's list.
    draws : by model name, (m, n) probabilities under m draws of the calibration's own error.

    Raises
    ------
    TenureError : the labels hold one class only.
    ValueError : a probability is not inside (0, 1), or an array does not fit the rows.
    """
    labels = np.asarray(labels, dtype=np.float64)
    predictions = {name: np.asarray(p, dtype=np.float64) for name, p in predictions.items()}
    draws = {name: np.asarray(drawn, dtype=np.float64) for name, drawn in (draws or {}).items()}
    groups = {} if model not in predictions else dict(groups or {})
    _check(labels, predictions, draws, {"mrr": mrr, "notice_days": notice_days, **groups})
    names, owner = np.unique(np.asarray(accounts), return_inverse=True)
    days, day = np.unique(np.asarray(as_of).astype("datetime64[D]"), return_inverse=True)
    money = None if mrr is None else np.asarray(mrr, dtype=np.float64)
    rows = Rows(labels, owner, len(names), day, money, capacity)
    cuts = {name: cut_slices(rows, predictions[model], g, (seen or {}).get(name)) for name, g in groups.items()}
    lead = None if notice_days is None else LeadSampler(labels, np.asarray(notice_days, dtype=np.float64), owner)

    samplers: dict[str, Sampler] = {f"model {name}": View(rows, p) for name, p in predictions.items()}
    samplers |= {f"slices {name}": SliceSampler(rows, cut) for name, cut in cuts.items()}
    samplers |= {"lead": lead} if lead is not None else {}
    values, samples = resample(samplers, len(names), len(labels), resamples, seed)
    losses = {name: samples[f"model {name}"]["log_loss"] for name in predictions}
    for name, drawn in draws.items():
        key = f"model {name}"
        samples[key] = with_calibration_error(samples[key], rows, predictions[name], drawn)
    figures = {
        name: {key: figure_of(value, samples[f"model {name}"][key]) for key, value in values[f"model {name}"].items()}
        for name in predictions
    }
    uniforms = shared_uniforms(accounts, as_of, horizon, _PERFECT_DRAWS, seed)
    luck = by_chance(labels, predictions, model, draws.get(model), cuts, uniforms)
    return Evaluation(
        rows=len(labels),
        accounts=len(names),
        churned_accounts=int(np.unique(owner[labels == 1]).size),
        churned_rows=int(labels.sum()),
        base_rate=float(labels.mean()),
        figures=figures,
        perfect=luck.perfect,
        differences={
            name: difference_of(
                figures[model]["log_loss"].value - figures[name]["log_loss"].value, losses[model] - losses[name]
            )
            for name in predictions
            if model in predictions and name != model
        },
        resamples=resamples,
        horizon=horizon,
        days=len(days),
        capacity=capacity,
        mrr=None if money is None else float(money.sum()),
        churned_mrr=None if money is None else float(money @ labels),
        drawn=tuple(draws),
        slices={name: finish(cut, samples[f"slices {name}"], luck.slices[name]) for name, cut in cuts.items()},
        lead=None if lead is None else LeadTime(
            lead.rows, lead.without_notice, figure_of(values["lead"]["days"], samples["lead"]["days"])
        ),
        stability=list_stability(
            predictions[model], accounts, as_of, capacity, resamples=resamples, seed=seed
        ) if model in predictions else None,
    )  # fmt: skip


def _check(
    labels: np.ndarray,
    predictions: Mapping[str, np.ndarray],
    draws: Mapping[str, np.ndarray],
    columns: Mapping[str, np.ndarray | None],
) -> None:
    if not np.isin(labels, (0.0, 1.0)).all():
        raise ValueError("The labels of the rows to evaluate must be 0 or 1.")
    if not 0 < labels.sum() < len(labels):
        raise TenureError(
            f"The rows to evaluate must hold accounts that churned and accounts that stayed, and of {len(labels):,} "
            f"rows {int(labels.sum()):,} churned; make the holdout longer or the history larger."
        )
    for name, p in [*predictions.items(), *draws.items()]:
        if p.shape[-1:] != labels.shape or not np.all((p > 0) & (p < 1)):
            raise ValueError(f"The probabilities of {name} must lie strictly between 0 and 1, one for each row.")
    if unknown := set(draws) - set(predictions):
        raise ValueError(f"There are draws of {', '.join(sorted(unknown))} but no probabilities.")
    for name, column in columns.items():
        if column is not None and np.shape(column) != labels.shape:
            raise ValueError(f"{name} must have one value for each row.")
    mrr = columns["mrr"]
    if mrr is not None and not np.all(np.isfinite(mrr) & (np.asarray(mrr) >= 0)):
        raise ValueError("The MRR of each row must be known and not negative.")
