"""Every figure draws, on what is usual and on what is odd, says what it should, and lays nothing over anything else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.text import Text

from training import plots
from training.plots.style import signed, wrapped

RNG = np.random.default_rng(0)
DAYS = np.arange(0, 366, 5)
SENTENCES = (
    "The card on file expired 16 days ago",
    "People there took 29 actions in the last four weeks, against 17 actions in the four before (typical: 193 actions)",
    "Each active user spent 12.3 minutes in the product in the last four weeks on average (typical: 66.4 minutes)",
    "An-uninterrupted-word-that-is-longer-than-a-line-of-this-figure-can-ever-be-and-must-not-be-lost-for-that",
)


def seen(figure: Figure) -> list[Text]:
    """Every text that is drawn: labels of ticks beyond an axis' ends are there, but are not."""
    figure.canvas.draw()
    hidden = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            slack = 1e-9 * (high - low)
            for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
                if not low - slack <= tick.get_loc() <= high + slack:
                    hidden |= {id(tick.label1), id(tick.label2)}
    return [t for t in figure.findobj(Text) if t.get_text().strip() and t.get_visible() and id(t) not in hidden]


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in seen(figure)]


def said(figure: Figure) -> str:
    return " ".join(" ".join(texts(figure)).split())


def boxes(figure: Figure) -> list[tuple[str, Any]]:
    """Text and place, in pixels, of what is seen."""
    found = seen(figure)
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    return [(t.get_text(), t.get_window_extent(renderer)) for t in found]


def overlapping(figure: Figure) -> list[tuple[str, str]]:
    """Pairs of texts of which one covers more than a pixel or two of the other."""
    found = []
    for (one, a), (other, b) in combinations(boxes(figure), 2):
        wide = min(a.x1, b.x1) - max(a.x0, b.x0)
        high = min(a.y1, b.y1) - max(a.y0, b.y0)
        if wide > 2 and high > 2:
            found.append((one, other))
    return found


def outside(figure: Figure) -> list[str]:
    """Texts that leave the picture."""
    width, height = figure.get_size_inches() * figure.dpi
    return [t for t, b in boxes(figure) if b.x0 < -1 or b.y0 < -1 or b.x1 > width + 1 or b.y1 > height + 1]


def driver(sentence: str, points: float) -> dict[str, Any]:
    return {"sentence": sentence, "points": points, "dimension": "billing", "feature": "f", "actionable": True}


def trials(states: list[str], values: list[float]) -> pd.DataFrame:
    n = len(states)
    return pd.DataFrame(
        {
            "number": range(n),
            "state": states,
            "value": values,
            "param_max_depth": np.arange(n) % 4 + 2,
            "param_learning_rate": 10.0 ** -(1 + np.arange(n) % 3),
            "param_one_way": [k % 2 == 0 for k in range(n)],
            "param_calibration": [("auto", "beta")[k % 2] for k in range(n)],
        }
    )


def table(rows: int, value: float = 0.01) -> pd.DataFrame:
    return pd.DataFrame(
        {"name": [f"feature_{k}" for k in range(rows)], "value": value, "low": value / 2, "high": 2 * value}
    )


def doubted(n: int, p: float | None = None) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "probability": RNG.uniform(0.001, 0.4, n) if p is None else p,
            "calibration_error": 0.1,
            "trees_error": RNG.uniform(0, 1, n),
            "outside": np.arange(n) % 3 == 0,
        }
    )


def horizons(*days: int) -> pd.DataFrame:
    p = np.array(days) / 800
    return pd.DataFrame(
        {"days": days, "probability": p, "low": p * 0.8, "high": p * 1.3, "in_time": np.array(days) < 200}
    )


def months(n: int) -> pd.DataFrame:
    day = pd.date_range("2024-01-01", periods=n, freq="MS")
    return pd.DataFrame({"month": day, "rate": 0.02, "low": 0.01, "high": 0.03, "mrr": np.linspace(1e6, 2e6, n)})


