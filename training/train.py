"""Training: a history and settings in; a fitted, calibrated, evaluated, registered and gated version out."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from features.errors import TenureError
from features.settings import Settings
from training.blocks import Blocks, cut_blocks, refit_blocks
from training.dataset import Dataset, load_dataset
from training.evaluation import Evaluation, evaluate
from training.gate import Decision, decide
from training.recipe import FittedRecipe, fit_recipe, kernel_of, require_churned
from training.runlog import describe_blocks, holdout_table, metrics_of, parameters_of

if TYPE_CHECKING:
    from features.history import History

__all__ = ["TrainResult", "train", "train_dataset"]


@dataclass(frozen=True)
class TrainResult:
    """What one training did.

    Parameters
    ----------
    horizon, gap_days : in days; the gap is horizon + grace + recording lag.
    known_on : the day on which the labels were known.
    blocks : by block (train, calibration, holdout, refit_train, refit_calibration): first_as_of, last_as_of,
        as_of_days, rows, accounts, churned_accounts, base_rate. The figures are those of the recipe fitted on
        the first three; what is registered is its refit on the last two.
    evaluation : on the holdout.
    decision : the gate's.
    version, run_id : of the registered model and its run.
    champion : whether this version is now the champion.
    folder : the files that `training.kernel.Kernel.load` reads.
    artifacts : the run's artifacts, with evaluation.json, reliability.png and holdout.parquet.
    """

    horizon: int
    gap_days: int
    known_on: dt.date
    blocks: dict[str, dict[str, Any]]
    evaluation: Evaluation
    decision: Decision
    version: str
    run_id: str
    champion: bool
    folder: Path
    artifacts: Path

    def to_json(self) -> dict[str, Any]:
        """Plain dicts, lists, text and floats."""
        return {
            "horizon": self.horizon,
            "gap_days": self.gap_days,
            "known_on": self.known_on.isoformat(),
            "blocks": self.blocks,
            "evaluation": self.evaluation.to_json(),
            "decision": dataclasses.asdict(self.decision),
            "version": self.version,
            "run_id": self.run_id,
            "champion": self.champion,
            "folder": str(self.folder),
            "artifacts": str(self.artifacts),
        }


def train(
    history: History,
    settings: Settings,
    home: Path,
    *,
    known_on: dt.date | None = None,
    progress: Callable[[str], None] | None = None,
) -> TrainResult:
    """Train on a history as it was known on a day, the end of its observed period when none is given.

    Raises
    ------
    TenureError : the history is too short or holds too few churned accounts, with the numbers.
    """
    say = progress or _silent
    say("building features and labels")
    return train_dataset(load_dataset(history, settings, known_on), settings, home, progress=progress)


def train_dataset(
    dataset: Dataset, settings: Settings, home: Path, *, progress: Callable[[str], None] | None = None
) -> TrainResult:
    """The same, from rows and labels that are already there."""
    say = progress or _silent
    blocks, refit = plan_blocks(dataset, settings)
    say("fitting and calibrating")
    recipe = fit_recipe(dataset, blocks, settings)
    say("evaluating on the holdout")
    holdout = dataset.on(blocks.holdout)
    predictions = recipe.predictions(holdout.rows)
    evaluation = evaluate(
        holdout.labels,
        predictions,
        holdout.accounts,
        holdout.as_of,
        dataset.horizon,
        resamples=settings.training.bootstrap,
        seed=settings.training.seed,
    )
    say("fitting again up to the latest known labels")
    final = fit_recipe(dataset, refit, settings)
    say("logging and registering")
    described = describe_blocks(dataset, blocks, refit)
    return _record(dataset, settings, home, described, recipe, final, holdout, predictions, evaluation)


def plan_blocks(dataset: Dataset, settings: Settings) -> tuple[Blocks, Blocks]:
    """The blocks of the evaluated recipe and of its refit, each with enough churned accounts.

    Raises
    ------
    TenureError : the history is too short, or a block holds too few churned accounts, with the numbers.
    """
    asked = settings.training
    blocks = cut_blocks(
        dataset.as_ofs,
        dataset.gap_days,
        dataset.known_on,
        first_day=dataset.first_day,
        warmup_days=asked.warmup_days,
        calibration_from=asked.calibration_from,
        holdout_from=asked.holdout_from,
    )
    require_churned(dataset, blocks, asked.min_churned)
    # The latest days may have seen less churn than the evaluated calibration block: reach back until enough.
    for days in range(len(blocks.calibration), len(dataset.as_ofs)):
        refit = refit_blocks(dataset.as_ofs, dataset.gap_days, dataset.known_on, days)
        try:
            require_churned(dataset, refit, asked.min_churned)
        except TenureError:
            if dataset.on(refit.train).churned_accounts < asked.min_churned[0]:
                raise
            continue
        return blocks, refit
    raise TenureError("Nothing is left to train on before a calibration block with enough churned accounts.")


def _record(
    dataset: Dataset,
    settings: Settings,
    home: Path,
    described: dict[str, dict[str, Any]],
    recipe: FittedRecipe,
    final: FittedRecipe,
    holdout: Dataset,
    predictions: dict[str, np.ndarray],
    evaluation: Evaluation,
) -> TrainResult:
    # mlflow takes seconds to import, and fitting and evaluating do not need it.
    from training.packaging import write_pyfunc
    from training.registry import champion, register
    from training.reliability import plot_reliability
    from training.tracking import artifacts_of, log_run, open_store

    present = champion(home)
    decision = decide(evaluation, present.version if present else None)
    report = {
        "horizon": dataset.horizon,
        "gap_days": dataset.gap_days,
        "known_on": dataset.known_on.isoformat(),
        "data_fingerprint": dataset.fingerprint,
        "catalogue_hash": dataset.catalogue_hash,
        "blocks": described,
        "evaluation": evaluation.to_json(),
        "decision": dataclasses.asdict(decision),
        "note": "The figures are the recipe's, on the holdout; the registered model is its refit on later days.",
    }
    with tempfile.TemporaryDirectory() as scratch:
        files, model = Path(scratch) / "files", Path(scratch) / "model"
        files.mkdir()
        text = json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        (files / "evaluation.json").write_text(text, encoding="utf-8")
        plot_reliability(
            files / "reliability.png",
            holdout.labels,
            {name: predictions[name] for name in ("model", "recency")},
            holdout.accounts,
            holdout.as_of,
            dataset.horizon,
            settings.training.seed,
        )
        holdout_table(holdout, predictions).to_parquet(files / "holdout.parquet", index=False)
        write_pyfunc(kernel_of(final, dataset), report, model)
        client = open_store(home)
        run_id, source = log_run(
            client,
            name=f"churn {dataset.horizon} days, known on {dataset.known_on}",
            parameters=parameters_of(dataset, settings, described, recipe, final),
            metrics=metrics_of(evaluation),
            tags={
                "tenure.data_fingerprint": dataset.fingerprint,
                "tenure.catalogue_hash": dataset.catalogue_hash,
                "tenure.gate_passed": "true" if decision.passed else "false",
                "tenure.gate_reason": decision.reason,
            },
            files=files,
            model=model,
        )
    registered = register(client, home, source, run_id, dataset.catalogue_hash, decision)
    return TrainResult(
        dataset.horizon,
        dataset.gap_days,
        dataset.known_on,
        described,
        evaluation,
        decision,
        registered.version,
        run_id,
        registered.alias == "champion",
        registered.folder,
        artifacts_of(home, run_id),
    )


def _silent(stage: str) -> None:
    """Stands in for a progress callable."""
