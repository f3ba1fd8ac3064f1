"""Refusals: every kind of problem that a route can answer with, its status and an example, as it is told."""

from __future__ import annotations

import http
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from serving.openapi.told import ANSWERS
from serving.problems import MEDIA_TYPE, problem_type
from serving.requests import MAX_ROWS

__all__ = ["KINDS", "PROBLEM", "Kind", "refusals"]


class Kind(NamedTuple):
    """One kind of problem.

    Parameters
    ----------
    detail : an example of the sentence, with {words} of the operation; a person reads it, programs tell kinds apart
        by `type`.
    members : an example of the members beyond those of every problem.
    """

    status: int
    detail: str
    members: dict[str, Any] = {}  # noqa: RUF012 (never changed)


_OLDER, _TODAYS = "decaf" * 12, "c0ffee" * 10
_ABSENT = "No day is scored yet; run `tenure score` to score one."
_NO_CHAMPION = (
    "No model of churn is champion yet; run `tenure train`, which makes one when it passes the gate. "
    "Until then POST /score answers rule-based health, once `tenure score` has run."
)

KINDS: dict[str, Kind] = {
    "bad-json": Kind(400, "The body is not valid JSON in UTF-8 at character 17."),
    "unauthorized": Kind(
        401, "This token is not valid: it is unknown, revoked or expired; make another with `tenure token create`."
    ),
    "insufficient-scope": Kind(403, "This token may not do this; {says} needs one with the scope {scopes}."),
    "unknown-account": Kind(404, "No account with this id is among those that are scored."),
    "unknown-day": Kind(
        404, 'The day 2020-01-06 is not scored; leave "as_of" out for the newest, or name another day.'
    ),
    "no-report": Kind(
        404,
        "There is no report on 2024Q1; run `tenure roi DIR --period 2024Q1` to make one.",
        {"periods": ["2025Q4"]},
    ),
    "unknown-csm": Kind(404, 'The report on 2025Q4 has no CSM "nobody"; leave "csm_id" out for all that it has.'),
    "scores-outdated": Kind(
        409, "The scores of 2026-02-01 do not say when accounts left; run `tenure score` for a day again."
    ),
    "not-scored": Kind(409, "This account has no probability to start from. It gave notice."),
    "snapshot-outdated": Kind(
        409,
        "The scores of 2026-02-01 were not computed from the features that the champion, version 3, reads; run "
        "`tenure score` for that day again.",
        {"run_catalogue_hash": _OLDER, "catalogue_hash": _TODAYS},
    ),
    "slow-body": Kind(408, "The body did not arrive in time; send it again."),
    "body-too-large": Kind(413, "The body is over {max_mb} MB; send it in several requests."),
    "too-many": Kind(
        413,
        f'"{{items}}" holds {MAX_ROWS + 1} items, and at most {MAX_ROWS} are answered at a time; '
        "send them in several requests.",
        {"max_items": MAX_ROWS},
    ),
    "not-json": Kind(415, "The body must be JSON; send it with the header Content-Type: application/json."),
    "encoded": Kind(415, "Compressed bodies are not read; send the body without Content-Encoding."),
    "bad-request": Kind(422, "{bad}"),
    "empty-list": Kind(422, f'"{{items}}" is empty; send 1 to {MAX_ROWS} items.'),
    "horizon-not-stored": Kind(
        422,
        'The stored drivers of 2026-02-01 are those of 90 days, not of 30; leave "horizon" out, or send features to '
        "POST /score_features.",
        {"drivers_horizon": 90, "horizons": [30, 90, 365]},
    ),
    "unknown-horizon": Kind(
        422,
        "The champion, version 3, has no horizon of 60 days; it has 30, 90, 365.",
        {"horizons": [30, 90, 365]},
    ),
    "unknown-feature": Kind(422, 'No feature of this name is declared: "logins"; see docs/features.md.'),
    "wrong-type": Kind(422, "mrr is a number: send a number, or null where it is missing.", {"feature": "mrr"}),
    "out-of-bounds": Kind(422, "mrr = -1 is below 0, the least that makes sense for it.", {"feature": "mrr"}),
    "too-busy": Kind(429, "Too many requests are being answered; send this one again in a moment."),
    "internal": Kind(500, "The service failed; its log says why."),
    "store-unreachable": Kind(503, "The score store does not answer; ask again in a moment."),
    "store-unusable": Kind(503, "The score store cannot be used as it is; the service's log says why."),
    "no-scores": Kind(503, _ABSENT),
    "champion-broken": Kind(
        503,
        "The champion's files cannot be read; run `tenure train`, or `tenure promote churn --rollback` to go back to "
        "the version before it. The service's log says what is wrong.",
    ),
    "champion-outdated": Kind(
        503,
        f"The champion, version 3, was fitted on other feature declarations (catalogue {_OLDER[:12]}) than today's "
        f"({_TODAYS[:12]}); run `tenure train` to fit one on today's.",
        {
            "model_version": "3",
            "model_catalogue_hash": _OLDER,
            "catalogue_hash": _TODAYS,
        },
    ),
    "no-champion": Kind(503, _NO_CHAMPION),
    "not-ready": Kind(
        503,
        f"{_ABSENT} {_NO_CHAMPION}",
        {
            "reasons": [_ABSENT, _NO_CHAMPION],
            "scores": {"status": "absent", "detail": _ABSENT},
            "champion": {"status": "absent", "detail": _NO_CHAMPION},
        },
    ),
    "too-slow": Kind(504, "The answer took too long and was given up; {fewer}."),
}

