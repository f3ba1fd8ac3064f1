"""Stores: a home folder in; a client of the store that keeps its runs, and local copies of their files, out."""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
import urllib.parse
import urllib.request
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from features.errors import TenureError
from training.addresses import Stores, absent, first_answer, in_plain_words, is_named, stores_of, without_secrets
from training.moved import follow
from training.pages import experiment_tags

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["OUTCOMES", "alone", "files_of", "open_store", "quiet_mlflow", "tracked_name"]

OUTCOMES = ("churn", "expansion")
_QUIET = {"MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false", "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true"}


@contextlib.contextmanager
def quiet_mlflow() -> Iterator[None]:
    """Importing and using mlflow without what it says about itself.

    It warns of its own type hints when imported, reports each migration of a new store, draws a progress bar for
    copying three small files, and prints a run's address among our answers. None of it is for our readers.
    """
    loggers = [logging.getLogger(name) for name in ("mlflow", "alembic")]
    levels = [logger.level for logger in loggers]
    said = {name: os.environ.get(name) for name in _QUIET}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            os.environ.update(_QUIET)
            for logger in loggers:
                logger.setLevel(logging.ERROR)
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
            for name, value in said.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


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


def open_store(home: Path) -> MlflowClient:
    """A client of the store that MLFLOW_TRACKING_URI names, or of the one under the home, with both experiments in it.

    The addresses are given to the client and no global MLflow state is set. A store that is a file is made when
    missing, with its folder. Experiments made here keep their files where a server says, beside a store that is a
    file, and else in the home. A store under the home that was moved or copied with it is told where its files are now.

    Raises
    ------
    TenureError : the store does not answer, the folder cannot be written, or the file is not an MLflow store.
    """
    stores = stores_of(home)
    with quiet_mlflow():
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

    database = stores.file
    if database is None:
        files = None if stores.remote else (Path(home).resolve() / "artifacts").as_uri()
        with quiet_mlflow(), first_answer(stores):
            return _client_of(stores, files)
    beside = database.with_name("artifacts" if database == _file_of_home(home) else "mlruns").as_uri()
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        with quiet_mlflow(), alone(database.parent, "mlflow.lock"):
            if not database.exists():
                # Made under another name, so that whoever is stopped half-way leaves no store that is none.
                draft = database.with_name(f"{database.name}.part")
                draft.unlink(missing_ok=True)
                _client_of(Stores(f"sqlite:///{draft}", f"sqlite:///{draft}"), beside)
                draft.replace(database)
            elif not is_named():
                follow(database, map(tracked_name, OUTCOMES))
            return _client_of(stores, beside)
    except OSError as error:
        raise TenureError(
            f"The home folder {database.parent} cannot be written ({error.strerror}); choose another."
        ) from None
    except (MlflowException, SQLAlchemyError):
        raise TenureError(
            f"{database} is not an MLflow store that this version can read; move it away or choose another --home."
        ) from None


def _file_of_home(home: Path) -> Path:
    return Path(home).resolve() / "mlflow.db"


def _client_of(stores: Stores, files: str | None) -> MlflowClient:
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    client = MlflowClient(tracking_uri=stores.tracking, registry_uri=stores.registry)
    for outcome in OUTCOMES:
        name, tags = tracked_name(outcome), experiment_tags(outcome)
        found = client.get_experiment_by_name(name)
        if found is None:
            try:
                client.create_experiment(name, artifact_location=files, tags=tags)
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":  # somebody else was faster
                    raise
        elif found.lifecycle_stage != "active":
            raise TenureError(
                f"The experiment {name} was deleted in the tracking store; bring it back with "
                f"`mlflow experiments restore --experiment-id {found.experiment_id}`."
            )
        else:
            # Of an older version, or made by `mlflow run`; what a person has written there stays.
            for key in tags.keys() - found.tags.keys():
                client.set_experiment_tag(found.experiment_id, key, tags[key])
    return client


@contextlib.contextmanager
def alone(home: Path, lock: str, *, note: str = "", held: Callable[[str], None] | None = None) -> Iterator[None]:
    """Only one process or thread at a time holds a lock, named by a file in a home; the others wait.

    It is not re-entrant: whoever asks for a lock that it already holds waits for ever.

    Parameters
    ----------
    note : what the file says while the lock is held, for others to read.
    held : called with the holder's note before waiting; by raising it gives up.
    """
    try:
        import fcntl
    except ImportError:  # not on Windows, where two first trainings at once must be avoided by hand
        yield
        return
    with (Path(home) / lock).open("a+", encoding="utf-8", errors="replace") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if held:
                handle.seek(0)
                held(handle.read())
            fcntl.flock(handle, fcntl.LOCK_EX)
        handle.truncate(0)
        handle.write(note)
        handle.flush()
        yield


def files_of(client: MlflowClient, home: Path, run_id: str, path: str = "") -> Path:
    """A local folder or file with what a run has stored under a path; all of its files when none is given.

    Where a run's files lie on this machine they are read in place, under the home first, also after that was moved.
    Others are downloaded once, into `<home>/downloads/<run_id>/`; half a download is never seen there.

    Returns
    -------
    A path that may be missing where a run on this machine has no such files.

    Raises
    ------
    TenureError : the files cannot be downloaded.
    """
    from mlflow.exceptions import MlflowException

    under_home = Path(home).resolve() / "artifacts" / run_id / "artifacts"
    if under_home.is_dir():
        return under_home / path
    with in_plain_words():
        try:
            address = str(client.get_run(run_id).info.artifact_uri)
        except MlflowException as error:
            if absent(error):
                return under_home / path
            raise
    parts = urllib.parse.urlsplit(address)
    if parts.scheme in ("", "file"):
        there = Path(urllib.request.url2pathname(parts.path))
        # A home that was moved has left its old place; what is missing is then missing in the new one.
        return (there if there.is_dir() else under_home) / path
    folder = Path(home).resolve() / "downloads" / run_id
    try:
        with quiet_mlflow():
            for one in [path] if path else [found.path for found in client.list_artifacts(run_id)]:
                _download(client, run_id, one, folder / one)
    except Exception as error:  # besides MLflow's, those of whatever package reads the object storage
        said = without_secrets(str(error)).strip().splitlines()
        raise TenureError(
            f"The files of run {run_id} cannot be downloaded from {without_secrets(address)} "
            f"({said[0][:300] if said else type(error).__name__}); check that the store still has them."
        ) from None
    return folder / path


def _download(client: MlflowClient, run_id: str, path: str, target: Path) -> None:
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".", dir=target.parent) as scratch:
        got = Path(client.download_artifacts(run_id, path, scratch))
        # Whoever was faster has the same files: a run's are never changed.
        with contextlib.suppress(OSError):
            got.replace(target)
    if not target.exists():
        raise OSError(f"{path} was not stored")
