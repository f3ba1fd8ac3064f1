"""Steps: an account in; what to do next, each with what calls for it, out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import pandas as pd

from success.advocates import advocates
from success.book import COLUMNS, FEATURES
from success.brief.drivers import BEHIND, WINDOWS, against, is_settled, sentence_of
from success.brief.markup import one_line
from success.brief.subject import Subject, as_day, named
from success.brief.words import ago, ahead, came, kind
from success.growth import growth
from success.levers import is_fine, lever, not_falling, topic_of
from success.matrix import high_risk
from success.phrases import listed_out, on_day, percent

__all__ = ["Step", "steps"]

_MOST = 3
_LISTED = 5
"""So many drivers, the largest, are what lists know of an account."""
_KNOWN_ENDS = ("involuntary", "completed", "merged")
"""Ends that are reasons by themselves."""
_LEAST, _LEAST_WELL = 1.5, 3.0
"""Points of health from which a driver calls for a play; of an account that is well."""
_VERDICTS = {
    "handled": "it was marked as handled",
    "disagree": "somebody disagreed with its score",
    "not_savable": "it was marked as not savable",
}


class Step(NamedTuple):
    """What to do, or what to know before doing anything.

    Attributes
    ----------
    kind : note, billing, onboarding, driver, call, growth, advocacy or leaving.
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
    if it.status in ("churned", "notice_given"):
        return [*found, *_ask_why(it)]
    book = _book(it)
    fine = not_falling(book)[0]
    risky = bool(high_risk(book, it.settings)[0])
    plays = _billing(it) + (_starting(it) if it.young else [])
    known = {step.text for step in plays}
    plays += _by_driver(it, _LEAST if risky else _LEAST_WELL, known, fine) if it.drivers else _by_rule(it, known)
    if it.list_rank is not None:
        plays = plays or [_listed(it, it.list_rank, fine)]
    elif not risky and not it.young and it.age >= it.settings.stages.onboarding_days:
        plays += _growing(it, book) + _advocating(it, book)
    if not plays:
        why = "no driver that a play is made for stands out" if it.drivers else "no drivers are known"
        why = "no rule that a play is made for stands out" if it.rule_scores and not it.drivers else why
        plays = [Step("note", f"Nothing calls for a play today: {why}")]
    return found + plays


def _listed(it: Subject, rank: int, fine: Collection[str]) -> Step:
    """Of an account on the call list for which no play stands out: its place, and what that list says is behind it."""
    found = lever(_largest(it), it.settings.plays, it.rule_scores, fine)
    driver = next((d for d in it.drivers if found.feature and d.get("feature") == found.feature), None)
    mended = driver is not None and (is_fine(driver) or is_settled(it, str(found.feature)))
    told = sentence_of(driver, it.age) if driver else found.sentence
    why = f"it is in place {rank} of its CSM's call list{f': {_lowered(told)}' if told else ''}"
    play = one_line(found.play, 300) if found.play and not mended else "Call it"
    return Step("call", play, why, found.dimension, found.feature)


def _by_rule(it: Subject, known: set[str]) -> list[Step]:
    """Of an account without drivers, the play for the rule that costs it most, as on the call list."""
    found = lever(None, it.settings.plays, it.rule_scores)
    if not found.play or not found.sentence or one_line(found.play, 300) in known:
        return []
    return [Step("driver", one_line(found.play, 300), _lowered(found.sentence), found.dimension, found.feature)]


def _largest(it: Subject) -> list[dict[str, Any]]:
    """The drivers that lists have."""
    known = [(abs(points), d) for d in it.drivers if (points := it.number("points", d)) is not None]
    return [dict(d) for _, d in sorted(known, key=lambda p: -p[0])[:_LISTED]]


def _lowered(told: str) -> str:
    told = one_line(told, 400).removesuffix(".")
    return told[:1].lower() + told[1:]


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


