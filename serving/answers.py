"""Answers: stored rows in, the JSON of POST /score and POST /history out, and what every answer is made of."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from serving.problems import ProblemError, problem_type
from serving.requests import HistoryRequest
from training.kernel.drivers import with_rest

if TYPE_CHECKING:
    from serving.store.feedback import Feedback
    from serving.store.reading import Row, Run

__all__ = [
    "account_error",
    "check_horizon",
    "encode",
    "feedback_document",
    "head_of",
    "history_answer",
    "leading",
    "plain",
    "rendered",
    "score_answer",
    "unknown_account",
    "utc",
]

_HEAD = (
    "as_of",
    "model_version",
    "expansion_version",
    "computed_at",
    "horizons",
    "drivers_horizon",
    "interval",
    "not_validated_in_time",
    "rule_based",
)

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


def rendered(row: Row, explain: int) -> bytes:
    """One stored row as POST /score and POST /history answer it, with its first drivers.

    Parameters
    ----------
    explain : drivers of each outcome at most; what is left out of them closes the list as "everything else".
    """
    figures = json.loads(row.figures)
    told: dict[str, Any] = {}
    try:
        for outcome, prefix, text in (("churn", "", row.drivers), ("expansion", "expansion_", row.expansion_drivers)):
            if outcome == "churn" or f"{prefix}drivers_horizon" in figures:
                told[f"{prefix}drivers"] = _cut(figures, outcome, text, explain)
        if row.status == "churned":
            told["frozen"] = _frozen(row.frozen, explain)
    except (ValueError, TypeError, KeyError):  # a store that another program wrote to
        return encode(
            account_error(row.account_id, "drivers-broken", "The stored drivers cannot be read; ask with explain = 0.")
        )
    return row.figures.encode("utf-8")[:-1] + b"," + encode(told)[1:]


def _cut(figures: Mapping[str, Any], outcome: str, text: str | None, explain: int) -> list[dict[str, Any]]:
    """The first drivers of an outcome at their horizon, and what the others add up to."""
    prefix = "" if outcome == "churn" else f"{outcome}_"
    horizon = figures[f"{prefix}drivers_horizon"]
    probability = figures[f"{outcome}_{horizon}d"] if horizon else None
    if explain == 0 or probability is None:
        return []
    if text is None:
        raise ValueError("a probability without drivers")
    kept, more = leading(text, explain)
    return with_rest(plain(kept), more, probability, figures[f"{prefix}typical_{horizon}d"])


def _frozen(text: str | None, explain: int) -> dict[str, Any] | None:
    """The last score of an account before it churned, told as its row was told then."""
    if text is None:
        return None
    figures = json.loads(text)
    for outcome, prefix in (("churn", ""), ("expansion", "expansion_")):
        if f"{prefix}drivers" in figures:
            whole = encode(figures[f"{prefix}drivers"]).decode("utf-8")
            figures[f"{prefix}drivers"] = _cut(figures, outcome, whole, explain)
    return figures


def unknown_account(account_id: Any, as_of: dt.date) -> bytes:
    """The result of an account that is not among those of a day, or not among those that may be seen."""
    if not isinstance(account_id, str):
        return encode(account_error(account_id, "bad-account-id", 'An account id must be text, as in "a-1".'))
    detail = f"No account with this id is among those of {as_of.isoformat()}."
    return encode(account_error(account_id, "unknown-account", detail))


def head_of(run: Run) -> bytes:
    """What POST /score says once, before the results; the members of the run's header in a fixed order."""
    return encode({name: run.header[name] for name in _HEAD})[:-1]


def score_answer(head: bytes, results: Sequence[bytes]) -> bytes:
    """The body of POST /score: the head of a run and its results, one or more, in the order asked for."""
    # Megabytes are put together once, and not again for the little that stands around them.
    parts = list(results)
    parts[0] = head + b',"results":[' + parts[0]
    parts[-1] += b"]}"
    return b",".join(parts)


def check_horizon(run: Run, horizon: int | None) -> None:
    """Whether the stored drivers are those of the horizon that was asked for.

    Raises
    ------
    ProblemError : 422, they are those of another, or there are none.
    """
    stored = run.header["drivers_horizon"]
    if horizon in (None, stored):
        return
    if stored is None:
        says = f"The scores of {run.as_of} are rule-based and have no drivers, at no horizon"
    else:
        says = f"The stored drivers of {run.as_of} are those of {stored} days, not of {horizon}"
    raise ProblemError(
        422,
        "horizon-not-stored",
        f'{says}; leave "horizon" out, or send features to POST /score_features.',
        members={"drivers_horizon": stored, "horizons": list(run.header["horizons"])},
    )


def history_answer(asked: HistoryRequest, days: Sequence[Row], feedback: Sequence[Feedback]) -> bytes:
    """The body of POST /history: the rows of an account, oldest first, and what was said of it.

    Parameters
    ----------
    days : oldest first; at most one more than asked for, which tells that there are more: the last one where a first
        day was asked for, else the first one.
    """
    told = {
        "account_id": asked.account_id,
        "since": asked.since.isoformat() if asked.since else None,
        "until": asked.until.isoformat() if asked.until else None,
        "more": len(days) > asked.limit,
        "feedback": [feedback_document(one) for one in feedback],
    }
    kept = days[-asked.limit :] if asked.since is None else days[: asked.limit]
    rows = b",".join(rendered(row, asked.explain) for row in kept)
    return encode(told)[:-1] + b',"days":[' + rows + b"]}"


def feedback_document(one: Feedback) -> dict[str, Any]:
    """What was said of an account, as the service tells it; by whom stays in the store."""
    return {
        "id": one.id,
        "account_id": one.account_id,
        "verdict": one.verdict,
        "until": one.until.isoformat() if one.until else None,
        "as_of": one.as_of.isoformat(),
        "given_at": utc(one.given_at),
    }


def utc(moment: dt.datetime) -> str:
    """A time as every answer writes it."""
    return moment.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
