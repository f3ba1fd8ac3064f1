"""Tracking: one finished training in, one MLflow run under the home folder out."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from features.errors import TenureError

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = [
    "MODEL_PATH",
    "OUTCOMES",
    "alone",
    "artifacts_of",
    "log_run",
    "open_store",
    "quiet_mlflow",
    "store_file",
    "tracked_name",
]

OUTCOMES = ("churn", "expansion")
MODEL_PATH = "model"
_BAR = "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"


@contextlib.contextmanager
def quiet_mlflow() -> Iterator[None]:
    """Importing and using mlflow without what it says about itself.

    It warns of its own type hints when imported, reports each migration of a new store, and draws a progress
    bar for copying three small files. None of it is for our readers.
    """
    loggers = [logging.getLogger(name) for name in ("mlflow", "alembic")]
    levels = [logger.level for logger in loggers]
    bar = os.environ.get(_BAR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            os.environ[_BAR] = "false"
            for logger in loggers:
                logger.setLevel(logging.ERROR)
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
            if bar is None:
                os.environ.pop(_BAR, None)
            else:
                os.environ[_BAR] = bar


def tracked_name(outcome: str) -> str:
    """What an outcome's experiment and its registered model are called.

    >>> tracked_name("churn")
    'tenure-churn'

    Raises
    ------
    TenureError : there is no such outcome.
    """
    if outcome not in OUTCOMES:
        raise TenureError(f"There is no outcome {outcome}; there are {' and '.join(OUTCOMES)}.")
    return f"tenure-{outcome}"


def store_file(home: Path) -> Path:
    """The tracking database, whether or not it exists yet."""
    return Path(home).resolve() / "mlflow.db"


def open_store(home: Path) -> MlflowClient:
    """A client of the store under a home folder, which is created when missing.

    The addresses are given explicitly and no global MLflow state is read or set, so that an inherited
    MLFLOW_TRACKING_URI or MLFLOW_RUN_ID changes nothing.

    Raises
    ------
    TenureError : the folder cannot be written, or its database is not an MLflow store.
    """
    with quiet_mlflow():
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

    database = store_file(home)

    def client_of(file: Path) -> MlflowClient:
        uri = f"sqlite:///{file}"
        client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        for name in map(tracked_name, OUTCOMES):
            if client.get_experiment_by_name(name) is None:
                client.create_experiment(name, artifact_location=(database.parent / "artifacts").as_uri())
        return client

    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        with quiet_mlflow(), alone(database.parent, "mlflow.lock"):
            if not database.exists():
                # Made under another name, so that whoever is stopped half-way leaves no store that is none.
                draft = database.with_name("mlflow.db.part")
                draft.unlink(missing_ok=True)
                client_of(draft)
                draft.replace(database)
            client = client_of(database)
    except OSError as error:
        raise TenureError(f"The home folder {home} cannot be written ({error.strerror}); choose another.") from None
    except (MlflowException, SQLAlchemyError):
        raise TenureError(
            f"{database} is not an MLflow store that this version can read; move it away or choose another --home."
        ) from None
    return client


@contextlib.contextmanager
def alone(home: Path, lock: str) -> Iterator[None]:
    """Only one process or thread at a time holds a lock, named by a file in a home; the others wait.

    It is not re-entrant: whoever asks for a lock that it already holds waits for ever.
    """
    try:
        import fcntl
    except ImportError:  # not on Windows, where two first trainings at once must be avoided by hand
        yield
        return
    with (Path(home) / lock).open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def artifacts_of(home: Path, run_id: str) -> Path:
    """Where a run's artifacts lie under a home folder, also after that folder was moved."""
    return Path(home).resolve() / "artifacts" / run_id / "artifacts"


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
) -> tuple[str, str]:
    """Log one run in the experiment of its outcome.

    Parameters
    ----------
    metrics : those that are not finite are left out.
    files : a folder whose files become the run's artifacts, the cards among them.
    model : an MLflow model folder, logged as the artifact folder "model".

    Returns
    -------
    The run's id, and the address of its logged model folder.
    """
    from mlflow.entities import Metric, Param, RunTag

    experiment = client.get_experiment_by_name(tracked_name(outcome))
    assert experiment is not None  # open_store made it
    run = client.create_run(experiment.experiment_id, run_name=name)
    run_id: str = run.info.run_id
    status = "FAILED"
    try:
        client.log_batch(
            run_id,
            metrics=[
                Metric(key, value, run.info.start_time, 0) for key, value in metrics.items() if math.isfinite(value)
            ],
            params=[Param(key, str(value)[:6000]) for key, value in parameters.items()],
            tags=[RunTag(key, value) for key, value in tags.items()],
        )
        client.log_artifacts(run_id, str(files))
        client.log_artifacts(run_id, str(model), MODEL_PATH)
        status = "FINISHED"
    finally:
        client.set_terminated(run_id, status)
    return run_id, f"{run.info.artifact_uri}/{MODEL_PATH}"
