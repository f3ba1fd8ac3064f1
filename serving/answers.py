"""Answers: turns stored rows and the champion's output into JSON, one result or error for each account."""

from __future__ import annotations

import datetime as dt
import json
import logging
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from serving.champion import Champion
from serving.problems import problem_type
from serving.requests import FeaturesRequest, ScoreRequest
from serving.rows import DeclaredFeature, FeatureRow, RowError, check_row
from serving.scores import ScoredDay

__all__ = ["EVERYTHING_ELSE", "encode", "feature_answer", "leading", "stored_answer", "with_rest"]

EVERYTHING_ELSE = "Everything else"

_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\r\n]*")

logger = logging.getLogger("tenure.serving")


def encode(document: Any) -> bytes:
    """JSON as UTF-8 bytes, the same bytes for the same document; never NaN or Infinity.

    Lone surrogates, which UTF-8 cannot say, come out as the JSON escapes that they came in as.

    >>> encode({"p": 0.25, "name": "Zoë"}).decode()
    '{"p":0.25,"name":"Zoë"}'
    """
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace")


def with_rest(
    kept: Sequence[Mapping[str, Any]], more: bool, probability: float, typical: float
) -> list[dict[str, Any]]:
    """The largest drivers, and one entry for the rest, so that typical + all points == probability to 1e-9.

    What a person can act on comes first among those kept.

    Parameters
    ----------
    kept : the largest drivers, the largest first.
    more : whether there are others, which the last entry then stands for.

    Raises
    ------
    ValueError : there are no others, and these do not add up.

    >>> drivers = with_rest([{"feature": "seats", "points": 0.2}], True, probability=0.3, typical=0.2)
    >>> [(driver["feature"], round(driver["points"], 9)) for driver in drivers]
    [('seats', 0.2), (None, -0.1)]
    """
    drivers = sorted((_plain(dict(driver)) for driver in kept), key=lambda driver: not driver.get("actionable"))
    rest = probability - typical - math.fsum(driver["points"] for driver in drivers)
    if more:
        empty = dict.fromkeys(drivers[0])
        drivers.append({**empty, "sentence": EVERYTHING_ELSE, "actionable": False, "points": rest})
    elif abs(rest) > 1e-9:
        raise ValueError(f"the drivers miss the probability by {rest:.3g}")
    return drivers


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


def _plain(value: Any) -> Any:
    """A value as JSON can say it: numpy scalars become Python's, what is not finite becomes null."""
    kind = type(value)  # by exact type first, since most of a large answer's time goes here
    if kind is str or kind is int or kind is bool or value is None:
        return value
    if kind is float:
        return value if math.isfinite(value) else None
    if kind is dict:
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return value.isoformat() if isinstance(value, dt.date) else str(value)


def _error(account_id: Any, kind: str, detail: str) -> dict[str, Any]:
    return {
        "account_id": account_id if isinstance(account_id, str) else None,
        "error": {"type": problem_type(kind), "detail": detail},
    }


# --- stored scores ---------------------------------------------------------------------------------------


def stored_answer(day: ScoredDay, request: ScoreRequest) -> bytes:
    """The body of POST /score: the stored rows in the order asked for."""
    return encode(
        {
            "as_of": day.as_of.isoformat(),
            "model_version": day.model_version,
            "computed_at": _utc(day.computed_at),
            "results": [_stored(day, account_id, request.explain) for account_id in request.account_ids],
        }
    )


def _stored(day: ScoredDay, account_id: Any, explain: int) -> dict[str, Any]:
    if not isinstance(account_id, str):
        return _error(account_id, "bad-account-id", 'An account id must be text, as in "a-1".')
    row = day.rows.get(account_id)
    if row is None:
        detail = f"No account with this id is among those of {day.as_of.isoformat()}."
        return _error(account_id, "unknown-account", detail)
    probability, typical = row[f"churn_{day.horizon}d"], row[f"typical_{day.horizon}d"]
    if explain == 0 or probability is None:
        return {**row, "drivers": []}
    try:
        drivers = with_rest(*leading(row["drivers"], explain), probability, typical)
    except (ValueError, TypeError, KeyError):  # a score file that another program wrote
        return _error(account_id, "drivers-broken", "The stored drivers cannot be read; ask with explain = 0.")
    return {**row, "drivers": drivers}


