"""What holds of every list: JSON, nobody twice, books that lack columns or models or accounts, time, and grammar."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from features.settings import Settings
from success.advocates import advocates
from success.book import COLUMNS, FEATURES, bands_of, empty_book, headline_of, records, value_of
from success.calls import billing, calls, listed
from success.disagreements import disagreements
from success.growth import growth
from success.leaving import leaving
from success.matrix import matrix, quadrants
from success.movers import movers
from success.overview import overview
from success.renewals import renewals
from tests.success.books import make_book, make_rule_book
from tests.success.sentences import check_all

WANTED = Settings()
LISTS: dict[str, Callable[[pd.DataFrame], dict[str, Any]]] = {
    "calls": lambda book: calls(book, WANTED.calls, 25).to_json(),
    "billing": lambda book: billing(book, WANTED.calls).to_json(),
    "leaving": lambda book: leaving(book).to_json(),
    "growth": lambda book: growth(book, WANTED, 100).to_json(),
    "advocates": lambda book: advocates(book, WANTED).to_json(),
    "renewals": lambda book: renewals(book).to_json("2026-03", 100),
    "movers": lambda book: movers(book, WANTED).to_json(),
    "disagreements": lambda book: disagreements(book, WANTED, count=100).to_json(),
    "matrix": lambda book: matrix(book, WANTED).to_json(),
    "overview": lambda book: overview(book, WANTED),
    "quadrants": lambda book: {"rows": records(quadrants(book, WANTED).head(100))},
    "listed": lambda book: {"rows": records(listed(book, None, WANTED.calls, 25))},
}
EVERYBODY = make_book(400, 1)
OLD = [
    *("account_id", "as_of", "status", "reason", "name", "segment", "csm_id", "plan", "mrr", "mrr_at_risk"),
    *("renews_on", "renewal_next"),
    *(name for name in COLUMNS if name.startswith(("churn_", "typical_", "involuntary_", "expansion_"))),
]
BOOKS = {
    "of a model": EVERYBODY,
    "of the rules": make_rule_book(400, 1),
    "of an earlier version": EVERYBODY[OLD],
    "of an earlier version's rules": make_rule_book(400, 1)[[*OLD, "health", "health_source"]],
    "of ids alone": EVERYBODY[["account_id"]],
    "of nobody": empty_book(),
    "of nobody, without columns": pd.DataFrame(),
    "of one": make_book(1, 3),
    "of those who pay nothing": make_book(50, 4, mrr=0.0),
    "of unknown revenue": make_book(50, 4, mrr=None),
    "of unknown health": make_book(50, 4, health=None, band=None, rule_health=None),
    "without names": make_book(50, 4, name=None, segment=None, csm_id=None, stage=None, renews_on=None, as_of=None),
    "in another order": EVERYBODY.sample(frac=1, random_state=1),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("book", BOOKS.values(), ids=list(BOOKS))
@pytest.mark.parametrize("name", LISTS)
def test_every_list_of_every_kind_of_book(name: str, book: pd.DataFrame) -> None:
    told = json.loads(json.dumps(LISTS[name](book), allow_nan=False))
    rows = told.get("rows", told.get("accounts", []))
    accounts = [row["account_id"] for row in rows if "account_id" in row]
    assert len(set(accounts)) == len(accounts)
    check_all([row[key] for row in rows for key in ("why", "sentence", "contact") if row.get(key)])
    check_all(told.get("notes", []))


@pytest.mark.parametrize("name", [name for name in LISTS if name != "overview"])
def test_the_order_of_the_book_does_not_matter(name: str) -> None:
    assert LISTS[name](BOOKS["in another order"]) == LISTS[name](EVERYBODY)


def test_a_book_of_20000_takes_less_than_a_second_a_list() -> None:
    book = make_book(20_000, 1)
    for name, tell in LISTS.items():
        start = time.perf_counter()
        told = tell(book)
        assert time.perf_counter() - start < 1, name
        assert told.get("rows", told.get("accounts")) != [], name


def test_a_made_up_book_has_every_column_of_its_kind() -> None:
    for book in (make_book(20, 1), make_rule_book(20, 1), empty_book()):
        assert list(book.columns) == list(COLUMNS)
        assert {f"f_{name}" for name in FEATURES} <= set(book.columns)
        assert {str(book[name].dtype) for name, kind in COLUMNS.items() if kind == "number"} == {"float64"}
        assert {str(book[name].dtype) for name, kind in COLUMNS.items() if kind != "number"} == {"object"}


def test_the_headline_is_said_or_the_horizon_nearest_to_90_days() -> None:
    assert headline_of(make_book(9, 1, drivers_horizon=180.0)) == 180
    assert headline_of(pd.DataFrame({"churn_60d": [0.1], "churn_120d": [0.2], "churn_30d": [0.1]})) == 60
    assert headline_of(pd.DataFrame({"account_id": ["a"]})) is None


def test_value_is_revenue_by_the_weight_of_the_strategic() -> None:
    book = pd.DataFrame({"mrr": [10.0, 10.0, None], "f_strategic": [1.0, None, 1.0]})
    assert value_of(book, 3).tolist() == [30, 10, 0]


def test_bands_follow_what_is_shown() -> None:
    book = pd.DataFrame({"health": [39.4, 39.6, 54.4, 54.6, -20.0, 130.0, None]})
    assert bands_of(book, ("red", "yellow", "green"), (40, 55)).tolist() == [0, 1, 1, 2, 0, 2, -1]


def test_records_are_plain() -> None:
    frame = pd.DataFrame({"day": [dt.date(2026, 1, 5)], "n": [3], "x": [float("inf")], "yes": [True]})
    assert records(frame) == [{"day": "2026-01-05", "n": 3, "x": None, "yes": True}]
    assert records(frame, ["n"]) == [{"n": 3}]
