"""Addresses: a home folder and the environment in, those of the stores that keep runs and models out."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from features.errors import TenureError

__all__ = [
    "Stores",
    "absent",
    "brief",
    "first_answer",
    "in_plain_words",
    "inherited_run",
    "is_named",
    "stores_of",
    "without_secrets",
]

TRACKING, REGISTRY, RUN = "MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "MLFLOW_RUN_ID"
_RETRIES, _TIMEOUT = "MLFLOW_HTTP_REQUEST_MAX_RETRIES", "MLFLOW_HTTP_REQUEST_TIMEOUT"
_ANSWERED: set[Stores] = set()


class Stores(NamedTuple):
    """The addresses of the tracking store and of the model registry; they may hold passwords, so `str` shows none."""

    tracking: str
    registry: str

    @property
    def file(self) -> Path | None:
        """The tracking store's SQLite file; None for a server or another database."""
        return _file(self.tracking)

    @property
    def remote(self) -> bool:
        """Whether a server keeps the runs, and so decides where their files go."""
        return self.file is None and not _is_database(self.tracking)

    def exist(self) -> bool:
        """Whether there is something to ask; a server or another database is taken to be there."""
        return all(file is None or file.exists() for file in map(_file, self))

    def __str__(self) -> str:
        return str(self.file or without_secrets(self.tracking))

    def __repr__(self) -> str:
        return str(self)


def stores_of(home: Path) -> Stores:
    """The stores that MLFLOW_TRACKING_URI and MLFLOW_REGISTRY_URI name; otherwise the one under the home.

    Raises
    ------
    TenureError : an address is a SQLite file that is not written as an absolute path.
    """
    tracking = _said(TRACKING) or f"sqlite:///{Path(home).resolve() / 'mlflow.db'}"
    return Stores(tracking, _said(REGISTRY) or tracking)


def inherited_run() -> str | None:
    """The run that this process was given, by `mlflow run` for one, and that is not its own to end."""
    return os.environ.get(RUN) or None


def is_named() -> bool:
    """Whether the environment names a tracking store."""
    return bool(os.environ.get(TRACKING, "").strip())


def without_secrets(text: str) -> str:
    """A text without the user and password of the addresses in it.

    >>> without_secrets("no answer from postgresql://me:p@ss@db:5432/runs?password=p")
    'no answer from postgresql://db:5432/runs?password=...'
    """
    return re.sub(r"(?i)(password|token|secret)=[^&\s'\"]*", r"\1=...", re.sub(r"//\S*@", "//", text))


def absent(error: Exception) -> bool:
    """Whether an error of MLflow says that a thing is not there, and not that nobody could look.

    Both must not be mistaken: a registry that does not answer has not lost its champion.
    """
    return getattr(error, "error_code", "") in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


@contextlib.contextmanager
def in_plain_words() -> Iterator[None]:
    """What a store refuses or does not answer becomes one sentence that holds no password."""
    try:
        yield
    except Exception as error:
        # If mlflow was never imported then this is none of its errors, and importing it would take seconds.
        mlflow = sys.modules.get("mlflow.exceptions")
        if mlflow is None or not isinstance(error, mlflow.MlflowException):
            raise
        raise TenureError(_sentence(str(error), os.environ.get(TRACKING, ""))) from None


@contextlib.contextmanager
def brief() -> Iterator[None]:
    """While it is open, a server that does not answer is told within seconds; what the user has set of that stays.

    MLflow tries again for minutes, which is right at the end of a training and nowhere else.
    """
    set_here = {name: value for name, value in ((_RETRIES, "1"), (_TIMEOUT, "10")) if name not in os.environ}
    os.environ.update(set_here)
    try:
        yield
    finally:
        for name in set_here:
            os.environ.pop(name, None)


@contextlib.contextmanager
def first_answer(stores: Stores) -> Iterator[None]:
    """For calls to a store that this process has not heard from: `brief`, and no second try of a database."""
    for address in set(stores):
        if _file(address) is None and _is_database(address):
            _connect_once(address)
    with contextlib.nullcontext() if stores in _ANSWERED else brief(), in_plain_words():
        yield
    _ANSWERED.add(stores)


def _said(variable: str) -> str:
    uri = os.environ.get(variable, "").strip()
    if uri.startswith("sqlite"):
        path = _file(uri)
        if path is None or not path.is_absolute():
            raise TenureError(
                f"{variable} is {uri}, which is another file in every folder; write it with its whole path, as "
                f"sqlite:///{Path.cwd() / (path.name if path and path.suffix else 'mlflow.db')}."
            )
    return uri


def _file(uri: str) -> Path | None:
    match = re.fullmatch(r"sqlite(?:\+\w+)?:///([^?]+)(?:\?.*)?", uri)
    return Path(match[1]) if match else None


def _is_database(uri: str) -> bool:
    return bool(re.match(r"(sqlite|postgres(ql)?|mysql|mssql)(\+\w+)?:", uri))


def _connect_once(uri: str) -> None:
    """MLflow tries a database ten times in a hundred seconds, also when the password is wrong."""
    import sqlalchemy

    timeout = {} if uri.startswith("mssql") else {"connect_timeout": 10}
    try:
        engine = sqlalchemy.create_engine(uri, connect_args=timeout, poolclass=sqlalchemy.NullPool)
        engine.connect().close()
    except ImportError as error:
        raise TenureError(f"{without_secrets(uri)} needs the package {error.name}; install it.") from None
    except sqlalchemy.exc.SQLAlchemyError as error:
        said = without_secrets(str(getattr(error, "orig", None) or error)).strip().splitlines()
        raise TenureError(
            f"The tracking database {without_secrets(uri)} cannot be used ({said[-1] if said else 'no answer'}); check "
            f"{TRACKING}, or unset it to keep runs under --home."
        ) from None


def _sentence(said: str, uri: str) -> str:
    where = without_secrets(uri) or "in the home folder"
    if re.search(r"error code 40[13]|\bUNAUTHENTICATED\b|PERMISSION_DENIED|Permission denied", said):
        reason = "Invalid Host" in said and "its --allowed-hosts leave out the name that it is called by here"
        return (
            f"The tracking server {where} refuses us; "
            f"{reason or 'check MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN'}."
        )
    if re.search(r"Max retries|Failed to establish|Connection (refused|reset)|timed out|exceeded", said):
        return f"The tracking server {where} does not answer; start it, or unset {TRACKING} to keep runs under --home."
    first = without_secrets(said).strip().splitlines()[0][:300] if said.strip() else "no reason given"
    return f"The tracking store {where} says: {first.rstrip('.')}. Check {TRACKING}, or unset it."
