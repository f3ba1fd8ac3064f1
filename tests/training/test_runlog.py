"""What a run keeps is little enough to be read, and is what was found."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from mlflow.entities import Run

from features.settings import Settings, TrainingSettings
from training.recipe import Recipe
from training.runlog import metrics_of, parameters_of, settings_of_training
from training.tracking import open_store, start_run
from training.train import TrainResult

FIGURES = {
    "log loss": ("model", "log_loss"),
    "log loss of the base rate": ("prior", "log_loss"),
    "log loss of recency": ("recency", "log_loss"),
    "AUC": ("model", "auc"),
    "observed over expected": ("model", "observed_to_expected"),
    "calibration slope": ("model", "slope"),
    "calibration error": ("model", "calibration_error"),
    "lift of the riskiest tenth": ("model", "lift_10"),
}


@pytest.fixture(scope="module")
def runs(trained: Any) -> list[tuple[TrainResult, Run]]:
    home, results = trained
    client = open_store(home)
    return [(result, client.get_run(result.run_id)) for result in results]


def test_metrics_are_few_and_those_of_the_evaluation(runs: list[tuple[TrainResult, Run]]) -> None:
    for result, run in runs:
        document = json.loads((result.artifacts / "evaluation.json").read_text())
        expected: dict[str, float | None] = {"gate/passed": float(result.decision.passed)}
        expected["gate/checks not passed"] = sum(
            check["decides"] and not check["passed"] for check in document["decision"]["checks"]
        )
        for told in document["horizons"]:
            evaluation = told["evaluation"]
            expected[f"{told['days']} days/events"] = evaluation["churned_accounts"]
            for words, (model, name) in FIGURES.items():
                expected[f"{told['days']} days/{words}"] = evaluation["figures"][model][name]["value"]
        defined = {name: value for name, value in expected.items() if value is not None}
        assert run.data.metrics == defined
        assert len(defined) > len(expected) - 3
        assert all(map(math.isfinite, defined.values()))
        # Four horizons are what settings ask for when they say nothing.
        assert 4 * (len(FIGURES) + 1) + 2 <= 40
        assert all(re.fullmatch(r"[\w ./:-]+", name) for name in [*run.data.metrics, *run.data.params])


def test_what_is_not_defined_is_left_out(trained: Any) -> None:
    clear = trained[1][0]
    figures = clear.judged[90].evaluation.figures
    kept = figures["model"]["auc"]
    try:
        figures["model"]["auc"] = type(kept)(math.nan, math.nan, math.nan)
        assert math.isnan(metrics_of(clear.judged, clear.decision)["90 days/AUC"])
    finally:
        figures["model"]["auc"] = kept
    assert "90 days/AUC" in metrics_of(clear.judged, clear.decision)


def test_parameters_are_few_and_lose_nothing(runs: list[tuple[TrainResult, Run]], fitted: Any, quick: Recipe) -> None:
    result, run = runs[0]
    document = json.loads((result.artifacts / "evaluation.json").read_text())
    told = run.data.params
    assert len(told) <= 40
    assert told["known on"] == document["known_on"]
    assert told["recipe from"] == "given"
    for horizon in document["horizons"]:
        for block, words in (("train", "learned"), ("calibration", "calibrated"), ("holdout", "judged")):
            days = horizon["blocks"][block]
            assert told[f"{horizon['days']} days/{words} on"] == f"{days['first_as_of']} to {days['last_as_of']}"
        assert told[f"{horizon['days']} days/calibration"] == document["calibrations"][str(horizon["days"])]["method"]
    recipe = document["recipe"]
    assert {k: told[f"recipe/{k}"] for k in recipe["trees"]} == {k: str(v) for k, v in recipe["trees"].items()}
    assert told["recipe/features"] == "all"
    # Only what is no default is told; everything stands in the file.
    assert {name for name in told if "." in name} == {"training.bootstrap"}
    mine = Settings(training=TrainingSettings(bootstrap=200))
    plain = json.loads(json.dumps(settings_of_training(mine)))
    assert json.loads((result.artifacts / "settings.json").read_text()) == plain
    default = parameters_of(fitted.dataset, Settings(), result.blocks, quick, "given", fitted.hazards)
    assert {k: str(v) for k, v in default.items()} == {k: v for k, v in told.items() if k != "training.bootstrap"}
    assert len(default) + 5 * 2 <= 40  # with two more horizons


def test_a_run_says_what_became_of_it(runs: list[tuple[TrainResult, Run]]) -> None:
    (clear, first), (noise, second) = runs
    assert first.info.run_name == f"v1 became champion: churn known on {clear.known_on}"
    assert second.info.run_name == f"v2 not passed: churn known on {noise.known_on}"
    for result, run in runs:
        note = run.data.tags["mlflow.note.content"]
        assert result.decision.reason in note
        assert "card.html" in note
        for horizon, found in result.judged.items():
            (line,) = [line for line in note.splitlines() if line.strip("| *").startswith(f"{horizon} days")]
            assert f"{found.evaluation.figures['model']['log_loss'].value:.4f}" in line
            assert f"{found.evaluation.figures['prior']['log_loss'].value:.4f}" in line
        assert run.data.tags["tenure.version"] == result.version
        assert run.data.tags["tenure.gate_passed"] == ("true" if result.decision.passed else "false")
        assert 0 < run.info.end_time - run.info.start_time < 600_000


def test_experiments_and_models_say_how_to_read_them(trained: Any) -> None:
    home, _ = trained
    client = open_store(home)
    known = client.search_runs([client.get_experiment_by_name("tenure-churn").experiment_id])[-1].data
    for outcome in ("churn", "expansion"):
        tags = client.get_experiment_by_name(f"tenure-{outcome}").tags
        assert f"**{outcome.capitalize()}**" in tags["mlflow.note.content"]
        assert tags["mlflow.experimentKind"] == "custom_model_development"
        view = json.loads(tags["mlflow.sharedViewState.tenure"])
        assert len(tags["mlflow.sharedViewState.tenure"]) < 5000
        for column in json.loads(view["state"])["selectedColumns"]:
            kind, name = re.fullmatch(r"(\w+)\.`(.*)`", column).groups()  # type: ignore[union-attr]  # it must match
            assert kind == "attributes" or name in getattr(known, kind)
    assert "champion" in client.get_registered_model("tenure-churn").description


def test_what_a_person_wrote_of_an_experiment_stays(tmp_path: Path, trained: Any) -> None:
    from shutil import copy

    copy(trained[0] / "mlflow.db", tmp_path / "mlflow.db")
    client = open_store(tmp_path)
    number = client.get_experiment_by_name("tenure-churn").experiment_id
    client.set_experiment_tag(number, "mlflow.note.content", "ours")
    client.delete_experiment_tag(number, "mlflow.sharedViewState.tenure")
    tags = open_store(tmp_path).get_experiment(number).tags
    assert tags["mlflow.note.content"] == "ours"
    assert "mlflow.sharedViewState.tenure" in tags
    run = start_run(open_store(tmp_path), "churn", "n", began=1e9)
    assert run.info.start_time == 1e12
