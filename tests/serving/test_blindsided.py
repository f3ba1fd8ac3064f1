"""Looking back at who left, over a store of many days; and `tenure brief` and `tenure blindsided` on it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from features.settings import Settings
from serving.blindsided import OutdatedScoresError, look_back
from serving.store.address import address_of
from serving.store.store import Store
from serving.store.writing import write_day
from success.blindsided import Blindsided
from tests.serving.stored_books import score_file
from tests.success.books import make_book

LEFT = dt.date(2026, 4, 1)
LAST = dt.date(2026, 4, 20)
GONE = {f"a{n:05d}": LEFT + dt.timedelta(days=n - 3) for n in range(6)}
"""Accounts 0 to 5 leave from 29 March on, a day apart."""
ENDED = "a00005"
"""It ends as agreed, which is no churn."""


def looked_back(store: Store, since: dt.date, until: dt.date, csm_id: str | None = None) -> Blindsided:
    run = store.latest()
    assert run is not None
    return look_back(store, run, store.book(run), Settings(), since, until, csm_id)


def bands_on(n: int, accounts: int) -> list[str]:
    """Account 1 is red early, account 2 late, account 3 always, account 20 on the first day, the others never."""
    red = {1: n < 3, 2: n >= 6, 3: True, 20: n == 0}
    return ["red" if red.get(i) else "green" for i in range(accounts)]


def fill(store: Store, accounts: int = 40, days: int = 12, step: int = 9) -> dict[dt.date, list[str]]:
    """Score a day every `step` days up to the last; from its day on an account is gone."""
    told = {}
    for n in range(days):
        day = LAST - dt.timedelta(days=step * (days - 1 - n))
        told[day] = bands_on(n, accounts)
        gone = [GONE.get(f"a{i:05d}") for i in range(accounts)]
        left = [one if one is not None and one < day else None for one in gone]
        book = make_book(accounts, 3, status=["churned" if one else "ok" for one in left], band=told[day])
        book["churned_on"] = pd.Series(left, dtype=object)
        unscored = book["status"] == "churned"
        for name in book.columns:
            if name.startswith(("churn_", "health", "typical", "involuntary", "expected", "expansion", "renewal_next")):
                book.loc[unscored, name] = None
        book.loc[unscored, ["band", "top", "mrr", "csm_id", "mrr_at_risk", "reading", "drivers_horizon"]] = None
        book["churned_on"] = pd.Series(left, dtype=object)
        facts = {
            account: {"exits": [{"reason": "price", "on": "2026-04-02"}] if account == "a00001" else [],
                      "end_reason": "completed" if account == ENDED else "voluntary", "customer_since": "2024-03-01"}
            for account in book["account_id"]
        }  # fmt: skip
        frame, features = score_file(book, day)
        write_day(store, frame, day, features, facts)
    return told


def by_hand(told: dict[dt.date, list[str]], account: str, before: int) -> str | None:
    """The band of an account so many days before it left, on the nearest scored day up to a week earlier."""
    target = GONE[account] - dt.timedelta(days=before)
    near = [day for day in told if 0 <= (target - day).days <= 7]
    return told[max(near)][int(account[1:])] if near else None


def test_bands_before_are_those_of_the_nearest_scored_day(store: Store) -> None:
    told = fill(store)
    found = looked_back(store, LEFT - dt.timedelta(days=3), LAST)
    rows = {row["account_id"]: row for row in found.lost}
    assert set(rows) == set(GONE) - {ENDED}
    for account, row in rows.items():
        for before, seen in row["before"].items():
            assert (seen and seen["band"]) == by_hand(told, account, int(before)), (account, before)
    assert {seen is None for row in rows.values() for seen in row["before"].values()} == {True, False}
    flagged = {account for account in rows if "red" in {by_hand(told, account, before) for before in (90, 60, 30)}}
    assert {account for account, row in rows.items() if row["flagged"]} == flagged
    assert 0 < len(flagged) < len(rows)
    assert rows["a00001"]["exit_reasons"] == ["price"]
    assert rows["a00001"]["mrr"] is not None, "of its last score, since who left pays nothing"
    assert rows["a00001"]["csm_id"] == make_book(40, 3)["csm_id"][1]


def test_the_flagged_of_a_period_and_what_became_of_them(store: Store) -> None:
    told = fill(store)
    since, until = min(told), LEFT
    found = looked_back(store, since, until)
    first = {
        f"a{i:05d}": min(day for day, bands in told.items() if bands[i] == "red" and since <= day <= until)
        for i in (1, 2, 3, 20)
    }
    left = sum(
        account in GONE and (GONE[account] - day).days < 90 and GONE[account] > day for account, day in first.items()
    )
    stayed = sum(
        (LAST - day).days >= 90 and (GONE.get(account, dt.date.max) - day).days >= 90 for account, day in first.items()
    )
    assert found.summary["flagged"] == {
        "accounts": 4, "left": left, "notice": 0, "undecided": 4 - left - stayed, "stayed": stayed}  # fmt: skip
    assert left
    assert stayed


def test_a_period_in_which_nobody_left_and_a_csm_with_none(store: Store) -> None:
    fill(store, days=3)
    assert looked_back(store, dt.date(2025, 1, 1), dt.date(2025, 2, 1)).lost == []
    everybody = looked_back(store, LEFT - dt.timedelta(days=3), LAST).lost
    mine = [row for row in everybody if row["csm_id"] == "csm-1"]
    assert looked_back(store, LEFT - dt.timedelta(days=3), LAST, "csm-1").lost == mine
    assert looked_back(store, LEFT - dt.timedelta(days=3), LAST, "nobody").lost == []


def test_who_left_before_it_was_ever_scored_counts_with_what_it_paid_last_and_for_its_csm(store: Store) -> None:
    book = make_book(4, 3, status=["churned", "churned", "ok", "ok"], csm_id=["c-1", "c-2", "c-1", "c-2"])
    book.loc[:1, ["mrr", "band", "top", "drivers_horizon"]] = None
    for name in book.columns:
        if name.startswith(("churn_", "health")):
            book.loc[:1, name] = None
    book["churned_on"] = pd.Series([LEFT, LEFT, None, None], dtype=object)
    facts: dict[str, dict[str, Any]] = {account: {"end_reason": None} for account in book["account_id"]}
    facts["a00000"] = {"end_reason": "voluntary", "last_mrr": 450}
    facts["a00001"] = {"end_reason": "voluntary", "last_mrr": 250.8}
    frame, features = score_file(book, LAST)
    write_day(store, frame, LAST, features, facts)
    found = looked_back(store, LEFT, LAST)
    assert {row["account_id"]: row["mrr"] for row in found.lost} == {"a00000": 450, "a00001": 250.8}
    assert found.summary["never_scored"] == found.summary["lost"] == {"accounts": 2, "mrr": 700.8}
    assert found.sentences[0].startswith("2 accounts with 701 a month left")
    assert [row["account_id"] for row in looked_back(store, LEFT, LAST, "c-2").lost] == ["a00001"]
    assert looked_back(store, LEFT, LAST, "c-3").lost == []


def test_scores_that_do_not_say_when_accounts_left_are_refused(
    store: Store, make_frame: Callable[..., pd.DataFrame]
) -> None:
    frame = make_frame()
    write_day(store, frame, frame["as_of"][0].date())
    with pytest.raises(OutdatedScoresError, match="do not say when accounts left"):
        looked_back(store, LEFT, LAST)


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    with Store.open(address_of(tmp_path)) as store:
        fill(store, days=4)
    return tmp_path


def test_tenure_brief_prints_markdown_or_its_parts(tenure: Any, filled: Path) -> None:
    assert tenure("brief", "a00007", "--home", filled) == 0
    page = tenure.out
    assert page.startswith("# Company 7 (a00007)\nAs of 20 April 2026")
    assert "## What to do next" in page
    assert tenure("brief", "a00007", "--home", filled, "--json") == 0
    document = json.loads(tenure.out)
    assert document["markdown"] == page
    assert document["parts"]["sections"][0]["heading"] == "How long a customer"
    earlier = LAST - dt.timedelta(days=9)
    assert tenure("brief", "a00007", "--home", filled, "--as-of", earlier) == 0
    assert "As of 11 April 2026" in tenure.out


def test_tenure_brief_refuses_in_one_sentence(tenure: Any, filled: Path) -> None:
    assert tenure("brief", "A0007", "--home", filled) == 1
    assert "No account 'A0007' is among those scored on 2026-04-20; did you mean a0" in tenure.err
    assert tenure("brief", "something else", "--home", filled) == 1
    assert "look for it with `tenure list`" in tenure.err
    assert tenure("brief", "a00007", "--home", filled, "--as-of", "2026-04-19") == 1
    assert "2026-04-19 is not scored" in tenure.err
    assert "Traceback" not in tenure.err


def test_tenure_blindsided_prints_who_left(tenure: Any, filled: Path) -> None:
    period = ("--since", LEFT - dt.timedelta(days=3), "--until", LAST)
    assert tenure("blindsided", *period, "--home", filled) == 0
    assert "5 accounts" in tenure.out
    assert "(a00001)" in tenure.out
    assert tenure("blindsided", *period, "--home", filled, "--json") == 0
    lost = json.loads(tenure.out)["lost"]
    assert len(lost) == 5
    assert tenure("blindsided", *period, "--home", filled, "--count", 2) == 0
    assert "the first 2 of 5" in tenure.out
    shown = [one["account_id"] for one in lost if f"({one['account_id']})" in tenure.out]
    assert shown == [one["account_id"] for one in lost[:2]]
    csm = next(one["csm_id"] for one in lost if one["csm_id"])
    assert tenure("blindsided", *period, "--home", filled, "--csm", csm, "--json") == 0
    assert {one["csm_id"] for one in json.loads(tenure.out)["lost"]} == {csm}
    assert tenure("blindsided", "--since", LAST, "--until", LEFT, "--home", filled) == 2
    assert "lies after" in tenure.err
