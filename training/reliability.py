"""The reliability plot: holdout labels and two models' probabilities in, one PNG a person can read out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from training.evaluation import bin_of
from training.resampling import perfect_labels

__all__ = ["plot_reliability"]

_INK, _QUIET, _GRID = "#1f2933", "#7b8794", "#e4e7eb"
_COLOURS = ("#0b6e99", "#d9822b")
_DRAWS = 400


def plot_reliability(
    path: Path,
    labels: np.ndarray,
    predictions: Mapping[str, np.ndarray],
    accounts: np.ndarray,
    as_of: np.ndarray,
    horizon: int,
    seed: int = 20240229,
) -> None:
    """Draw observed churn against forecast in ten equal-mass bins, for one or two models.

    The first model is the one judged: around the diagonal stands the band in which 90 % of its bins would
    fall if it were perfectly calibrated, and below the distribution of its probabilities.
    """
    # Figure without pyplot: no global state and no display, whatever backend the caller's notebook uses.
    figure = Figure(figsize=(7.2, 7.4), dpi=130, facecolor="white")
    grid = figure.add_gridspec(2, 1, height_ratios=(4.6, 1), hspace=0.09)
    upper, lower = figure.add_subplot(grid[0]), figure.add_subplot(grid[1])
    points = {name: _points(labels, p) for name, p in predictions.items()}
    first = next(iter(predictions))
    expected, low, high = _band(predictions[first], accounts, as_of, horizon, seed)
    top = 1.05 * max(float(high.max()), *(float(max(x.max(), y.max())) for x, y in points.values()))
    top = min(max(top, 0.02), 1.0)
    upper.fill_between(
        expected, low, high, color=_COLOURS[0], alpha=0.13, linewidth=0,
        label=f"where 90 % of a perfectly calibrated {first}'s bins would fall",
    )  # fmt: skip
    upper.plot([0, top], [0, top], color=_QUIET, linewidth=1, linestyle=(0, (4, 3)), label="forecast = observed")
    for (name, (x, y)), colour, marker in zip(points.items(), _COLOURS, ("o", "s"), strict=False):
        upper.plot(
            x, y, color=colour, marker=marker, markersize=6.5 if name == first else 5,
            linewidth=1.8 if name == first else 1.1, label=name, alpha=1.0 if name == first else 0.85,
        )  # fmt: skip
    upper.set(xlim=(0, top), ylim=(0, top), ylabel=f"observed share that churned within {horizon} days")
    upper.tick_params(labelbottom=False)
    upper.legend(loc="upper left", frameon=False, fontsize=9.5)
    lower.hist(
        np.clip(predictions[first], 0, top), bins=np.linspace(0, top, 41).tolist(), color=_COLOURS[0], alpha=0.75
    )
    beyond = float(np.mean(predictions[first] > top))
    note = f" ({beyond:.1%} lie beyond, in the last bar)" if beyond > 0 else ""
    lower.set(xlim=(0, top), xlabel=f"forecast probability of churn within {horizon} days{note}", ylabel="rows")
    for axes in (upper, lower):
        axes.grid(color=_GRID, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.tick_params(colors=_INK, labelsize=9.5, length=0)
        axes.xaxis.set_major_formatter(PercentFormatter(1.0))
        for side in axes.spines.values():
            side.set_color(_GRID)
    upper.yaxis.set_major_formatter(PercentFormatter(1.0))
    upper.set_title(
        "Does one in five mean one in five?", loc="left", fontsize=13.5, fontweight="bold", color=_INK, pad=24
    )
    churned = int(np.unique(np.asarray(accounts)[np.asarray(labels) == 1]).size)
    upper.text(
        0, 1.02, f"Holdout: {len(labels):,} rows, {np.unique(accounts).size:,} accounts, {churned:,} of them churned; "
        "ten bins of equal size",
        transform=upper.transAxes, fontsize=9.5, color=_QUIET,
    )  # fmt: skip
    figure.savefig(path, bbox_inches="tight", metadata={"Software": ""})


def _points(labels: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    member = bin_of(p)
    rows = np.bincount(member)
    return np.bincount(member, weights=p) / rows, np.bincount(member, weights=labels) / rows


def _band(
    p: np.ndarray, accounts: np.ndarray, as_of: np.ndarray, horizon: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    member = bin_of(p)
    rows = np.bincount(member)
    shares = [
        np.bincount(member, weights=drawn) / rows for drawn in perfect_labels(p, accounts, as_of, horizon, _DRAWS, seed)
    ]
    low, high = np.quantile(shares, [0.05, 0.95], axis=0)
    return np.bincount(member, weights=p) / rows, low, high
