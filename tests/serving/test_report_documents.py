"""Reports as they are told: cut to one CSM, and to what a token that is bound to a book may read."""

from __future__ import annotations

import copy
import datetime as dt
import json
from typing import Any

from serving.openapi.examples_money import MONEY_ANSWERS
from serving.reports import GROUPINGS, ROWS, bound_revenue, bound_roi, revenue_document, roi_document
from serving.store.reports import Report
from success.revenue.groups import GROUPINGS as TOLD_BY

NOW = dt.datetime(2026, 2, 1, 3, 10, tzinfo=dt.UTC)


def report(answer: dict[str, Any]) -> Report:
    body = {name: value for name, value in copy.deepcopy(answer).items() if name != "computed_at"}
    kind = "roi" if "csms" in body else "revenue"
    return Report(kind, "2025Q4", body.get("by") or "", dt.date(2026, 2, 1), NOW, body)


ROI = MONEY_ANSWERS["RoiAnswers"]["all"]
BY_CSM = MONEY_ANSWERS["RevenueAnswers"]["csm"]


def test_it_can_be_told_by_what_revenue_is_told_by() -> None:
    assert GROUPINGS == TOLD_BY


def test_one_csm_keeps_what_all_have_in_common() -> None:
    told = roi_document(report(ROI), "c-8")
    assert told is not None
    assert [csm["csm_id"] for csm in told["csms"]] == ["c-8"]
    assert {**told, "csms": ROI["csms"]} == ROI
    assert roi_document(report(ROI)) == ROI
    assert roi_document(report(ROI), "c-9") is None


def test_a_book_gets_its_own_part_and_no_other() -> None:
    told = bound_roi(report(ROI), "c-7", ())
    assert told is not None
    assert told["csms"] == [csm for csm in ROI["csms"] if csm["csm_id"] == "c-7"]
    for name in ("company", "nobody", "shift", "ranking", "reconstructed"):
        assert told[name] is None
    assert told["gross_margin"]["value"] == ROI["gross_margin"]["value"]
    assert told["gross_margin"]["numerator"] is told["gross_margin"]["denominator"] is None
    assert told["notes"] == ROI["notes"][:1], "that it is no evidence for pay"
    assert "c-8" not in json.dumps(told)
    assert bound_roi(report(ROI), "c-9", ()) is None


def test_what_is_in_another_book_by_now_is_not_named() -> None:
    (before,) = [csm for csm in ROI["csms"] if csm["csm_id"] == "c-7"]
    named = {row["account_id"] for name in ROWS for row in before[name]}
    assert len(named) > 1
    told = bound_roi(report(ROI), "c-7", {"a-3", "a-99"})
    assert told is not None
    (after,) = told["csms"]
    assert {row["account_id"] for name in ROWS for row in after[name]} == named - {"a-3"}
    assert after["sentences"] == [
        *before["sentences"],
        "1 account of it is in another book by now and not named here.",
    ]
    same = [name for name in before if name not in (*ROWS, "sentences")]
    assert {name: after[name] for name in same} == {name: before[name] for name in same}


def test_revenue_of_a_book_is_its_own_group() -> None:
    assert revenue_document(report(BY_CSM)) == BY_CSM
    told = bound_revenue(report(BY_CSM), "c-8")
    assert told is not None
    assert told["groups"] == [group for group in BY_CSM["groups"] if group["group"] == "c-8"]
    assert (told["total"], told["notes"]) == (None, [])
    assert "c-7" not in json.dumps(told)
    assert bound_revenue(report(BY_CSM), "c-9") is None