_NAMES = {"type": "array", "items": {"type": "string"}}

PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "Problem details (RFC 9457). Programs tell problems apart by `type`; `detail` says to people what "
    "is wrong and what to do.",
    "properties": {
        "type": {"type": "string", "description": "urn:tenure:problem:<kind>."},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "instance": {
            "type": "string",
            "pattern": "^urn:tenure:request:[A-Za-z0-9._-]{1,64}$",
            "description": "The request, by the id that the header X-Request-Id and the service's log have.",
        },
        "max_bytes": {"type": "integer"},
        "max_items": {"type": "integer"},
        "horizons": {"type": "array", "items": {"type": "integer"}},
        "drivers_horizon": {"type": ["integer", "null"]},
        "model_version": {"type": ["string", "null"]},
        "model_catalogue_hash": {"type": "string"},
        "catalogue_hash": {"type": "string"},
        "run_catalogue_hash": {"type": "string"},
        "feature": {"type": "string"},
        "periods": {**_NAMES, "description": "That there are reports of, those that were known last first."},
        "reasons": {**_NAMES, "description": "One sentence each for what is not ready."},
        **{name: ANSWERS["Ready"]["properties"][name] for name in ("scores", "champion")},
    },
    "required": ["type", "title", "status", "detail", "instance"],
}


def refusals(kinds: Iterable[str], words: Mapping[str, Any]) -> dict[str, Any]:
    """The responses of an operation by status, with an example of each kind.

    Parameters
    ----------
    words : what the examples say of this operation.
    """
    by_status: dict[int, list[str]] = {}
    for kind in kinds:
        by_status.setdefault(KINDS[kind].status, []).append(kind)
    return {str(status): _response(status, found, words) for status, found in sorted(by_status.items())}


def _response(status: int, kinds: list[str], words: Mapping[str, Any]) -> dict[str, Any]:
    narrowed = {"type": {"enum": [problem_type(kind) for kind in kinds]}, "status": {"const": status}}
    headers = {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}}
    if status in (http.HTTPStatus.UNAUTHORIZED, http.HTTPStatus.FORBIDDEN):
        headers["WWW-Authenticate"] = {"$ref": "#/components/headers/Challenge"}
    if status == http.HTTPStatus.TOO_MANY_REQUESTS:
        headers["Retry-After"] = {"$ref": "#/components/headers/RetryAfter"}
    elif status == http.HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = {"$ref": "#/components/headers/RetryMaybe"}
    return {
        "description": f"{http.HTTPStatus(status).phrase}: {', '.join(kinds)}.",
        "headers": headers,
        "content": {
            MEDIA_TYPE: {
                "schema": {"allOf": [{"$ref": "#/components/schemas/Problem"}, {"properties": narrowed}]},
                "examples": {kind: {"value": _example(kind, words)} for kind in kinds},
            }
        },
    }


def _example(kind: str, words: Mapping[str, Any]) -> dict[str, Any]:
    status, detail, members = KINDS[kind]
    if kind == "body-too-large":
        members = {"max_bytes": words["max_mb"] * 2**20}
    return {
        "type": problem_type(kind),
        "title": kind.replace("-", " ").capitalize(),
        "status": status,
        "detail": detail.format_map(words),
        "instance": "urn:tenure:request:5f2d1c9ab8e04f6f",
        **members,
    }
