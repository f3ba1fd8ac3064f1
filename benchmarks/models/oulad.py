"""OULAD: real withdrawals from online courses in; holdout figures of our pipeline beside simple models out."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from features.history import History
from features.settings import load_settings
from training.dataset import load_dataset
from training.plan import make_plan
from training.protocol import judge
from training.recipe import Recipe

__all__ = ["ABOUT", "FIGURES", "measure"]

FIGURES = ("auc", "log_loss", "brier", "calibration_error", "observed_to_expected", "lift_10")

ABOUT = (
    "Withdrawal within 28 days, weekly: learned from course BBB 2013B, calibrated on its second half, judged on "
    "AAA 2013J, half a year later and another subject. Intervals are 90 %, resampling accounts; the model's also hold "
    "the error of its calibration."
)


def measure(folder: Path, config: Path) -> dict[str, Any]:
    """By model and figure [value, low, high]; the counts of the holdout; and the model's difference in log loss."""
    settings = load_settings(config)
    history = History.open(folder, settings)
    dataset = load_dataset(history, settings)
    plan = make_plan(dataset, "churn", settings)
    began = time.process_time()
    found = judge(dataset, plan, Recipe(seed=settings.training.seed), settings)[plan.headline].evaluation
    return {
        "rows": found.rows,
        "accounts": found.accounts,
        "churned_accounts": found.churned_accounts,
        "judging_cpu_seconds": time.process_time() - began,
        "models": {
            name: {key: _triple(figures[key]) for key in FIGURES}
            for name, figures in found.figures.items()
            if not name.endswith("_train")
        },
        "model_log_loss_difference": {
            name: _triple(difference) for name, difference in found.differences.items() if not name.endswith("_train")
        },
    }


def _triple(figure: Any) -> list[float]:
    return [float(figure.value), float(figure.low), float(figure.high)]
