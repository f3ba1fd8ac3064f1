"""Levers: an account's largest drivers in; the one that a CSM can act on first, and its play, out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import pandas as pd

from features.catalogue import CATALOGUE
from features.plays import Plays
from success.book import as_json, numbers

__all__ = ["NOTHING", "Lever", "is_fine", "lever", "not_falling", "topic_of"]

_FAR = 60
"""Days from which a day to come is far off."""


class Lever(NamedTuple):
    """What to act on.

    Attributes
    ----------
    sentence : what stands behind the risk; None where nothing is known to.
    feature, dimension : what it is about.
    play : what the team does about it; None where it has no play, or nobody can act on it.
    """

    sentence: str | None = None
    feature: str | None = None
    dimension: str | None = None
    play: str | None = None


NOTHING = Lever()


def topic_of(feature: str) -> str:
    """The driver that a feature belongs to; a feature that nobody declared is its own.

    >>> topic_of("nps_latest"), topic_of("something_else")
    ('nps', 'something_else')
    """
    return CATALOGUE[feature].driver if feature in CATALOGUE else feature


def is_fine(driver: Mapping[str, Any]) -> bool:
    """Whether there is nothing to mend in a driver: no value, one no worse than its peers', a day that is far off."""
    feature, value = str(driver.get("feature")), driver.get("value", "")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value is None
    if feature not in CATALOGUE:
        return False
    declared, peer = CATALOGUE[feature], driver.get("peer")
    if declared.show.startswith("until"):
        return value > _FAR
    usual = peer.get("value") if isinstance(peer, Mapping) else None
    if not isinstance(usual, (int, float)):
        return False
    return value >= usual if declared.good == "high" else value <= usual


def not_falling(book: pd.DataFrame) -> list[frozenset[str]]:
    """(n,) the topics of use that did not fall in four weeks, of which nobody needs to ask what has changed."""
    events = numbers(book, "f_events_change") >= 0
    users = numbers(book, "f_active_users_28d") >= numbers(book, "f_active_users_before")
    told = {"events": events, "active_users": users}
    return [frozenset(topic for topic, held in told.items() if held[i]) for i in range(len(book))]


def lever(
    top: object,
    plays: Plays,
    rule_scores: object = None,
    fine: Collection[str] = (),
    dimension: str | None = None,
) -> Lever:
    """The largest driver that raises the risk, can be acted on and is not fine; without one, the largest that raises.

    The latter has no play: there is nothing in it that a CSM could mend.

    Parameters
    ----------
    top : the account's largest drivers, read or as JSON text.
    fine : topics in which there is nothing to mend, beside those that `is_fine` finds.
    dimension : the one whose drivers go before all others.
    rule_scores : the scores by rule, read or as JSON text, for an account without drivers: the rule that costs it most
        speaks.
    """
    raising = [d for d in as_json(top) if d.get("feature") and (d.get("points") or 0) > 0]
    if raising:
        ours = [d for d in raising if d.get("dimension") == dimension] if dimension else []
        first = min(ours or raising, key=lambda d: (not _to_act_on(d, fine), -d["points"]))
        return _of(first, str(first.get("sentence") or ""), _to_act_on(first, fine), plays)
    costing = [r for r in as_json(rule_scores) if isinstance(r.get("score"), (int, float)) and r["score"] < 100]
    if not costing:
        return NOTHING
    worst = max(costing, key=lambda r: (r.get("weight") or 0) * (100 - r["score"]))
    feature = str(worst.get("feature") or "")
    about = {"feature": feature, "dimension": CATALOGUE[feature].dimension if feature in CATALOGUE else None}
    actionable = feature in CATALOGUE and CATALOGUE[feature].actionable
    name = str(worst.get("name") or feature).replace("_", " ")
    return _of(about, f'The rule "{name}" gives {worst["score"]:.0f} of 100', actionable, plays)


def _to_act_on(driver: Mapping[str, Any], fine: Collection[str]) -> bool:
    return bool(driver.get("actionable")) and topic_of(driver["feature"]) not in fine and not is_fine(driver)


def _of(driver: Mapping[str, Any], sentence: str, actionable: bool, plays: Plays) -> Lever:
    feature, dimension = driver["feature"], driver.get("dimension")
    play = plays.play_for(topic_of(feature), dimension or "") if actionable else None
    return Lever(sentence or None, feature, dimension, play)
