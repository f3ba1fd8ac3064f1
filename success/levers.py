"""Levers: an account's largest drivers in; the one that a CSM can act on first, and its play, out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from features.catalogue import CATALOGUE
from features.plays import Plays
from success.book import as_json

__all__ = ["NOTHING", "Lever", "lever", "topic_of"]


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


def lever(top: object, plays: Plays, rule_scores: object = None) -> Lever:
    """The largest driver that raises the risk and can be acted on; without one, the largest that raises it.

    A value that is missing calls for nothing that a CSM could do, so a driver without one comes last and has no play.

    Parameters
    ----------
    top : JSON text of the account's largest drivers.
    rule_scores : JSON text of the scores by rule, for an account without drivers: the rule that costs it most speaks.
    """
    raising = [d for d in as_json(top) if d.get("feature") and (d.get("points") or 0) > 0]
    if raising:
        raising.sort(key=lambda d: (not _to_act_on(d), -d["points"]))
        return _of(raising[0], str(raising[0].get("sentence") or ""), _to_act_on(raising[0]), plays)
    costing = [r for r in as_json(rule_scores) if isinstance(r.get("score"), (int, float)) and r["score"] < 100]
    if not costing:
        return NOTHING
    worst = max(costing, key=lambda r: (r.get("weight") or 0) * (100 - r["score"]))
    feature = str(worst.get("feature") or "")
    about = {"feature": feature, "dimension": CATALOGUE[feature].dimension if feature in CATALOGUE else None}
    actionable = feature in CATALOGUE and CATALOGUE[feature].actionable
    name = str(worst.get("name") or feature).replace("_", " ")
    return _of(about, f'The rule "{name}" gives {worst["score"]:.0f} of 100', actionable, plays)


def _to_act_on(driver: Mapping[str, Any]) -> bool:
    return bool(driver.get("actionable")) and driver.get("value", "") is not None


def _of(driver: Mapping[str, Any], sentence: str, actionable: bool, plays: Plays) -> Lever:
    feature, dimension = driver["feature"], driver.get("dimension")
    play = plays.play_for(topic_of(feature), dimension or "") if actionable else None
    return Lever(sentence or None, feature, dimension, play)
