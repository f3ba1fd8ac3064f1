"""The bodies of requests about what was earned: periods however they are written, and whose."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from serving.money_requests import PERIOD, RevenueRequest, RoiRequest
from serving.problems import ProblemError
from serving.reports import GROUPINGS


def parsed(kind: Any, **body: Any) -> Any:
    return kind.parse(json.dumps(body).encode())


@pytest.mark.parametrize(
    ("written", "name"),
    [("2025Q3", "2025Q3"), ("2025-q3", "2025Q3"), ("2025-07", "2025-07"), ("2025", "2025"), ("1970", "1970")],
)
def test_a_period_is_called_as_reports_call_it(written: str, name: str) -> None:
    assert re.search(PERIOD, written)
    for kind in (RoiRequest, RevenueRequest):
        assert parsed(kind, period=written).period == name


@pytest.mark.parametrize("wrong", ["", None, 2025, "2025Q0", "2025-7", "2025-13", "1969", "2200", "2025\n", "２０２５"])
def test_what_is_no_period_is_refused(wrong: Any) -> None:
    for kind in (RoiRequest, RevenueRequest):
        with pytest.raises(ProblemError, match=r'^"period" must be a quarter as in "2025Q3"') as caught:
            parsed(kind, period=wrong)
        assert (caught.value.status, caught.value.kind) == (422, "bad-request")
        with pytest.raises(ProblemError, match=r'^"period" must be'):
            parsed(kind)


def test_whose_and_by_what() -> None:
    assert parsed(RoiRequest, period="2025", csm_id="c-7").csm_id == "c-7"
    assert parsed(RoiRequest, period="2025").csm_id is None
    for by in (None, *GROUPINGS):
        assert parsed(RevenueRequest, period="2025", **({"by": by} if by else {})).by == by
    with pytest.raises(ProblemError, match=r'^"by" must be one of segment, plan, csm, seller, cohort'):
        parsed(RevenueRequest, period="2025", by="industry")
    for wrong in ("", None, 7):
        with pytest.raises(ProblemError, match=r'^"csm_id" must be text'):
            parsed(RoiRequest, period="2025", csm_id=wrong)
