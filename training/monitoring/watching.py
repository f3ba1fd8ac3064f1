"""Watching: a history, settings and a home in; how the champion does on later days, and whether to retrain, out."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from features.errors import TenureError
from features.grid import as_of_days
from features.settings import Settings
from training.monitoring.judging import FEW, MonitorReport, Watched, judge
from training.monitoring.limits import Limits
from training.monitoring.reference import REFERENCE_FILE, REFERENCE_FORMAT
from training.monitoring.verdict import Reason

if TYPE_CHECKING:
    from features.history import History
    from training.registry import RegisteredModel

__all__ = ["monitor", "watch"]


def monitor(
    history: History,
    settings: Settings,
    home: Path,
    *,
    known_on: dt.date | None = None,
    limits: Limits | None = None,
    progress: Callable[[str], None] | None = None,
) -> MonitorReport:
    """Look at the champion as on a day, the end of the observed period when none is given.

    Raises
    ------
    TenureError : there is no champion, its files cannot be read, the day comes before its training, or nobody is a
        customer any more.
    """
    from features.build import build_features
    from features.catalogue import CATALOGUE
    from features.labels import churn_labels_by_horizon, label_wait
    from training.registry import champion

    say = progress or (lambda text: None)
    present = champion(home)
    if present is None:
        raise TenureError("No model is champion yet, so there is nothing to monitor; run tenure train.")
    day = history.observed_period(known_on)[1]
    watched = watch(present)
    if day < watched.known_on:
        raise TenureError(
            f"The champion, version {watched.version}, has learned what was known until {watched.known_on}, and {day} "
            "comes before; choose a later day."
        )
    if text := _outdated(present, CATALOGUE.hash, settings):
        reason = Reason("retrain", "outdated", text)
        return MonitorReport("retrain", [reason], day, watched.version, watched.known_on)
    history.require_sound(day)
    say("building features and labels")
    # One grid day from before training, to tell who has left since.
    days = as_of_days(watched.known_on - dt.timedelta(31), day, settings.training.grid)
    if not days:
        raise TenureError(f"No as_of day of the grid lies between training and {day}; monitor on a later day.")
    rows = build_features(history, days)
    horizons = watched.kernel.horizons
    labels = churn_labels_by_horizon(history, rows, horizons, day)
    say("comparing")
    return judge(
        rows,
        {h: labels[h]["label"].to_numpy(dtype=np.float64) for h in horizons},
        {h: label_wait(history, h, day) for h in horizons},
        day,
        watched,
        limits or Limits(),
        grid=settings.training.grid,
        needed=settings.training.min_churned[1],
        tables=history.tables,
    )


def watch(present: RegisteredModel) -> Watched:
    """A registered version as it is watched.

    Raises
    ------
    TenureError : its files cannot be read.
    """
    from training.kernel import load_kernel

    try:
        kernel = load_kernel(present.folder)
        known_on = dt.date.fromisoformat(present.card["known_on"])
    except (ValueError, KeyError, TypeError) as error:
        raise TenureError(
            f"The champion, version {present.version}, cannot be read: {error}; run tenure train, or go back with "
            "tenure promote churn --rollback."
        ) from None
    return Watched(present.version, known_on, kernel, _stored(present.folder), _calibration_churned(present.card))


def _outdated(present: RegisteredModel, catalogue_hash: str, settings: Settings) -> str:
    """Why the champion speaks of something else than today's features and labels; empty where it does not."""
    if present.catalogue_hash != catalogue_hash:
        return (
            f"The champion was fitted on other feature declarations (catalogue {present.catalogue_hash[:12]}) than "
            f"today's ({catalogue_hash[:12]}), so that it can score nothing; run tenure train to fit one on today's."
        )
    churn = settings.churn
    event, grace = present.card.get("event", churn.event), present.card.get("grace_days", churn.grace_days)
    if (event, grace) != (churn.event, churn.grace_days):
        return (
            f'The champion forecasts churn dated by "{event}" with {grace} days of grace, and the settings say '
            f'"{churn.event}" with {churn.grace_days}; run tenure train, or monitor with the settings of its training.'
        )
    return ""


def _stored(folder: Path) -> dict[str, Any] | None:
    file = folder / REFERENCE_FILE
    if not file.exists():
        return None
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise TenureError(f"The file {file} is damaged: it is not valid JSON; restore it or train again.") from None
    # Another format is one that this version cannot compare with, as good as none.
    readable = isinstance(document, dict) and document.get("format") == REFERENCE_FORMAT
    return document if readable else None


def _calibration_churned(card: Mapping[str, Any]) -> int:
    """Of the horizon with the fewest."""
    try:
        blocks = [entry["blocks"] for entry in card["horizons"]] if "horizons" in card else [card["blocks"]]
        return min(int(block["refit_calibration"]["churned_accounts"]) for block in blocks)
    except (KeyError, TypeError, ValueError):
        return FEW
