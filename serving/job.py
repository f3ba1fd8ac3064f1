"""The scoring job: a home, a history and a day in; the day scored and stored, and what to doubt, out."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from features.errors import TenureError
from features.history import History
from serving.baselines import freeze_day
from serving.drafts import Drafts
from serving.forecast import Forecast, champion_of_expansion, load_model
from serving.scoring import NO_MODEL, NOT_PASSED, Scored, lateness, score_day, score_day_by_rules
from serving.standing import with_standing
from serving.store.store import Store
from serving.store.writing import Written, write_day
from training import registry
from training.monitoring import REFERENCE_FILE

if TYPE_CHECKING:
    from training.registry import RegisteredModel

__all__ = ["Champions", "Done", "champions_of", "score_and_store"]


@dataclass(frozen=True)
class Champions:
    """What a home scores with.

    Parameters
    ----------
    forecast : the models; None for the scorecard.
    churn : the registered version of churn.
    reason : why there is no model.
    trouble : why a champion of expansion cannot be used; empty where it can or where there is none.
    """

    forecast: Forecast | None
    churn: RegisteredModel | None = None
    reason: str = ""
    trouble: str = ""


@dataclass(frozen=True)
class Done:
    """A day that is scored and stored.

    Parameters
    ----------
    scores : one row an account, as the store has them.
    forecast : the models that scored it; None for the scorecard.
    store : where it is stored, as it may be told.
    resumed : accounts that a scoring before this one, which did not get to its end, had got through.
    warnings : what makes the scores say less than they seem to.
    baselines : how many were frozen; none but on the first day of a month that is scored, or where books change hands.
    """

    scores: pd.DataFrame
    forecast: Forecast | None
    as_of: dt.date
    store: str
    written: Written
    resumed: int
    warnings: list[str]
    baselines: int = 0

    def to_json(self) -> dict[str, Any]:
        """What a job's log should tell of it; the scores themselves are in the store."""
        forecast = self.forecast
        return {
            "as_of": self.as_of,
            "accounts": len(self.scores),
            "statuses": self.scores["status"].value_counts().to_dict(),
            "model_version": forecast and forecast.churn.version,
            "expansion_version": forecast and forecast.expansion and forecast.expansion.version,
            "not_validated_in_time": forecast and forecast.not_validated,
            "stored": "new" if self.written.new else "same",
            "store": self.store,
            "run": self.written.run_id,
            "resumed": self.resumed,
            "baselines_frozen": self.baselines,
            "warnings": self.warnings,
        }


def champions_of(home: Path, number: int | None = None) -> Champions:
    """What a home scores with: its champions, or with `number` that version of churn beside the champion of expansion.

    Raises
    ------
    TenureError : there is no such version, or the model of churn cannot be read.
    """
    registered = registry.version(home, number) if number else registry.champion(home)
    if registered is None:
        return Champions(None, reason=NOT_PASSED if registry.challenger(home) else NO_MODEL)
    try:
        model = load_model(registered)
    except ValueError as error:
        raise TenureError(
            f"Model version {registered.version} cannot be read: {error} Train again, or go back with "
            "tenure promote churn --rollback."
        ) from None
    expansion, trouble = champion_of_expansion(home)
    return Champions(Forecast(model, expansion), registered, trouble=trouble)


def score_and_store(
    history: History,
    home: Path,
    store: Store,
    champions: Champions,
    as_of: dt.date,
    progress: Callable[[int, int], None] | None = None,
) -> Done:
    """Score a day and store it whole; where it is stored with the same scores already, nothing changes.

    A scoring that is killed leaves what it has got through in the home, and the next one goes on from there.

    Parameters
    ----------
    progress : called with the number of accounts done and in all, where models score.

    Raises
    ------
    TenureError : a model was fitted on other declarations or fails on every account, nothing is known before the day,
        or the store cannot be written; nothing was changed then.
    """
    now = dt.datetime.now(dt.UTC)
    forecast, drafts = champions.forecast, Drafts(home)
    drafts.sweep()
    if forecast is None:
        scored = score_day_by_rules(history, as_of, now, champions.reason)
    else:
        scored = score_day(history, forecast, as_of, now, drafts=drafts, progress=progress)
    frame = with_standing(store, scored, as_of, history.settings)
    written = write_day(store, frame, as_of, scored.features, scored.facts)
    drafts.clear()
    frozen, trouble = _frozen(history, home, store, champions, as_of, now)
    stands = None if written.new else store.run_of(as_of)
    frame = frame.assign(computed_at=pd.Timestamp(stands.computed_at)) if stands else frame
    doubts = _doubts(champions, history, as_of, scored) + trouble
    return Done(frame, forecast, as_of, store.address.shown, written, scored.resumed, doubts, frozen)


def _frozen(
    history: History, home: Path, store: Store, champions: Champions, as_of: dt.date, now: dt.datetime
) -> tuple[int, list[str]]:
    """How many baselines were frozen, and why none could be; a day's scores stand without them."""
    if champions.churn is None:
        return 0, []
    try:
        return freeze_day(history, home, store, champions.churn, as_of, now), []
    except (TenureError, ValueError) as error:
        return 0, [f"No baselines were frozen: {error}"]


def _doubts(champions: Champions, history: History, as_of: dt.date, scored: Scored) -> list[str]:
    """What makes scores say less than they seem to, each as a sentence."""
    found = _doubts_of_model(champions.churn, history, as_of) if champions.churn else []
    found += [champions.trouble] if champions.trouble else []
    if champions.forecast is not None and scored.healths is None:
        found.append(
            f"Model version {champions.forecast.churn.version} was trained before health was told of models, so these "
            "scores have none; run `tenure train`."
        )
    if late := lateness(history, as_of):
        found.append(f"{late} The scores speak of that older state.")
    if scored.failed:
        found.append(
            f"The model failed on {scored.failed:,} of {len(scored.features):,} accounts; their status is error, and "
            "their reason says why."
        )
    return found


def _doubts_of_model(model: RegisteredModel, history: History, as_of: dt.date) -> list[str]:
    """Tables that are gone since the model was trained, and a day that it has learned from."""
    found = []
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        reference = json.loads((model.folder / REFERENCE_FILE).read_text(encoding="utf-8"))
        if gone := sorted(set(reference["tables"]) - history.tables):
            found.append(
                f"The model was trained with {', '.join(gone)}, which this history does not have; their features count "
                "as missing."
            )
    known_on = model.card.get("known_on")
    if isinstance(known_on, str) and as_of.isoformat() < known_on:
        found.append(
            f"The model has learned from what happened until {known_on}; scores of {as_of} look better than they were."
        )
    return found
