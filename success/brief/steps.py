"""Steps: an account in; what to do next, each with what calls for it, out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

from features.catalogue import CATALOGUE
from success.advocates import advocate_list
from success.book import COLUMNS, FEATURES
from success.brief.markup import one_line
from success.brief.standing import against, sentence_of
from success.brief.subject import Subject, as_day, named
from success.brief.words import ago, ahead, came, kind
from success.growth import growth_list
from success.levers import topic_of
from success.matrix import high_risk
from success.phrases import listed_out, on_day, percent

__all__ = ["Step", "steps"]

_MOST = 3
_LEAST, _LEAST_WELL = 1.5, 3.0
"""Points of health from which a driver calls for a play; of an account that is well."""
_FAR = 60
"""Days until something that is no matter of today."""
_BEHIND = 56
"""Days that an account must have behind it for its engagement to be more than the beginning of it."""
_VERDICTS = {
    "handled": "it was marked as handled",
    "disagree": "somebody disagreed with its score",
    "not_savable": "it was marked as not savable",
}


class Step(NamedTuple):
    """What to do, or what to know before doing anything.

    Attributes
    ----------
    kind : note, billing, onboarding, driver, growth, advocacy or leaving.
    text : what to do, without what calls for it.
    because : what calls for it; None for a note.
    dimension, feature : what the driver that calls for it is about.
    """

    kind: str
    text: str
    because: str | None = None
    dimension: str | None = None
    feature: str | None = None

    def sentence(self) -> str:
        """As one line.

        >>> Step("driver", "Dunning: ask for a new card", "the card on file expires in 5 days").sentence()
        'Dunning: ask for a new card. Why: the card on file expires in 5 days.'
        """
        text = self.text.rstrip(".")
        return f"{text}. Why: {self.because}." if self.because else f"{text}."


def steps(it: Subject) -> list[Step]:
    """What to do next: notes first, then plays by driver, then growing or asking for a reference where it is well."""
    found = _notes(it)
    if it.status == "churned":
        return [*found, *_ask_why(it, "It has left")]
    if it.status == "notice_given":
        return [*found, *_ask_why(it, "Notice has been given")]
    book = _book(it)
    risky = bool(high_risk(book, it.settings)[0])
    plays = _billing(it, risky) + (_starting(it) if it.young else [])
    plays += _by_driver(it, _LEAST if risky else _LEAST_WELL, known={step.text for step in plays})
    if not risky and not it.young and _age(it) >= it.settings.stages.onboarding_days:
        plays += _growing(it, book) + _advocating(it, book)
    if not plays:
        why = "no driver that a play is made for stands out" if it.drivers else "no drivers are known"
        plays = [Step("note", f"Nothing calls for a play today: {why}")]
    return found + plays


def _notes(it: Subject) -> list[Step]:
    """Whether it is snoozed. That its alerts are withheld is not told: who knows it looks after it in another way."""
    found = []
    if it.feedback:
        last = it.feedback[-1]
        until, given = as_day(last.get("until")), as_day(str(last.get("given_at") or "")[:10])
        said = _VERDICTS.get(str(last.get("verdict")), "something was said of it")
        when = f" on {on_day(given)}" if given else ""
        away = f"; it is snoozed until {on_day(until)}" if until and until > it.as_of else ""
        found.append(Step("note", f"Before anything else: {said}{when}{away}"))
    return found


def _ask_why(it: Subject, what: str) -> list[Step]:
    said, ends = it.fact("exits"), it.fact_day("ends_on")
    by = f" before it ends, {ahead(ends, it.as_of)}" if ends and ends >= it.as_of else ""
    if isinstance(said, list) and said:
        reason = kind(named(said[0].get("reason")), "other")
        if it.status == "churned":
            return [Step("leaving", f"Nothing but a win-back is left; the stated reason was {reason}")]
        return [Step("leaving", f"Talk about the stated reason{by}", f"the stated reason is {reason}")]
    return [Step("leaving", f"Ask for the reason{by}", f"{what.lower()}, and no reason is on record")]


def _age(it: Subject) -> int:
    """Days since it began; many where that is not known."""
    first = it.fact_day("since") or it.fact_day("customer_since")
    return (it.as_of - first).days if first else 10_000


def _starting(it: Subject) -> list[Step]:
    """What the start of a young account calls for: milestones that are late, people who have not come."""
    found = []
    late = [
        (day, kind(named(one.get("name")), "a milestone"))
        for one in (it.part("milestones") or {}).get("open") or []
        if (day := as_day(one.get("due_on"))) and day < it.as_of
    ]
    if late and (play := it.settings.plays.play_for("milestones_overdue", "adoption")):
        told = listed_out([f"{name} was due {ago(day, it.as_of)}" for day, name in sorted(late)])
        found.append(Step("onboarding", one_line(play, 300), told, "adoption", "milestones_overdue"))
    users = it.part("users") or {}
    registered, ever = users.get("registered") or 0, users.get("ever_used")
    if isinstance(ever, int) and 2 * ever < registered and (play := it.settings.plays.play_for("registered_users", "")):
        told = came(ever, registered, "registered so far")
        told = told[:1].lower() + told[1:]
        found.append(Step("onboarding", one_line(play, 300), told, "adoption", "users_ever_active_share"))
    return found


def _billing(it: Subject, risky: bool) -> list[Step]:
    """Where mainly a payment may fail, that is billing's."""
    if it.churn is None or not it.horizon or not risky:
        return []
    part = it.number(f"involuntary_{it.horizon}d")
    if part is None or it.churn <= 0 or part / it.churn < it.settings.calls.involuntary_share:
        return []
    drivers = [d for _, d in against(it, 0.0) if d.get("dimension") == "billing"]
    topic = topic_of(str(drivers[0].get("feature"))) if drivers else "failed_payments"
    play = it.settings.plays.play_for(topic, "billing") or "Hand it to billing"
    why = f"{percent(part / it.churn)} of the risk that it leaves is that of a failed payment, so it is for billing"
    return [Step("billing", one_line(play, 300), why, "billing", str(drivers[0]["feature"]) if drivers else None)]


