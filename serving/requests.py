"""Request bodies: reads them within their size limit and turns them into checked requests, or a `ProblemError`."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from serving.problems import ProblemError

__all__ = [
    "MAX_DAYS",
    "MAX_EXPLAIN",
    "MAX_FEATURES_BODY",
    "MAX_HORIZON",
    "MAX_ROWS",
    "MAX_SCORE_BODY",
    "MAX_SMALL_BODY",
    "VERDICTS",
    "FeaturesRequest",
    "FeedbackRequest",
    "HistoryRequest",
    "ScoreRequest",
    "WhatIfRequest",
    "read_body",
]

MAX_SCORE_BODY = 8 * 2**20
MAX_FEATURES_BODY = 16 * 2**20  # 10,000 rows of all features are 12 MB
MAX_SMALL_BODY = 2**20
MAX_ROWS = 10_000
MAX_DAYS = 1000
DEFAULT_DAYS = 400
MAX_EXPLAIN = 100
MAX_HORIZON = 1825  # days, as in the settings
DEFAULT_EXPLAIN = 5
VERDICTS = ("handled", "disagree", "not_savable")

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_FIRST_DAY, _LAST_DAY = dt.date(1970, 1, 1), dt.date(2199, 12, 31)

# An oversized body is read and thrown away up to here: a client that is still sending when the connection
# closes sees a broken pipe and never the answer that says why.
_DRAIN = 64 * 2**20


async def read_body(request: Request, limit: int) -> bytes:
    """The body of a request that says it is JSON, of at most `limit` bytes.

    Raises
    ------
    ProblemError : 415 for another media type or an encoded body, 413 over the limit.
    """
    media_type = request.headers.get("content-type", "application/json").split(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise ProblemError(
            415, "not-json", "The body must be JSON; send it with the header Content-Type: application/json."
        )
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise ProblemError(415, "encoded", "Compressed bodies are not read; send the body without Content-Encoding.")
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= limit:
            chunks.append(chunk)
        elif size > _DRAIN:
            break
    if size > limit:
        raise ProblemError(
            413,
            "body-too-large",
            f"The body is over {limit // 2**20} MB; send it in several requests.",
            headers={"Connection": "close"},
            members={"max_bytes": limit},
        )
    return b"".join(chunks)


def _parse(body: bytes, known: Collection[str]) -> dict[str, Any]:
    """The JSON object in a body, whose members are among the known ones."""
    try:
        parsed = _JSON.decode(body.decode("utf-8"))
    except RecursionError:
        raise ProblemError(400, "bad-json", "The body is nested too deeply to be read.") from None
    except ValueError as error:  # JSONDecodeError, not UTF-8, an integer of thousands of digits
        where = f" at character {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        raise ProblemError(400, "bad-json", f"The body is not valid JSON in UTF-8{where}.") from None
    if not isinstance(parsed, dict):
        raise ProblemError(422, "bad-request", "The body must be a JSON object, as in " + _example(known) + ".")
    if unknown := [name for name in parsed if name not in known]:
        raise ProblemError(
            422,
            "bad-request",
            f"The body has a member that is not known: {quoted(unknown[0])}; known are {', '.join(known)}.",
        )
    return parsed


def _once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """The members of an object; one that is named twice means one thing to one reader and another to the next."""
    found = dict(members)
    if len(found) < len(members):
        raise ProblemError(400, "bad-json", "An object in the body names a member twice; name each once.")
    return found


_JSON = json.JSONDecoder(object_pairs_hook=_once)


def _example(known: Collection[str]) -> str:
    for member, example in _EXAMPLES.items():
        if member in known:
            return example
    return '{"account_id": "a-1"}'


_EXAMPLES = {
    "account_ids": '{"account_ids": ["a-1"], "explain": 5}',
    "rows": '{"rows": [{}], "explain": 5}',
    "since": '{"account_id": "a-1", "since": "2026-01-01"}',
    "verdict": '{"account_id": "a-1", "verdict": "handled", "until": "2026-03-01"}',
    "changes": '{"account_id": "a-1", "changes": {"seats": 20}}',
}


def quoted(text: str) -> str:
    """A name from outside, in quotes, printable and cut to a length that a sentence can bear."""
    return json.dumps(text if len(text) <= 60 else text[:57] + "...")


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


def _account_id(parsed: dict[str, Any]) -> str:
    value = parsed.get("account_id")
    if not isinstance(value, str) or not value:
        raise ProblemError(422, "bad-request", '"account_id" must be text, as in "a-1".')
    return value


def _day(parsed: dict[str, Any], name: str) -> dt.date | None:
    value = parsed.get(name)
    if name not in parsed:
        return None
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            day = dt.date.fromisoformat(value)
        except ValueError:  # 2026-02-31
            day = None
        if day and _FIRST_DAY <= day <= _LAST_DAY:
            return day
    raise ProblemError(
        422, "bad-request", f'"{name}" must be a day from {_FIRST_DAY} to {_LAST_DAY}, as in "2026-03-01".'
    )


def _whole(value: Any) -> int | None:
    """A whole number, also one written as 90.0, which is the same number in JSON; None for anything else."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _explain(parsed: dict[str, Any], default: int = DEFAULT_EXPLAIN) -> int:
    value = _whole(parsed.get("explain", default))
    if value is None or not 0 <= value <= MAX_EXPLAIN:
        raise ProblemError(422, "bad-request", f'"explain" must be a whole number of drivers from 0 to {MAX_EXPLAIN}.')
    return value


