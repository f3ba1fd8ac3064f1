"""POST /brief, POST /blindsided and POST /alerts: what they tell, and to whom."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa

from features.settings import Settings
from serving.blindsided import look_back
from serving.store.feedback import add_feedback
from serving.store.tables import alerts
from serving.store.tokens import create
from serving.store.writing import write_day
from success.brief import brief
from tests.serving.stored_books import score_file
from tests.success.books import make_book

DAY = dt.date(2026, 2, 1)
NOW = dt.datetime(2026, 2, 1, 4, 0, 30, tzinfo=dt.UTC)
MakeClient = Callable[..., Any]
Problem = Callable[..., dict[str, Any]]


def write(client: Any, day: dt.date, seed: int = 3, **columns: Any) -> pd.DataFrame:
    """Store 60 accounts on a day: a00000 to a00059, of three CSMs and of nobody."""
    book: pd.DataFrame = make_book(60, seed, **columns)
    frame, features = score_file(book, day)
    facts = {
        account: {"customer_since": "2024-03-01", "exits": [], "end_reason": None} for account in book["account_id"]
    }
    write_day(client.store, frame, day, features, facts)
    return book


def bound(client: Any, csm_id: str) -> Any:
    """The client with a token that is bound to a book."""
    _, client.token = create(client.store, csm_id, ["read"], csm_id, now=NOW)
    return client


def test_a_brief_is_told_of_the_day_that_is_asked_for(make_client: MakeClient, problem: Problem) -> None:
    client = make_client(scored=False)
    before = write(client, DAY - dt.timedelta(days=7), seed=4)
    now = write(client, DAY)
    account = str(now.loc[now["status"] == "ok", "account_id"].iloc[0])
    told = client.post("/brief", json={"account_id": account}).json()
    assert (told["account_id"], told["as_of"]) == (account, "2026-02-01")
    assert told["markdown"].startswith("# Company ")
    run = client.store.latest()
    row = client.store.rows(run, [account])[account]
    ((_, earlier),) = client.store.history(account, dt.date(2026, 1, 20), dt.date(2026, 1, 28))
    assert told["markdown"] == brief(
        json.loads(row.figures),
        json.loads(row.drivers),
        client.store.facts(run, account),
        Settings(),
        features=client.store.features(run, account),
        earlier=json.loads(earlier.figures),
    )
    lines = [line for section in told["parts"]["sections"] for line in section["lines"]]
    assert lines
    then = client.post("/brief", json={"account_id": account, "as_of": "2026-01-25"}).json()
    assert then["as_of"] == "2026-01-25"
    assert then["parts"]["health"] is None or then["parts"]["health"]["exact"] == pytest.approx(
        float(before.set_index("account_id").loc[account, "health"])
    )
    assert client.post("/brief", json={"account_id": account, "as_of": "2026-02-01"}).json() == told
    problem(client.post("/brief", json={"account_id": account, "as_of": "2026-01-26"}), 404, "unknown-day")
    problem(client.post("/brief", json={"account_id": "nobody"}), 404, "unknown-account")


def test_an_account_that_was_not_there_yet_has_no_brief_of_then(make_client: MakeClient, problem: Problem) -> None:
    client = make_client(scored=False)
    write(client, DAY - dt.timedelta(days=7), account_id=[f"b{n}" for n in range(60)])
    write(client, DAY)
    asked = {"account_id": "a00000", "as_of": "2026-01-25"}
    problem(client.post("/brief", json=asked), 404, "unknown-account")


def test_what_was_said_stands_in_the_brief(make_client: MakeClient) -> None:
    client = make_client(scored=False)
    write(client, DAY - dt.timedelta(days=7))
    write(client, DAY, csm_id="csm-1")
    before = client.post("/brief", json={"account_id": "a00001"}).json()
    said = {"account_id": "a00001", "verdict": "handled", "until": dt.date(2026, 3, 1), "as_of": DAY}
    add_feedback(client.store, **said, token_id="0" * 12, csm_id=None, given_at=NOW)
    after = client.post("/brief", json={"account_id": "a00001"}).json()
    assert after["parts"]["steps"] != before["parts"]["steps"]
    assert "handled" in after["markdown"]
    then = client.post("/brief", json={"account_id": "a00001", "as_of": "2026-01-25"}).json()
    assert "handled" not in then["markdown"], "it was said of a later score"


def test_a_brief_of_anothers_account_is_told_like_nobodys(make_client: MakeClient, problem: Problem) -> None:
    client = make_client(scored=False)
    day = DAY - dt.timedelta(days=7)
    write(client, day, csm_id="csm-2")
    book = write(client, DAY)
    own = book.loc[book["csm_id"] == "csm-2", "account_id"].iloc[0]
    others = book.loc[book["csm_id"] != "csm-2", "account_id"].iloc[0]
    bound(client, "csm-2")
    assert client.post("/brief", json={"account_id": own, "as_of": str(day)}).status_code == 200
    refused = []
    for asked in ({"account_id": others}, {"account_id": others, "as_of": str(day)}, {"account_id": "nobody"}):
        refused.append(problem(client.post("/brief", json=asked), 404, "unknown-account")["detail"])
    assert len(set(refused)) == 1


def test_who_left_is_told_as_the_store_knows_it(make_client: MakeClient, problem: Problem) -> None:
    client = make_client(scored=False)
    everyone = make_book(60, 3)
    whose = ["csm-1"] * 30 + ["csm-2"] * 30
    for back in (75, 45):
        write(client, DAY - dt.timedelta(days=back), seed=12, status="ok", csm_id=whose)
    days = [dt.date(2026, 1, 20) if status == "churned" else None for status in everyone["status"]]
    book = write(client, DAY, churned_on=days, csm_id=whose)
    left = set(book.loc[book["status"] == "churned", "account_id"])
    asked = {"since": "2026-01-01", "until": "2026-01-31"}
    told = client.post("/blindsided", json=asked).json()
    assert {row["account_id"] for row in told["lost"]} == left
    assert told["summary"]["lost"]["accounts"] == len(left) >= 2
    run = client.store.latest()
    period = dt.date(2026, 1, 1), dt.date(2026, 1, 31)
    assert told == look_back(client.store, run, client.store.book(run), Settings(), *period).to_json()
    nobody = client.post("/blindsided", json={"since": "2025-01-01", "until": "2025-02-01"}).json()
    assert nobody["lost"] == []
    csm = next(row["csm_id"] for row in told["lost"] if row["csm_id"] and row["flagged"] is not None)
    ours = bound(client, csm).post("/blindsided", json=asked).json()
    assert {row["csm_id"] for row in ours["lost"]} == {csm}
    assert ours["summary"]["lost"]["accounts"] == sum(row["csm_id"] == csm for row in told["lost"])


def test_scores_that_do_not_say_who_left_are_said_to_be_old(
    make_client: MakeClient, problem: Problem, make_frame: Callable[..., pd.DataFrame]
) -> None:
    client = make_client(frame=make_frame())
    told = problem(
        client.post("/blindsided", json={"since": "2026-01-01", "until": "2026-01-31"}), 409, "scores-outdated"
    )
    assert "tenure score" in told["detail"]


@pytest.fixture
def alerted(make_client: MakeClient) -> Any:
    """A client over four alerts: open and over, of two accounts of the first CSM and of one of the second, and one
    that nobody was told of."""
    client = make_client(scored=False)
    write(client, DAY, csm_id=["csm-1"] * 30 + ["csm-2"] * 30)
    detail = {"name": "Company", "sentence": "Billing health fell.", "value": 31.0, "drivers": [], "play": None}
    over = {**detail, "cleared": {**detail, "sentence": "It is over.", "why": "above"}}
    rows = [
        ("k1", "a00001", "csm-1", dt.date(2026, 1, 5), None, None, detail),
        ("k2", "a00002", "csm-2", dt.date(2026, 1, 10), dt.date(2026, 1, 20), None, over),  # csm-1's by now
        ("k3", "a00040", "csm-1", dt.date(2026, 1, 25), None, None, detail),  # csm-2's by now
        ("k4", "a00003", "csm-1", dt.date(2026, 1, 26), None, "It is in the control arm holdout.", detail),
    ]
    names = ("key", "account_id", "csm_id", "opened_on", "closed_on", "withheld")
    with client.store.writing() as connection:
        for *told, about in rows:
            row = dict(zip(names, told, strict=True))
            connection.execute(
                sa.insert(alerts).values(**row, rule="Billing", rule_hash="h", value=31.0, detail=json.dumps(about))
            )
    return client


@pytest.mark.parametrize(
    ("asked", "keys"),
    [
        ({}, ["k3", "k2", "k1"]),
        ({"open": True}, ["k3", "k1"]),
        ({"open": False}, ["k2"]),
        ({"since": "2026-01-20"}, ["k3", "k2"]),
        ({"since": "2026-01-21"}, ["k3"]),
        ({"since": "2026-01-20", "open": False}, ["k2"]),
        ({"since": "2026-01-06", "open": True}, ["k3"]),
    ],
)
def test_alerts_are_told_that_were_told(alerted: Any, asked: dict[str, Any], keys: list[str]) -> None:
    told = alerted.post("/alerts", json=asked).json()
    assert [one["alert"] for one in told["alerts"]] == keys
    assert told["total"] == len(keys)
    for one in told["alerts"]:
        assert one["withheld"] is None
        assert (one["closed_on"] is None) == (one["cleared"] is None)


def test_of_many_alerts_the_newest_are_told(alerted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.book_endpoints.MAX_ALERTS", 2)
    told = alerted.post("/alerts", json={}).json()
    assert ([one["alert"] for one in told["alerts"]], told["total"]) == (["k3", "k2"], 3)


def test_a_bound_token_gets_the_alerts_of_its_accounts_of_today(alerted: Any) -> None:
    told = bound(alerted, "csm-1").post("/alerts", json={}).json()
    assert ([one["alert"] for one in told["alerts"]], told["total"]) == (["k2", "k1"], 2)
    told = bound(alerted, "csm-2").post("/alerts", json={}).json()
    assert ([one["alert"] for one in told["alerts"]], told["total"]) == (["k3"], 1)
    assert bound(alerted, "csm-3").post("/alerts", json={}).json() == {"alerts": [], "total": 0}
