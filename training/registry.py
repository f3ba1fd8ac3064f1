"""The registry: a home folder in; an outcome's registered versions, and moves of its champion alias, out."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from features.errors import TenureError
from training.addresses import absent, in_plain_words, stores_of
from training.gate import Decision
from training.kernel import load_kernel
from training.moves import Move, earlier_champions, read_moves, write_move
from training.packaging import CARD_FILE, KERNEL_FOLDER
from training.pages import about_model
from training.tracking import MODEL_PATH, alone, files_of, open_store, tracked_name

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

__all__ = [
    "Move",
    "RegisteredModel",
    "challenger",
    "champion",
    "champion_number",
    "moves",
    "promote",
    "register",
    "rollback",
    "version",
]

_LOCK = "registry.lock"
"""In the home: processes that share a home take turns. Two homes that share a server do not; the order of what they
write is then the server's, and a champion that was replaced meanwhile is still seen, unless in that very moment."""


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
    card : what was known of it when it was registered; empty where it cannot be read.
    passed, reason : the gate's decision.
    outcome : churn or expansion.
    """

    version: str
    alias: str | None
    run_id: str
    catalogue_hash: str
    folder: Path
    card: dict[str, Any]
    passed: bool
    reason: str
    outcome: str = "churn"


@in_plain_words()
def champion(home: Path, outcome: str = "churn") -> RegisteredModel | None:
    """The version that scores, or None when there is none."""
    return _by_alias(home, outcome, "champion")


@in_plain_words()
def champion_number(client: MlflowClient, outcome: str = "churn") -> str | None:
    """Which version scores, for whoever asks again and again: one call of the store, and no file is read."""
    return _holder(client, tracked_name(outcome), "champion")


@in_plain_words()
def challenger(home: Path, outcome: str = "churn") -> RegisteredModel | None:
    """The latest version that has not become champion, or None."""
    return _by_alias(home, outcome, "challenger")


@in_plain_words()
def version(home: Path, number: str | int, outcome: str = "churn") -> RegisteredModel:
    """One version by its number.

    Raises
    ------
    TenureError : there is no such version.
    """
    client = open_store(home)
    return _described(client, home, outcome, _existing(client, home, outcome, str(number)))


@in_plain_words()
def moves(home: Path, outcome: str = "churn") -> tuple[Move, ...]:
    """Every move of the champion alias, the oldest first; nothing removes or alters one."""
    name = tracked_name(outcome)
    return read_moves(open_store(home), name) if stores_of(home).exist() else ()


@in_plain_words()
def register(
    client: MlflowClient,
    home: Path,
    source: str,
    run_id: str,
    catalogue_hash: str,
    decision: Decision,
    outcome: str = "churn",
) -> RegisteredModel:
    """Register a logged model as challenger, and as champion instead when the gate has passed it.

    A version that passed beside a champion which another training has replaced meanwhile stays challenger:
    it was never compared with the present one.
    """
    from mlflow.exceptions import MlflowException

    name = tracked_name(outcome)
    tags = {
        "tenure.catalogue_hash": catalogue_hash,
        "tenure.gate_passed": "true" if decision.passed else "false",
        "tenure.gate_reason": decision.reason,
        "tenure.gate_numbers": json.dumps(decision.numbers, allow_nan=False),
    }
    with _alone(home):
        try:
            client.get_registered_model(name)
        except MlflowException as error:
            if not absent(error):
                raise
            client.create_registered_model(name, description=about_model(outcome))
        present = _holder(client, name, "champion")
        judged_beside = decision.numbers.get("champion_version")
        overtaken = decision.passed and present != judged_beside
        if overtaken:
            tags["tenure.gate_overtaken"] = _overtaken(present, judged_beside)
        made = client.create_model_version(name, source, run_id, tags=tags, description=decision.reason[:4900])
        number = str(made.version)
        client.set_registered_model_alias(name, "challenger", number)
        if decision.passed and not overtaken:
            _move(client, name, number, "gate", decision.reason)
    return version(home, number, outcome)


@in_plain_words()
def promote(home: Path, number: str | int | None = None, outcome: str = "churn") -> RegisteredModel:
    """Make a version champion, the challenger when none is named; only if the gate had passed it.

    Raises
    ------
    TenureError : there is no such version, its stored decision is not a pass, or its files are damaged.
    """
    client, name = open_store(home), tracked_name(outcome)
    with _alone(home):
        if number is None:
            number = _holder(client, name, "challenger")
            if number is None:
                raise TenureError(
                    "There is no challenger to promote; name a version with --version, or train one with tenure train."
                )
        target = _described(client, home, outcome, _existing(client, home, outcome, str(number)))
        if not target.passed:
            raise TenureError(f"Version {target.version} cannot become champion. {target.reason}")
        try:
            load_kernel(target.folder)
        except ValueError as error:
            raise TenureError(f"Version {target.version} cannot become champion: {error}") from None
        if target.alias != "champion":
            _move(client, name, target.version, "promote", f"Asked for. {target.reason}")
    return version(home, target.version, outcome)


@in_plain_words()
def rollback(home: Path, outcome: str = "churn") -> RegisteredModel:
    """Make the version that was champion before the present one champion again.

    The present one's files are not looked at, since they may be why. An earlier champion that is gone or damaged is
    passed over for the one before it, and the move's reason says so.

    Raises
    ------
    TenureError : there was none before, or none of them can be read.
    """
    client, name = open_store(home), tracked_name(outcome)
    with _alone(home):
        earlier = earlier_champions(read_moves(client, name), _holder(client, name, "champion"))
        if not earlier:
            raise TenureError("There is no earlier champion to roll back to.")
        skipped: list[str] = []
        for number in earlier:
            try:
                load_kernel(_described(client, home, outcome, _existing(client, home, outcome, number)).folder)
            except (ValueError, TenureError) as error:
                skipped.append(f"Version {number} was passed over: {error}")
                continue
            _move(client, name, number, "rollback", " ".join(["Asked for.", *skipped]))
            return version(home, number, outcome)
    raise TenureError(f"No earlier champion can be read. {' '.join(skipped)}")


@contextlib.contextmanager
def _alone(home: Path) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        try:
            Path(home).mkdir(parents=True, exist_ok=True)
            stack.enter_context(alone(home, _LOCK))
        except OSError as error:
            raise TenureError(f"The home folder {home} cannot be written ({error.strerror}); choose another.") from None
        yield


def _overtaken(present: str | None, judged_beside: object) -> str:
    beside = f"beside champion {judged_beside}" if judged_beside else "when there was no champion"
    return f"It was judged {beside}, and by then version {present or 'none'} was champion; train again or promote it."


def _move(client: MlflowClient, name: str, number: str, by: str, reason: str) -> None:
    # The log first: a move that was stopped half-way is then seen, and not one that nobody made.
    write_move(client, name, by, _holder(client, name, "champion"), number, reason)
    client.set_registered_model_alias(name, "champion", number)
    if _holder(client, name, "challenger") == number:
        client.delete_registered_model_alias(name, "challenger")


def _holder(client: MlflowClient, name: str, alias: str) -> str | None:
    """The version an alias points to. Versions and models looked up by name may come without their aliases."""
    from mlflow.exceptions import MlflowException

    try:
        return str(client.get_model_version_by_alias(name, alias).version)
    except MlflowException as error:
        if not absent(error):
            raise
        return None


def _by_alias(home: Path, outcome: str, alias: str) -> RegisteredModel | None:
    name = tracked_name(outcome)
    if not stores_of(home).exist():
        return None  # asking must not create a store, which takes seconds
    client = open_store(home)
    number = _holder(client, name, alias)
    return _described(client, home, outcome, _existing(client, home, outcome, number)) if number else None


def _existing(client: MlflowClient, home: Path, outcome: str, number: str) -> ModelVersion:
    from mlflow.exceptions import MlflowException

    name = tracked_name(outcome)
    try:
        return client.get_model_version(name, number)
    except MlflowException as error:
        if not absent(error):
            raise
        raise TenureError(f"There is no version {number} of {name} in {stores_of(home)}.") from None


def _described(client: MlflowClient, home: Path, outcome: str, found: ModelVersion) -> RegisteredModel:
    number, name = str(found.version), tracked_name(outcome)
    run_id = str(found.run_id)
    folder = files_of(client, home, run_id, MODEL_PATH) / "artifacts" / KERNEL_FOLDER
    try:
        card = json.loads((folder / CARD_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        card = None
    # Without a card the model may still score; what else is missing Kernel.load says.
    said = [found.tags.get(f"tenure.gate_{key}", "") for key in ("reason", "overtaken")]
    return RegisteredModel(
        version=number,
        alias=next((a for a in ("champion", "challenger") if _holder(client, name, a) == number), None),
        run_id=run_id,
        catalogue_hash=found.tags.get("tenure.catalogue_hash", ""),
        folder=folder,
        card=card if isinstance(card, dict) else {},
        passed=found.tags.get("tenure.gate_passed") == "true",
        reason=" ".join(filter(None, said)),
        outcome=outcome,
    )
