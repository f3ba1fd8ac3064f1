"""Requests about what was earned: a body in; which period of whom is asked for, or a `ProblemError`, out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from features.errors import TenureError
from serving.bodies import json_object
from serving.problems import ProblemError
from serving.reports import GROUPINGS
from success.periods import Period

__all__ = ["PERIOD", "RevenueRequest", "RoiRequest"]

PERIOD = "^(19[7-9][0-9]|2[01][0-9]{2})(-?[Qq][1-4]|-(0[1-9]|1[0-2]))?$"
"""How a period is written: a year, a quarter of it or a month."""

_PERIOD = re.compile(PERIOD.strip("^$"))


@dataclass(frozen=True)
class RoiRequest:
    """The body of POST /roi.

    Parameters
    ----------
    period : its name as reports have it.
    csm_id : of the only CSM to tell of; None for all.
    """

    period: str
    csm_id: str | None = None

    @classmethod
    def parse(cls, body: bytes) -> RoiRequest:
        parsed = json_object(body, ("csm_id", "period"), '{"csm_id": "c-7", "period": "2025Q3"}')
        csm = parsed.get("csm_id")
        if "csm_id" in parsed and (not isinstance(csm, str) or not csm):
            raise ProblemError(422, "bad-request", '"csm_id" must be text, as it stands in the assignments.')
        return cls(_period(parsed), csm)


@dataclass(frozen=True)
class RevenueRequest:
    """The body of POST /revenue.

    Parameters
    ----------
    period : as of `RoiRequest`.
    by : what it is to be told by; None for by nothing.
    """

    period: str
    by: str | None = None

    @classmethod
    def parse(cls, body: bytes) -> RevenueRequest:
        parsed = json_object(body, ("period", "by"), '{"period": "2025Q3", "by": "segment"}')
        by = parsed.get("by")
        if "by" in parsed and (not isinstance(by, str) or by not in GROUPINGS):
            raise ProblemError(422, "bad-request", f'"by" must be one of {", ".join(GROUPINGS)}.')
        return cls(_period(parsed), by)


def _period(parsed: dict[str, Any]) -> str:
    """The name of the period that a body asks for, in the one way that reports write it."""
    value = parsed.get("period")
    if isinstance(value, str) and _PERIOD.fullmatch(value):
        try:
            return Period.parse(value).name
        except TenureError:
            pass
    detail = '"period" must be a quarter as in "2025Q3", a month as in "2025-07" or a year as in "2025".'
    raise ProblemError(422, "bad-request", detail)
