"""Chance: what right probabilities would show by luck alone; calibration errors, and slices that look off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from training.evaluation.figures import Figure
from training.evaluation.losses import bin_of
from training.evaluation.slices import Cut

__all__ = ["ByChance", "by_chance"]


@dataclass(frozen=True)
class ByChance:
    """What labels drawn from the probabilities themselves would have shown.

    Parameters
    ----------
    perfect : by model, mean, 5th and 95th percentile of the calibration error.
    slices : by column, (slices,) how often any slice of any column would be as far off as this one is.
    """

    perfect: dict[str, Figure]
    slices: dict[str, np.ndarray]


def by_chance(
    labels: np.ndarray,
    predictions: Mapping[str, np.ndarray],
    model: str,
    draws: np.ndarray | None,
    cuts: Mapping[str, Cut],
    uniforms: Iterator[np.ndarray],
) -> ByChance:
    """Draw labels from (n,) uniform numbers again and again, the same ones for every model.

    Notes
    -----
    Each slice's |observed - expected| is measured by its spread over the draws and set beside the largest of
    all slices in every draw (the single-step maxT of Westfall and Young 1993, section 2.8). Slices that
    overlap, as segments and terms do, are then not paid for twice. Where `draws` holds the model's
    calibration error, (m, n), the slices' labels are drawn with it; the calibration error of a perfectly
    calibrated model is without it.
    """
    bins = {name: bin_of(p) for name, p in predictions.items()}
    errors: dict[str, list[float]] = {name: [] for name in predictions}
    luck = []
    for number, uniform in enumerate(uniforms):
        for name, p in predictions.items():
            excess = np.bincount(bins[name], weights=p - (uniform < p))
            errors[name].append(float(np.abs(excess).sum() / len(p)))
        if cuts:
            truth = predictions[model] if draws is None else draws[number % len(draws)]
            luck.append(_excess(uniform < truth, predictions[model], cuts))
    perfect = {}
    for name, found in errors.items():
        low, high = (float(q) for q in np.quantile(found, [0.05, 0.95]))
        perfect[name] = Figure(float(np.mean(found)), low, high)
    return ByChance(perfect, _as_far(labels, predictions[model], cuts, np.array(luck)) if cuts else {})


def _excess(labels: np.ndarray, p: np.ndarray, cuts: Mapping[str, Cut]) -> np.ndarray:
    return np.concatenate([np.bincount(cut.member, weights=labels - p) for cut in cuts.values()])


def _as_far(labels: np.ndarray, p: np.ndarray, cuts: Mapping[str, Cut], luck: np.ndarray) -> dict[str, np.ndarray]:
    # Where hardly anyone is expected to churn the draws may hold no event at all, but their spread is known.
    floor = np.concatenate([np.bincount(cut.member, weights=p * (1 - p)) for cut in cuts.values()])
    spread = np.sqrt(np.maximum((luck**2).mean(axis=0), floor))
    largest = np.sort((np.abs(luck) / spread).max(axis=1))
    # An excess that only rounding sets apart is as far.
    far = np.abs(_excess(labels, p, cuts)) / spread * (1 - 1e-9)
    share = (1 + len(largest) - np.searchsorted(largest, far)) / (1 + len(largest))
    borders = np.cumsum([len(cut.slices) for cut in cuts.values()])[:-1]
    return dict(zip(cuts, np.split(share, borders), strict=True))
