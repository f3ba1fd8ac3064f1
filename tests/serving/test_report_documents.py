"""Reports as they are told: cut to one CSM, and to what a token that is bound to a book may read."""

from __future__ import annotations

import copy
import datetime as dt
import json
from dataclasses import replace
from typing import Any

from serving.openapi.examples_money import MONEY_ANSWERS
from serving.reports import (
    GROUPINGS,
    HELD_LAST,
    ROWS,
    bound_revenue,
    bound_roi,
    named_accounts,
    revenue_document,
    roi_document,
)
from serving.store.holders import Seen
from serving.store.reports import Report
from success.revenue.groups import GROUPINGS as TOLD_BY

AS_OF = dt.date(2026, 2, 1)
NOW = dt.datetime(2026, 2, 1, 3, 10, tzinfo=dt.UTC)


def report(answer: dict[str, Any], **held_last: str) -> Report:
    """As it is kept; accounts that are not named otherwise were in the book of c-7 last."""
    body = {name: value for name, value in copy.deepcopy(answer).items() if name != "computed_at"}
    kind = "roi" if "csms" in body else "revenue"
    made = Report(kind, "2025Q4", body.get("by") or "", AS_OF, NOW, body)
    if kind == "roi":
        others = {account.replace("_", "-"): csm for account, csm in held_last.items()}
        body[HELD_LAST] = {**dict.fromkeys(named_accounts(made), "c-7"), **others}
    return made


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
    told = bound_roi(report(ROI), "c-7", {})
    assert told is not None
    assert told["csms"] == [csm for csm in ROI["csms"] if csm["csm_id"] == "c-7"]
    for name in ("company", "nobody", "shift", "ranking", "reconstructed"):
        assert told[name] is None
    assert told["gross_margin"]["value"] == ROI["gross_margin"]["value"]
    assert told["gross_margin"]["numerator"] is told["gross_margin"]["denominator"] is None
    assert told["notes"] == ROI["notes"][:1], "that it is no evidence for pay"
    assert "c-8" not in json.dumps(told)
    assert bound_roi(report(ROI), "c-9", {}) is None


def test_what_is_in_another_book_by_now_is_not_named() -> None:
    (before,) = [csm for csm in ROI["csms"] if csm["csm_id"] == "c-7"]
    named = {row["account_id"] for name in ROWS for row in before[name]}
    assert len(named) > 1
    told = bound_roi(report(ROI), "c-7", {"a-3": Seen(AS_OF, "c-8"), "a-99": Seen(AS_OF, "c-8")})
    assert told is not None
    (after,) = told["csms"]
    assert {row["account_id"] for name in ROWS for row in after[name]} == named - {"a-3"}
    assert after["sentences"] == [
        *before["sentences"],
        "1 account of it went to another book since and is not named here.",
    ]
    same = [name for name in before if name not in (*ROWS, "sentences")]
    assert {name: after[name] for name in same} == {name: before[name] for name in same}


def test_who_left_out_of_another_book_is_not_named() -> None:
    """Whoever had it last, in the report or on a scored day since, may know what became of it."""
    before, after = AS_OF - dt.timedelta(days=7), AS_OF + dt.timedelta(days=7)

    def names(kept: Report, seen: Seen | None = None) -> bool:
        told = bound_roi(kept, "c-7", {} if seen is None else {"a-3": seen})
        assert told is not None
        assert HELD_LAST not in told
        return any(row["account_id"] == "a-3" for name in ROWS for row in told["csms"][0][name])

    assert names(report(ROI))
    assert not names(report(ROI, a_3="c-8"))
    assert not names(report(ROI), seen=Seen(after, "c-8"))
    assert not names(report(ROI, a_3="c-8"), seen=Seen(before, "c-7"))
    assert names(report(ROI, a_3="c-8"), seen=Seen(after, "c-7")), "it came back"
    old = report(ROI)
    old = replace(old, body={name: part for name, part in old.body.items() if name != HELD_LAST})
    assert not names(old), "a report that does not say who held it"
    assert names(old, seen=Seen(before, "c-7"))


def test_revenue_of_a_book_is_its_own_group() -> None:
    assert revenue_document(report(BY_CSM)) == BY_CSM
    told = bound_revenue(report(BY_CSM), "c-8")
    assert told is not None
    assert told["groups"] == [group for group in BY_CSM["groups"] if group["group"] == "c-8"]
    assert (told["total"], told["notes"]) == (None, [])
    assert "c-7" not in json.dumps(told)
    assert bound_revenue(report(BY_CSM), "c-9") is None
