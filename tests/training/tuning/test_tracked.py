"""Tracked: one run a search, one child a trial, also of a search that was stopped and taken up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from training.plots import search_history, search_slices
from training.recipe import Recipe
from training.tuning import tune


@pytest.fixture
def client(searched: Any) -> MlflowClient:
    return MlflowClient(f"sqlite:///{searched.home.resolve() / 'mlflow.db'}")


def children(client: MlflowClient, parent: str) -> list[Run]:
    run = client.get_run(parent)
    asked = f"tags.`mlflow.parentRunId` = '{parent}'"
    found = client.search_runs([run.info.experiment_id], asked)
    return sorted(found, key=lambda child: int(child.info.run_name.removeprefix("trial ")))


def parents(client: MlflowClient, name: str) -> list[Run]:
    experiment = client.get_experiment_by_name("tenure-churn")
    assert experiment
    found = client.search_runs([experiment.experiment_id], f"attributes.run_name LIKE '{name}%'")
    return [run for run in found if "mlflow.parentRunId" not in run.data.tags]


def test_a_search_is_one_run_with_each_trial_below_it_once(searched: Any, client: MlflowClient) -> None:
    """It was stopped twice, once while a child was written."""
    search = searched.search
    (parent,) = parents(client, "search for a recipe of churn")
    assert parent.info.run_name == f"search for a recipe of churn, known until {search.known_until}"
    assert parent.info.status == "FINISHED"
    below = children(client, parent.info.run_id)
    assert [run.info.run_name for run in below] == [f"trial {trial.number}" for trial in search.trials]
    best = float("inf")
    history = {m.step: m.value for m in client.get_metric_history(parent.info.run_id, "search/best log loss")}
    for run, trial in zip(below, search.trials, strict=True):
        assert run.info.status == "FINISHED"
        assert run.data.tags["tenure.state"] == trial.state
        assert run.data.params == {f"recipe/{name}": str(value) for name, value in trial.values.items()}
        losses = client.get_metric_history(run.info.run_id, "trial/log loss by origin")
        assert [m.value for m in sorted(losses, key=lambda m: m.step)] == list(trial.losses)
        assert (len(losses) < len(search.origins)) == (trial.state == "pruned")
        assert ("trial/log loss" in run.data.metrics) == (trial.state == "complete")
        if trial.state == "complete":
            assert run.data.metrics["trial/log loss"] == trial.value
            best = min(best, trial.value)
        assert history[trial.number] == best
    assert {trial.state for trial in search.trials} == {"complete", "pruned"}
    assert parent.data.metrics["search/trials"] == 6
    assert parent.data.metrics["search/log loss of the start"] == search.starting.value
    assert parent.data.params["known until"] == str(search.known_until)


def test_the_run_holds_pictures_and_the_whole_search(searched: Any, client: MlflowClient) -> None:
    (parent,) = parents(client, "search for a recipe of churn")
    files = searched.home / "artifacts" / parent.info.run_id / "artifacts"
    assert sorted(file.name for file in files.iterdir()) == ["search.json", "settings.png", "trials.png"]
    for name in ("settings.png", "trials.png"):
        assert (files / name).read_bytes().startswith(b"\x89PNG")
        assert (files / name).stat().st_size > 5000
    told = json.loads((files / "search.json").read_text())
    assert told == json.loads(json.dumps(searched.search.to_json()))
    assert len(told["trials"]) == 6


@pytest.mark.parametrize("states", [["complete"], ["complete", "pruned"], ["complete"] * 3])
def test_pictures_of_few_trials_can_be_drawn(searched: Any, states: list[str]) -> None:
    frame = searched.search.to_frame().iloc[: len(states)].assign(state=states)
    for drawn in (frame, frame.drop(columns="param_one_way")):
        for figure in (search_history(drawn, "log loss"), search_slices(drawn)):
            assert figure.get_axes()


def test_an_inherited_run_is_the_parent(
    searched: Any, client: MlflowClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = client.create_experiment("somebody's", artifact_location=(tmp_path / "files").as_uri())
    given = client.create_run(experiment).info.run_id
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{searched.home.resolve() / 'mlflow.db'}")
    monkeypatch.delenv("MLFLOW_REGISTRY_URI", raising=False)
    asked: Any = {"start": Recipe(trees={"max_trees": 5})}
    before = len(parents(client, "search for"))
    with monkeypatch.context() as inherited:
        inherited.setenv("MLFLOW_RUN_ID", given)
        tune(searched.dataset, searched.settings, tmp_path, trials=2, **asked)
    run = client.get_run(given)
    assert run.info.run_name.startswith("search for a recipe of churn")
    assert run.info.status == "RUNNING", "whoever gave it ends it"
    assert len(parents(client, "search for")) == before
    assert [child.info.run_name for child in children(client, given)] == ["trial 0", "trial 1"]
    assert {child.info.experiment_id for child in children(client, given)} == {experiment}
    # Taken up where nothing is inherited it goes on in the same run, and a run that was deleted is not written to.
    tune(searched.dataset, searched.settings, tmp_path, trials=3, **asked)
    assert len(children(client, given)) == 3
    client.delete_run(given)
    tune(searched.dataset, searched.settings, tmp_path, trials=4, **asked)
    (new,) = [r for r in parents(client, "search for") if r.info.end_time > client.get_run(given).info.start_time]
    assert len(children(client, new.info.run_id)) == 4
