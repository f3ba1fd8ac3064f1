"""Achievable: how much of what could be known a model knows, on a made-up company whose truth is known."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from training.evaluation import log_losses

__all__ = ["BesideTruth", "beside_truth"]


@dataclass(frozen=True)
class BesideTruth:
    """Mean log loss on the rows that have a true probability.

    Parameters
    ----------
    rows : how many there are.
    prior, recency, model, truth : mean log loss of each; truth is the least that anyone could reach on average.
    """

    rows: int
    prior: float
    recency: float
    model: float
    truth: float

    @property
    def share(self) -> float:
        """The model's gain over the prior as a share of truth's; NaN where truth gains nothing."""
        gain = self.prior - self.truth
        return (self.prior - self.model) / gain if gain > 0 else float("nan")


def beside_truth(holdout: pd.DataFrame, truth: pd.DataFrame, horizon: int = 90, outcome: str = "churn") -> BesideTruth:
    """Set the held-out predictions beside the true probabilities.

    Parameters
    ----------
    holdout : account_id, as_of, label, p_prior, p_recency, p_model; and horizon, where it holds several.
    truth : account_id, as_of, p_<outcome>_<horizon>d.

    Raises
    ------
    ValueError : no row of the holdout has a true probability.
    """
    column = f"p_{outcome}_{horizon}d"
    truth = truth[["account_id", "as_of", column]].dropna().copy()
    truth["as_of"] = pd.to_datetime(truth["as_of"]).astype("datetime64[us]")
    if "horizon" in holdout.columns:
        holdout = holdout[holdout["horizon"] == horizon]
    both = holdout.assign(as_of=holdout["as_of"].astype("datetime64[us]")).merge(truth, on=["account_id", "as_of"])
    if both.empty:
        raise ValueError("No row of the holdout has a true probability; was it another company's?")
    labels = both["label"].to_numpy()
    # A sampled truth of exactly 0 or 1 would make a log loss infinite.
    p_true = both[column].clip(1e-6, 1 - 1e-6).to_numpy()
    loss = {
        name: float(log_losses(labels, both[f"p_{name}"].to_numpy()).mean()) for name in ("prior", "recency", "model")
    }
    return BesideTruth(len(both), truth=float(log_losses(labels, p_true).mean()), **loss)
