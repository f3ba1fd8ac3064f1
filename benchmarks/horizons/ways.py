"""Ways: rows with labels at several horizons in, held-out probabilities of each way of forecasting them out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from training.blocks import Blocks
from training.calibration import fit_map
from training.dataset import Dataset
from training.kernel import sigmoid
from training.model import ChurnModel
from training.recipe import Recipe

__all__ = ["WAYS", "Blocked"]

_ORDER = "_horizon"


@dataclass(frozen=True)
class Blocked:
    """One outcome's rows on the blocks of its longest horizon, with (n, H) labels of all of them."""

    horizons: list[int]
    recipe: Recipe
    outcome: str
    parts: dict[str, pd.DataFrame]
    labels: dict[str, np.ndarray]
    accounts: dict[str, np.ndarray]

    @classmethod
    def of(cls, dataset: Dataset, outcome: str, horizons: list[int], blocks: Blocks) -> Blocked:
        """Cut a dataset."""
        target = dataset.targets[outcome]
        columns = [target.place(h) for h in horizons]
        found = {
            name: dataset.at(outcome, horizons[-1]).on(getattr(blocks, name))
            for name in ("train", "calibration", "holdout")
        }
        return cls(
            horizons,
            Recipe.of(outcome, 20240229),
            outcome,
            {name: part.rows for name, part in found.items()},
            {name: target.labels[part.place][:, columns] for name, part in found.items()},
            {name: part.accounts for name, part in found.items()},
        )

    @property
    def holdout_labels(self) -> np.ndarray:
        """(n, H)."""
        return self.labels["holdout"]

    def model(self, directions: dict[str, int] | None = None) -> ChurnModel:
        """An unfitted model with the outcome's recipe."""
        bent = {**self.recipe.directions(self.outcome), **(directions or {})}
        return ChurnModel(self.recipe.unfitted(), bent, self.recipe.seed)

    def at_risk(self, name: str, k: int) -> np.ndarray:
        """(n,) whether it has not happened by the horizon before."""
        return self.labels[name][:, k - 1] == 0 if k else np.ones(len(self.labels[name]), dtype=bool)


def _one_fit(b: Blocked, k: int, at_risk: bool) -> np.ndarray:
    """Held-out probabilities of one column of labels, from one model of its own."""
    masks = {name: b.at_risk(name, k) if at_risk else np.ones(len(b.labels[name]), dtype=bool) for name in b.labels}
    fit, later = masks["train"], masks["calibration"]
    model = b.model().fit(_rows(b, "train", fit), b.labels["train"][fit, k], b.accounts["train"][fit])
    margins = model.decision_function(_rows(b, "calibration", later))
    labels, accounts = b.labels["calibration"][later, k], b.accounts["calibration"][later]
    calibration = fit_map("logistic", margins, labels, accounts)
    return sigmoid(calibration.map.log_odds(model.decision_function(b.parts["holdout"])))


def hazards(b: Blocked) -> np.ndarray:
    """One model an interval, on whoever is still at risk."""
    return _survived([_one_fit(b, k, at_risk=True) for k in range(len(b.horizons))])


def by_horizon(b: Blocked) -> np.ndarray:
    """One model a horizon; a longer one may contradict a shorter one."""
    return np.column_stack([_one_fit(b, k, at_risk=False) for k in range(len(b.horizons))])


def by_horizon_in_order(b: Blocked) -> np.ndarray:
    """The same, each raised to the one before where it is lower."""
    return np.asarray(np.maximum.accumulate(by_horizon(b), axis=1))


def stacked_hazards(b: Blocked) -> np.ndarray:
    """One model of all intervals, with the interval as an input, on whoever is still at risk."""
    return _survived(_stacked(b, at_risk=True, directions={}))


def stacked_monotone(b: Blocked) -> np.ndarray:
    """One model of all horizons, with the horizon as an input that may only raise the forecast.

    The order is restored after calibration, which is fitted at each horizon.
    """
    found = np.column_stack(_stacked(b, at_risk=False, directions={_ORDER: 1}))
    return np.asarray(np.maximum.accumulate(found, axis=1))


def _stacked(b: Blocked, at_risk: bool, directions: dict[str, int]) -> list[np.ndarray]:
    places = range(len(b.horizons))

    def mask(name: str, k: int) -> np.ndarray:
        return b.at_risk(name, k) if at_risk else np.ones(len(b.labels[name]), dtype=bool)

    def rows(name: str, k: int, chosen: np.ndarray) -> pd.DataFrame:
        return _rows(b, name, chosen).assign(**{_ORDER: float(k)})

    train = [(k, mask("train", k)) for k in places]
    model = b.model(directions).fit(
        pd.concat([rows("train", k, m) for k, m in train], ignore_index=True),
        np.concatenate([b.labels["train"][m, k] for k, m in train]),
        np.concatenate([b.accounts["train"][m] for _, m in train]),
    )
    found = []
    for k in places:
        m = mask("calibration", k)
        margins = model.decision_function(rows("calibration", k, m))
        calibration = fit_map("logistic", margins, b.labels["calibration"][m, k], b.accounts["calibration"][m])
        everyone = np.ones(len(b.parts["holdout"]), dtype=bool)
        found.append(sigmoid(calibration.map.log_odds(model.decision_function(rows("holdout", k, everyone)))))
    return found


def _rows(b: Blocked, name: str, chosen: np.ndarray) -> pd.DataFrame:
    return b.parts[name].iloc[np.flatnonzero(chosen)].reset_index(drop=True)


def _survived(found: list[np.ndarray]) -> np.ndarray:
    return 1 - np.cumprod(1 - np.column_stack(found), axis=1)


def _alone(way: Callable[[Blocked], np.ndarray]) -> Callable[[Blocked], np.ndarray]:
    def limited(blocked: Blocked) -> np.ndarray:
        with threadpool_limits(1, user_api="blas"):
            return way(blocked)

    return limited


WAYS: dict[str, Callable[[Blocked], np.ndarray]] = {
    "hazards": _alone(hazards),
    "one model a horizon, as they come": _alone(by_horizon),
    "one model a horizon, in order": _alone(by_horizon_in_order),
    "stacked hazards": _alone(stacked_hazards),
    "stacked, horizon monotone": _alone(stacked_monotone),
}
