"""The reliability plot: each horizon's holdout labels and probabilities in, one figure a person can read out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.ticker import MaxNLocator, MultipleLocator, PercentFormatter, StrMethodFormatter

from training.evaluation import bin_of
from training.plots.style import picture
from training.resampling import perfect_labels

__all__ = ["Panel", "plot_horizons", "plot_reliability", "reliability_figure"]

_INK, _QUIET, _GRID = "#1f2933", "#7b8794", "#e4e7eb"
_COLOURS, _MARKERS = ("#0b6e99", "#d9822b"), ("o", "s")
_DPI = 130
_DRAWS = 400
_EVENTS_A_BIN = 5
_FEW = 20
_STEPS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
_DONE = {"churn": "churned", "expansion": "expanded"}


@dataclass(frozen=True)
class Panel:
    """One horizon of an outcome.

    Parameters
    ----------
    horizon : in days.
    labels : (n,) of 0 and 1.
    predictions : by model, (n,) probabilities, of one or two models; the first is the one judged.
    accounts, as_of : (n,).
    note : what to say beside the horizon, such as "not validated in time".
    """

    horizon: int
    labels: np.ndarray
    predictions: Mapping[str, np.ndarray]
    accounts: np.ndarray
    as_of: np.ndarray
    note: str = ""


def plot_reliability(
    path: Path,
    labels: np.ndarray,
    predictions: Mapping[str, np.ndarray],
    accounts: np.ndarray,
    as_of: np.ndarray,
    horizon: int,
    seed: int = 20240229,
) -> None:
    """Draw one horizon of churn; see `plot_horizons`."""
    plot_horizons(path, [Panel(horizon, labels, predictions, accounts, as_of)], seed=seed)


def plot_horizons(path: Path, panels: Sequence[Panel], *, outcome: str = "churn", seed: int = 20240229) -> None:
    """Write `reliability_figure` as a PNG.

    Raises
    ------
    ValueError : there is no panel, or one has no rows.
    """
    reliability_figure(panels, outcome=outcome, seed=seed).savefig(path, dpi=_DPI, metadata={"Software": ""})


def reliability_figure(panels: Sequence[Panel], *, outcome: str = "churn", seed: int = 20240229) -> Figure:
    """Draw what was observed against what was forecast, one panel a horizon, in bins of equal size.

    Around each diagonal stands the band in which 90 % of the judged model's bins would fall if it were
    perfectly calibrated, and below it the distribution of its probabilities. There are ten bins, or fewer (at
    least two) where they would hold under five events each. Every panel has its own scale: horizons differ
    tenfold in their base rates.

    Raises
    ------
    ValueError : there is no panel, or one has no rows.
    """
    if not panels or any(len(panel.labels) == 0 for panel in panels):
        raise ValueError("A reliability plot needs rows at every horizon it shows.")
    across = {1: 1, 2: 2, 4: 2}.get(len(panels), 3)
    down = -(-len(panels) // across)
    alone = len(panels) == 1
    width, height = (7.2, 6.6) if alone else (5.3 * across, 5.2 * down)
    # A long name of a model breaks the legend in two lines.
    lines = 2 if alone or sum(len(name) for name in panels[0].predictions) > 10 * across else 1
    head = 0.85 + 0.2 * lines  # inches for title, subtitle and legend
    figure = picture(width, height + head, placed=True)
    left, right = 0.8 / width, 1 - 0.25 / width
    grid = figure.add_gridspec(
        down, across, left=left, right=right, top=1 - (head + 0.4) / (height + head), bottom=0.55 / (height + head),
        wspace=0.27, hspace=0.26,
    )  # fmt: skip
    drawn: dict[str, Artist] = {}
    for number, panel in enumerate(panels):
        axes = _panel(figure, grid[number // across, number % across], panel, outcome, seed, number % across == 0)
        handles, names = axes.get_legend_handles_labels()
        drawn |= dict(zip(names, handles, strict=True))
    top = figure.get_figheight()
    figure.text(
        left, 1 - 0.3 / top, "Does one in five mean one in five?", fontsize=13.5, fontweight="bold", color=_INK,
        va="center",
    )  # fmt: skip
    figure.text(
        left, 1 - 0.58 / top, f"The share that {_DONE.get(outcome, outcome)} on the holdout against the forecast, in "
        "bins of equal size", fontsize=9.5, color=_QUIET, va="center",
    )  # fmt: skip
    figure.legend(
        list(drawn.values()), list(drawn), loc="upper left", bbox_to_anchor=(left, 1 - 0.74 / top), borderaxespad=0,
        ncols=2 if lines == 2 else len(drawn), frameon=False, fontsize=9.5, handlelength=1.8, borderpad=0,
        columnspacing=1.6,
    )  # fmt: skip
    figure.align_ylabels()
    return figure


def _panel(figure: Figure, place: SubplotSpec, panel: Panel, outcome: str, seed: int, leftmost: bool) -> Axes:
    inner = place.subgridspec(2, 1, height_ratios=(4.6, 1), hspace=0.09)
    upper, lower = figure.add_subplot(inner[0]), figure.add_subplot(inner[1])
    first, done = next(iter(panel.predictions)), _DONE.get(outcome, outcome)
    p = panel.predictions[first]
    events = int(np.sum(panel.labels))
    bins = int(np.clip(min(events, len(panel.labels) - events) // _EVENTS_A_BIN, 2, 10))
    points = {name: _points(panel.labels, q, bins) for name, q in panel.predictions.items()}
    expected, low, high = _band(p, panel, bins, seed)
    top = 1.05 * max(float(high.max()), *(float(max(x.max(), y.max())) for x, y in points.values()))
    top = min(max(top, 0.02), 1.0)
    # A constant forecast has one bin, and a band needs a width.
    half = 0.012 * top if len(expected) == 1 else 0
    upper.fill_between(
        np.concatenate([expected - half, expected + half]) if half else expected,
        np.tile(low, 2) if half else low, np.tile(high, 2) if half else high,
        color=_COLOURS[0], alpha=0.13, linewidth=0,
        label=f"where 90 % of bins fall, if the {first} is right",
    )  # fmt: skip
    upper.plot([0, top], [0, top], color=_QUIET, linewidth=1, linestyle=(0, (4, 3)), label="forecast = observed")
    for (name, (x, y)), colour, marker in zip(points.items(), _COLOURS, _MARKERS, strict=False):
        upper.plot(
            x, y, color=colour, marker=marker, markersize=6.5 if name == first else 5, label=name,
            linewidth=1.8 if name == first else 1.1, alpha=1.0 if name == first else 0.85, clip_on=False, zorder=3,
        )  # fmt: skip
    lower.hist(np.clip(p, 0, top), bins=np.linspace(0, top, 41).tolist(), color=_COLOURS[0], alpha=0.75)
    beyond = float(np.mean(p > top))
    note = f" ({100 * beyond:.1f} % lie beyond, in the last bar)" if beyond > 0 else ""
    lower.set(xlim=(0, top), xlabel=f"forecast probability{note}")
    upper.set(xlim=(0, top), ylim=(0, top))
    if leftmost:
        upper.set_ylabel(f"observed share that {done}")
        lower.set_ylabel("rows")
    upper.tick_params(labelbottom=False)
    step = next((step for step in _STEPS if top / step <= 6), _STEPS[-1])
    percent = PercentFormatter(1.0, decimals=0 if step >= 0.01 else 1)
    for axes in (upper, lower):
        axes.grid(color=_GRID, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.tick_params(colors=_INK, labelsize=9, length=0)
        axes.xaxis.label.set_color(_INK)
        axes.yaxis.label.set_color(_INK)
        axes.xaxis.set_major_locator(MultipleLocator(step))
        axes.xaxis.set_major_formatter(percent)
        for side in axes.spines.values():
            side.set_color(_GRID)
    upper.yaxis.set_major_locator(MultipleLocator(step))
    upper.yaxis.set_major_formatter(percent)
    lower.yaxis.set_major_locator(MaxNLocator(2, integer=True))
    lower.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    upper.set_title(
        f"Within {panel.horizon} days" + (f", {panel.note}" if panel.note else ""),
        loc="left", fontsize=11, fontweight="bold", color=_INK, pad=20,
    )  # fmt: skip
    happened = int(np.unique(np.asarray(panel.accounts)[np.asarray(panel.labels) == 1]).size)
    said = f"{len(panel.labels):,} rows, {np.unique(panel.accounts).size:,} accounts, {happened:,} of them {done}"
    said += ": too few to say much" if happened < _FEW else ""
    upper.text(0, 1.02, said, transform=upper.transAxes, fontsize=9, color=_QUIET)
    return upper


def _points(labels: np.ndarray, p: np.ndarray, bins: int) -> tuple[np.ndarray, np.ndarray]:
    member = bin_of(p, bins)
    rows = np.bincount(member)
    return np.bincount(member, weights=p) / rows, np.bincount(member, weights=labels) / rows


def _band(p: np.ndarray, panel: Panel, bins: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    member = bin_of(p, bins)
    rows = np.bincount(member)
    drawn = perfect_labels(p, panel.accounts, panel.as_of, panel.horizon, _DRAWS, seed)
    shares = [np.bincount(member, weights=labels) / rows for labels in drawn]
    low, high = np.quantile(shares, [0.05, 0.95], axis=0)
    return np.bincount(member, weights=p) / rows, low, high
