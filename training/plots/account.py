"""One account: what makes its probability, when it may leave, what a change would do, and its life so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from training.plots.style import (
    BLUE,
    GRID,
    INK,
    ORANGE,
    PALE,
    QUIET,
    headed,
    percent_axis,
    picture,
    quiet,
    signed,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["account_drivers", "account_horizons", "account_life", "what_if"]

_LETTERS = 54  # in a line of a driver's sentence
_LINE, _ROW = 0.175, 0.2  # inches: a line of text, and what a bar needs beside it


def account_drivers(
    drivers: Sequence[Mapping[str, Any]], typical: float, probability: float, title: str, below: str = "", most: int = 6
) -> Figure:
    """From the typical account's probability to this one's, a step a driver.

    Parameters
    ----------
    drivers : as `training.kernel.drivers.drivers` gives them for one row, the largest first.
    typical, probability : of the same horizon.
    most : drivers told one by one; the rest is one step.
    """
    shown = list(drivers[:most])
    rest = probability - typical - sum(float(d["points"]) for d in shown)
    steps = [(wrapped(str(d["sentence"]), _LETTERS), float(d["points"])) for d in shown]
    if len(drivers) > most:
        left = len(drivers) - most
        steps.append((f"Everything else ({left} more {'topic' if left == 1 else 'topics'})", rest))
    texts = ["The typical account", *(text for text, _ in steps), "This account"]
    heights = [_LINE * (1 + text.count("\n")) + _ROW for text in texts]
    centres = np.cumsum(heights) - np.array(heights) / 2
    figure = picture(8, sum(heights) + 1.55)
    axes = figure.add_subplot()
    quiet(axes, "x")
    at = typical
    ends = [typical]
    for (_, points), y in zip(steps, centres[1:-1], strict=True):
        colour = ORANGE if points > 0 else BLUE
        axes.barh(y, points, left=at, height=0.2, color=colour, linewidth=0)
        axes.plot([at + points] * 2, [y, y + 0.37], color=PALE, linewidth=1, zorder=0)
        up = points >= 0
        axes.annotate(
            signed(100 * points, 1), (at + points, y), xytext=(5 if up else -5, 0), textcoords="offset points",
            va="center", ha="left" if up else "right", color=colour, fontsize=9.5, fontweight="bold",
        )  # fmt: skip
        at += points
        ends.append(at)
    for value, y, weight in ((typical, centres[0], "normal"), (probability, centres[-1], "bold")):
        axes.plot(value, y, "o", color=INK, markersize=7)
        axes.annotate(f"{100 * value:.1f} %", (value, y), xytext=(8, 0), textcoords="offset points", va="center",
                      color=INK, fontsize=10, fontweight=weight)  # fmt: skip
    axes.axvline(typical, color=PALE, linewidth=1, linestyle=(0, (4, 3)), zorder=0)
    low, high = min(ends), max(ends)
    pad = 0.14 * max(high - low, 1e-3)
    axes.set_xlim(max(low - pad, -pad), high + pad)
    axes.set_ylim(sum(heights), 0)
    axes.set_yticks(centres, texts)
    axes.tick_params(axis="y", labelsize=9.5, pad=8)
    axes.get_yticklabels()[-1].set_fontweight("bold")
    percent_axis(axes, "x", 5)
    axes.set_xlabel("probability; each step in percentage points")
    headed(figure, title, below)
    return figure


def account_horizons(curve: pd.DataFrame, horizons: pd.DataFrame, title: str, below: str = "",
                     renewal: float | None = None) -> Figure:  # fmt: skip
    """The probability of leaving within so many days, with the interval at each horizon.

    Parameters
    ----------
    curve : days, probability; and typical, where the typical account is to be seen too.
    horizons : days, probability, low, high; and in_time, False where a horizon was not validated in time.
    renewal : days to the next renewal.
    """
    figure = picture(8, 4.2)
    axes = figure.add_subplot()
    quiet(axes, "y")
    last = float(curve["days"].max())
    top = float(np.nanmax([curve["probability"].max(), horizons["high"].max()]))
    axes.fill_between(curve["days"], curve["probability"], color=BLUE, alpha=0.08, linewidth=0)
    axes.plot(curve["days"], curve["probability"], color=BLUE, linewidth=2)
    if "typical" in curve.columns:
        axes.plot(curve["days"], curve["typical"], color=QUIET, linewidth=1.2, linestyle=(0, (4, 3)))
        axes.annotate("typical account", (last, curve["typical"].iloc[-1]), xytext=(4, 0), textcoords="offset points",
                      color=QUIET, fontsize=9, va="center", annotation_clip=False)  # fmt: skip
        top = max(top, float(curve["typical"].max()))
    ends = horizons[["days", "probability", "low", "high"]].to_numpy(dtype=np.float64)
    in_time = horizons["in_time"].to_numpy(dtype=bool) if "in_time" in horizons.columns else np.ones(len(ends), bool)
    for (days, p, low, high), timed in zip(ends.tolist(), in_time.tolist(), strict=True):
        axes.plot([days] * 2, [low, high], color=BLUE, linewidth=1.6, solid_capstyle="butt", clip_on=False)
        axes.plot(days, p, "o", color=BLUE if timed else "white", markeredgecolor=BLUE, markersize=7, clip_on=False,
                  zorder=4)  # fmt: skip
        # The curve never falls, so that above it and to the left there is room; but not at the axis.
        first = days < 0.08 * last
        axes.annotate(
            f"{100 * p:.1f} %" + ("" if timed else "*"), (days, p), xytext=(6 if first else -7, -12 if first else 6),
            textcoords="offset points", ha="left" if first else "right", color=INK, fontsize=9.5, fontweight="bold",
        )  # fmt: skip
    if renewal is not None and 0 <= renewal <= last:
        axes.axvline(renewal, color=ORANGE, linewidth=1.2, zorder=0)
        right = renewal > 0.8 * last
        axes.annotate(f"renewal in {renewal:.0f} days", (renewal, 1), xycoords=("data", "axes fraction"),
                      xytext=(-5 if right else 5, -8), textcoords="offset points", color=ORANGE, fontsize=9,
                      ha="right" if right else "left", va="top")  # fmt: skip
    axes.set(xlim=(0, last), ylim=(0, 1.15 * max(top, 0.005)), xlabel="days from now", ylabel="has left by then")
    axes.set_xticks([0, *horizons["days"].tolist()])
    percent_axis(axes, "y", 5)
    note = "" if in_time.all() else "* not validated in time: the history is too short for this horizon"
    headed(figure, title, "\n".join(filter(None, [below, note])))
    return figure


def what_if(points: pd.DataFrame, now: float, title: str, below: str = "", label: str = "") -> Figure:
    """What the model would say if one feature had another value.

    Parameters
    ----------
    points : value, probability, low, high; ascending by value.
    now : the account's own value.
    label : the feature and its unit.
    """
    figure = picture(8, 3.8)
    axes = figure.add_subplot()
    quiet(axes, "y")
    axes.fill_between(points["value"], points["low"], points["high"], color=BLUE, alpha=0.13, linewidth=0)
    axes.plot(points["value"], points["probability"], color=BLUE, linewidth=2)
    today = float(np.interp(now, points["value"], points["probability"]))
    axes.plot(now, today, "o", color=ORANGE, markersize=9, zorder=4, clip_on=False)
    low, high = float(points["value"].min()), float(points["value"].max())
    right = now > (low + high) / 2
    axes.annotate(
        f"now: {100 * today:.1f} %", (now, today), xytext=(-9 if right else 9, 9), textcoords="offset points",
        ha="right" if right else "left", color=ORANGE, fontsize=10, fontweight="bold",
    )  # fmt: skip
    if high > low:
        axes.set_xlim(low, high)
    axes.set_ylim(0, 1.2 * max(float(points["high"].max()), 0.005))
    axes.set(xlabel=label, ylabel="probability")
    percent_axis(axes, "y", 5)
    headed(figure, title, below)
    return figure


def account_life(usage: pd.Series, revenue: pd.DataFrame, events: pd.DataFrame, title: str, below: str = "") -> Figure:
    """One account's life on one line of time: what it used, what it paid, and what happened.

    Parameters
    ----------
    usage : actions by week; the index holds days.
    revenue : from, mrr: what it pays from a day on; 0 after it has left.
    events : day, kind, bad: one mark each, a row of marks a kind; orange where it is bad news.
    """
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    kinds = list(dict.fromkeys(events["kind"])) if len(events) else []
    figure = picture(8, 3.9 + 0.27 * len(kinds))
    heights = [1.5, 1.0, 0.27 * len(kinds) + 0.1] if kinds else [1.5, 1.0]
    panels = figure.subplots(len(heights), 1, sharex=True, gridspec_kw={"height_ratios": heights})
    upper, middle = panels[0], panels[1]
    for axes in panels:
        quiet(axes)
    days = pd.to_datetime(usage.index)
    upper.fill_between(days, usage.to_numpy(dtype=np.float64), color=BLUE, alpha=0.25, linewidth=0, step="mid")
    upper.step(days, usage.to_numpy(dtype=np.float64), where="mid", color=BLUE, linewidth=1)
    upper.set_ylim(0, None)
    upper.set_title("Actions a week", loc="left", fontsize=9.5, color=QUIET)
    middle.step(pd.to_datetime(revenue["from"]), revenue["mrr"], where="post", color=INK, linewidth=1.8)
    middle.set_ylim(0, 1.15 * max(float(revenue["mrr"].max()), 1.0))
    middle.set_title("Monthly revenue", loc="left", fontsize=9.5, color=QUIET)
    for axes in (upper, middle):
        axes.grid(axis="y", color=GRID, linewidth=0.8)
        axes.locator_params(axis="y", nbins=3)
        axes.yaxis.set_major_formatter("{x:,.0f}")
    if kinds:
        lower = panels[2]
        for place, kind in enumerate(kinds):
            some = events[events["kind"] == kind]
            lower.axhline(place, color=GRID, linewidth=0.8, zorder=0)
            for bad, colour, size in ((False, BLUE, 22), (True, ORANGE, 38)):
                part = some[some["bad"] == bad]
                lower.scatter(pd.to_datetime(part["day"]), np.full(len(part), place), s=size, color=colour, alpha=0.8,
                              linewidth=0, zorder=2 + bad)  # fmt: skip
        lower.set_yticks(range(len(kinds)), kinds)
        lower.set_ylim(len(kinds) - 0.4, -0.6)
    locator = AutoDateLocator(minticks=4, maxticks=9)
    panels[-1].xaxis.set_major_locator(locator)
    panels[-1].xaxis.set_major_formatter(ConciseDateFormatter(locator))
    headed(figure, title, below)
    return figure
