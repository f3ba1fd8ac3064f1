"""Hazards: labelled rows of every horizon in; one fitted, calibrated hazard model an interval, as a kernel, out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from training.calibration import MapFit, coefficient_draws, fit_map
from training.calibration.choice import CalibrationChoice, choose
from training.dataset import Dataset, Labelled
from training.encoding import RowEncoder, category_columns
from training.forest import grow
from training.kernel import Interval, Kernel
from training.model import BoostedTrees
from training.parts import fit_shares
from training.ratios import fit_ratios
from training.recipe import Recipe
from training.timing import renewal_shares
from training.words import words_of

__all__ = ["FittedHazards", "Learning", "at_risk", "fit_hazards", "joint_covariance", "trees_of"]


@dataclass(frozen=True)
class Learning:
    """What the model of one horizon may learn from: its trees from `train`, its calibration from `calibration`."""

    train: Labelled
    calibration: Labelled


@dataclass(frozen=True)
class FittedHazards:
    """A fitted model of one outcome.

    Parameters
    ----------
    kernel : scores and explains.
    calibrations : by horizon, how the interval that ends there was calibrated.
    trees : by horizon, how many trees its interval has.
    ratio_errors : by horizon, see `training.ratios.Ratios`; empty where the model tells no revenue.
    """

    kernel: Kernel
    calibrations: dict[int, CalibrationChoice]
    trees: dict[int, int]
    ratio_errors: dict[int, float]

    def drawn(self, labelled: Labelled, draws: int, seed: int) -> np.ndarray:
        """(draws, n) probabilities at the rows' horizon, as other calibration accounts would have made them."""
        last = self.kernel.place(labelled.horizon)
        fits = [self.calibrations[h].fit for h in self.kernel.horizons[: last + 1]]
        survival = np.ones((draws, len(labelled.rows)))
        for fit, coefficients, horizon in zip(
            fits, coefficient_draws(fits, draws, seed), self.kernel.horizons, strict=False
        ):
            log_odds = coefficients @ fit.map.basis(self.kernel.margins(labelled.rows, horizon)).T
            survival /= 1 + np.exp(np.clip(log_odds, -36, 36))
        return np.clip(1 - survival, 1e-12, 1 - 1e-12)


def fit_hazards(
    dataset: Dataset, outcome: str, learning: Mapping[int, Learning], recipe: Recipe, *, stepped: bool = False
) -> FittedHazards:
    """Fit one hazard model for each interval between the horizons that are given.

    Whoever it has happened to by the horizon before is not at risk in an interval, and its model does not learn from
    them: neither its trees nor its calibration.

    Parameters
    ----------
    learning : by horizon, in days.
    stepped : whether the calibrations are set beside isotonic and Venn-Abers, for the card.

    Raises
    ------
    TenureError : the calibration of an interval holds fewer than 20 accounts of either kind.
    ValueError : the training labels of an interval are not both 0 and 1.
    """
    horizons = sorted(learning)
    # Rows of the shortest horizon include those of all others, so its lists and typical values serve all.
    first = learning[horizons[0]].train
    names = recipe.inputs(first.rows.columns)
    categories = category_columns(first.rows[names])
    encoder = RowEncoder(categories).fit(first.rows[names])
    renewal = renewal_shares(dataset, learning) if outcome == "churn" else dict.fromkeys(horizons, 0.0)
    intervals: list[Interval] = []
    choices: dict[int, CalibrationChoice] = {}
    counts: dict[int, int] = {}
    for before, horizon in zip([None, *horizons], horizons, strict=False):
        train = at_risk(dataset, learning[horizon].train, before)
        trees = trees_of(recipe, recipe.directions(outcome, dataset.catalogue), names, categories)
        forest = grow(trees, encoder, train.rows, train.labels, train.accounts)
        later = at_risk(dataset, learning[horizon].calibration, before)
        choices[horizon] = calibrated(forest.margins(later.rows), later, recipe, stepped)
        counts[horizon] = forest.size
        chosen = choices[horizon].fit.map
        intervals.append(Interval(horizon, forest.text, forest.fills, chosen, None, renewal[horizon]))
    # What is good for staying is not what tells the two ways of leaving apart, so these trees may bend any way.
    shares = (
        fit_shares(dataset, learning, encoder, trees_of(recipe, {}, names, categories)) if outcome == "churn" else None
    )
    ratios = fit_ratios(dataset, learning, encoder, recipe.seed) if outcome == "churn" else None
    kernel = Kernel(
        [i._replace(share=shares.by_horizon[i.until]) for i in intervals] if shares else intervals,
        names,
        encoder.categories_,
        encoder.typical_,
        dataset.catalogue_hash,
        outcome,
        joint_covariance([choices[h].fit for h in horizons]).tolist(),
        shares.trees if shares else "",
        shares.fills if shares else None,
        ratios.trees if ratios else "",
        ratios.fills if ratios else None,
        ratios.by_horizon if ratios else None,
        words_of(dataset.catalogue, names),
    )
    return FittedHazards(kernel, choices, counts, ratios.errors if ratios else {})


def at_risk(dataset: Dataset, labelled: Labelled, before: int | None) -> Labelled:
    """The rows to which it has not happened by an earlier horizon."""
    if before is None:
        return labelled
    target = dataset.targets[labelled.outcome]
    return labelled.only(target.labels[labelled.place, target.place(before)] == 0)


def calibrated(margins: np.ndarray, later: Labelled, recipe: Recipe, stepped: bool = False) -> CalibrationChoice:
    """The calibration of one interval on its later block.

    Raises
    ------
    TenureError : the block holds fewer than 20 accounts to which it happened, or fewer than 20 others.
    """
    choice = choose(margins, later.labels, later.accounts, recipe.seed, stepped=stepped)
    if recipe.calibration == "auto" or choice.fit.method == recipe.calibration:
        return choice
    fit = fit_map(recipe.calibration, margins, later.labels, later.accounts)
    return CalibrationChoice(fit, choice.table, choice.churned, choice.stayed)


def joint_covariance(fits: Sequence[MapFit]) -> np.ndarray:
    """(P, P) of the coefficients of all fits; an account that is in several of them moves them together."""
    everyone = np.unique(np.concatenate([fit.accounts for fit in fits]))
    widths = [fit.influence.shape[1] for fit in fits]
    moved = np.zeros((len(everyone), sum(widths)))
    start = 0
    for fit, width in zip(fits, widths, strict=True):
        moved[np.searchsorted(everyone, fit.accounts), start : start + width] = fit.influence
        start += width
    return np.asarray(moved.T @ moved)


def trees_of(
    recipe: Recipe, directions: Mapping[str, int], names: Sequence[str], categories: Sequence[str]
) -> BoostedTrees:
    """Unfitted trees on these columns, bent the ways that `Recipe.directions` says."""
    return recipe.unfitted(
        categorical=[names.index(name) for name in categories],
        monotone=[0 if name in categories else directions.get(name, 0) for name in names],
        feature_names=list(names),
        seed=recipe.seed,
    )
