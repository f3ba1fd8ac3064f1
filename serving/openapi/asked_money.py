"""Request bodies about what was earned: their schemas, with an example of each."""

from __future__ import annotations

from typing import Any

from serving.money_requests import PERIOD
from serving.reports import GROUPINGS

__all__ = ["MONEY_EXAMPLES", "MONEY_REQUESTS"]

_PERIOD: dict[str, Any] = {
    "type": "string",
    "pattern": PERIOD,
    "description": "A quarter as in 2025Q3, a month as in 2025-07 or a year as in 2025, of which `tenure roi` has kept "
    "a report.",
}


def _body(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": ["period"], "additionalProperties": False}


MONEY_REQUESTS: dict[str, Any] = {
    "RoiRequest": _body(
        {
            "csm_id": {"type": "string", "minLength": 1, "description": "Only this CSM; all where left out."},
            "period": _PERIOD,
        }
    ),
    "RevenueRequest": _body(
        {
            "period": _PERIOD,
            "by": {
                "type": "string",
                "enum": list(GROUPINGS),
                "description": "What to tell it by, beside the total; where left out, the total alone. A token that is "
                "bound to a book gets that book, by `csm`.",
            },
        }
    ),
}

MONEY_EXAMPLES: dict[str, dict[str, Any]] = {
    "RoiRequests": {"all": {"period": "2025Q4"}, "one": {"csm_id": "c-7", "period": "2025Q4"}},
    "RevenueRequests": {"total": {"period": "2025Q4"}, "csm": {"period": "2025Q4", "by": "csm"}},
}