def _by_driver(it: Subject, least: float, known: set[str]) -> list[Step]:
    """The plays for the drivers that cost most, each play once."""
    found: list[Step] = []
    for _, driver in against(it, least):
        feature, dimension = str(driver.get("feature")), str(driver.get("dimension") or "")
        # Of a value that is not there nobody knows what to do about it; of a start, what went on before says nothing.
        idle = _is_fine(driver) or (dimension == "engagement" and _age(it) < _BEHIND)
        play = it.settings.plays.play_for(topic_of(feature), dimension) if driver.get("actionable") else None
        play = None if idle else play
        if play is None or one_line(play, 300) in known or len(found) == _MOST:
            continue
        known.add(one_line(play, 300))
        told = sentence_of(driver)
        found.append(Step("driver", one_line(play, 300), told[:1].lower() + told[1:], dimension, feature))
    return found


def _is_fine(driver: Mapping[str, Any]) -> bool:
    """Whether there is nothing to mend in a driver: no value, one no worse than its peers', a day that is far off."""
    feature, value = str(driver.get("feature")), driver.get("value")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value is None
    if feature not in CATALOGUE:
        return False
    declared, peer = CATALOGUE[feature], driver.get("peer")
    if declared.show.startswith("until"):
        return value > _FAR
    usual = peer.get("value") if isinstance(peer, Mapping) else None
    if declared.good is None or not isinstance(usual, (int, float)):
        return False
    return value >= usual if declared.good == "high" else value <= usual


def _growing(it: Subject, book: pd.DataFrame) -> list[Step]:
    rows = growth_list(book, it.settings)
    if rows.empty:
        return []
    why = str(rows["why"].iloc[0]).split("; it pays ")[0].split(", which ranks it by")[0].rstrip(".")
    start, _, rest = why.partition(": ")
    return [Step("growth", f"Talk about growing ({start.lower()})", rest) if rest else Step("growth", why)]


def _advocating(it: Subject, book: pd.DataFrame) -> list[Step]:
    last = as_day((it.part("advocacy") or {}).get("last_on"))
    rows = advocate_list(book, it.settings, {str(it.row.get("account_id")): last} if last else None)
    if rows.empty:
        return []
    why = str(rows["why"].iloc[0]).rstrip(".")
    return [Step("advocacy", "Ask for a reference", why[:1].lower() + why[1:])]


def _book(it: Subject) -> pd.DataFrame:
    """The account as a book of one row."""
    row: dict[str, Any] = {name: _cell(it.row, name) for name in it.row if COLUMNS.get(name)}
    for name in it.row:
        if name not in COLUMNS and it.number(name) is not None:
            row[name] = it.number(name)
    features = it.features or {}
    row |= {f"f_{name}": _number(features.get(name)) for name in FEATURES}
    numbers = {name: "float64" for name in row if COLUMNS.get(name) == "number"}
    return pd.DataFrame({name: pd.Series([value], dtype=object) for name, value in row.items()}).astype(numbers)


def _cell(row: Mapping[str, Any], name: str) -> object:
    if COLUMNS[name] == "date":
        return as_day(row.get(name))
    return _number(row.get(name)) if COLUMNS[name] == "number" else row.get(name)


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, dt.date) else float("nan")
