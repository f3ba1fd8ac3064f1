"""Health by segment, stage and CSM: groups that sum to everyone, shares that sum to one, means that add up."""

from __future__ import annotations

import statistics
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.feature import DIMENSIONS
from features.settings import Settings
from success.overview import GROUPS, health_by, overview
from tests.success.books import make_book, make_rule_book
from tests.success.sentences import check

WANTED = Settings()


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 60), st.integers(0, 10_000), st.sampled_from(list(GROUPS)))
def test_each_group_is_that_of_plain_arithmetic(n: int, seed: int, by: str) -> None:
    book = make_book(n, seed)
    rows = health_by(book, WANTED, by).to_dict("records")
    groups: dict[Any, list[dict[str, Any]]] = {}
    for row in book.to_dict("records"):
        if row["health"] == row["health"]:
            groups.setdefault(row[GROUPS[by]], []).append(row)
    assert {row["group"] for row in rows} == set(groups)
    assert sum(row["accounts"] for row in rows) == book["health"].notna().sum()
    for row in rows:
        of = groups[row["group"]]
        assert row["accounts"] == len(of)
        assert row["mrr"] == pytest.approx(sum(r["mrr"] for r in of))
        assert row["median_health"] == pytest.approx(statistics.median(r["health"] for r in of))
        assert row["mean_health"] - 50 == pytest.approx(sum(row[f"mean_{d}"] - 50 for d in DIMENSIONS))
        for band in ("red", "yellow", "green"):
            assert row[f"accounts_{band}"] == pytest.approx(sum(r["band"] == band for r in of) / len(of))
            assert row[f"mrr_{band}"] == pytest.approx(sum(r["mrr"] for r in of if r["band"] == band) / row["mrr"])
        assert row["change_7d"] == pytest.approx(statistics.fmean(r["health"] - r["health_7d"] for r in of))
    assert [row["mrr"] for row in rows] == sorted((row["mrr"] for row in rows), reverse=True)


def test_everyone_in_one_line() -> None:
    book = make_book(4, 0, status="ok", health=[20.0, 60.0, 60.0, 60.0], band=["red", "green", "green", "green"],
                     mrr=[100.0, 100.0, 100.0, 700.0], health_7d=[25.0, 60.0, 60.0, 60.0])  # fmt: skip
    assert overview(book, WANTED)["line"] == (
        "4 accounts with a health pay 1,000 a month; their median health is 60 of 100, and 25 % of them with 10 % of "
        "the revenue are red; on average it has fallen by 1 point in a week."
    )


@pytest.mark.parametrize(
    "book",
    [
        make_book(0),
        make_book(1, 0, status="ok", health=20.0, band="red"),
        make_book(1, 0, status="ok", health=120.0, band="green", mrr=None, health_7d=None),
        make_book(2, 0, status="ok", health=50.0, mrr=0.0),
        make_book(9, 0)[["account_id", "status"]],
        make_book(30, 1)[["account_id", "status", "mrr", "health"]],
        make_rule_book(30, 1),
    ],
)
def test_every_kind_of_book_has_a_line_and_groups(book: Any) -> None:
    told = overview(book, WANTED)
    check(told["line"])
    known = int(book["health"].notna().sum()) if "health" in book.columns else 0
    assert sum(told["left_out"].values()) == len(book) - known
    assert (told["overall"] is None) == (known == 0)
    for name in GROUPS:
        assert sum(row["accounts"] for row in told[name]) == known


def test_who_left_is_no_part_of_today() -> None:
    book = make_book(3, 0, status=["ok", "churned", "ok"], health=[50.0, 10.0, None])
    told = overview(book, WANTED)
    assert told["overall"]["accounts"] == 1
    assert told["left_out"] == {"without_health": 1, "churned": 1}


def test_the_account_of_one() -> None:
    line = overview(make_book(1, 0, status="ok", health=20.0, band="red", mrr=5.0, health_7d=20.1), WANTED)["line"]
    assert line == (
        "The account with a health pays 5 a month; its health is 20 of 100, which is red; on average it has hardly "
        "moved in a week."
    )
