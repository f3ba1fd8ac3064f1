"""Routes: what each address takes, who may ask and what it answers, as the operations of the document."""

from __future__ import annotations

from typing import Any

from serving.bodies import MAX_FEATURES_BODY, MAX_SCORE_BODY, MAX_SMALL_BODY
from serving.lists import LISTS
from serving.openapi.asked import EXAMPLES as ASKED
from serving.openapi.examples import EXAMPLES as TOLD
from serving.openapi.refused import refusals
from serving.requests import MAX_EXPLAIN, VERDICTS

__all__ = ["PATHS"]

_ALWAYS = ("internal",)
_TOKEN = ("unauthorized", "insufficient-scope", "too-busy", "store-unreachable", "store-unusable", *_ALWAYS)
_OPERATOR = tuple(kind for kind in _TOKEN if kind != "too-busy")
_BODY = ("slow-body", "bad-json", "body-too-large", "not-json", "encoded", "bad-request")
_CHAMPION = ("champion-broken", "champion-outdated", "no-champion", "too-slow")

_BAD_EXPLAIN = f'"explain" must be a whole number of drivers from 0 to {MAX_EXPLAIN}.'
_LESS = "ask for less at a time"
_BAD_LIST = f'"list" must be one of {", ".join(LISTS)}.'
_BAD_PERIOD = '"until" lies before "since"; swap them.'
_BAD_OPEN = '"open" must be true or false.'
_NO_ACCOUNT = '"account_id" must be text, as in "a-1".'
_BAD_NAME = '"period" must be a quarter as in "2025Q3", a month as in "2025-07" or a year as in "2025".'
_BAD_VERDICT = f'"verdict" must be one of {", ".join(VERDICTS)}.'

_SENT_ID = {"$ref": "#/components/parameters/RequestId"}
_REQUEST_ID = {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}}


