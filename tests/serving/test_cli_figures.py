"""Figures: a backtest is told in a table that fits a terminal, the team's own weights beside the model."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from serving.cli.figures import print_backtest
from training.evaluation import Figure, evaluate
from training.evaluation.warning import Warned, Warnings
from training.worth import ScoreWorth, Worth

NOTHING = Figure(math.nan, math.nan, math.nan)
LOT = Warned(0.15, 44.0, 6.8)


def _backtest(worth: Worth | None) -> Any:
    rng = np.random.default_rng(0)
    labels = (np.arange(60) % 5 == 0).astype(float)
    accounts, as_of = np.arange(60).astype(str), np.full(60, np.datetime64("2024-01-01"))
    judged = evaluate(labels, {"model": rng.uniform(0.1, 0.9, 60)}, accounts, as_of, 90, resamples=200)
    return SimpleNamespace(origins=(), judged=SimpleNamespace(evaluation=judged, validation="in time"), worth=worth)


def _worth(warnings: Warnings | None) -> Worth:
    warned = None if warnings is None else Warned(0.36, 47.0, 17.04)
    return Worth(
        90,
        1000,
        ScoreWorth("model", None, None, 1.0, Figure(0.77, 0.73, 0.82), warned),
        ScoreWorth("scorecard", None, None, 1.0, Figure(0.64, 0.59, 0.7), warned),
        (
            ScoreWorth("Comes [bold]daily", "active_days_28d", 9.0, 0.5, Figure(0.66, 0.61, 0.71), warned),
            ScoreWorth("pulse", "csm_pulse_latest", 1.0, 0.0, NOTHING, warned),
        ),
        warnings,
    )


def test_the_weights_are_told_beside_the_model(capsys: pytest.CaptureFixture[str]) -> None:
    warnings = Warnings(73, 90, 25, 0.07, 31.0, {}, LOT)
    print_backtest("churn", {90: _backtest(_worth(warnings))}, {})
    said = capsys.readouterr().out
    table = {line.split("  ")[0].strip() or line.split("  ")[1].strip(): line for line in said.splitlines() if line}
    assert "0.77 (0.73 to 0.82)    36 %           47        17.0" in table["model"]
    assert table["Comes [bold]daily"].split()[2:5] == ["9", "50", "%"]
    assert table["by lot"].split() == ["by", "lot", "0.50", "15", "%", "44", "6.8"]
    assert "pulse" not in table
    assert "Not judged, because no row here has a value: pulse." in said
    assert "of 73 accounts that left, those among the 25 worst of a day (7 % of all)" in said
    assert "Lists are 31 days apart here." in said
    assert "nan" not in said


def test_without_notices_there_is_no_lead_time(capsys: pytest.CaptureFixture[str]) -> None:
    print_backtest("churn", {90: _backtest(_worth(None))}, {})
    said = capsys.readouterr().out
    assert "0.77 (0.73 to 0.82)" in said
    assert "Warned" not in said
    assert "by lot" not in said
    print_backtest("expansion", {90: _backtest(None)}, {})
    assert "weights" not in capsys.readouterr().out
