"""Request bodies: reads them within their size limit and turns them into checked requests, or a `ProblemError`."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from serving.problems import ProblemError

__all__ = [
    "MAX_EXPLAIN",
    "MAX_FEATURES_BODY",
    "MAX_HORIZON",
    "MAX_ROWS",
    "MAX_SCORE_BODY",
    "FeaturesRequest",
    "ScoreRequest",
    "read_body",
]

MAX_SCORE_BODY = 8 * 2**20
MAX_FEATURES_BODY = 16 * 2**20  # 10,000 rows of all features are 12 MB
MAX_ROWS = 10_000
MAX_EXPLAIN = 100
MAX_HORIZON = 1825  # days, as in the settings
DEFAULT_EXPLAIN = 5

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
        parsed = json.loads(body.decode("utf-8"))
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


def _example(known: Collection[str]) -> str:
    return '{"account_ids": ["a-1"], "explain": 5}' if "account_ids" in known else '{"rows": [{}], "explain": 5}'


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


def _explain(parsed: dict[str, Any]) -> int:
    value = parsed.get("explain", DEFAULT_EXPLAIN)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_EXPLAIN:
        raise ProblemError(422, "bad-request", f'"explain" must be a whole number of drivers from 0 to {MAX_EXPLAIN}.')
    return value


def _horizon(parsed: dict[str, Any]) -> int | None:
    value = parsed.get("horizon")
    if "horizon" in parsed and (not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_HORIZON):
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
