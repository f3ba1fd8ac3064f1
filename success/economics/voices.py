"""Voices: answers, touches and first uses in; what customers say and how soon they start, by group, out."""

from __future__ import annotations

import pandas as pd

from success.economics.dealings import QUARTER, YEAR, Dealings
from success.economics.managed import held_on
from success.metric import Definition, Metric, ratio

__all__ = ["DEFINITIONS", "Voices", "voices_of"]

_ROLES = ("admin", "champion", "decision_maker", "member")
_PROMOTER, _DETRACTOR = 9, 6
"""The least score of the one, the highest of the other, of 0 to 10."""


def _nps(role: str | None) -> Definition:
    """Net promoter score of everybody, or of the users of one role ("": whose role is not known)."""
    whose = "" if role is None else f" of users in the role {role}" if role else " of users without a known role"
    name = "nps" if role is None else f"nps_{'_'.join(role.split()) or 'unknown'}"
    return Definition(
        name,
        f"Net promoter score (NPS){whose}",
        f"(promoters, 9 and 10 - detractors, 0 to 6) / answers{whose} x 100",
        "points",
        f"promoters minus detractors{whose} within {YEAR} days before the period's end, the latest answer of each user",
        f"answers{whose} within the same days, the latest of each user",
    )


_SATISFACTION = Definition(
    "touch_satisfaction",
    "Satisfaction with touches",
    f"sum of satisfaction / rated touches, of the last {QUARTER} days of the period",
    "points",
    "satisfaction of the touches of the denominator, added up, on the scale it was asked on",
    f"touches of the last {QUARTER} days of the period that were rated; by csm, of whoever was in touch",
)
_LIVE = Definition(
    "days_to_live",
    "Time from sale to live (median)",
    "the middle one of the days from sold_on to the first milestone of kind live reached, of accounts sold in the "
    "period; one that is not live yet counts as later than all others",
    "days",
    "accounts sold in the period that are live as known at as_of",
    "accounts sold in the period",
)
DEFINITIONS = (_nps(None), *(_nps(role) for role in (*_ROLES, "")), _SATISFACTION, _LIVE)


class Voices:
    """Answers, touches and first uses, each with the group it belongs to.

    Parameters
    ----------
    answers, touches, lives : as in `Dealings`, and group; None where the history has no such table.
    """

    def __init__(self, answers: pd.DataFrame | None, touches: pd.DataFrame | None, lives: pd.DataFrame | None) -> None:
        self.answers = answers
        self.touches = touches
        self.lives = lives

    def metrics(self, group: str | None) -> dict[str, Metric]:
        """NPS (of all and by role, of the roles that answered), satisfaction with touches, days to live of a group."""
        told = [*_promoters(_only(self.answers, group)), _satisfied(_only(self.touches, group))]
        told.append(_middle(_only(self.lives, group)))
        return {metric.definition.name: metric for metric in told}


def voices_of(dealings: Dealings, steps: pd.DataFrame, by: str | None) -> Voices:
    """What was said and done, by group.

    An answer belongs to the group of its account on its day, so that those of accounts lost since count; a touch to
    whoever was in touch, where groups are CSMs; a sale to the group of its account on the first day on which it was
    live or, until then, had a subscription.

    Parameters
    ----------
    steps : of the ledger, cut by group.
    """
    answers, touches, lives = dealings.answers, dealings.touches, dealings.lives
    if answers is not None:
        answers = answers.assign(group=held_on(answers["account_id"], answers["on"], steps))
    if touches is not None:
        held = touches["csm_id"] if by == "csm" else held_on(touches["account_id"], touches["on"], steps)
        touches = touches.assign(group=held)
    if lives is not None:
        began = lives["account_id"].map(steps.groupby("account_id")["from_on"].min())
        first = began.where(~(lives["live_on"] > began), lives["live_on"])
        lives = lives.assign(group=held_on(lives["account_id"], first, steps))
    return Voices(answers, touches, lives)


def _only(rows: pd.DataFrame | None, group: str | None) -> pd.DataFrame | None:
    return rows if rows is None or group is None else rows[rows["group"] == group]


def _promoters(answers: pd.DataFrame | None) -> list[Metric]:
    if answers is None:
        return [Metric(_nps(None), None, note="Not defined: the history has no table of surveys.")]
    roles = sorted(set(answers["role"]))
    # Where nobody's role is known there is nothing to tell apart.
    each = [(role, answers[answers["role"] == role]) for role in (roles if roles != [""] else [])]
    return [_score(_nps(None), answers), *(_score(_nps(role), rows) for role, rows in each)]


def _score(made: Definition, answers: pd.DataFrame) -> Metric:
    balance = int((answers["score"] >= _PROMOTER).sum()) - int((answers["score"] <= _DETRACTOR).sum())
    found = ratio(made, balance, len(answers), f"Not defined: nobody answered within {YEAR} days.")
    return found if found.value is None else Metric(made, 100 * found.value, balance, len(answers))


def _satisfied(touches: pd.DataFrame | None) -> Metric:
    if touches is None:
        return Metric(_SATISFACTION, None, note="Not defined: the history does not say how touches were rated.")
    return ratio(_SATISFACTION, float(touches["satisfaction"].sum()), len(touches), "Not defined: no touch was rated.")


def _middle(lives: pd.DataFrame | None) -> Metric:
    """The median of days to live, which only waits for the first half of those sold."""
    if lives is None:
        why = "Not defined: the history does not say when accounts were sold or which milestones mean live."
        return Metric(_LIVE, None, note=why)
    days = lives["days"].dropna().sort_values().to_list()
    sold, live = len(lives), len(days)
    if not sold:
        return Metric(_LIVE, None, 0, 0, "Not defined: no account was sold in the period.")
    waiting = f"{sold - live} of {sold} sold in the period are not known to be live yet." if live < sold else ""
    if live < sold // 2 + 1:
        return Metric(_LIVE, None, live, sold, f"Not defined until more than half are live: {waiting}")
    upper = days[sold // 2]
    value = upper if sold % 2 else (upper + days[sold // 2 - 1]) / 2
    return Metric(_LIVE, value, live, sold, waiting)