def _asking(
    name: str,
    summary: str,
    description: str,
    *,
    asked: str,
    told: str,
    scopes: tuple[str, ...],
    kinds: tuple[str, ...],
    limit: int = MAX_SMALL_BODY,
    status: int = 200,
    headers: dict[str, Any] | None = None,
    **words: str,
) -> dict[str, Any]:
    """An operation that takes a JSON body and needs a token.

    Parameters
    ----------
    limit : bytes of the body.
    words : what the examples of its refusals say of it.
    """
    scopes = tuple(sorted(scopes))
    words = {"scopes": " or ".join(scopes), "bad": _BAD_EXPLAIN, "fewer": "send fewer rows at a time", **words}
    return {
        "post": {
            "operationId": name,
            "summary": summary,
            "description": description,
            "tags": ["accounts"],
            "security": [{"token": [scope]} for scope in scopes],
            "parameters": [_SENT_ID],
            "requestBody": {
                "required": True,
                "content": {"application/json": _content(asked, ASKED)},
            },
            "responses": {
                str(status): {
                    "description": summary,
                    "headers": {**_REQUEST_ID, **(headers or {})},
                    "content": {"application/json": _content(told, TOLD)},
                },
                **refusals((*_BODY, *_TOKEN, *kinds), {**words, "max_mb": limit // 2**20}),
            },
        }
    }


def _of_books(
    name: str, summary: str, description: str, *, asked: str, told: str, kinds: tuple[str, ...], bad: str
) -> dict[str, Any]:
    """An operation on the accounts of whole books, at the address of its name.

    Parameters
    ----------
    bad : what the example of a bad request says.
    """
    path = f"/{name}"
    operation = _asking(
        name,
        summary,
        description,
        asked=asked,
        told=told,
        scopes=("read",),
        kinds=kinds,
        says=f"POST {path}",
        bad=bad,
        fewer=_LESS,
    )
    return {path: operation}


def _content(schema: str, known: dict[str, Any]) -> dict[str, Any]:
    """A body of a schema with its example, or with those that it has by name."""
    several = known.get(f"{schema}s") or {"example": known.get(schema)}
    examples = {name: {"value": value} for name, value in several.items()}
    return {"schema": {"$ref": f"#/components/schemas/{schema}"}, "examples": examples}


def _looking(
    name: str,
    summary: str,
    media_type: str,
    content: dict[str, Any],
    *,
    kinds: tuple[str, ...] = _ALWAYS,
    scope: str | None = None,
) -> dict[str, Any]:
    """An operation that takes nothing."""
    return {
        "get": {
            "operationId": name,
            "summary": summary,
            "tags": ["service"],
            "security": [{"token": [scope]}] if scope else [],
            "parameters": [_SENT_ID],
            "responses": {
                "200": {"description": summary, "headers": _REQUEST_ID, "content": {media_type: content}},
                **refusals(kinds, {"says": "GET /metrics", "scopes": scope}),
            },
        }
    }


PATHS: dict[str, Any] = {
    "/score": _asking(
        "score",
        "The latest stored scores of accounts",
        "Tells the stored rows of the newest scored day, byte for byte as they were written, with the versions that "
        "computed them. An account that is not among them, or not in the book that the token is bound to, has an "
        "error in its place.",
        asked="ScoreRequest",
        told="ScoreAnswer",
        scopes=("score", "read"),
        kinds=("empty-list", "too-many", "horizon-not-stored", "no-scores"),
        limit=MAX_SCORE_BODY,
        headers={"Age": {"$ref": "#/components/headers/Age"}},
        says="POST /score",
        items="account_ids",
    ),
    "/score_features": _asking(
        "scoreFeatures",
        "Rows of features scored with the champion",
        "Scores features that the caller has computed, with the champion of the moment. A row that cannot be scored "
        "has an error in its place, and its neighbours are scored.",
        asked="FeaturesRequest",
        told="FeaturesAnswer",
        scopes=("score",),
        kinds=("empty-list", "too-many", "unknown-horizon", *_CHAMPION),
        limit=MAX_FEATURES_BODY,
        says="POST /score_features",
        items="rows",
    ),
    "/what_if": _asking(
        "whatIf",
        "What the champion would say of an account with other features",
        "Scores the stored features of one account before and after some of them are replaced, and tells which "
        "drivers moved. It is what the model would say of an account like that, not what will happen if somebody "
        "changes it, and features that follow from a changed one keep their values unless they are changed too.",
        asked="WhatIfRequest",
        told="WhatIfAnswer",
        scopes=("score",),
        kinds=(
            "unknown-account",
            "not-scored",
            "snapshot-outdated",
            "unknown-horizon",
            "unknown-feature",
            "wrong-type",
            "out-of-bounds",
            "no-scores",
            *_CHAMPION,
        ),
        says="POST /what_if",
    ),
    "/history": _asking(
        "history",
        "The scores of an account over time, and what was said of it",
        "Tells the row of each scored day as POST /score answered it, the oldest first: from `since` on, or without it "
        "the newest days.",
        asked="HistoryRequest",
        told="HistoryAnswer",
        scopes=("read",),
        kinds=("unknown-account", "no-scores"),
        says="POST /history",
    ),
    "/feedback": _asking(
        "feedback",
        "What somebody makes of an account's score",
        "Keeps a verdict, which may snooze the account until a day: `tenure score` then leaves it out of the accounts "
        "that it lists. It never alters a probability.",
        asked="FeedbackRequest",
        told="Feedback",
        scopes=("read",),
        kinds=("unknown-account", "no-scores"),
        status=201,
        says="POST /feedback",
        bad=_BAD_VERDICT,
    ),
    **_of_books(
        "lists",
        "Whom to call, what renews, who moved and the like, of a scored day",
        "Makes one list of the accounts of a day: "
        + " ".join(f"`{name}`: {kind.says}" for name, kind in LISTS.items())
        + " A token that is bound to a book gets lists, counts and sums of that book alone.",
        asked="ListRequest",
        told="ListAnswer",
        kinds=("unknown-day", "no-scores", "too-slow"),
        bad=_BAD_LIST,
    ),
    **_of_books(
        "brief",
        "One page on an account, to read before a call",
        "How long a customer, when the renewal is, what it is worth, how healthy and why, what changed, what was "
        "talked about and what to do next; every sentence is from data, and what is unknown is said to be.",
        asked="BriefRequest",
        told="BriefAnswer",
        kinds=("unknown-account", "unknown-day", "no-scores"),
        bad=_NO_ACCOUNT,
    ),
    **_of_books(
        "blindsided",
        "Who left in a period, and what was told of them before",
        "Every account that left, with its band 90, 60 and 30 days before, those that were never flagged first; how "
        "many of the flagged left; and the reasons that were stated beside the drivers of 60 days before.",
        asked="BlindsidedRequest",
        told="BlindsidedAnswer",
        kinds=("scores-outdated", "no-scores", "too-slow"),
        bad=_BAD_PERIOD,
    ),
    **_of_books(
        "alerts",
        "The alerts that were told",
        "Tells what `tenure alerts run` found, the newest first. What is withheld because of a control arm is not in "
        "it.",
        asked="AlertsRequest",
        told="AlertsAnswer",
        kinds=("no-scores", "too-slow"),
        bad=_BAD_OPEN,
    ),
    **_of_books(
        "roi",
        "What each CSM was worth in a period, against what was expected before it",
        "Tells the report that `tenure roi` has kept of a period, the one that knew the most: what was expected of "
        "each book and what came of it, in the period and at its exit, what all books have in common and what is a "
        "CSM's own, with 90 % intervals. A token that is bound to a book gets that CSM's part alone, without accounts "
        "that are in another book by now.",
        asked="RoiRequest",
        told="RoiAnswer",
        kinds=("no-report", "unknown-csm", "no-scores"),
        bad=_BAD_NAME,
    ),
    **_of_books(
        "revenue",
        "How recurring revenue moved in a period, and what was retained of it",
        "Tells the report that `tenure roi` has kept of a period: movements that add up to the cent, and each metric "
        "with its formula, unit, numerator and denominator; in total, and by segment, plan, CSM, seller or cohort. A "
        "token that is bound to a book gets that book alone.",
        asked="RevenueRequest",
        told="RevenueAnswer",
        kinds=("no-report",),
        bad=_BAD_NAME,
    ),
    "/metrics": _looking(
        "metrics",
        "Figures for Prometheus",
        "text/plain",
        {"schema": {"type": "string"}},
        scope="admin",
        kinds=_OPERATOR,
    ),
    "/": _looking("page", "What answers here, for people", "text/html", {"schema": {"type": "string"}}),
    "/openapi.json": _looking("openapi", "This document", "application/json", {"schema": {"type": "object"}}),
    "/livez": _looking("alive", "The process answers", "application/json", _content("Alive", TOLD)),
    "/readyz": _looking(
        "ready",
        "There is something to answer from, and which day and version",
        "application/json",
        _content("Ready", TOLD),
        kinds=("not-ready", *_ALWAYS),
    ),
}
