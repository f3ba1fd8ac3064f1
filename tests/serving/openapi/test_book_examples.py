"""The examples of lists, briefs and the like: what a small made-up company is answered with, word for word."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from serving.lists import LISTS
from serving.openapi.examples import EXAMPLES as TOLD
from serving.openapi.routes import PATHS
from serving.store.feedback import add_feedback
from serving.store.tables import alerts
from serving.store.writing import write_day
from tests.serving.stored_books import score_file
from tests.success.books import AS_OF, make_book, make_rule_book

Conforms = Callable[[list[str], Any], None]
MakeService = Callable[..., Any]

DAY = dt.date(2026, 2, 1)
NAMES = ["Crescent Apparel", "Harbour Foods", "Linden Press", "Tide Robotics", "Kestrel Labs", "Alder & Sons"]
SEED, SEED_BEFORE = 504, 2  # with the fifth account under notice and the sixth gone; with all of them customers


PAYMENTS = 2


def example_book(day: dt.date, seed: int) -> pd.DataFrame:
    """Six accounts on a day, with every day in it as far from that day as it was from the day of the made-up book."""
    book = make_book(
        6,
        seed,
        account_id=[f"a-{n + 1}" for n in range(6)],
        name=NAMES,
        csm_id="c-7",
        f_nps_latest=[3.0, 7.0, 10.0, 9.0, 2.0, 1.0],
        f_nps_mean_180d=[4.0, 7.0, 9.5, 9.0, 2.0, 1.0],
        f_advocacy_365d=0.0,
        f_new_users_90d=[0.0, 1.0, 5.0, 0.0, 0.0, 0.0],
    )
    for name in book.columns:
        if book[name].map(lambda value: isinstance(value, dt.date)).any():
            moved = [value + (day - AS_OF) if isinstance(value, dt.date) else None for value in book[name]]
            book[name] = pd.Series(moved, dtype=object)
    for h in (30, 90, 180, 365):  # of one, payments are what is at risk
        book.loc[PAYMENTS, f"involuntary_{h}d"] = 0.75 * book.loc[PAYMENTS, f"churn_{h}d"]
    book["list_rank"] = [1.0, None, None, None, None, None]
    gone = (book["status"] == "churned").to_numpy()
    book["churned_on"] = pd.Series(np.where(gone, dt.date(2026, 1, 20), None), dtype=object)
    return book


def filled(service: Any) -> Any:
    """The service with the example's days and alerts."""
    for day, seed in ((dt.date(2025, 11, 20), SEED_BEFORE), (dt.date(2025, 12, 20), SEED_BEFORE), (DAY, SEED)):
        frame, features = score_file(example_book(day, seed), day)
        write_day(service.store, frame, day, features)
    told = {
        "name": NAMES[0],
        "sentence": "Billing health of Crescent Apparel was below 40 for 7 days: it is 31.",
        "value": 31.0,
        "drivers": [
            {
                "feature": "failed_payments_90d",
                "dimension": "billing",
                "sentence": "2 payments failed in the last 90 days",
                "health_points": -9.5,
            }
        ],
        "play": "Dunning: ask for working payment details and try again",
    }
    row = {
        "key": "0f3a5c1e9b7d2f4860ab13cd57ef9124",
        "rule": "Billing health fell",
        "rule_hash": "5d" * 16,
        "account_id": "a-1",
        "csm_id": "c-7",
        "opened_on": DAY,
        "value": 31.0,
        "detail": json.dumps(told),
    }
    with service.store.writing() as connection:
        connection.execute(sa.insert(alerts).values(**row))
    said = {"account_id": "a-1", "verdict": "disagree", "until": None, "as_of": DAY, "token_id": "0" * 12}
    add_feedback(service.store, **said, csm_id="c-7", given_at=dt.datetime(2026, 2, 1, 4, tzinfo=dt.UTC))
    return service


@pytest.fixture(scope="module")
def example(make_service: MakeService) -> Any:
    return filled(make_service(None))


def examples() -> list[tuple[str, str, Any]]:
    """Path, name and body of every example of a request about books."""
    return [
        (path, name, one["value"])
        for path in ("/lists", "/brief", "/blindsided", "/alerts")
        for name, one in PATHS[path]["post"]["requestBody"]["content"]["application/json"]["examples"].items()
    ]


@pytest.mark.parametrize(("path", "name", "asked"), [pytest.param(*one, id="-".join(one[:2])) for one in examples()])
def test_each_example_is_what_is_answered(example: Any, path: str, name: str, asked: Any) -> None:
    told = PATHS[path]["post"]["responses"]["200"]["content"]["application/json"]["examples"][name]["value"]
    assert example.call("POST", path, asked).json() == told


def test_every_list_has_an_example_with_rows() -> None:
    assert list(TOLD["ListAnswers"]) == list(LISTS)
    assert [name for name, answer in TOLD["ListAnswers"].items() if not answer["rows"]] == []
    assert TOLD["BlindsidedAnswer"]["lost"]


def test_every_list_of_a_larger_book_fits_its_schema(make_service: MakeService, conforms: Conforms) -> None:
    """By a model and by rules, with a column unknown here and there, and of nobody."""
    for book in (make_book(200, 1), make_rule_book(100, 2)):
        frame, features = score_file(book, DAY)
        service = make_service(None)
        write_day(service.store, frame, DAY, features)
        for name in LISTS:
            for asked in ({}, {"csm_id": "nobody"}, {"segment": "smb", "count": 3}):
                answer = service.call("POST", "/lists", {"list": name, **asked})
                assert answer.status_code == 200
                conforms(["components", "schemas", f"{name.capitalize()}List"], answer.json())
