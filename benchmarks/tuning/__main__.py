"""`python -m benchmarks.tuning --out docs/evidence`: both ways on the same folds and trials, and what they find."""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd

from benchmarks.tuning.obvious import best_of, classifier, framed
from features.history import History
from features.settings import Settings
from features.simulation import simulate
from training.dataset import OUTCOMES, Dataset, load_dataset
from training.evaluation import log_losses
from training.forecasts import forecast, learning_of
from training.plan import Plan, make_plan
from training.recipe import Recipe
from training.tuning import tune
from training.tuning.origins import cut_origins, untouched
from training.tuning.space import recipe_of

SEEDS = (200, 201, 202)


def main() -> None:
    """Run all companies and write `bench-tuning.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/evidence"))
    parser.add_argument("--accounts", type=int, default=3000)
    parser.add_argument("--months", type=int, default=36)
    parser.add_argument("--companies", type=int, default=len(SEEDS))
    parser.add_argument("--trials", type=int, default=30)
    asked = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    runs: list[dict[str, Any]] = []
    for seed in SEEDS[: asked.companies]:
        with tempfile.TemporaryDirectory() as folder:
            simulate(accounts=asked.accounts, months=asked.months, seed=seed).write(Path(folder))
            dataset = load_dataset(History.open(Path(folder), Settings(), threads=1), Settings())
            truth = {name: pd.read_parquet(Path(folder) / "truth" / f"{name}.parquet") for name in OUTCOMES}
        for outcome in OUTCOMES:
            runs.append({"seed": seed, "outcome": outcome, **compared(dataset, outcome, truth[outcome], asked.trials)})
            print(json.dumps(runs[-1]), flush=True)
    summary = {outcome: _summary([run for run in runs if run["outcome"] == outcome]) for outcome in OUTCOMES}
    asked.out.mkdir(parents=True, exist_ok=True)
    document = {"accounts": asked.accounts, "months": asked.months, "trials": asked.trials, "summary": summary,
                "runs": runs}  # fmt: skip
    (asked.out / "bench-tuning.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(summary, indent=1))


def compared(dataset: Dataset, outcome: str, truth: pd.DataFrame, trials: int) -> dict[str, Any]:
    """Seconds of both ways, and the log loss on the holdout of what each ends up with."""
    settings = Settings()
    plan = make_plan(dataset, outcome, settings)
    with tempfile.TemporaryDirectory() as home:
        began = time.perf_counter(), time.process_time()
        search = tune(dataset, settings, Path(home), outcome=outcome, trials=trials, tracked=False)
        ours = _since(began)
    best, obvious = _obvious(dataset, plan, outcome, [trial.values for trial in search.trials], settings)
    judge = _judge(dataset, plan, outcome, truth, settings)
    return {
        "horizon": plan.headline,
        "ours": ours,
        "obvious": obvious,
        "wall_ratio": obvious["wall"] / ours["wall"],
        "cpu_ratio": obvious["cpu"] / ours["cpu"],
        "stopped_early": sum(trial.state == "pruned" for trial in search.trials),
        "better_beyond_chance": search.better,
        "search": {"start": search.starting.value, "best": search.leading.value},
        "holdout": {
            "start": judge(_recipe(search.start)),
            "ours, what train uses": judge(_recipe(search.recipe)),
            "ours, the best trial": judge(_recipe(search.best)),
            # It needs no calibration block and may learn from that, too; the next one has learned from what ours has.
            "obvious, its own model": judge(_alone(outcome, best, ("train", "calibration"))),
            "obvious, its own model, on the training block": judge(_alone(outcome, best, ("train",))),
            "obvious, its values in our recipe": judge(_recipe(recipe_of(search.start, best))),
        },
    }


Forecaster = Callable[[Dataset, Plan, Settings], np.ndarray]


def _recipe(recipe: Recipe) -> Forecaster:
    """What a recipe says of the holdout."""

    def said(dataset: Dataset, plan: Plan, settings: Settings) -> np.ndarray:
        blocks = plan.blocks[plan.headline]
        held = dataset.at(plan.outcome, plan.headline).on(blocks.holdout)
        horizons = [h for h in plan.horizons if h <= plan.headline]
        learning = learning_of(dataset, plan.outcome, dict.fromkeys(horizons, blocks))
        made = forecast(dataset, plan.outcome, learning, held, recipe, settings, rivals=False)
        return made.predictions["model"]

    return said


def _alone(outcome: str, best: dict[str, Any], on: tuple[str, ...]) -> Forecaster:
    """What the wrapper says that was fitted with the best values on these blocks, as it comes."""

    def said(dataset: Dataset, plan: Plan, settings: Settings) -> np.ndarray:
        blocks = plan.blocks[plan.headline]
        labelled = dataset.at(outcome, plan.headline)
        rows, held = labelled.on([d for name in on for d in getattr(blocks, name)]), labelled.on(blocks.holdout)
        frame = framed(pd.concat([rows.rows, held.rows], ignore_index=True))
        values = {name: value for name, value in best.items() if name != "trees"}
        model = classifier(values, best["trees"], list(frame.columns), len(rows.labels))
        model.fit(frame.iloc[: len(rows.labels)], rows.labels.astype(int))
        return np.clip(model.predict_proba(frame.iloc[len(rows.labels) :])[:, 1], 1e-12, 1 - 1e-12)

    return said


def _judge(
    dataset: Dataset, plan: Plan, outcome: str, truth: pd.DataFrame, settings: Settings
) -> Callable[[Forecaster], dict[str, float]]:
    """Log loss on the labels of the holdout, and what it would be on average over what could have happened."""
    held = dataset.at(outcome, plan.headline).on(plan.blocks[plan.headline].holdout)
    rows = pd.DataFrame({"account_id": held.accounts.astype(str), "as_of": pd.to_datetime(held.as_of)})
    named = truth.assign(account_id=truth["account_id"].astype(str), as_of=pd.to_datetime(truth["as_of"]))
    known = rows.merge(named, on=["account_id", "as_of"], how="left")[f"p_{outcome}_{plan.headline}d"].to_numpy()
    told = ~np.isnan(known)

    def judged(forecaster: Forecaster) -> dict[str, float]:
        p = forecaster(dataset, plan, settings)
        expected = -(known * np.log(p) + (1 - known) * np.log1p(-p))[told]
        return {"log_loss": float(log_losses(held.labels, p).mean()), "expected": float(expected.mean())}

    return judged


def _obvious(
    dataset: Dataset, plan: Plan, outcome: str, trials: list[dict[str, Any]], settings: Settings
) -> tuple[dict[str, Any], dict[str, float]]:
    before = untouched(plan)
    assert before is not None
    origins = cut_origins(dataset, outcome, plan.headline, before, settings.training.min_churned)
    labelled = dataset.at(outcome, plan.headline)
    place = {int(row): number for number, row in enumerate(labelled.place)}
    folds = [
        (
            np.array([place[int(row)] for row in origin.train.place]),
            np.array([place[int(r)] for r in origin.held.place]),
        )
        for origin in origins
    ]
    began = time.perf_counter(), time.process_time()
    best, _ = best_of(framed(labelled.rows), labelled.labels.astype(int), folds, trials, settings.training.seed)
    return best, _since(began)


def _since(began: tuple[float, float]) -> dict[str, float]:
    return {"wall": time.perf_counter() - began[0], "cpu": time.process_time() - began[1]}


def _summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    ways = runs[0]["holdout"] if runs else {}
    return {
        "wall_ratio": _spread([run["wall_ratio"] for run in runs]),
        "cpu_ratio": _spread([run["cpu_ratio"] for run in runs]),
        "better_beyond_chance": sum(run["better_beyond_chance"] for run in runs),
        "holdout_log_loss": {way: float(np.mean([r["holdout"][way]["log_loss"] for r in runs])) for way in ways},
        "expected_log_loss": {way: float(np.mean([r["holdout"][way]["expected"] for r in runs])) for way in ways},
        "as good as with the values of the obvious way": sum(
            run["holdout"]["ours, what train uses"]["log_loss"]
            <= run["holdout"]["obvious, its values in our recipe"]["log_loss"]
            for run in runs
        ),
        "companies": len(runs),
    }


def _spread(values: list[float]) -> dict[str, float]:
    return {"least": min(values), "median": float(np.median(values)), "most": max(values)}


if __name__ == "__main__":
    main()
