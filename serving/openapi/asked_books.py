"""Request bodies about whole books: their schemas, with an example of each."""

from __future__ import annotations

from typing import Any

from features.practice import STAGES
from serving.book_requests import MAX_SPAN
from serving.lists import DEFAULT_COUNT, LISTS, MAX_COUNT

__all__ = ["BOOK_EXAMPLES", "BOOK_REQUESTS"]

_DAY: dict[str, Any] = {
    "type": "string",
    "format": "date",
    "pattern": "^(19[7-9][0-9]|2[01][0-9]{2})-[0-9]{2}-[0-9]{2}$",
}
_AS_OF = {**_DAY, "description": "A scored day; the newest where left out."}


def _text(description: str) -> dict[str, Any]:
    return {"type": "string", "minLength": 1, "description": description}


def _body(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


BOOK_REQUESTS: dict[str, Any] = {
    "ListRequest": _body(
        {
            "list": {"type": "string", "enum": list(LISTS)},
            "csm_id": _text("Only accounts of this CSM."),
            "segment": _text("Only accounts of this segment."),
            "stage": {"type": "string", "enum": list(STAGES), "description": "Only accounts in this stage."},
            "band": _text("Only accounts in this band of health, as today's settings call it."),
            "count": {
                "type": "integer",
                "minimum": 1,
                "maximum": MAX_COUNT,
                "description": "Rows at most; where left out, what a CSM can call in a week (25 unless set) for "
                f"`calls`, 20 for `movers` and {DEFAULT_COUNT} for the others. How many each CSM can call, it does not "
                "change.",
            },
            "as_of": _AS_OF,
        },
        ["list"],
    ),
    "BriefRequest": _body(
        {"account_id": _text("An account id, as in the accounts table."), "as_of": _AS_OF}, ["account_id"]
    ),
    "BlindsidedRequest": _body(
        {
            "since": {**_DAY, "description": "The first day of the period."},
            "until": {
                **_DAY,
                "description": f"The last one, less than {MAX_SPAN} days after `since`.",
            },
        },
        ["since", "until"],
    ),
    "AlertsRequest": _body(
        {
            "open": {
                "type": "boolean",
                "description": "Only what is open, or only what is over; both where left out.",
            },
            "since": {**_DAY, "description": "Only those that opened or were over on this day or later."},
        },
        [],
    ),
}

BOOK_EXAMPLES: dict[str, dict[str, Any]] = {
    "ListRequests": {name: {"list": name} for name in LISTS}
    | {"calls": {"list": "calls", "csm_id": "c-7", "count": 2}},
    "BriefRequest": {"account_id": "a-1"},
    "BlindsidedRequest": {"since": "2026-01-01", "until": "2026-01-31"},
    "AlertsRequest": {"open": True},
}