def _utc(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")


# --- scores on demand ------------------------------------------------------------------------------------


def feature_answer(
    champion: Champion,
    request: FeaturesRequest,
    declared: Mapping[str, DeclaredFeature],
    now: dt.datetime,
) -> bytes:
    """The body of POST /score_features: each row scored with the champion, or its own error."""
    results: list[dict[str, Any]] = []
    rows: dict[int, FeatureRow] = {}
    for place, raw in enumerate(request.rows):
        try:
            rows[place] = check_row(raw, declared, now.date())
            results.append({})
        except RowError as bad:
            account_id = raw.get("account_id") if isinstance(raw, dict) else None
            results.append(_error(account_id, bad.kind, bad.detail))
    for place, result in zip(rows, _scored_or_alone(champion, list(rows.values()), request.explain), strict=True):
        results[place] = result
    return encode(
        {
            "model_version": champion.version,
            "catalogue_hash": champion.catalogue_hash,
            "computed_at": _utc(now),
            "results": results,
        }
    )


def _scored_or_alone(champion: Champion, rows: list[FeatureRow], explain: int) -> list[dict[str, Any]]:
    """Score rows together; should that fail, one by one, so that only the row at fault has an error."""
    if not rows:
        return []
    try:
        return _scored(champion, rows, explain)
    except Exception:  # one row must not fail its neighbours, whatever it made the model raise
        logger.exception("%d rows could not be scored together", len(rows))
    results = []
    for row in rows:
        try:
            results += _scored(champion, [row], explain)
        except Exception as error:  # the row at fault, alone with its own error
            logger.error("a row could not be scored (%s)", type(error).__name__)
            results.append(_error(row.account_id, "not-scored", "The model failed on this row; the log says why."))
    return results


def _scored(champion: Champion, rows: list[FeatureRow], explain: int) -> list[dict[str, Any]]:
    kernel = champion.kernel
    frame = _frame(champion, rows)
    results: list[dict[str, Any]] = [{"account_id": row.account_id, "as_of": row.as_of.isoformat()} for row in rows]
    for horizon in kernel.horizons:
        for result, probability in zip(results, kernel.probabilities(frame, horizon), strict=True):
            if not math.isfinite(probability):
                raise ArithmeticError("the model gave a probability that is not a number")
            result[f"churn_{horizon}d"] = float(probability)
            result[f"typical_{horizon}d"] = champion.typical[horizon]
    horizon = kernel.horizons[0]
    drivers: Sequence[Sequence[Mapping[str, Any]]]
    drivers = champion.drivers(frame, horizon) if explain else [()] * len(rows)
    for row, result, row_drivers in zip(rows, results, drivers, strict=True):
        probability, typical = result[f"churn_{horizon}d"], result[f"typical_{horizon}d"]
        result["reading"] = champion.reading(probability, row.as_of, horizon)
        result["missing"] = [name for name in kernel.feature_names if name not in row.values]
        result["unseen"] = [
            name for name, known in kernel.categories.items() if name in row.values and row.values[name] not in known
        ]
        result["drivers"] = (
            with_rest(row_drivers[:explain], len(row_drivers) > explain, probability, typical) if explain else []
        )
    return results


def _frame(champion: Champion, rows: list[FeatureRow]) -> pd.DataFrame:
    """The rows as the kernel takes them: float64 with NaN, and object columns of str with None."""
    columns: dict[str, np.ndarray] = {}
    for name in champion.kernel.feature_names:
        if name in champion.kernel.categories:
            columns[name] = np.array([row.values.get(name) for row in rows], dtype=object)
        else:
            columns[name] = np.array([row.values.get(name, np.nan) for row in rows], dtype=np.float64)
    return pd.DataFrame(columns)
