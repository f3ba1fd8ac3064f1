"""Subject: a score row, its drivers and the facts of an account in; each of them by name, checked, for its brief."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from features.settings import Settings
from success.book import as_json, finite
from success.brief.markup import one_line
from success.brief.words import kind

__all__ = ["LONG_PAST", "Subject", "as_day", "named"]

_OF_OLD = 10_000
LONG_PAST = 365
"""Days past its day after which a milestone is no open matter any more."""


@dataclass(frozen=True)
class Subject:
    """An account on a scored day, as far as it is known; what is absent, null or of the wrong kind is unknown.

    Parameters
    ----------
    row : the figures of its score row.
    drivers : of churn at the headline horizon, the largest first.
    facts : what `success.facts` says of it; None where nothing is stored.
    features : what the models were given.
    earlier : the figures of the row of about a week before, as it was told then.
    frozen : of an account that churned, its last score.
    feedback : what was said of it, the newest last: {verdict, until, given_at}.
    """

    row: Mapping[str, Any]
    drivers: Sequence[Mapping[str, Any]]
    facts: Mapping[str, Any] | None
    settings: Settings
    features: Mapping[str, Any] | None = None
    earlier: Mapping[str, Any] | None = None
    frozen: Mapping[str, Any] | None = None
    feedback: Sequence[Mapping[str, Any]] = field(default=())

    @property
    def as_of(self) -> dt.date:
        day = as_day(self.row.get("as_of"))
        assert day is not None, "a score row without its day"
        return day

    @property
    def status(self) -> str:
        return str(self.row.get("status"))

    @property
    def young(self) -> bool:
        """Whether it is still being onboarded."""
        return self.row.get("stage") == "onboarding"

    @property
    def horizon(self) -> int | None:
        """Days that the drivers speak of."""
        found = self.number("drivers_horizon")
        return None if found is None else int(found)

    @property
    def churn(self) -> float | None:
        """The probability of leaving within that horizon."""
        return self.number(f"churn_{self.horizon}d") if self.horizon else None

    @property
    def age(self) -> int:
        """Days since it began, or began again; many where that is not known."""
        first = self.fact_day("since") or self.fact_day("customer_since")
        return (self.as_of - first).days if first else _OF_OLD

    @property
    def rule_scores(self) -> list[dict[str, Any]]:
        """The scores by rule of the scorecard; of an older day they stand in its row."""
        found = self.fact("rule_scores")
        return as_json(self.row.get("rule_scores") if found is None else found)

    @property
    def list_rank(self) -> int | None:
        """Its place on its CSM's call list; None where it is not on it."""
        found = self.number("list_rank")
        return None if found is None else int(found)

    @property
    def ending(self) -> dt.date | None:
        """Of an account under notice, the day on which it ends, as the list of those leaving has it."""
        return self.day("renews_on") or self.fact_day("ends_on") or self.fact_day("renews_on")

    @property
    def open_milestones(self) -> list[tuple[dt.date | None, str]]:
        """Day and name of each milestone that is not reached, as they are stored."""
        found = (self.part("milestones") or {}).get("open") or []
        return [(as_day(one.get("due_on")), kind(named(one.get("name")), "a milestone")) for one in found]

    def number(self, name: str, of: Mapping[str, Any] | None = None) -> float | None:
        """A figure of the row, or of another one."""
        return finite((self.row if of is None else of).get(name))

    def day(self, name: str) -> dt.date | None:
        """A day of the row."""
        return as_day(self.row.get(name))

    def text(self, name: str, most: int = 80) -> str | None:
        """A text of the row, on one line."""
        return named(self.row.get(name), most)

    def fact(self, name: str) -> Any:
        """A fact; None where it is not on record or there is none."""
        return None if self.facts is None else self.facts.get(name)

    def fact_day(self, name: str) -> dt.date | None:
        return as_day(self.fact(name))

    def part(self, name: str) -> Mapping[str, Any] | None:
        """The facts of one kind; None where the history has no table for them, or no facts are stored."""
        found = self.fact(name)
        return found if isinstance(found, Mapping) else None


def as_day(value: object) -> dt.date | None:
    """A day as rows have it: a date, or its text."""
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, dt.date):
        return value
    try:
        return dt.date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def named(value: object, most: int = 80) -> str | None:
    """A name or another text from data, on one line; None where there is none."""
    return one_line(value, most) or None if isinstance(value, str) else None
