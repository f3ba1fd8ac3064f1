"""Movers: a book in; the largest falls and rises of health by what changed at the accounts themselves, out."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd

from features.plays import Plays
from features.settings import Settings
from success.belied import belied
from success.book import as_json, churn_of, displayed, numbers, status_in, table, texts
from success.levers import topic_of
from success.listing import Listing
from success.phrases import LEAST_POINTS, counted, money, on_day, points, verb

__all__ = ["movers"]

_CARRIED = ("account_id", "name", "csm_id", "segment", "stage", "band", "renews_on")


def movers(book: pd.DataFrame, settings: Settings, count: int = 10) -> Listing:
    """The `count` largest falls and then as many rises of health since last week, by what changed at the account.

    Left out and counted are accounts whose health moved mostly for another reason: another stage, data that came late,
    another model (`mostly_other`); whose health as it is shown did not move that way (`hardly_moved`); of which all
    that moved reads the other way than their health, as more failed payments where it rose (`unclear`); and those
    without a health of last week to compare with (`not_comparable`).

    Returns
    -------
    Rows direction ("fall" or "rise"), account_id, name, csm_id, segment, stage, band, renews_on, arm, mrr, mrr_at_risk,
    health, health_7d, health_7d_on, change (points, by what changed at the account), other (points), driver and
    driver_before (the sentences of what moved, now and then), driver_feature, driver_points, actionable, play,
    sentence.
    """
    change, other = numbers(book, "change_7d_customer"), np.nan_to_num(numbers(book, "change_7d_other"))
    with_health = ~np.isnan(numbers(book, "health")) & ~status_in(book, "churned")
    known = ~np.isnan(change) & with_health
    elsewhere = known & (np.abs(other) > np.abs(change)) & (np.abs(other) >= LEAST_POINTS)
    moved = known & ~elsewhere & (np.abs(change) >= LEAST_POINTS)
    shown = displayed(numbers(book, "health")) - displayed(numbers(book, "health_7d"))
    still = moved & (shown * change <= 0)
    moved &= ~still
    leads = {i: _lead(told, change[i]) for i, told in enumerate(texts(book, "moved")) if moved[i]}
    unclear = np.array([moved[i] and leads[i] is None for i in range(len(book))], dtype=bool)
    moved &= ~unclear
    order = pd.DataFrame(
        {"change": change, "mrr": -np.nan_to_num(numbers(book, "mrr")), "id": texts(book, "account_id")}
    )
    falls = order[moved & (change < 0)].sort_values(["change", "mrr", "id"]).index[:count]
    rises = (
        order[moved & (change > 0)].sort_values(["change", "mrr", "id"], ascending=[False, True, True]).index[:count]
    )
    places = np.concatenate([falls.to_numpy(dtype=int), rises.to_numpy(dtype=int)])
    away = int(elsewhere.sum())
    notes = []
    if away:
        notes.append(
            f"{counted(away, 'account')} whose health moved mostly because the stage, the data or the model changed "
            f"{verb(away, 'is', 'are')} left out."
        )
    if len(book) and not known.any():
        notes.append("No account has a health of last week to compare with.")
    left_out = {"mostly_other": away, "hardly_moved": int(still.sum()), "unclear": int(unclear.sum())}
    left_out["not_comparable"] = int((with_health & ~known).sum())
    return Listing(_told(book, places, [leads[i] or {} for i in places], settings.plays), left_out, tuple(notes))


def _told(book: pd.DataFrame, places: np.ndarray, leads: list[dict[str, Any]], plays: Plays) -> pd.DataFrame:
    rows = book.iloc[places]
    told: dict[str, Any] = {name: texts(rows, name) for name in (*_CARRIED, "health_7d_on")}
    told |= {"mrr": numbers(rows, "mrr"), "health": displayed(numbers(rows, "health"))}
    told |= {"mrr_at_risk": numbers(rows, "mrr") * churn_of(book)[places]}
    told |= {"health_7d": displayed(numbers(rows, "health_7d")), "change": numbers(rows, "change_7d_customer")}
    told["other"] = np.nan_to_num(numbers(rows, "change_7d_other"))
    told["direction"] = np.where(told["change"] < 0, "fall", "rise").astype(object)
    told["driver"] = [lead.get("sentence") for lead in leads]
    told["driver_before"] = [lead.get("sentence_before") for lead in leads]
    told["driver_feature"] = [lead.get("feature") for lead in leads]
    told["driver_points"] = np.array([lead.get("points", float("nan")) for lead in leads], dtype=float)
    told["actionable"] = [bool(lead["actionable"]) if "actionable" in lead else None for lead in leads]
    told["play"] = [_play(lead, plays) for lead in leads]
    told["sentence"] = [_sentence({name: values[i] for name, values in told.items()}) for i in range(len(rows))]
    order = ["direction", *_CARRIED, "mrr", "mrr_at_risk", "health", "health_7d", "health_7d_on", "change", "other"]
    order += ["driver", "driver_before", "driver_feature", "driver_points", "actionable", "play", "sentence"]
    return table(told, order)


def _lead(moved: object, change: float) -> dict[str, Any] | None:
    """What moved most in the direction of the whole; empty where nothing is known to have.

    None where whatever did reads as if it had moved the other way.
    """
    found = [d for d in as_json(moved) if isinstance(d.get("points"), (int, float)) and d["points"] * change > 0]
    straight = [d for d in found if not _belied(d)]
    if not straight:
        return None if found else {}
    return max(straight, key=lambda d: abs(d["points"]))


def _belied(driver: dict[str, Any]) -> bool:
    now, before = (str(driver.get(name) or "") for name in ("sentence", "sentence_before"))
    return belied(str(driver.get("feature")), now, before, driver["points"])


def _play(lead: dict[str, Any], plays: Plays) -> str | None:
    """What to do about a driver that fell; one that rose needs nothing done."""
    if not lead or not lead.get("actionable") or lead["points"] >= 0:
        return None
    return plays.play_for(topic_of(str(lead.get("feature") or "")), str(lead.get("dimension") or ""))


def _sentence(told: dict[str, Any]) -> str:
    since, mrr, at_risk = told["health_7d_on"], told["mrr"], told["mrr_at_risk"]
    when = f"since {on_day(since)}" if isinstance(since, dt.date) else "since last week"
    way = "fell" if told["change"] < 0 else "rose"
    text = f"Health {way} by {points(told['change'])} {when} by what changed at the account and is {told['health']:.0f}"
    if told["driver"]:
        before = f" (before: {_inside(told['driver_before'])})" if told["driver_before"] else ""
        text += f"; {_inside(told['driver'])}{before}"
    if not np.isnan(at_risk):
        text += f"; {money(at_risk)} of {money(mrr)} a month is at risk"
    elif not np.isnan(mrr):
        text += f"; it pays {money(mrr)} a month"
    return f"{text}."


def _inside(sentence: str) -> str:
    """A sentence as a part of another one."""
    text = sentence.rstrip(".")
    return text[:1].lower() + text[1:] if text[1:2].islower() or text[1:2] == " " else text
