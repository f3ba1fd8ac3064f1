"""A history: which tables hold rows when, what was set aside, and who left and what was earned, month by month."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from training.plots.style import BLUE, GRID, INK, ORANGE, QUIET, headed, percent_axis, picture, quiet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["churn_and_revenue", "set_aside_bars", "tables_over_time"]


def tables_over_time(counts: pd.DataFrame, title: str, below: str = "", stopped: tuple[str, ...] = ()) -> Figure:
    """How many rows each table holds of each month, each table on its own scale.

    Parameters
    ----------
    counts : a row a month (the index holds its first day), a column a table, rows as values.
    stopped : tables to be shown in orange, such as those whose feed ends before the others.
    """
    figure = picture(8, 1.25 + 0.34 * max(counts.shape[1], 1))
    axes = figure.add_subplot()
    quiet(axes)
    months = pd.to_datetime(counts.index)
    for place, name in enumerate(counts.columns):
        values = np.nan_to_num(counts[name].to_numpy(dtype=np.float64))
        height = 0.8 * values / max(float(values.max()), 1.0) if len(values) else values
        colour = ORANGE if name in stopped else BLUE
        axes.bar(months, -height, bottom=place + 0.4, width=24, color=colour, alpha=0.75, linewidth=0, align="edge")
        axes.axhline(place + 0.4, color=GRID, linewidth=0.8, zorder=0)
        axes.annotate(
            f"{values.sum():,.0f} rows", (1, place + 0.22), xycoords=("axes fraction", "data"), xytext=(6, 0),
            textcoords="offset points", fontsize=9, color=QUIET, va="center", annotation_clip=False,
        )  # fmt: skip
    axes.set_yticks(np.arange(counts.shape[1]) + 0.22, [str(name).replace("_", " ") for name in counts.columns])
    axes.set_ylim(counts.shape[1] - 0.45, -0.5)
    _dates(axes)
    headed(figure, title, below)
    return figure


def churn_and_revenue(months: pd.DataFrame, title: str, below: str = "") -> Figure:
    """The share of customers that left in each month, and the monthly revenue of all.

    Parameters
    ----------
    months : month (its first day), rate, low, high (shares), mrr.
    """
    figure = picture(8, 4.6)
    upper, lower = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": [1.3, 1]})
    day = pd.to_datetime(months["month"])
    quiet(upper, "y")
    quiet(lower, "y")
    upper.fill_between(day, months["low"], months["high"], color=BLUE, alpha=0.13, linewidth=0)
    upper.plot(day, months["rate"], color=BLUE, linewidth=1.8, marker="o", markersize=3.5)
    upper.set_ylim(0, 1.08 * max(float(np.nanmax(months["high"])) if len(months) else 0.0, 0.001))
    percent_axis(upper, "y", 4)
    upper.set_title("Left in the month, of the customers at its start (90 % interval)", loc="left", fontsize=9.5,
                    color=QUIET)  # fmt: skip
    lower.fill_between(day, months["mrr"], color=INK, alpha=0.1, linewidth=0)
    lower.plot(day, months["mrr"], color=INK, linewidth=1.8)
    lower.set_ylim(0, 1.12 * max(float(np.nanmax(months["mrr"])) if len(months) else 0.0, 1.0))
    lower.yaxis.set_major_formatter(_thousands)
    lower.locator_params(axis="y", nbins=4)
    lower.set_title("Monthly revenue at the start of the month", loc="left", fontsize=9.5, color=QUIET)
    _dates(lower)
    headed(figure, title, below)
    return figure


def set_aside_bars(table: pd.DataFrame, title: str, below: str = "") -> Figure:
    """How many rows of each table each rule set aside.

    Parameters
    ----------
    table : table, rule, rows, share (of the table's rows); the first at the top.
    """
    figure = picture(8, 1.2 + 0.28 * max(len(table), 1))
    axes = figure.add_subplot()
    quiet(axes)
    place = np.arange(len(table))
    axes.barh(place, table["rows"], height=0.58, color=ORANGE, alpha=0.85, linewidth=0)
    axes.set_yticks(place, [f"{t.replace('_', ' ')}: {r}" for t, r in zip(table["table"], table["rule"], strict=True)])
    for y, (rows, share) in enumerate(zip(table["rows"], table["share"], strict=True)):
        text = "< 0.1 %" if 0 < share < 0.0005 else f"{100 * share:.1f} %"
        axes.annotate(f"{rows:,}  ({text})", (rows, y), xytext=(5, 0), textcoords="offset points", va="center",
                      fontsize=9, color=QUIET)  # fmt: skip
    axes.set_ylim(max(len(table), 1) - 0.4, -0.6)
    axes.set_xlim(0, 1.25 * max(float(table["rows"].max()) if len(table) else 0.0, 1.0))
    axes.set_xticks([])
    headed(figure, title, below)
    return figure


def _thousands(value: float, _: int) -> str:
    if abs(value) >= 1e6:
        return f"{value / 1e6:.3g} m"
    return f"{value / 1e3:,.4g} k" if abs(value) >= 1e4 else f"{value:,.0f}"


def _dates(axes: Axes) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=4, maxticks=9)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
