"""Two recipes on the same rows: their paired difference at each horizon."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from training.plots.style import BLUE, INK, ORANGE, PALE, QUIET, headed, picture, quiet, signed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["paired_differences"]


def paired_differences(
    table: pd.DataFrame, title: str, below: str = "", *, better: str = "the new one is better",
    worse: str = "the new one is worse", label: str = "difference in log loss",
) -> Figure:  # fmt: skip
    """The difference of two recipes with its interval, a row a horizon or group; below 0 the new one is better.

    Parameters
    ----------
    table : name, value, low, high; and margin, how much worse is still allowed, where there is such a bound.
    """
    figure = picture(8, 1.75 + 0.42 * max(len(table), 1))
    axes = figure.add_subplot()
    quiet(axes, "x")
    axes.axvline(0, color=QUIET, linewidth=1.2, zorder=1)
    value, low, high = (table[name].to_numpy(dtype=np.float64) for name in ("value", "low", "high"))
    margin = table["margin"].to_numpy(dtype=np.float64) if "margin" in table.columns else np.full(len(table), np.nan)
    bounded = bool(np.isfinite(margin).any())
    ends = np.abs(np.concatenate([low, high]))
    reach = 1.15 * max([*ends[np.isfinite(ends)].tolist(), 1e-6])
    reach = max(reach, min(1.1 * float(np.nanmax(margin)), 3 * reach)) if bounded else reach
    for place in range(len(table)):
        sure = high[place] < 0 or low[place] > 0
        colour = QUIET if not sure else BLUE if value[place] < 0 else ORANGE
        axes.plot([low[place], high[place]], [place] * 2, color=colour, linewidth=2.4, solid_capstyle="round")
        axes.plot(value[place], place, "o", color=colour, markersize=8)
        said = f"{signed(value[place], 4)}  ({signed(low[place], 4)} to {signed(high[place], 4)})"
        axes.annotate(said, (1, place), xycoords=("axes fraction", "data"), xytext=(8, 0), textcoords="offset points",
                      va="center", fontsize=9.5, color=INK, annotation_clip=False)  # fmt: skip
        if margin[place] <= reach:
            axes.plot([margin[place]] * 2, [place - 0.28, place + 0.28], color=ORANGE, linewidth=1.6)
    axes.set_yticks(range(len(table)), [str(name) for name in table["name"]])
    axes.tick_params(axis="y", labelsize=10)
    axes.set_ylim(max(len(table), 1) - 0.5, -0.5)
    axes.set_xlim(-reach, reach)
    axes.locator_params(axis="x", nbins=7)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:+.4g}".replace("-", "\N{MINUS SIGN}") if value else "0")
    axes.set_xlabel(f"{better}  \N{LEFTWARDS ARROW}  {label}  \N{RIGHTWARDS ARROW}  {worse}")
    axes.axvspan(-reach, 0, color=PALE, alpha=0.18, linewidth=0, zorder=0)
    if bounded:
        below += "\nThe orange mark is how much worse the gate still allows."
    headed(figure, title, below.strip())
    return figure
