"""Requests about a whole book: a body in; what it asks for, checked, or a `ProblemError`, out."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from features.practice import STAGES
from serving.bodies import json_object
from serving.lists import LISTS, MAX_COUNT, Asked
from serving.problems import ProblemError
from serving.requests import account_id_in, day_in, whole

__all__ = ["MAX_SPAN", "AlertsRequest", "BlindsidedRequest", "BriefRequest", "ListRequest"]

MAX_SPAN = 731
"""Days that one look back at who left may cover: each day's losses are looked up on three days before them."""


@dataclass(frozen=True)
class ListRequest:
    """The body of POST /lists.

    Parameters
    ----------
    name : of the list.
    asked : whose accounts, which of them and how many.
    as_of : a scored day; None for the newest.
    """

    name: str
    asked: Asked
    as_of: dt.date | None = None

    @classmethod
    def parse(cls, body: bytes) -> ListRequest:
        parsed = json_object(
            body,
            ("list", "csm_id", "segment", "stage", "band", "count", "as_of"),
            '{"list": "calls", "csm_id": "c-7"}',
        )
        name = parsed.get("list")
        if not isinstance(name, str) or name not in LISTS:
            raise ProblemError(422, "bad-request", f'"list" must be one of {", ".join(LISTS)}.')
        stage = _text(parsed, "stage")
        if stage is not None and stage not in STAGES:
            raise ProblemError(422, "bad-request", f'"stage" must be one of {", ".join(STAGES)}.')
        count = whole(parsed.get("count"))
        if "count" in parsed and (count is None or not 1 <= count <= MAX_COUNT):
            raise ProblemError(422, "bad-request", f'"count" must be a whole number of rows from 1 to {MAX_COUNT}.')
        asked = Asked(_text(parsed, "csm_id"), _text(parsed, "segment"), stage, _text(parsed, "band"), count)
        return cls(name, asked, day_in(parsed, "as_of"))


@dataclass(frozen=True)
class BriefRequest:
    """The body of POST /brief.

    Parameters
    ----------
    as_of : a scored day; None for the newest.
    """

    account_id: str
    as_of: dt.date | None = None

    @classmethod
    def parse(cls, body: bytes) -> BriefRequest:
        parsed = json_object(body, ("account_id", "as_of"), '{"account_id": "a-1"}')
        return cls(account_id_in(parsed), day_in(parsed, "as_of"))


@dataclass(frozen=True)
class BlindsidedRequest:
    """The body of POST /blindsided: the first day of a period and its last."""

    since: dt.date
    until: dt.date

    @classmethod
    def parse(cls, body: bytes) -> BlindsidedRequest:
        parsed = json_object(body, ("since", "until"), '{"since": "2026-01-01", "until": "2026-03-31"}')
        since, until = day_in(parsed, "since"), day_in(parsed, "until")
        if since is None or until is None:
            lacking = "since" if since is None else "until"
            raise ProblemError(422, "bad-request", f'"{lacking}" is missing; say from which day until which.')
        if until < since:
            raise ProblemError(422, "bad-request", '"until" lies before "since"; swap them.')
        if (until - since).days >= MAX_SPAN:
            detail = f'"since" and "until" may span {MAX_SPAN} days at most; ask for several periods.'
            raise ProblemError(422, "bad-request", detail)
        return cls(since, until)


@dataclass(frozen=True)
class AlertsRequest:
    """The body of POST /alerts.

    Parameters
    ----------
    open : only those that have not cleared (true) or have (false); None for both.
    since : only those that fired on this day or later.
    """

    open: bool | None = None
    since: dt.date | None = None

    @classmethod
    def parse(cls, body: bytes) -> AlertsRequest:
        parsed = json_object(body, ("open", "since"), '{"open": true}')
        open_ = parsed.get("open")
        if "open" in parsed and not isinstance(open_, bool):
            raise ProblemError(422, "bad-request", '"open" must be true or false.')
        return cls(open_, day_in(parsed, "since"))


def _text(parsed: dict[str, Any], name: str) -> str | None:
    value = parsed.get(name)
    if name in parsed and (not isinstance(value, str) or not value):
        raise ProblemError(422, "bad-request", f'"{name}" must be text, as it stands in the rows.')
    return value
