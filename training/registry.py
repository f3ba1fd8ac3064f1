"""The registry: a home folder in; its registered versions, and moves of the champion alias, out."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from features.errors import TenureError
from training.gate import Decision
from training.kernel import Kernel
from training.packaging import CARD_FILE, KERNEL_FOLDER
from training.tracking import MODEL_PATH, artifacts_of, open_store, store_file

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

__all__ = ["MODEL", "RegisteredModel", "challenger", "champion", "promote", "register", "rollback", "version"]

MODEL = "tenure-churn"
_MOVES = "tenure.champion_moves"


@dataclass(frozen=True)
class RegisteredModel:
    """One registered version.

    Parameters
    ----------
    version : its number, as text.
    alias : champion, challenger or None.
    run_id : of the MLflow run that made it.
    catalogue_hash : of the feature declarations it was trained on.
    folder : the files that `Kernel.load` reads; nothing was run to find them.
    card : what was known of it when it was registered.
    passed, reason : the gate's decision.
    """

    version: str
    alias: str | None
    run_id: str
    catalogue_hash: str
    folder: Path
    card: dict[str, Any]
    passed: bool
    reason: str


def champion(home: Path) -> RegisteredModel | None:
    """The version that scores, or None when there is none."""
    return _by_alias(home, "champion")


def challenger(home: Path) -> RegisteredModel | None:
    """The latest version that has not passed the gate, or None."""
    return _by_alias(home, "challenger")


def version(home: Path, number: str | int) -> RegisteredModel:
    """One version by its number.

    Raises
    ------
    TenureError : there is no such version.
    """
    client = open_store(home)
    return _described(client, home, _existing(client, home, str(number)))


def register(
    client: MlflowClient, home: Path, source: str, run_id: str, catalogue_hash: str, decision: Decision
) -> RegisteredModel:
    """Register a logged model as challenger, and as champion instead when the gate has passed it."""
    from mlflow.exceptions import MlflowException

    try:
        client.get_registered_model(MODEL)
    except MlflowException:
        client.create_registered_model(MODEL, description="Tenure: calibrated churn probabilities.")
    tags = {
        "tenure.catalogue_hash": catalogue_hash,
        "tenure.gate_passed": "true" if decision.passed else "false",
        "tenure.gate_reason": decision.reason,
        "tenure.gate_numbers": json.dumps(decision.numbers, allow_nan=False),
    }
    made = client.create_model_version(MODEL, source, run_id, tags=tags, description=decision.reason)
    number = str(made.version)
    client.set_registered_model_alias(MODEL, "challenger", number)
    if decision.passed:
        _move(client, number, "gate")
    return version(home, number)


def promote(home: Path, number: str | int | None = None) -> RegisteredModel:
    """Make a version champion, the challenger when none is named; only if the gate had passed it.

    Raises
    ------
    TenureError : there is no such version, or its stored decision is not a pass.
    """
    client = open_store(home)
    if number is None:
        latest = challenger(home)
        if latest is None:
            raise TenureError("There is no challenger to promote; train one with tenure train.")
        number = latest.version
    target = _described(client, home, _existing(client, home, str(number)))
    if not target.passed:
        raise TenureError(f"Version {target.version} cannot become champion. {target.reason}")
    try:
        Kernel.load(target.folder)
    except ValueError as error:
        raise TenureError(f"Version {target.version} cannot become champion: {error}") from None
    if target.alias != "champion":
        _move(client, target.version, "promote")
    return version(home, target.version)


def rollback(home: Path) -> RegisteredModel:
    """Make the version that was champion before the present one champion again.

    Raises
    ------
    TenureError : there was none before.
    """
    client = open_store(home)
    stack: list[str] = []
    for move in _moves(client):
        if move["by"] == "rollback":
            stack.pop()
        else:
            stack.append(move["version"])
    if len(stack) < 2:
        raise TenureError("There is no earlier champion to roll back to.")
    _move(client, stack[-2], "rollback")
    return version(home, stack[-2])


def _moves(client: MlflowClient) -> list[dict[str, str]]:
    from mlflow.exceptions import MlflowException

    try:
        tags = client.get_registered_model(MODEL).tags
    except MlflowException:
        return []
    moves: list[dict[str, str]] = json.loads(tags.get(_MOVES, "[]"))
    return moves


def _move(client: MlflowClient, number: str, by: str) -> None:
    # The wall clock here is an audit stamp; no feature, label or score ever reads it.
    at = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    moves = [*_moves(client), {"version": number, "by": by, "at": at}]
    client.set_registered_model_alias(MODEL, "champion", number)
    if _holder(client, "challenger") == number:
        client.delete_registered_model_alias(MODEL, "challenger")
    client.set_registered_model_tag(MODEL, _MOVES, json.dumps(moves))


def _holder(client: MlflowClient, alias: str) -> str | None:
    """The version an alias points to. Versions and models looked up by name may come without their aliases."""
    from mlflow.exceptions import MlflowException

    try:
        return str(client.get_model_version_by_alias(MODEL, alias).version)
    except MlflowException:
        return None


def _by_alias(home: Path, alias: str) -> RegisteredModel | None:
    if not store_file(home).exists():
        return None  # asking must not create a store, which takes seconds
    client = open_store(home)
    number = _holder(client, alias)
    return _described(client, home, _existing(client, home, number)) if number else None


def _existing(client: MlflowClient, home: Path, number: str) -> ModelVersion:
    from mlflow.exceptions import MlflowException

    try:
        return client.get_model_version(MODEL, number)
    except MlflowException:
        raise TenureError(f"There is no version {number} of {MODEL} under {home}.") from None


def _described(client: MlflowClient, home: Path, found: ModelVersion) -> RegisteredModel:
    number = str(found.version)
    run_id = str(found.run_id)
    folder = artifacts_of(home, run_id) / MODEL_PATH / "artifacts" / KERNEL_FOLDER
    try:
        card = json.loads((folder / CARD_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        card = {}  # the model may still score; what is missing from it Kernel.load says
    return RegisteredModel(
        version=number,
        alias=next((a for a in ("champion", "challenger") if _holder(client, a) == number), None),
        run_id=run_id,
        catalogue_hash=found.tags.get("tenure.catalogue_hash", ""),
        folder=folder,
        card=card,
        passed=found.tags.get("tenure.gate_passed") == "true",
        reason=found.tags.get("tenure.gate_reason", ""),
    )
