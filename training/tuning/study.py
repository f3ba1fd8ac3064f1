"""The study: a home and a name in; an Optuna study that outlives whoever runs it, and its next trial, out."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from features.errors import TenureError

if TYPE_CHECKING:
    import optuna

__all__ = ["STORE", "finished", "make_home", "next_trial", "open_study", "quiet_optuna", "store_in_plain_words"]

STORE = "tuning.db"
_STARTUP = 8
"""Trials drawn at random before the sampler learns from them."""


@contextlib.contextmanager
def quiet_optuna() -> Iterator[None]:
    """Using Optuna without its log; we tell of trials ourselves."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


def make_home(home: Path) -> None:
    """Make the folder, where there is none.

    Raises
    ------
    TenureError : it cannot be made.
    """
    try:
        Path(home).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TenureError(f"The home folder {home} cannot be written ({error.strerror}); choose another.") from None


@contextlib.contextmanager
def store_in_plain_words(home: Path) -> Iterator[None]:
    """What the store of trials refuses, at whatever moment, becomes one sentence.

    Raises
    ------
    TenureError : it is damaged, full, or of another version.
    """
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (SQLAlchemyError, StorageInternalError):
        raise TenureError(
            f"{Path(home).resolve() / STORE} is not a store of trials that this version can read and write; move it "
            "away or choose another --home."
        ) from None


def open_study(home: Path, name: str) -> optuna.Study:
    """The study of a name, made where there is none; trials that their process did not live to finish are failed.

    Only one process may have it open: whoever comes second would fail the first one's trial.

    Raises
    ------
    TenureError : the store cannot be written or read.
    """
    import optuna
    from optuna.exceptions import StorageInternalError
    from sqlalchemy import event
    from sqlalchemy.exc import SQLAlchemyError

    file = Path(home).resolve() / STORE

    def storage(database: Path) -> optuna.storages.RDBStorage:
        store = optuna.storages.RDBStorage(f"sqlite:///{database}", engine_kwargs={"connect_args": {"timeout": 60}})
        # A trial is a dozen commits. Written ahead, they survive a kill without waiting for the disk each time.
        event.listen(store.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = NORMAL"))
        with store.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        store.engine.dispose()
        return store

    make_home(file.parent)
    try:
        if not file.exists():
            # Made under another name, so that whoever is stopped half-way leaves no store that is none.
            draft = file.with_name(f"{STORE}.part")
            draft.unlink(missing_ok=True)
            storage(draft).engine.dispose()
            draft.replace(file)
        study = optuna.create_study(
            storage=storage(file),
            study_name=name,
            load_if_exists=True,
            direction="minimize",
            pruner=optuna.pruners.NopPruner(),  # the search stops trials itself
        )
        for trial in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
            study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
    except OSError as error:
        raise TenureError(f"The home folder {home} cannot be written ({error.strerror}); choose another.") from None
    except (SQLAlchemyError, StorageInternalError, RuntimeError):
        raise TenureError(
            f"{file} is not a store of trials that this version can read; move it away or choose another --home."
        ) from None
    return study


def finished(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """The trials that came to an end, complete or pruned, in their order."""
    import optuna

    ended = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    return study.get_trials(deepcopy=False, states=ended)


def next_trial(study: optuna.Study, first: Mapping[str, Any], seed: int) -> optuna.Trial:
    """The next trial; the very first one tries `first`.

    What it tries depends on the seed and on the finished trials alone, so that a search that was killed and taken up
    again tries what it would have tried.
    """
    import optuna

    count = len(finished(study))
    study.sampler = optuna.samplers.TPESampler(n_startup_trials=_STARTUP, seed=seed + count)
    waiting = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.WAITING,))
    if count == 0 and not waiting:
        study.enqueue_trial(dict(first))
    return study.ask()