def _ask_why(it: Subject) -> list[Step]:
    """Of an account that leaves or left: its reason, where one can still be asked for or talked about."""
    said, ends = it.fact("exits"), it.ending
    reasons = [named(one.get("reason")) for one in said if isinstance(one, Mapping)] if isinstance(said, list) else []
    reason = kind(reasons[0], "other") if reasons else None
    if it.status == "churned":
        if "closed" in reasons:
            return [Step("leaving", "It has closed; nothing is left to do")]
        if reason:
            return [Step("leaving", f"Nothing but a win-back is left; the stated reason was {reason}")]
        if it.fact("end_reason") in _KNOWN_ENDS:
            return []
        return [Step("leaving", "Ask for the reason", "it has left, and no reason is on record")]
    by = f" before it ends, {ahead(ends, it.as_of)}" if ends and ends >= it.as_of else ""
    if reason:
        return [Step("leaving", f"Talk about the stated reason{by}", f"the stated reason is {reason}")]
    return [Step("leaving", f"Ask for the reason{by}", "notice has been given, and no reason is on record")]


def _starting(it: Subject) -> list[Step]:
    """What the start of a young account calls for: milestones that are late, people who have not come."""
    found = []
    late = [(day, name) for day, name in it.open_milestones if day and day < it.as_of]
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


def _billing(it: Subject) -> list[Step]:
    """Where mainly a payment may fail, that is billing's; of those that are on its list."""
    typical, paid = it.number(f"typical_{it.horizon}d"), it.number("mrr") or 0.0
    if it.churn is None or typical is None or it.churn <= typical or paid <= 0:
        return []
    part = it.number(f"involuntary_{it.horizon}d")
    if part is None or part / it.churn <= it.settings.calls.involuntary_share:
        return []
    billing = [str(d["feature"]) for _, d in against(it, 0.0) if d.get("dimension") == "billing" and not is_fine(d)]
    feature = next((name for name in billing if not is_settled(it, name)), None)
    play = None
    if feature or not is_settled(it, "failed_payments_90d"):
        play = it.settings.plays.play_for(topic_of(feature or "failed_payments_90d"), "billing")
    why = f"{percent(part / it.churn)} of the risk that it leaves is that of a failed payment, so it is for billing"
    return [Step("billing", one_line(play or "Hand it to billing", 300), why, "billing", feature)]


def _by_driver(it: Subject, least: float, known: set[str], fine: Collection[str]) -> list[Step]:
    """The plays for the drivers that cost most, each play once."""
    found: list[Step] = []
    for _, driver in against(it, least):
        feature, dimension = str(driver.get("feature")), str(driver.get("dimension") or "")
        # Of a value that is not there nobody knows what to do about it; of a start, what went on before says nothing.
        idle = (
            is_fine(driver)
            or is_settled(it, feature)
            or topic_of(feature) in fine
            or (dimension == "engagement" and it.age < BEHIND)
        )
        play = it.settings.plays.play_for(topic_of(feature), dimension) if driver.get("actionable") else None
        play = None if idle else play
        if play is None or one_line(play, 300) in known or len(found) == _MOST:
            continue
        known.add(one_line(play, 300))
        why = _lowered(sentence_of(driver, it.age))
        found.append(Step("driver", one_line(play, 300), why, dimension, feature))
    return found


def _growing(it: Subject, book: pd.DataFrame) -> list[Step]:
    rows = growth(book, it.settings).rows
    if rows.empty:
        return []
    why = str(rows["why"].iloc[0]).split("; it pays ")[0].split(", which ranks it by")[0].rstrip(".")
    start, _, rest = why.partition(": ")
    return [Step("growth", f"Talk about growing ({start.lower()})", rest) if rest else Step("growth", why)]


def _advocating(it: Subject, book: pd.DataFrame) -> list[Step]:
    last = as_day((it.part("advocacy") or {}).get("last_on"))
    rows = advocates(book, it.settings, {str(it.row.get("account_id")): last} if last else None).rows
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
    # Of a younger account than they look back, some only say that there was a beginning.
    features = {name: value for name, value in (it.features or {}).items() if it.age >= WINDOWS.get(name, 0)}
    row |= {f"f_{name}": _number(features.get(name)) for name in FEATURES}
    numbers = {name: "float64" for name in row if COLUMNS.get(name) == "number"}
    return pd.DataFrame({name: pd.Series([value], dtype=object) for name, value in row.items()}).astype(numbers)


def _cell(row: Mapping[str, Any], name: str) -> object:
    if COLUMNS[name] == "date":
        return as_day(row.get(name))
    return _number(row.get(name)) if COLUMNS[name] == "number" else row.get(name)


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, dt.date) else float("nan")
