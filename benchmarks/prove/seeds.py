"""Seeds: the gate on many made-up companies, with signal and without, and the model beside the truth."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.prove.record import Record
from features.history import History
from features.settings import Settings, TrainingSettings
from features.simulation import simulate
from training.achievable import beside_truth
from training.dataset import load_dataset
from training.evaluation import evaluate
from training.gate import decide
from training.recipe import fit_recipe
from training.runlog import holdout_table
from training.train import plan_blocks

__all__ = ["ACCOUNTS", "MONTHS", "gate_null", "gate_signal", "one_company"]

ACCOUNTS = 3000
MONTHS = 36
FIRST_SEED = 1000
"""The recipe's settings were chosen on companies of smaller seeds."""


def one_company(seed: int, null: bool, accounts: int = ACCOUNTS, months: int = MONTHS) -> dict[str, Any]:
    """Simulate, train as `tenure train` does short of registering, and decide as the gate does."""
    settings = Settings(training=TrainingSettings())
    with tempfile.TemporaryDirectory() as folder:
        simulate(accounts=accounts, months=months, seed=seed, null=null).write(Path(folder))
        dataset = load_dataset(History.open(Path(folder), settings, threads=1), settings)
        truth = pd.read_parquet(Path(folder) / "truth" / "churn.parquet")
    blocks, _ = plan_blocks(dataset, settings)
    recipe = fit_recipe(dataset, blocks, settings)
    holdout = dataset.on(blocks.holdout)
    predictions = recipe.predictions(holdout.rows)
    evaluation = evaluate(
        holdout.labels, predictions, holdout.accounts, holdout.as_of, dataset.horizon, seed=settings.training.seed
    )
    decision = decide(evaluation)
    truths = beside_truth(holdout_table(holdout, predictions), truth)
    figures = evaluation.figures["model"]
    return {
        "passed": decision.passed,
        "comparator": decision.numbers["comparator"],
        "difference": decision.numbers["difference"],
        "difference_upper_99_5": decision.numbers["difference_upper_99_5"],
        "rows": evaluation.rows,
        "churned_accounts": evaluation.churned_accounts,
        "log_loss": {
            "prior": truths.prior,
            "recency": truths.recency,
            "model": truths.model,
            "truth": truths.truth,
        },
        "share_of_achievable": truths.share if not null else None,
        "auc": figures["auc"].value,
        "observed_to_expected": figures["observed_to_expected"].value,
        "slope": [figures["slope"].value, figures["slope"].low, figures["slope"].high],
        "calibration_error": figures["calibration_error"].value,
        "calibration_error_if_perfect": [evaluation.perfect["model"].low, evaluation.perfect["model"].high],
    }


def gate_null(out: Path, seeds: int) -> bool:
    """Without signal nothing may become champion, in at least 19 of 20 companies."""
    about = f"{ACCOUNTS} accounts, {MONTHS} months, simulate --null: the gate must let nothing pass in 19 of 20 seeds"
    record = Record(out / "gate-null.json", about)
    numbers = range(FIRST_SEED, FIRST_SEED + seeds)
    runs = record.runs(_null_company, numbers)
    refused = sum(not run["passed"] for run in runs)
    record.close(numbers, {"seeds": seeds, "refused": refused, "least_allowed": _least(seeds)})
    return refused >= _least(seeds)


def gate_signal(out: Path, seeds: int) -> bool:
    """With signal something must become champion, in at least 19 of 20 companies."""
    about = f"{ACCOUNTS} accounts, {MONTHS} months: the gate must pass in 19 of 20 seeds; the model beside the truth"
    record = Record(out / "gate-signal.json", about)
    numbers = range(FIRST_SEED, FIRST_SEED + seeds)
    runs = record.runs(_signal_company, numbers)
    passed = sum(run["passed"] for run in runs)
    mean = {name: float(np.mean([run["log_loss"][name] for run in runs])) for name in runs[0]["log_loss"]}
    record.close(
        numbers,
        {
            "seeds": seeds,
            "passed": passed,
            "least_allowed": _least(seeds),
            "log_loss_mean": mean,
            "share_of_achievable_pooled": (mean["prior"] - mean["model"]) / (mean["prior"] - mean["truth"]),
            "share_of_achievable_range": [f([r["share_of_achievable"] for r in runs]) for f in (min, max)],
            "auc_mean": float(np.mean([run["auc"] for run in runs])),
            "observed_to_expected_mean": float(np.mean([run["observed_to_expected"] for run in runs])),
            "slope_mean": float(np.mean([run["slope"][0] for run in runs])),
            "slope_interval_holds_1": sum(run["slope"][1] <= 1 <= run["slope"][2] for run in runs),
            "calibration_error_within_perfect": sum(
                run["calibration_error"] <= run["calibration_error_if_perfect"][1] for run in runs
            ),
        },
    )
    return passed >= _least(seeds)


def _null_company(seed: int) -> dict[str, Any]:
    return one_company(seed, null=True)


def _signal_company(seed: int) -> dict[str, Any]:
    return one_company(seed, null=False)


def _least(seeds: int) -> int:
    """19 of 20; below 20 seeds, all of them."""
    return seeds - seeds // 20
