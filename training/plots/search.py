"""The search for a recipe: its trials in; how it went, and what the settings tried have to do with it, out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from training.plots.style import BLUE, GRID, INK, ORANGE, PALE, QUIET, headed, picture, quiet, spaced

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["search_history", "search_slices"]

_PARAM = "param_"


def search_history(trials: pd.DataFrame, measure: str = "log loss") -> Figure:
    """The value of each trial and the best so far; trials that were stopped early are marked below.

    Parameters
    ----------
    trials : number, state ("complete", "pruned", or any other), value (less is better; NaN where there is none).
    measure : what the value is.
    """
    from matplotlib.ticker import MaxNLocator

    table = trials.sort_values("number", kind="stable")
    complete, stopped = _complete(table), table[table["state"] == "pruned"]
    figure = picture(8, 3.9)
    axes = figure.add_subplot()
    quiet(axes, "y")
    values = complete["value"].to_numpy(dtype=np.float64)
    numbers = complete["number"].to_numpy()
    low, high = _span(values)
    rug = low - 0.2 * (high - low)
    if len(values):
        shown = np.minimum(values, high)
        best = np.minimum.accumulate(values)
        axes.step(numbers, np.minimum(best, high), where="post", color=BLUE, linewidth=2, solid_capstyle="butt")
        axes.scatter(numbers, shown, s=26, color=PALE, edgecolor=QUIET, linewidth=0.7, zorder=3)
        beyond = values > high
        axes.scatter(numbers[beyond], shown[beyond], s=40, marker="^", color=QUIET, zorder=4)
        first = int(np.argmin(values))
        axes.scatter(numbers[first], values[first], s=64, color=BLUE, zorder=5)
        left = numbers[first] > numbers.mean()
        axes.annotate(
            f"trial {numbers[first]}: {values[first]:.4f}", (numbers[first], values[first]), color=BLUE, fontsize=9.5,
            fontweight="bold", xytext=(-8 if left else 8, -11), textcoords="offset points",
            ha="right" if left else "left", va="center",
        )  # fmt: skip
    if len(stopped):
        axes.scatter(stopped["number"], np.full(len(stopped), rug), marker="|", s=60, color=ORANGE, linewidth=1.6)
        axes.annotate(
            "stopped early", (1, rug), xycoords=("axes fraction", "data"), xytext=(5, 0), textcoords="offset points",
            color=ORANGE, fontsize=9, va="center", annotation_clip=False,
        )  # fmt: skip
    axes.set_ylim(low - 0.28 * (high - low), high + 0.06 * (high - low))
    if len(table):
        axes.set_xlim(table["number"].min() - 0.7, max(table["number"].max(), table["number"].min() + 4) + 0.7)
    axes.xaxis.set_major_locator(MaxNLocator(10, integer=True))
    axes.set(xlabel="trial", ylabel=f"{measure}, less is better")
    if not len(values):
        axes.set_yticks([])
    headed(figure, _headline(values, measure), _course(table, complete, stopped, bool((values > high).any())))
    return figure


def search_slices(
    trials: pd.DataFrame, importance: Mapping[str, float] | None = None, measure: str = "log loss"
) -> Figure:
    """One panel a setting: the value of each complete trial against what it tried; the best is marked.

    Parameters
    ----------
    trials : as of `search_history`, with a column param_<name> for each setting.
    importance : by setting, the share of the differences between trials that it explains; the panels come in its
        order and tell it.
    """
    table = _complete(trials)
    names = [str(c).removeprefix(_PARAM) for c in trials.columns if str(c).startswith(_PARAM)]
    told = dict(importance or {})
    names.sort(key=lambda name: -told.get(name, -1.0))
    across = min(max(len(names), 1), 3)
    down = max(-(-len(names) // across), 1)
    figure = picture(8, 0.95 + 2.15 * down)
    values = table["value"].to_numpy(dtype=np.float64)
    low, high = _span(values)
    first = int(np.argmin(values)) if len(values) else None
    for number, name in enumerate(names):
        axes = figure.add_subplot(down, across, number + 1)
        quiet(axes, "y")
        _slice(axes, table[_PARAM + name], np.minimum(values, high), first)
        axes.set_ylim(low - 0.08 * (high - low), high + 0.06 * (high - low))
        share = f"  {100 * told[name]:.0f} %" if name in told else ""
        axes.set_title(name.replace("_", " ") + share, loc="left", fontsize=10, fontweight="bold", color=INK)
        if number % across:
            axes.tick_params(labelleft=False)
        else:
            axes.set_ylabel(measure)
    spaced(figure, wspace=0.05, hspace=0.07)
    said = f"Each dot is one of {len(table)} finished trials; the best is orange"
    said += "; beside a name, how much of the differences it explains" if told else ""
    headed(figure, f"What the {measure} has to do with each setting", said)
    return figure


def _slice(axes: Axes, column: pd.Series, values: np.ndarray, best: int | None) -> None:
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

    numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    is_number = column.dtype != bool and bool(np.isfinite(numbers).any())
    if is_number:
        there = numbers[np.isfinite(numbers)]
        x = numbers
        if there.min() > 0 and there.max() / there.min() >= 20:
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(numticks=4))
            axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            axes.xaxis.set_minor_formatter(NullFormatter())
            axes.tick_params(which="minor", length=0)
        else:
            axes.xaxis.set_major_locator(MaxNLocator(4, integer=bool(np.all(there == np.round(there)))))
    else:
        texts = column.astype(str)
        kinds = sorted(texts.unique())
        x = texts.map({kind: float(place) for place, kind in enumerate(kinds)}).to_numpy(dtype=np.float64)
        axes.set_xticks(range(len(kinds)), kinds)
        axes.set_xlim(-0.6, max(len(kinds) - 0.4, 0.6))
    axes.scatter(x, values, s=20, color=BLUE, alpha=0.55, linewidth=0)
    if best is not None:
        axes.scatter(x[best], values[best], s=58, color=ORANGE, edgecolor="white", linewidth=0.8, zorder=4)
    axes.axhline(values.min() if len(values) else 0, color=GRID, linewidth=1, zorder=0)


def _complete(trials: pd.DataFrame) -> pd.DataFrame:
    values = pd.to_numeric(trials["value"], errors="coerce")
    return trials[(trials["state"] == "complete") & np.isfinite(values)].reset_index(drop=True)


def _span(values: np.ndarray) -> tuple[float, float]:
    """The values to show: a few hopeless trials must not press all others into a line."""
    if not len(values):
        return 0.0, 1.0
    low, middle, high = float(values.min()), float(np.median(values)), float(values.max())
    high = min(high, middle + 3 * max(middle - low, 1e-12)) if len(values) > 2 else high
    return low, high if high - low > 1e-9 else low + 0.01 * max(abs(low), 1e-3)


def _headline(values: np.ndarray, measure: str) -> str:
    if not len(values):
        return "No trial has finished yet"
    if len(values) == 1:
        return f"One trial has finished, with a {measure} of {values[0]:.4f}"
    gain = float(values[0] - values.min())
    if gain <= 0:
        return "No trial did better than the first"
    return f"The search took {gain:.4f} off the first trial's {measure}"


def _course(table: pd.DataFrame, complete: pd.DataFrame, stopped: pd.DataFrame, cut: bool) -> str:
    said = f"{len(table):,} {'trial' if len(table) == 1 else 'trials'}: {len(complete):,} finished"
    said += f", {len(stopped):,} stopped early because what they showed was already worse" if len(stopped) else ""
    rest = len(table) - len(complete) - len(stopped)
    said += f", {rest:,} without a value" if rest else ""
    return said + (
        ". The line is the best so far; triangles lie above the picture." if cut else ". The line is the best so far."
    )
