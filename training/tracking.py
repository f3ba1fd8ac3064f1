"""Tracking: what a command did in, MLflow runs with parameters, metrics and files out."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from features.errors import TenureError
from training.addresses import absent, in_plain_words, inherited_run, is_named, stores_of, without_secrets
from training.stores import OUTCOMES, alone, files_of, open_store, quiet_mlflow, tracked_name

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

__all__ = [
    "MODEL_PATH",
    "OUTCOMES",
    "alone",
    "end_run",
    "files_of",
    "inherited_run",
    "log_run",
    "name_run",
    "note_failure",
    "note_inherited",
    "open_store",
    "quiet_mlflow",
    "require_inherited",
    "require_store",
    "start_run",
    "tracked_name",
]

MODEL_PATH = "model"
_NOTE = "mlflow.note.content"
_TAKEN: set[str] = set()
"""Inherited runs that this process has started: the next run is their child."""


def start_run(
    client: MlflowClient, outcome: str, name: str, *, parent: str | None = None, began: float | None = None
) -> Run:
    """Start a run: the inherited one first, then its children; a new run where none was inherited.

    The inherited run is the one in MLFLOW_RUN_ID, as `mlflow run` gives it. It takes this name unless somebody has
    named it, and is ended by whoever gave it.

    Parameters
    ----------
    parent : a run whose child the new one becomes, in its experiment.
    began : when what a new run tells of began, in seconds since 1970; now when not given.

    Raises
    ------
    TenureError : the inherited run is not in the store, or the store does not answer.
    """
    given = inherited_run()
    with quiet_mlflow(), in_plain_words():
        if parent is None and given is not None and given not in _TAKEN:
            run = _require(client, given)
            _TAKEN.add(given)
            client.set_tag(given, "tenure.outcome", outcome)
            return _named(client, run, name)
        tags = {"tenure.outcome": outcome, "mlflow.source.name": "tenure", "mlflow.source.type": "LOCAL"}
        if above := parent or given:
            tags["mlflow.parentRunId"] = above
            experiment = _require(client, above).info.experiment_id
        else:
            found = client.get_experiment_by_name(tracked_name(outcome))
            assert found is not None  # open_store made it
            experiment = found.experiment_id
        started = None if began is None else int(began * 1000)
        return client.create_run(experiment, start_time=started, run_name=name, tags=tags)


def end_run(client: MlflowClient, run_id: str, status: str = "FINISHED") -> None:
    """End a run that was started here; an inherited one is left to whoever gave it, who also knows the exit code."""
    if run_id != inherited_run():
        with quiet_mlflow(), in_plain_words():
            client.set_terminated(run_id, status)


def require_inherited(home: Path) -> None:
    """Refuse a run that was given and cannot be written to, before anything is computed for it.

    Raises
    ------
    TenureError : MLFLOW_RUN_ID is set and no such run is in the store.
    """
    given = inherited_run()
    if given is None:
        return
    if not stores_of(home).exist():
        raise TenureError(_no_such_run(given, stores_of(home)))
    _require(open_store(home), given)


def require_store(home: Path) -> None:
    """Refuse a store that was named and does not answer, or a run that is not in it, before anything is fitted.

    Raises
    ------
    TenureError : with what to do.
    """
    require_inherited(home)
    if is_named():
        open_store(home)


def note_inherited(
    home: Path,
    name: str,
    parameters: Mapping[str, Any],
    metrics: Mapping[str, float],
    texts: Mapping[str, str] | None = None,
) -> None:
    """Log what a command found into the inherited run; without one, do nothing and import nothing heavy.

    Parameters
    ----------
    name : of the run, unless somebody has named it.
    texts : files to store with the run, by name.

    Raises
    ------
    TenureError : the run is not in the store, or the store does not answer.
    """
    given = inherited_run()
    if given is None:
        return
    require_inherited(home)
    client = open_store(home)
    with quiet_mlflow(), in_plain_words():
        run = _named(client, _require(client, given), name)
        _log(client, run, parameters, metrics, {})
        for name, text in (texts or {}).items():
            client.log_text(given, text, name)


def note_failure(sentence: str) -> None:
    """Say in the inherited run why its command failed, where its store is named; what cannot be said is left."""
    given = inherited_run()
    if given is None or not is_named():
        return
    with contextlib.suppress(TenureError):
        client = open_store(Path())
        with quiet_mlflow(), in_plain_words():
            client.set_tag(given, _NOTE, sentence)


def _require(client: MlflowClient, run_id: str) -> Run:
    from mlflow.exceptions import MlflowException

    try:
        return client.get_run(run_id)
    except MlflowException as error:
        if not absent(error):
            raise
        raise TenureError(_no_such_run(run_id, client.tracking_uri)) from None


def _no_such_run(run_id: str, store: object) -> str:
    return (
        f"MLFLOW_RUN_ID names the run {run_id}, which is not in {without_secrets(str(store))}; "
        "unset it, or set MLFLOW_TRACKING_URI to the store that it is in."
    )


def _named(client: MlflowClient, run: Run, name: str) -> Run:
    """Our name for a run that has none of its own, and our words where nothing describes it."""
    run_id = run.info.run_id
    if not run.data.tags.get(_NOTE):
        client.set_tag(run_id, _NOTE, name)
    if _is_made_up(run.info.run_name or ""):
        client.update_run(run_id, name=name)
    return client.get_run(run_id)


def _is_made_up(name: str) -> bool:
    """Whether MLflow itself made up a run's name, such as bemused-crab-42; a name that a person gave is kept."""
    try:
        from mlflow.utils.name_utils import _GENERATOR_NOUNS as NOUNS
        from mlflow.utils.name_utils import _GENERATOR_PREDICATES as PREDICATES
    except ImportError:
        return False
    first, noun, number = [*name.split("-"), "", "", ""][:3]
    return not name or (first in PREDICATES and noun in NOUNS and number.isdigit() and name.count("-") == 2)