CURVE = pd.DataFrame({"days": DAYS, "probability": DAYS / 800.0, "typical": DAYS / 2000.0})
EVENTS = pd.DataFrame({"day": ["2024-03-01", "2024-03-02"], "kind": ["ticket", "payment"], "bad": [True, False]})
WEEKS = pd.Series([3.0, 0.0, 5.0], index=pd.date_range("2024-03-04", periods=3, freq="W-MON"))
PAID = pd.DataFrame({"from": ["2024-03-01", "2024-03-20"], "mrr": [100.0, 0.0]})
COUNTS = pd.DataFrame(
    {"usage": [5, 6, 7], "tickets": [1, 0, 0]}, index=pd.date_range("2024-01-01", periods=3, freq="MS")
)
NAN = float("nan")

FIGURES: dict[str, Callable[[], Figure]] = {
    "drivers": lambda: plots.account_drivers(
        [driver(s, x) for s, x in zip(SENTENCES, (0.13, -0.02, 0.01, 0.004), strict=True)], 0.025, 0.149, "Why", most=3
    ),
    "one driver": lambda: plots.account_drivers([driver("It is small", 0.2)], 0.1, 0.3, "Why"),
    "no driver": lambda: plots.account_drivers([], 0.1, 0.1, "Why"),
    "drivers of nothing": lambda: plots.account_drivers([driver(s, 0.0) for s in SENTENCES], 0.1, 0.1, "Why"),
    "tiny drivers": lambda: plots.account_drivers([driver(s, 1e-9) for s in SENTENCES], 1e-7, 1.04e-7, "Why"),
    "horizons": lambda: plots.account_horizons(CURVE, horizons(30, 90, 180, 365), "When", "As told", renewal=40),
    "one horizon": lambda: plots.account_horizons(CURVE[:7], horizons(30), "When", renewal=NAN),
    "no risk": lambda: plots.account_horizons(
        CURVE[["days", "probability"]] * [1, 0], horizons(30, 90) * [1, 0, 0, 0, 1], "When"
    ),
    "what if": lambda: plots.what_if(
        pd.DataFrame({"value": [0, 5, 9], "probability": [0.3, 0.2, 0.1], "low": 0.05, "high": 0.4}), 5, "If", "", "day"
    ),
    "one value": lambda: plots.what_if(
        pd.DataFrame({"value": [3.0], "probability": [0.3], "low": [0.2], "high": [0.4]}), 3.0, "If"
    ),
    "life": lambda: plots.account_life(WEEKS, PAID, EVENTS, "A life", "In short"),
    "no events": lambda: plots.account_life(WEEKS * 0, PAID[:1], EVENTS[:0], "A life"),
    "importance": lambda: plots.importance_bars(table(12).assign(dimension="contract"), "What moves it", "In the book"),
    "one bar": lambda: plots.importance_bars(table(1), "What moves it"),
    "nothing matters": lambda: plots.importance_bars(table(3, 0.0), "What moves it"),
    "no interval": lambda: plots.importance_bars(table(3).assign(low=NAN, high=NAN), "What moves it"),
    "points": lambda: plots.points_by_value(
        pd.DataFrame(RNG.normal(0, 0.02, (80, 3)), columns=["a", "b", "plan"]),
        pd.DataFrame({"a": RNG.normal(size=80), "b": NAN, "plan": ["x", None] * 40}), "Points",
    ),
    "one account's points": lambda: plots.points_by_value(
        pd.DataFrame({"a": [0.1]}), pd.DataFrame({"a": [1.0]}), "Points"
    ),
    "dependence": lambda: plots.dependence(
        pd.Series(np.append(RNG.exponential(size=99), NAN)), RNG.normal(0, 0.01, 100), "How", "", "days"
    ),
    "dependence of one": lambda: plots.dependence(pd.Series([1.0]), np.array([0.1]), "How"),
    "dependence of the same": lambda: plots.dependence(pd.Series([1.0] * 9), np.zeros(9), "How"),
    "dependence of text": lambda: plots.dependence(pd.Series(["a", None, "b"]), np.array([0.1, 0, 0.2]), "How"),
    "dependence of nothing": lambda: plots.dependence(pd.Series([NAN, NAN]), np.array([0.1, 0.2]), "How"),
    "unsure": lambda: plots.unsure(doubted(60), "Unsure", "Each dot is an account"),
    "unsure of one": lambda: plots.unsure(doubted(1), "Unsure"),
    "unsure of the same": lambda: plots.unsure(doubted(9, 0.2).assign(trees_error=0.0, outside=0), "Unsure"),
    "unsure by nobody": lambda: plots.unsure(doubted(9).assign(trees_error=NAN), "Unsure"),
    "differences": lambda: plots.paired_differences(
        pd.DataFrame({"name": ["30 days", "90 days"], "value": [-0.002, 0.001], "low": [-0.003, -0.001],
                      "high": [-0.001, 0.002], "margin": [0.001, 0.003]}), "Better", "On the holdout"),
    "no difference": lambda: plots.paired_differences(table(1, 0.0), "The same"),
    "unknown difference": lambda: plots.paired_differences(table(2, NAN), "Unknown"),
    "search": lambda: plots.search_history(
        trials(["complete", "pruned"] * 10, [0.2, NAN, 0.19, 0.3, 0.18, NAN, 0.21, 0.3, 0.2, NAN] * 2)
    ),
    "one trial": lambda: plots.search_history(trials(["complete"], [0.2])),
    "no finished trial": lambda: plots.search_history(trials(["pruned", "fail"], [NAN, NAN])),
    "the same trials": lambda: plots.search_history(trials(["complete"] * 4, [0.2] * 4)),
    "no trials": lambda: plots.search_history(trials([], [])),
    "slices": lambda: plots.search_slices(trials(["complete"] * 9, [0.2, 0.1, 0.3] * 3), {"one_way": 0.4}),
    "one trial's slices": lambda: plots.search_slices(trials(["complete"], [0.2])),
    "slices of nothing": lambda: plots.search_slices(trials(["pruned"], [NAN])),
    "tables": lambda: plots.tables_over_time(COUNTS, "Rows", "By month", stopped=("tickets",)),
    "one month": lambda: plots.tables_over_time(COUNTS[:1] * 0, "Rows"),
    "business": lambda: plots.churn_and_revenue(months(30), "Churn", "By month"),
    "a month of business": lambda: plots.churn_and_revenue(months(1), "Churn"),
    "set aside": lambda: plots.set_aside_bars(
        pd.DataFrame({"table": ["usage"], "rule": ["wrong type"], "rows": [2], "share": [0.0001]}), "Set aside"
    ),
    "nothing set aside": lambda: plots.set_aside_bars(
        pd.DataFrame({"table": [], "rule": [], "rows": [], "share": []}), "Set aside"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FIGURES)
def test_it_draws_without_a_warning_and_nothing_lies_over_anything(name: str) -> None:
    figure = FIGURES[name]()
    picture, size = figure._repr_png_()  # type: ignore[attr-defined]
    assert picture.startswith(b"\x89PNG")
    assert 1 < len(picture) / 1000 < 80
    assert size["width"] == 800
    assert outside(figure) == []
    assert overlapping(figure) == []


def test_every_figure_is_tried() -> None:
    drawn = {name for name in plots.__all__ if name != "shown"}
    source = Path(__file__).read_text(encoding="utf-8")
    assert {name for name in drawn if f"plots.{name}(" not in source} == set()


def test_matplotlib_waits_for_the_first_figure() -> None:
    code = "import sys, training.plots; sys.exit('matplotlib' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_no_figure_is_left_with_pyplot() -> None:
    FIGURES["unsure"]()
    code = sys.modules.get("matplotlib.pyplot")
    assert code is None or not code.get_fignums()


def test_the_steps_of_an_account_lead_from_the_typical_one_to_it() -> None:
    figure = FIGURES["drivers"]()
    found = texts(figure)
    assert {"2.5 %", "14.9 %", "+13.0", "\N{MINUS SIGN}2.0", "+1.0", "+0.4"} <= set(found)
    assert "Everything else (1 more topic)" in found
    for sentence in SENTENCES[:3]:
        assert sentence in said(figure)
    bars = list(figure.axes[0].patches)
    ends = np.array([[b.get_x(), b.get_x() + b.get_width()] for b in bars])  # type: ignore[attr-defined]
    assert ends[0, 0] == pytest.approx(0.025)
    assert ends[1:, 0] == pytest.approx(ends[:-1, 1])
    assert ends[-1, 1] == pytest.approx(0.149)
    orange, blue = bars[0].get_facecolor(), bars[1].get_facecolor()
    assert orange != blue


def test_horizons_that_were_not_validated_are_marked() -> None:
    found = texts(FIGURES["horizons"]())
    assert "45.6 %*" in found
    assert "11.2 %" in found
    assert any("not validated in time" in text for text in found)
    assert "renewal in 40 days" in found
    assert not any("*" in text for text in texts(FIGURES["one horizon"]()))


def test_a_search_says_how_it_went() -> None:
    figure = FIGURES["search"]()
    assert "20 trials: 10 finished, 10 stopped early" in said(figure)
    assert "The search took 0.0200 off the first trial's log loss" in said(figure)
    assert "No trial has finished yet" in said(FIGURES["no finished trial"]())
    assert "No trial did better than the first" in said(FIGURES["the same trials"]())


def test_a_hopeless_trial_does_not_press_the_others_together() -> None:
    values = [0.20, 0.19, 0.195, 0.198, 0.185, 40.0]
    axes = plots.search_history(trials(["complete"] * 6, values)).axes[0]
    assert axes.get_ylim()[1] < 0.3


def test_slices_come_in_the_order_of_what_they_explain() -> None:
    titles = [axes.get_title(loc="left") for axes in FIGURES["slices"]().axes]
    assert titles[0] == "one way  40 %"
    assert len(titles) == 4


def test_what_is_sure_has_a_colour() -> None:
    figure = FIGURES["differences"]()
    assert "+0.0010  (\N{MINUS SIGN}0.0010 to +0.0020)" in texts(figure)
    assert "how much worse the gate still allows" in said(figure)
    dots = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert [dot.get_color() for dot in dots] == ["#0b6e99", "#616e7c"]


def test_values_never_seen_are_counted() -> None:
    assert "Orange: 20 accounts with a value beyond all" in said(FIGURES["unsure"]())
    assert "Orange" not in said(FIGURES["unsure of the same"]())


def test_points_are_signed_only_where_some_are_negative() -> None:
    signs = ("+", "\N{MINUS SIGN}")
    ticks = [t.get_text() for t in _drawn(FIGURES["importance"]()).axes[0].get_xticklabels()]
    assert not any(text.startswith(signs) for text in ticks)
    ticks = [t.get_text() for t in _drawn(FIGURES["points"]()).axes[0].get_xticklabels()]
    assert any(text.startswith(signs) for text in ticks)


def _drawn(figure: Figure) -> Figure:
    figure.canvas.draw()
    return figure


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text("ab", min_size=1, max_size=12), min_size=1, max_size=30), st.integers(12, 40))
def test_wrapping_loses_no_word_and_takes_no_line_more(words: list[str], width: int) -> None:
    import textwrap

    text = " ".join(words)
    lines = wrapped(text, width).split("\n")
    assert " ".join(lines).split() == words
    assert max(map(len, lines)) <= width
    assert len(lines) == len(textwrap.wrap(text, width))


def test_numbers_are_signed_alike() -> None:
    assert (signed(1, 0), signed(-1.26, 1), signed(0, 1)) == ("+1", "\N{MINUS SIGN}1.3", "+0.0")


def test_a_table_is_written_for_people() -> None:
    frame = pd.DataFrame(
        {
            "name": ["a", None],
            "rows": [1234567, 2],
            "share": [0.123456789, NAN],
            "whole": [2000.0, 3.0],
            "day": pd.to_datetime(["2024-01-02", None]),
            "sure": [True, False],
        }
    )
    page = plots.shown(frame, share="{:.1%}").to_html()
    for text in ("1,234,567", "12.3%", "2,000<", "2024-01-02", "True"):
        assert text in page, text
    for text in ("nan", "NaT", "None", "0.123", "row_heading", "00:00"):
        assert text not in page, text
