"""Answers: stored rows in, the JSON of POST /score out, and what every answer is made of."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from typing import Any

import numpy as np

from serving.layout import INTERVAL
from serving.problems import ProblemError, problem_type
from serving.requests import ScoreRequest
from serving.scores import ScoredDay
from training.kernel.drivers import with_rest

__all__ = ["account_error", "encode", "leading", "plain", "stored_answer", "utc"]

_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\r\n]*")


def encode(document: Any) -> bytes:
    """JSON as UTF-8 bytes, the same bytes for the same document; never NaN or Infinity.

    Lone surrogates, which UTF-8 cannot say, come out as the JSON escapes that they came in as.

    >>> encode({"p": 0.25, "name": "Zoë"}).decode()
    '{"p":0.25,"name":"Zoë"}'
    """
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace")


def leading(text: str, count: int) -> tuple[list[dict[str, Any]], bool]:
    """The first items of a JSON list, and whether there are more; what follows them is not read.

    A request wants 5 of some 30 drivers, and reading them all is what answering 10,000 accounts would cost.

    Raises
    ------
    ValueError : as far as it was read, it is not a JSON list of objects.

    >>> leading('[{"points": 1}, {"points": 2}, {"points": 3}]', 2)
    ([{'points': 1}, {'points': 2}], True)
    """
    items: list[dict[str, Any]] = []
    mark, place = "[", 0
    while True:
        place = _after_space(text, place)
        if text[place : place + 1] == "]" and mark == ",":
            return items, False
        if text[place : place + 1] != mark:
            raise ValueError(f"{mark} was expected at character {place}")
        mark, place = ",", _after_space(text, place + 1)
        if not items and text[place : place + 1] == "]":
            return items, False
        if len(items) == count:
            return items, True
        item, place = _DECODER.raw_decode(text, place)
        if not isinstance(item, dict):
            raise ValueError("an item is not an object")
        items.append(item)


def _after_space(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return found.end() if found else place


def plain(value: Any) -> Any:
    """A value as JSON can say it: numpy scalars become Python's, what is not finite becomes null."""
    kind = type(value)  # by exact type first, since most of a large answer's time goes here
    if kind is str or kind is int or kind is bool or value is None:
        return value
    if kind is float:
        return value if math.isfinite(value) else None
    if kind is dict:
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    return value.isoformat() if isinstance(value, dt.date) else str(value)


def account_error(account_id: Any, kind: str, detail: str) -> dict[str, Any]:
    """The result of an account that has none."""
    return {
        "account_id": account_id if isinstance(account_id, str) else None,
        "error": {"type": problem_type(kind), "detail": detail},
    }


def stored_answer(day: ScoredDay, request: ScoreRequest) -> bytes:
    """The body of POST /score: the stored rows in the order asked for.

    Raises
    ------
    ProblemError : 422, another horizon is to be explained than the one that drivers are stored for.
    """
    if request.horizon not in (None, day.horizon):
        raise _not_stored(day, request.horizon)
    return encode(
        {
            "as_of": day.as_of.isoformat(),
            "model_version": day.model_version,
            "expansion_version": day.expansion_version,
            "computed_at": utc(day.computed_at),
            "horizons": list(day.horizons),
            "drivers_horizon": day.horizon,
            "interval": None if day.rule_based else INTERVAL,
            "not_validated_in_time": day.not_validated,
            "rule_based": day.rule_based,
            "results": [_stored(day, account_id, request.explain) for account_id in request.account_ids],
        }
    )


def _not_stored(day: ScoredDay, horizon: int | None) -> ProblemError:
    if day.horizon is None:
        says = f"The scores of {day.as_of} are rule-based and have no drivers, at no horizon"
    else:
        says = f"The stored drivers of {day.as_of} are those of {day.horizon} days, not of {horizon}"
    return ProblemError(
        422,
        "horizon-not-stored",
        f'{says}; leave "horizon" out, or send features to POST /score_features.',
        members={"drivers_horizon": day.horizon, "horizons": list(day.horizons)},
    )


def _stored(day: ScoredDay, account_id: Any, explain: int) -> dict[str, Any]:
    if not isinstance(account_id, str):
        return account_error(account_id, "bad-account-id", 'An account id must be text, as in "a-1".')
    row = day.rows.get(account_id)
    if row is None:
        detail = f"No account with this id is among those of {day.as_of.isoformat()}."
        return account_error(account_id, "unknown-account", detail)
    told: dict[str, Any] = {}
    for outcome, prefix in (("churn", ""), ("expansion", "expansion_")):
        if f"{prefix}drivers" not in row:
            continue
        horizon = row[f"{prefix}drivers_horizon"]
        probability = row[f"{outcome}_{horizon}d"] if horizon else None
        if explain == 0 or probability is None:
            told[f"{prefix}drivers"] = []
            continue
        try:
            typical = row[f"{prefix}typical_{horizon}d"]
            kept, more = leading(row[f"{prefix}drivers"], explain)
            told[f"{prefix}drivers"] = with_rest(plain(kept), more, probability, typical)
        except (ValueError, TypeError, KeyError):  # a score file that another program wrote
            return account_error(
                account_id, "drivers-broken", "The stored drivers cannot be read; ask with explain = 0."
            )
    return {**row, **told}


def utc(moment: dt.datetime) -> str:
    """A time as every answer writes it."""
    return moment.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
