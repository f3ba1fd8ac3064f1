from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from scipy.special import expit

from training.reliability import Panel, plot_horizons, plot_reliability, reliability_figure

DAY = np.datetime64("2025-01-01")


def panel(n: int = 400, horizon: int = 90, note: str = "") -> Panel:
    rng = np.random.default_rng(n)
    p = expit(rng.normal(-2, 1, n))
    labels = (rng.random(n) < p).astype(float)
    return Panel(horizon, labels, {"model": p, "recency": np.sqrt(p)}, np.arange(n), np.full(n, DAY), note)


def test_one_and_several_horizons_are_drawn_twice_alike(tmp_path: Path) -> None:
    one = panel()
    plot_reliability(tmp_path / "one.png", one.labels, one.predictions, one.accounts, one.as_of, 90)
    plot_horizons(tmp_path / "same.png", [one])
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "same.png").read_bytes()
    panels = [panel(horizon=h, note="not validated in time" if h > 180 else "") for h in (30, 90, 180, 365)]
    plot_horizons(tmp_path / "four.png", panels, outcome="expansion")
    single, four = imread(tmp_path / "same.png"), imread(tmp_path / "four.png")
    assert four.shape[1] > 1.3 * single.shape[1]
    # Ink in every quarter: no panel is left empty, and none is drawn over another.
    height, width = four.shape[0] // 2, four.shape[1] // 2
    for quarter in (four[:height, :width], four[:height, width:], four[height:, :width], four[height:, width:]):
        assert (quarter[..., :3].min(axis=2) < 0.6).mean() > 0.01


@pytest.mark.parametrize("labels", [np.zeros(12), np.ones(12), np.arange(12) % 2])
def test_few_rows_one_class_and_a_constant_forecast_are_drawn(tmp_path: Path, labels: np.ndarray) -> None:
    few = Panel(30, labels, {"model": np.full(12, 0.05)}, np.arange(12), np.full(12, DAY))
    plot_horizons(tmp_path / "few.png", [few, panel(60)])
    assert imread(tmp_path / "few.png").shape[0] > 500


@pytest.mark.parametrize("panels", [1, 2])
def test_long_names_stay_inside_the_picture(panels: int) -> None:
    one = panel()
    named = {"champion's recipe": one.predictions["model"], "another one, tuned": one.predictions["recency"]}
    told = Panel(90, one.labels, named, one.accounts, one.as_of)
    figure = reliability_figure([told] * panels)
    figure.canvas.draw()
    box = figure.legends[0].get_window_extent()
    assert box.x1 < figure.get_figwidth() * figure.dpi
    assert box.y0 > max(axes.get_window_extent().y1 for axes in figure.axes)


def test_no_rows_are_refused(tmp_path: Path) -> None:
    empty = Panel(30, np.empty(0), {"model": np.empty(0)}, np.empty(0), np.empty(0, dtype="datetime64[D]"))
    for panels in ([], [empty]):
        with pytest.raises(ValueError, match="needs rows"):
            plot_horizons(tmp_path / "none.png", panels)
