"""Requests: a body in; what it asks for, checked, or a `ProblemError`, out."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Any

from serving.bodies import json_object
from serving.problems import ProblemError

__all__ = [
    "A_DAY",
    "MAX_DAYS",
    "MAX_EXPLAIN",
    "MAX_HORIZON",
    "MAX_ROWS",
    "VERDICTS",
    "FeaturesRequest",
    "FeedbackRequest",
    "HistoryRequest",
    "ScoreRequest",
    "WhatIfRequest",
    "account_id_in",
    "day_in",
    "day_of",
    "whole",
]

MAX_ROWS = 10_000
MAX_DAYS = 1000
DEFAULT_DAYS = 400
MAX_EXPLAIN = 100
MAX_HORIZON = 1825  # days, as in the settings
DEFAULT_EXPLAIN = 5
VERDICTS = ("handled", "disagree", "not_savable")

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_FIRST_DAY, _LAST_DAY = dt.date(1970, 1, 1), dt.date(2199, 12, 31)
A_DAY = f'a day from {_FIRST_DAY} to {_LAST_DAY}, as in "2026-03-01"'


def _many(parsed: dict[str, Any], name: str) -> list[Any]:
    """The list of 1 to `MAX_ROWS` items under a name."""
    items = parsed.get(name)
    if not isinstance(items, list):
        raise ProblemError(422, "bad-request", f'"{name}" must be a list of 1 to {MAX_ROWS} items.')
    if not items:
        raise ProblemError(422, "empty-list", f'"{name}" is empty; send 1 to {MAX_ROWS} items.')
    if len(items) > MAX_ROWS:
        raise ProblemError(
            413,
            "too-many",
            f'"{name}" holds {len(items)} items, and at most {MAX_ROWS} are answered at a time; '
            "send them in several requests.",
            members={"max_items": MAX_ROWS},
        )
    return items


def account_id_in(parsed: dict[str, Any]) -> str:
    """The account that a body is about."""
    value = parsed.get("account_id")
    if not isinstance(value, str) or not value:
        raise ProblemError(422, "bad-request", '"account_id" must be text, as in "a-1".')
    return value


def day_of(value: Any) -> dt.date | None:
    """The day that a text names; None for anything else.

    >>> day_of("2026-02-28"), day_of("2026-02-30")
    (datetime.date(2026, 2, 28), None)
    """
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        return None
    try:
        day = dt.date.fromisoformat(value)
    except ValueError:
        return None
    return day if _FIRST_DAY <= day <= _LAST_DAY else None


def day_in(parsed: dict[str, Any], name: str) -> dt.date | None:
    """The day under a name; None where there is no such member."""
    value = parsed.get(name)
    if name not in parsed:
        return None
    if day := day_of(value):
        return day
    raise ProblemError(422, "bad-request", f'"{name}" must be {A_DAY}.')


def whole(value: Any) -> int | None:
    """A whole number, also one written as 90.0, which is the same number in JSON; None for anything else."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _explain(parsed: dict[str, Any], default: int = DEFAULT_EXPLAIN) -> int:
    value = whole(parsed.get("explain", default))
    if value is None or not 0 <= value <= MAX_EXPLAIN:
        raise ProblemError(422, "bad-request", f'"explain" must be a whole number of drivers from 0 to {MAX_EXPLAIN}.')
    return value


def _horizon(parsed: dict[str, Any]) -> int | None:
    value = whole(parsed.get("horizon"))
    if "horizon" in parsed and (value is None or not 1 <= value <= MAX_HORIZON):
        raise ProblemError(422, "bad-request", f'"horizon" must be a whole number of days from 1 to {MAX_HORIZON}.')
    return value


@dataclass(frozen=True)
class ScoreRequest:
    """The body of POST /score: ids in the order they were sent (anything at all, judged one by one).

    Parameters
    ----------
    explain : drivers of each outcome at most.
    horizon : the days ahead that are to be explained; None for the headline horizon.
    """

    account_ids: list[Any]
    explain: int
    horizon: int | None = None

    @classmethod
    def parse(cls, body: bytes) -> ScoreRequest:
        parsed = json_object(body, ("account_ids", "explain", "horizon"), '{"account_ids": ["a-1"], "explain": 5}')
        return cls(_many(parsed, "account_ids"), _explain(parsed), _horizon(parsed))


@dataclass(frozen=True)
class FeaturesRequest:
    """The body of POST /score_features, as `ScoreRequest` with rows in the place of ids."""

    rows: list[Any]
    explain: int
    horizon: int | None = None

    @classmethod
    def parse(cls, body: bytes) -> FeaturesRequest:
        parsed = json_object(body, ("rows", "explain", "horizon"), '{"rows": [{}], "explain": 5}')
        return cls(_many(parsed, "rows"), _explain(parsed), _horizon(parsed))


@dataclass(frozen=True)
class WhatIfRequest:
    """The body of POST /what_if.

    Parameters
    ----------
    changes : values by feature as they were sent, null for missing; judged one by one.
    """

    account_id: str
    changes: dict[str, Any]
    explain: int
    horizon: int | None = None

    @classmethod
    def parse(cls, body: bytes) -> WhatIfRequest:
        parsed = json_object(
            body,
            ("account_id", "changes", "explain", "horizon"),
            '{"account_id": "a-1", "changes": {"seats": 20}}',
        )
        changes = parsed.get("changes")
        if not isinstance(changes, dict):
            raise ProblemError(422, "bad-request", '"changes" must be an object of features, as in {"seats": 20}.')
        return cls(account_id_in(parsed), changes, _explain(parsed), _horizon(parsed))


@dataclass(frozen=True)
class HistoryRequest:
    """The body of POST /history.

    Parameters
    ----------
    since, until : the first day that is told, and the last; None for no bound.
    limit : days at most: the first ones from `since` on; without that the newest ones.
    """

    account_id: str
    since: dt.date | None
    until: dt.date | None
    explain: int
    limit: int

    @classmethod
    def parse(cls, body: bytes) -> HistoryRequest:
        parsed = json_object(
            body,
            ("account_id", "since", "until", "explain", "limit"),
            '{"account_id": "a-1", "since": "2026-01-01"}',
        )
        limit = whole(parsed.get("limit", DEFAULT_DAYS))
        if limit is None or not 1 <= limit <= MAX_DAYS:
            raise ProblemError(422, "bad-request", f'"limit" must be a whole number of days from 1 to {MAX_DAYS}.')
        since, until = day_in(parsed, "since"), day_in(parsed, "until")
        if since and until and until < since:
            raise ProblemError(422, "bad-request", '"until" lies before "since"; swap them.')
        return cls(account_id_in(parsed), since, until, _explain(parsed, 0), limit)


@dataclass(frozen=True)
class FeedbackRequest:
    """The body of POST /feedback.

    Parameters
    ----------
    until : the first day on which the account is to be shown again; None where it is not to be hidden.
    """

    account_id: str
    verdict: str
    until: dt.date | None

    @classmethod
    def parse(cls, body: bytes, today: dt.date) -> FeedbackRequest:
        parsed = json_object(
            body,
            ("account_id", "verdict", "until"),
            '{"account_id": "a-1", "verdict": "handled", "until": "2026-03-01"}',
        )
        if parsed.get("verdict") not in VERDICTS:
            raise ProblemError(422, "bad-request", f'"verdict" must be one of {", ".join(VERDICTS)}.')
        until = day_in(parsed, "until")
        if until and not today <= until <= today + dt.timedelta(days=366):
            raise ProblemError(422, "bad-request", '"until" must be a day from today to a year ahead.')
        return cls(account_id_in(parsed), parsed["verdict"], until)
