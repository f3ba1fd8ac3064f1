"""One search for the session, and what turns a dataset into one whose future is another."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from features.settings import Settings, TrainingSettings
from training.dataset import Dataset
from training.recipe import Recipe
from training.tuning import Search, tracked, tune

SMALL = Recipe(trees={"max_trees": 20, "patience": 4})
TRIALS = 6


class Searched(NamedTuple):
    """A home with one finished search in it, and what was asked; tests do not change it.

    It was stopped twice: by a Ctrl-C while its second trial was logged, and after three.
    """

    home: Path
    dataset: Dataset
    settings: Settings
    start: Recipe
    search: Search


@pytest.fixture(scope="session")
def searched(make_dataset: Callable[..., Dataset], tmp_path_factory: pytest.TempPathFactory) -> Searched:
    """Six trials of few trees, tracked, on clear signal."""
    home = tmp_path_factory.mktemp("searched") / "home"
    settings = Settings(training=TrainingSettings(bootstrap=200))
    dataset = make_dataset(accounts=500)
    patch = pytest.MonkeyPatch()
    for variable in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID"):
        patch.delenv(variable, raising=False)
    end_run, ended = tracked.end_run, []

    def interrupted(client: Any, run_id: str, status: str = "FINISHED") -> None:
        ended.append(run_id)
        if len(ended) == 2:
            raise KeyboardInterrupt
        end_run(client, run_id, status)

    patch.setattr(tracked, "end_run", interrupted)
    try:
        with pytest.raises(KeyboardInterrupt):
            tune(dataset, settings, home, trials=3, start=SMALL)
        tune(dataset, settings, home, trials=3, start=SMALL)
        search = tune(dataset, settings, home, trials=TRIALS, start=SMALL)
    finally:
        patch.undo()
    return Searched(home, dataset, settings, SMALL, search)


def told(search: Search) -> list[tuple[Any, ...]]:
    """All that a search has said of its trials but how long they took, and but for numbers, which kills use up."""
    return [(trial.state, trial.losses, trial.values) for trial in search.trials]


@pytest.fixture(scope="session")
def told_of() -> Callable[[Search], list[tuple[Any, ...]]]:
    return told


@pytest.fixture(scope="session")
def only_rows() -> Callable[[Dataset, np.ndarray], Dataset]:
    """A dataset without some of its rows."""

    def only(dataset: Dataset, kept: np.ndarray) -> Dataset:
        n = len(dataset.rows)
        cut: dict[str, Any] = {
            field.name: value[kept]
            for field in dataclasses.fields(dataset)
            if isinstance(value := getattr(dataset, field.name), np.ndarray) and len(value) == n
        }
        targets = {
            name: dataclasses.replace(
                target,
                labels=target.labels[kept],
                involuntary=None if target.involuntary is None else target.involuntary[kept],
            )
            for name, target in dataset.targets.items()
        }
        return dataclasses.replace(dataset, rows=dataset.rows.loc[kept].reset_index(drop=True), targets=targets, **cut)

    return only


@pytest.fixture(scope="session")
def relabelled() -> Callable[[Dataset, Mapping[str, np.ndarray]], Dataset]:
    """A dataset with other labels, by outcome."""

    def other(dataset: Dataset, labels: Mapping[str, np.ndarray]) -> Dataset:
        changed = {name: dataclasses.replace(dataset.targets[name], labels=found) for name, found in labels.items()}
        return dataclasses.replace(dataset, targets={**dataset.targets, **changed})

    return other
