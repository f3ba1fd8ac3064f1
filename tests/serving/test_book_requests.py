"""The bodies of requests about whole books: what they may ask, up to the last day and row."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

from serving.book_requests import MAX_SPAN, AlertsRequest, BlindsidedRequest, ListRequest
from serving.lists import MAX_COUNT
from serving.problems import ProblemError

SINCE = dt.date(2024, 1, 1)


def refused(kind: Any, **body: Any) -> str:
    with pytest.raises(ProblemError) as caught:
        kind.parse(json.dumps(body).encode())
    assert (caught.value.status, caught.value.kind) == (422, "bad-request")
    return caught.value.detail


def test_a_period_is_of_one_day_at_least_and_so_many_at_most() -> None:
    for days in (1, MAX_SPAN):
        until = SINCE + dt.timedelta(days=days - 1)
        told = BlindsidedRequest.parse(json.dumps({"since": str(SINCE), "until": str(until)}).encode())
        assert (told.since, told.until) == (SINCE, until)
    after = SINCE + dt.timedelta(days=MAX_SPAN)
    assert f"may span {MAX_SPAN} days" in refused(BlindsidedRequest, since=str(SINCE), until=str(after))
    before = SINCE - dt.timedelta(days=1)
    assert "lies before" in refused(BlindsidedRequest, since=str(SINCE), until=str(before))
    assert refused(BlindsidedRequest, since=str(SINCE)).startswith('"until" is missing')
    assert refused(BlindsidedRequest, until=str(SINCE)).startswith('"since" is missing')


def test_a_list_has_from_one_row_to_ten_thousand() -> None:
    for count in (1, MAX_COUNT):
        assert ListRequest.parse(json.dumps({"list": "calls", "count": count}).encode()).asked.count == count
    for wrong in (0, MAX_COUNT + 1, 1.5, "3", None, True):
        assert f"from 1 to {MAX_COUNT}" in refused(ListRequest, list="calls", count=wrong)


def test_alerts_are_open_or_not() -> None:
    for wrong in (None, 1, "true"):
        assert refused(AlertsRequest, open=wrong) == '"open" must be true or false.'
