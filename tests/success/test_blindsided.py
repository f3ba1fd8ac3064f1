"""Blindsided: who was flagged when, who never was, what became of the flagged, beside plain counting."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from success.blindsided import BEFORE, Blindsided, blindsided

SINCE, UNTIL, AS_OF = dt.date(2026, 1, 1), dt.date(2026, 3, 31), dt.date(2026, 5, 1)
BANDS = ("red", "yellow", "green")


def lost_one(account: str, mrr: float | None = 100.0, **changed: Any) -> dict[str, Any]:
    return {"account_id": account, "name": f"Company {account}", "segment": "mid", "csm_id": "C1", "mrr": mrr,
            "churned_on": dt.date(2026, 2, 10), "end_reason": "voluntary", "exit_reasons": []} | changed  # fmt: skip


def look(account: str, days: int, band: str | None, **changed: Any) -> dict[str, Any]:
    return {"account_id": account, "days_before": days, "as_of": dt.date(2026, 2, 10) - dt.timedelta(days=days),
            "status": "ok", "band": band, "health": 31.6, "churn": 0.1, "drivers": []} | changed  # fmt: skip


def driver(points: float, dimension: str = "billing", **changed: Any) -> dict[str, Any]:
    told = {"feature": f"f_{dimension}", "dimension": dimension, "sentence": f"About {dimension}", "points": points}
    return told | {"health_points": -100 * points} | changed


def flag(first: dt.date, left: dt.date | None = None, notice: bool = False) -> dict[str, Any]:
    return {"account_id": "x", "first_on": first, "churned_on": left, "notice": notice}


def told(lost: list[dict[str, Any]], past: list[dict[str, Any]], flagged: list[dict[str, Any]]) -> Blindsided:
    frames = [
        pd.DataFrame(rows, columns=list(like), dtype=object)
        for rows, like in ((lost, lost_one("x")), (past, look("x", 30, "red")), (flagged, flag(SINCE)))
    ]
    return blindsided(*frames, worst="red", since=SINCE, until=UNTIL, as_of=AS_OF)


def test_those_never_flagged_come_first_then_those_never_scored() -> None:
    found = told(
        [lost_one("seen", 900.0), lost_one("small", 10.0), lost_one("large", 500.0), lost_one("unseen", 999.0),
         lost_one("free", None)],
        [look("seen", 90, "green"), look("seen", 30, "red"), look("small", 60, "yellow"), look("large", 30, "green"),
         look("free", 30, "green"), look("unseen", 30, None, status="notice_given", health=None, churn=None)],
        [],
    )  # fmt: skip
    assert [row["account_id"] for row in found.lost] == ["large", "small", "free", "unseen", "seen"]
    assert [row["flagged"] for row in found.lost] == [False, False, False, None, True]
    assert found.summary["never_flagged"] == {"accounts": 3, "mrr": 510.0}
    assert found.summary["flagged_before"]["30"] == {"scored": 3, "flagged": 1}
    sentence = found.lost[0]["sentence"]
    assert sentence == (
        "Left on 10 February 2026 with 500 a month: not scored 90 days before, not scored 60 days before and green 30 "
        "days before (32, about 1 in 10)."
    )
    assert "under notice 30 days before" in found.lost[3]["sentence"]
    assert found.sentences[:2] == [
        "5 accounts with 2,409 a month left from 1 January 2026 to 31 March 2026.",
        "3 of them were never red on the days looked at, with 510 a month.",
    ]


def test_what_became_of_the_flagged() -> None:
    day = dt.date(2026, 1, 10)
    found = told([], [], [
        flag(day, day + dt.timedelta(days=89)), flag(day, day + dt.timedelta(days=90)), flag(day),
        flag(dt.date(2026, 3, 1)), flag(dt.date(2026, 3, 1), notice=True), flag(day, notice=True),
        flag(dt.date(2026, 1, 31)),
    ])  # fmt: skip
    assert found.summary["flagged"] == {"accounts": 7, "left": 1, "notice": 1, "undecided": 1, "stayed": 4}
    assert found.sentences == [
        "No account left from 1 January 2026 to 31 March 2026.",
        "7 accounts were red on a scored day of this period: 1 left within 90 days, 4 stayed, 1 is under notice and of "
        "1 it is not decided yet.",
    ]


def test_stated_reasons_stand_beside_the_largest_driver_about_the_customer() -> None:
    calendar = driver(0.5, "contract", health_points=None)
    found = told(
        [lost_one("a", exit_reasons=["price", "support"]), lost_one("b", exit_reasons=["price"]), lost_one("c")],
        [look("a", 60, "red", drivers=[driver(0.1, "support"), calendar, driver(-0.3), driver(0.2)]),
         look("a", 30, "red", drivers=[driver(0.9, "growth")]),
         look("b", 60, "red", drivers=[driver(0.1, "support", feature=None), driver(-0.1)])],
        [],
    )  # fmt: skip
    rows = {row["account_id"]: row for row in found.lost}
    assert [one["sentence"] for one in rows["a"]["drivers"]] == ["About billing", "About support"]
    assert rows["b"]["drivers"] == []
    assert found.agreement == {
        "price": {"billing": 1, "no driver": 1}, "support": {"billing": 1}, "not stated": {"no driver": 1}}  # fmt: skip


def test_a_reason_that_nothing_says_anything_of_is_not_one_that_was_not_stated() -> None:
    found = told([lost_one("a", exit_reasons=None), lost_one("b")], [], [])
    assert found.agreement == {"not on record": {"no driver": 1}, "not stated": {"no driver": 1}}
    assert [row["exit_reasons"] for row in found.lost] == [[], []]


PAST = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from(BEFORE), st.sampled_from([*BANDS, None])), unique_by=lambda p: p[:2]
)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 500)), unique_by=lambda r: r[0]), PAST)
@settings(max_examples=60, deadline=None)
def test_every_lost_account_is_told_once_and_the_counts_add_up(
    lost: list[tuple[int, int]], past: list[tuple[int, int, str | None]]
) -> None:
    found = told(
        [lost_one(f"a{n}", float(mrr)) for n, mrr in lost],
        [look(f"a{n}", days, band) for n, days, band in past if n in dict(lost)],
        [],
    )
    assert sorted(row["account_id"] for row in found.lost) == sorted(f"a{n}" for n, _ in lost)
    bands = {n: {band for m, _, band in past if m == n and band} for n, _ in lost}
    never = [n for n, seen in bands.items() if seen and "red" not in seen]
    unseen = [n for n, seen in bands.items() if not seen]
    summary = found.summary
    assert (summary["never_flagged"]["accounts"], summary["never_scored"]["accounts"]) == (len(never), len(unseen))
    flagged = sum(row["flagged"] is True for row in found.lost)
    assert len(never) + len(unseen) + flagged == summary["lost"]["accounts"] == len(lost)
    for days in BEFORE:
        here = [band for n, d, band in past if d == days and n in dict(lost) and band]
        assert summary["flagged_before"][str(days)] == {"scored": len(here), "flagged": here.count("red")}
    assert sum(sum(counts.values()) for counts in found.agreement.values()) == len(lost)
    json.dumps(found.to_json(), allow_nan=False)