def log_run(
    client: MlflowClient,
    *,
    name: str,
    parameters: Mapping[str, Any],
    metrics: Mapping[str, float],
    tags: Mapping[str, str],
    files: Path,
    model: Path,
    outcome: str = "churn",
    began: float | None = None,
) -> tuple[str, str]:
    """Log one run, started by `start_run`.

    Parameters
    ----------
    tags : a description among them does not replace one that a person wrote.
    metrics : those that are not finite are left out.
    files : a folder whose files become the run's artifacts, the cards among them.
    model : an MLflow model folder, logged as the artifact folder "model".

    Returns
    -------
    The run's id, and the address of its logged model folder.

    Raises
    ------
    TenureError : the store does not answer, or its files cannot be written.
    """
    run = start_run(client, outcome, name, began=began)
    run_id: str = run.info.run_id
    status = "FAILED"
    # MLflow's table of runs looks for registered versions only where a run has this.
    own = {"mlflow.log-model.history": "[]"} | dict(tags)
    if run.data.tags.get(_NOTE, name) != name:
        own.pop(_NOTE, None)
    try:
        with quiet_mlflow(), in_plain_words():
            _log(client, run, parameters, metrics, own)
            client.log_artifacts(run_id, str(files))
            client.log_artifacts(run_id, str(model), MODEL_PATH)
        status = "FINISHED"
    except ImportError as error:
        raise TenureError(
            f"Storing files at {run.info.artifact_uri} needs the package {error.name}; install it."
        ) from None
    finally:
        end_run(client, run_id, status)
    return run_id, f"{run.info.artifact_uri}/{MODEL_PATH}"


def name_run(client: MlflowClient, run_id: str, before: str, name: str, tags: Mapping[str, str]) -> None:
    """Rename a run to what became of it, unless a person has named it; its tags are added either way."""
    with quiet_mlflow(), in_plain_words():
        for key, value in tags.items():
            client.set_tag(run_id, key, value)
        if client.get_run(run_id).info.run_name == before:
            client.update_run(run_id, name=name)


def _log(
    client: MlflowClient,
    run: Run,
    parameters: Mapping[str, Any],
    metrics: Mapping[str, float],
    tags: Mapping[str, str],
) -> None:
    from mlflow.entities import Metric, Param, RunTag

    run_id, now = run.info.run_id, int(time.time() * 1000)
    # What `mlflow run` was asked stands in its run already, and a parameter cannot be written twice.
    new = [Param(key, str(value)[:6000]) for key, value in parameters.items() if key not in run.data.params]
    figures = [Metric(key, value, now, 0) for key, value in metrics.items() if math.isfinite(value)]
    for place in range(0, len(new), 100):  # no more fit into one request
        client.log_batch(run_id, params=new[place : place + 100])
    for place in range(0, len(figures), 1000):
        client.log_batch(run_id, metrics=figures[place : place + 1000])
    client.log_batch(run_id, tags=[RunTag(key, value) for key, value in tags.items()])