def _horizon(parsed: dict[str, Any]) -> int | None:
    value = _whole(parsed.get("horizon"))
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
        parsed = _parse(body, ("account_ids", "explain", "horizon"))
        return cls(_many(parsed, "account_ids"), _explain(parsed), _horizon(parsed))


@dataclass(frozen=True)
class FeaturesRequest:
    """The body of POST /score_features, as `ScoreRequest` with rows in the place of ids."""

    rows: list[Any]
    explain: int
    horizon: int | None = None

    @classmethod
    def parse(cls, body: bytes) -> FeaturesRequest:
        parsed = _parse(body, ("rows", "explain", "horizon"))
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
        parsed = _parse(body, ("account_id", "changes", "explain", "horizon"))
        changes = parsed.get("changes")
        if not isinstance(changes, dict):
            raise ProblemError(422, "bad-request", '"changes" must be an object of features, as in {"seats": 20}.')
        return cls(_account_id(parsed), changes, _explain(parsed), _horizon(parsed))


@dataclass(frozen=True)
class HistoryRequest:
    """The body of POST /history.

    Parameters
    ----------
    since, until : the first day that is told, and the last; None for no bound.
    limit : days at most, the oldest first.
    """

    account_id: str
    since: dt.date | None
    until: dt.date | None
    explain: int
    limit: int

    @classmethod
    def parse(cls, body: bytes) -> HistoryRequest:
        parsed = _parse(body, ("account_id", "since", "until", "explain", "limit"))
        limit = _whole(parsed.get("limit", DEFAULT_DAYS))
        if limit is None or not 1 <= limit <= MAX_DAYS:
            raise ProblemError(422, "bad-request", f'"limit" must be a whole number of days from 1 to {MAX_DAYS}.')
        since, until = _day(parsed, "since"), _day(parsed, "until")
        if since and until and until < since:
            raise ProblemError(422, "bad-request", '"until" lies before "since"; swap them.')
        return cls(_account_id(parsed), since, until, _explain(parsed, 0), limit)


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
        parsed = _parse(body, ("account_id", "verdict", "until"))
        if parsed.get("verdict") not in VERDICTS:
            raise ProblemError(422, "bad-request", f'"verdict" must be one of {", ".join(VERDICTS)}.')
        until = _day(parsed, "until")
        if until and not today <= until <= today + dt.timedelta(days=366):
            raise ProblemError(422, "bad-request", '"until" must be a day from today to a year ahead.')
        return cls(_account_id(parsed), parsed["verdict"], until)
