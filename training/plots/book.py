"""The whole book: what moves its probabilities, how a feature does so, and where the model is unsure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from training.plots.style import BLUE, INK, ORANGE, PALE, QUIET, headed, percent_axis, picture, quiet, signed, wrapped

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

__all__ = ["dependence", "importance_bars", "points_by_value", "unsure"]

_SHARES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 0.9)
_FACTORS = (1, 1.2, 1.5, 2, 3, 5, 10, 20, 50, 100)
_SPREAD = 0.36  # of a row's height, to either side of its middle


def importance_bars(table: pd.DataFrame, title: str, below: str = "") -> Figure:
    """By how many points each feature or dimension moves a probability, up or down, on average over a book.

    Parameters
    ----------
    table : name, value, low, high in shares of 1, the largest first; and dimension, to be told beside the name.
    """
    figure = picture(8, 1.25 + 0.3 * max(len(table), 1))
    axes = figure.add_subplot()
    quiet(axes, "x")
    place = np.arange(len(table))
    value = table["value"].to_numpy(dtype=np.float64)
    axes.barh(place, value, height=0.56, color=BLUE, alpha=0.85, linewidth=0)
    axes.hlines(place, table["low"], table["high"], color=INK, linewidth=1.3)
    names = [str(name).replace("_", " ") for name in table["name"]]
    if "dimension" in table.columns:
        names = [f"{name}  ·  {dimension}" for name, dimension in zip(names, table["dimension"], strict=True)]
    axes.set_yticks(place, names)
    ends = np.fmax(value, table["high"].to_numpy(dtype=np.float64))
    for y, (end, v) in enumerate(zip(ends, value, strict=True)):
        axes.annotate(f"{100 * v:.2f}", (end, y), xytext=(5, 0), textcoords="offset points", va="center", fontsize=9,
                      color=QUIET)  # fmt: skip
    axes.set_ylim(max(len(table), 1) - 0.4, -0.6)
    axes.set_xlim(0, 1.14 * max(float(np.nanmax(ends)) if len(ends) else 0.0, 1e-6))
    percent_axis(axes, "x", 5, points=True)
    axes.set_xlabel("percentage points up or down, on average")
    headed(figure, title, f"{below}\nThe line is a 90 % interval from resampling the accounts.".strip())
    return figure


def points_by_value(points: pd.DataFrame, values: pd.DataFrame, title: str, below: str = "") -> Figure:
    """Every account's points of several features; the colour is where the account's value stands among all.

    Parameters
    ----------
    points : (n, k) shares of probability, a column a feature, the first at the top.
    values : (n, k) of the same features; categories and gaps are grey.
    """
    names = [str(name) for name in points.columns]
    figure = picture(8, 1.6 + 0.42 * max(len(names), 1))
    axes = figure.add_subplot()
    quiet(axes, "x")
    axes.axvline(0, color=QUIET, linewidth=1, zorder=1)
    drawn = None
    for place, name in enumerate(names):
        x = points[name].to_numpy(dtype=np.float64)
        column = values[name] if name in values.columns else pd.Series(np.nan, index=points.index)
        number = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        rank = pd.Series(number).rank(pct=True).to_numpy(dtype=np.float64)
        y = place + _SPREAD * _swarm(x)
        gap = np.isnan(rank)
        axes.scatter(x[gap], y[gap], s=7, color=PALE, linewidth=0, zorder=2)
        drawn = axes.scatter(x[~gap], y[~gap], s=7, c=rank[~gap], cmap=_ramp(), vmin=0, vmax=1, linewidth=0, zorder=3)
    axes.set_yticks(range(len(names)), [name.replace("_", " ") for name in names])
    axes.set_ylim(max(len(names), 1) - 0.4, -0.6)
    axes.set_xlabel("lowers the probability  \N{LEFTWARDS ARROW}  percentage points  \N{RIGHTWARDS ARROW}  raises it")
    percent_axis(axes, "x", 6, points=True)
    if drawn is not None:
        bar = figure.colorbar(drawn, ax=axes, fraction=0.025, aspect=30, pad=0.01, ticks=[0.02, 0.98])
        bar.ax.set_yticklabels(["low value", "high value"], fontsize=9, color=INK)
        bar.ax.tick_params(length=0)
        bar.outline.set_visible(False)
    headed(figure, title, below)
    return figure


def dependence(values: pd.Series, points: np.ndarray, title: str, below: str = "", label: str = "") -> Figure:
    """What a feature adds to each account's probability, against its value, with the median along the way.

    Parameters
    ----------
    values : (n,) numbers or categories.
    points : (n,) shares of probability.
    label : the feature and its unit.
    """
    figure = picture(8, 3.9)
    axes = figure.add_subplot()
    quiet(axes, "y")
    axes.axhline(0, color=QUIET, linewidth=1, zorder=1)
    y = np.asarray(points, dtype=np.float64)
    number = pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    there = np.isfinite(number)
    said = below
    if there.any():
        x, shown = number[there], y[there]
        far = float(np.quantile(x, 0.99))
        axes.scatter(np.minimum(x, far), shown, s=11, color=BLUE, alpha=0.3, linewidth=0, zorder=2)
        for begin, end, middle in _medians(np.minimum(x, far), shown):
            axes.plot([begin, end], [middle] * 2, color=INK, linewidth=2.2, zorder=4, solid_capstyle="round")
        if (x > far).any():
            said += f"\nThe highest 1 % of values are drawn at {far:,.4g}."
        if not there.all():
            said += f"\nWithout a value: {signed(100 * float(np.median(y[~there])), 1)} points for the middle account."
    else:
        kinds = sorted({str(v) for v in values.dropna()}) or ["no value"]
        for place, kind in enumerate(kinds):
            some = y[(values.astype(object).map(str) == kind).to_numpy()] if kind != "no value" else y
            axes.scatter(place + 0.3 * _swarm(some), some, s=11, color=BLUE, alpha=0.3, linewidth=0, zorder=2)
            if len(some):
                axes.plot([place - 0.3, place + 0.3], [np.median(some)] * 2, color=INK, linewidth=2, zorder=4)
        axes.set_xticks(range(len(kinds)), [wrapped(kind, 16) for kind in kinds])
    axes.set(xlabel=label, ylabel="percentage points")
    percent_axis(axes, "y", 5, points=True)
    headed(figure, title, said.strip())
    return figure


def unsure(table: pd.DataFrame, title: str, below: str = "") -> Figure:
    """How far a probability may be off, in the calibration's eyes and in the trees', against the probability.

    Parameters
    ----------
    table : probability, calibration_error, trees_error (both standard errors in log-odds), outside (how many values lie
        beyond what the model has learned from).
    """
    figure = picture(8, 4.2)
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    p = table["probability"].to_numpy(dtype=np.float64)
    outside = table["outside"].to_numpy() > 0
    heads = {
        "calibration_error": "Calibration: few had this risk",
        "trees_error": "Trees: the averaged forests disagree",
    }
    factors = []
    for axes, (column, head) in zip(panels, heads.items(), strict=True):
        quiet(axes, "both")
        factor = np.exp(1.645 * table[column].to_numpy(dtype=np.float64))
        factors.append(factor[np.isfinite(factor)])
        axes.scatter(p[~outside], factor[~outside], s=10, color=BLUE, alpha=0.35, linewidth=0)
        axes.scatter(p[outside], factor[outside], s=13, color=ORANGE, alpha=0.8, linewidth=0)
        axes.set_title(head, loc="left", fontsize=10.5, fontweight="bold", color=INK)
        axes.set_xlabel("probability")
        if np.isfinite(factor).any():
            middle = float(np.nanmedian(factor))
            axes.axhline(middle, color=INK, linewidth=1, linestyle=(0, (4, 3)))
            axes.annotate(f"half lie below {middle:.2f}", (1, middle), xycoords=("axes fraction", "data"), ha="right",
                          xytext=(0, 3), textcoords="offset points", fontsize=9, color=INK, va="bottom",
                          bbox={"color": "white", "alpha": 0.75, "pad": 1})  # fmt: skip
    left = panels[0]
    if (p > 0).any():
        _log_axis(left, "x", float(p.min()), float(p.max()), _SHARES, lambda value: f"{100 * value:g} %")
    top = max((float(f.max()) for f in factors if len(f)), default=1.0)
    _log_axis(left, "y", 1.0, max(top, 1.5), _FACTORS, lambda value: f"{value:g}")
    left.set_ylim(1, 1.08 * max(top, 1.5))
    left.set_ylabel("the odds may be off by a factor of")
    panels[1].tick_params(which="minor", length=0)
    if outside.any():
        below += f"\nOrange: {int(outside.sum()):,} accounts with a value beyond all that the model has learned from."
    headed(figure, title, below)
    return figure


def _log_axis(
    axes: Axes,
    which: Literal["x", "y"],
    low: float,
    high: float,
    marks: tuple[float, ...],
    text: Callable[[float], str],
) -> None:
    """A logarithmic axis with only those marks that lie about its values."""
    from matplotlib.ticker import FixedLocator, NullFormatter

    axis = axes.xaxis if which == "x" else axes.yaxis
    (axes.set_xscale if which == "x" else axes.set_yscale)("log")
    axis.set_major_locator(FixedLocator([mark for mark in marks if low / 2 < mark < 2 * high]))
    axis.set_major_formatter(lambda value, _: text(value))
    axis.set_minor_formatter(NullFormatter())
    axes.tick_params(which="minor", length=0)


def _medians(x: np.ndarray, y: np.ndarray, bins: int = 16) -> list[tuple[float, float, float]]:
    """Where bins of about equal size along x begin and end, and the middle of y in each."""
    edges = np.unique(np.quantile(x, np.linspace(0, 1, bins + 1)))
    member = np.searchsorted(edges[1:-1], x, side="left")
    found = [(x[member == k], float(np.median(y[member == k]))) for k in np.unique(member)]
    return [(float(some.min()), float(some.max()), middle) for some, middle in found]


def _swarm(x: np.ndarray) -> np.ndarray:
    """(n,) places from -1 to 1 that spread dots where many share an x; the same dots give the same places."""
    if not len(x):
        return np.zeros(0)
    low, high = float(np.nanmin(x)), float(np.nanmax(x))
    member = np.floor(60 * (x - low) / (high - low)).astype(int) if high > low else np.zeros(len(x), dtype=int)
    counts = np.bincount(member)
    place = np.zeros(len(x))
    for k in np.flatnonzero(counts):
        inside = np.flatnonzero(member == k)
        order = np.arange(len(inside)) - (len(inside) - 1) / 2
        place[inside] = order / max(counts.max() / 2, 6)
    return np.clip(place, -1, 1)


def _ramp() -> Colormap:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("low to high", [BLUE, "#b8c4cc", ORANGE])
