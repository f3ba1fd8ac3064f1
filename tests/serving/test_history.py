"""POST /history and POST /feedback: an account's days, what was said of it, and who may know."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from serving.store.tokens import create
from serving.store.writing import write_day

DAYS = [dt.date(2026, 1, 1) + dt.timedelta(days=n) for n in (0, 7, 20, 31)]
MakeClient = Callable[..., Any]
Problem = Callable[..., dict[str, Any]]


@pytest.fixture
def client(make_client: MakeClient, make_frame: Callable[..., pd.DataFrame], store_url: str | None) -> Any:
    """A client over four scored days, the last of them the newest."""
    client = make_client(scored=False, url=store_url)
    for n, day in enumerate(DAYS):
        write_day(client.store, make_frame(day, version=str(n + 1), seed=n), day)
    return client


def test_each_day_is_told_as_score_told_it(client: Any, make_frame: Callable[..., pd.DataFrame]) -> None:
    answer = client.post("/history", json={"account_id": "a-1", "explain": 2}).json()
    assert [day["as_of"] for day in answer["days"]] == [str(day) for day in DAYS]
    assert [day["model_version"] for day in answer["days"]] == ["1", "2", "3", "4"]
    assert (answer["more"], answer["since"], answer["until"], answer["feedback"]) == (False, None, None, [])
    (now,) = client.post("/score", json={"account_ids": ["a-1"], "explain": 2}).json()["results"]
    assert answer["days"][-1] == now
    frames = [make_frame(day, seed=n) for n, day in enumerate(DAYS)]
    assert [day["churn_90d"] for day in answer["days"]] == [frame.loc[1, "churn_90d"] for frame in frames]


def test_a_day_scored_again_is_told_once_as_it_holds_now(client: Any, make_frame: Callable[..., pd.DataFrame]) -> None:
    write_day(client.store, make_frame(DAYS[1], version="9"), DAYS[1])
    days = client.post("/history", json={"account_id": "a-1"}).json()["days"]
    assert [day["model_version"] for day in days] == ["1", "9", "3", "4"]


@pytest.mark.parametrize(
    ("asked", "days", "more"),
    [
        ({"since": "2026-01-08"}, DAYS[1:], False),
        ({"since": "2026-01-09"}, DAYS[2:], False),
        ({"until": "2026-01-08"}, DAYS[:2], False),
        ({"since": "2026-01-02", "until": "2026-01-07"}, [], False),
        ({"limit": 2}, DAYS[2:], True),
        ({"limit": 2, "until": "2026-01-21"}, DAYS[1:3], True),
        ({"limit": 2, "until": "2026-01-08"}, DAYS[:2], False),
        ({"limit": 4}, DAYS, False),
        ({"limit": 1, "since": "2026-01-21"}, DAYS[2:3], True),
        ({"limit": 2, "since": "2026-01-01"}, DAYS[:2], True),
    ],
)
def test_both_ends_are_included_and_without_a_first_day_the_newest_are_told(
    client: Any, asked: dict[str, Any], days: list[dt.date], more: bool
) -> None:
    answer = client.post("/history", json={"account_id": "a-1", **asked}).json()
    assert [day["as_of"] for day in answer["days"]] == [str(day) for day in days]
    assert answer["more"] is more


@pytest.mark.parametrize(
    "asked",
    [{}, {"account_id": ""}, {"account_id": 7}, {"since": "2026-02-30"}, {"since": None}, {"until": "yesterday"},
     {"since": "2026-02-01", "until": "2026-01-01"}, {"limit": 0}, {"limit": 1001}, {"limit": True}, {"days": 3}],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(client: Any, problem: Problem, asked: dict[str, Any]) -> None:
    body = asked if "account_id" in asked or not asked else {"account_id": "a-1", **asked}
    problem(client.post("/history", json=body), 422, "bad-request")


@pytest.mark.parametrize("account_id", ["nobody", "a\x00b", "\ud800", "' OR 1=1 --", "a-1 "])
def test_nobody_is_unknown(client: Any, problem: Problem, account_id: str) -> None:
    for path, more in (("/history", {}), ("/feedback", {"verdict": "handled"}), ("/what_if", {"changes": {}})):
        body = encode({"account_id": account_id, **more})
        response = client.post(path, content=body, headers={"content-type": "application/json"})
        problem(response, 404, "unknown-account")


def encode(body: Any) -> bytes:
    import json

    return json.dumps(body).encode()


def test_feedback_is_kept_told_and_alters_no_score(client: Any) -> None:
    before = client.post("/score", json={"account_ids": ["a-1"]}).content
    for verdict, until in (("disagree", None), ("handled", "2026-03-01")):
        given = client.post(
            "/feedback", json={"account_id": "a-1", "verdict": verdict, **({"until": until} if until else {})}
        )
        assert given.status_code == 201
        assert given.json() == {
            "id": given.json()["id"], "account_id": "a-1", "verdict": verdict, "until": until, "as_of": "2026-02-01",
            "given_at": "2026-02-01T04:00:30Z",
        }  # fmt: skip
    told = client.post("/history", json={"account_id": "a-1"}).json()["feedback"]
    assert [one["verdict"] for one in told] == ["disagree", "handled"]
    assert client.post("/history", json={"account_id": "a-2"}).json()["feedback"] == []
    assert client.post("/score", json={"account_ids": ["a-1"]}).content == before
    assert 'tenure_feedback_total{verdict="handled"} 1.0' in client.get("/metrics").text


@pytest.mark.parametrize(
    "asked",
    [{}, {"verdict": "gone"}, {"verdict": ["handled"]}, {"until": "2026-01-31"}, {"until": "2027-02-03"},
     {"until": 3}, {"note": "x"}],
)  # fmt: skip
def test_feedback_that_makes_no_sense_is_refused(client: Any, problem: Problem, asked: dict[str, Any]) -> None:
    body = {"account_id": "a-1", **({"verdict": "handled"} if "verdict" not in asked and asked else {}), **asked}
    problem(client.post("/feedback", json=body), 422, "bad-request")
    assert client.post("/history", json={"account_id": "a-1"}).json()["feedback"] == []


def test_a_bound_token_sees_its_book_and_nothing_else(
    client: Any, problem: Problem, make_frame: Callable[..., pd.DataFrame]
) -> None:
    """In the last run a-1, a-3 and a-5 are those of c-1, a-2 and a-4 of c-0, and a-0 nobody's."""
    _, client.token = create(client.store, "one", ["read"], csm_id="c-1")
    ids = [f"a-{n}" for n in range(6)] + ["nobody"]
    results = client.post("/score", json={"account_ids": ids}).json()["results"]
    assert ["error" in result for result in results] == [True, False, True, False, True, False, True]
    refused = [{**result, "account_id": ""} for result in results if "error" in result]
    assert all(one == refused[0] for one in refused), "another's account must look like nobody's"
    assert client.post("/history", json={"account_id": "a-1"}).status_code == 200
    assert client.post("/feedback", json={"account_id": "a-3", "verdict": "handled"}).status_code == 201
    others = []
    for account_id in ("a-2", "a-0", "nobody"):
        others.append(problem(client.post("/history", json={"account_id": account_id}), 404, "unknown-account"))
        body = {"account_id": account_id, "verdict": "handled"}
        others.append(problem(client.post("/feedback", json=body), 404, "unknown-account"))
    assert len({one["detail"] for one in others}) == 1
    for path in ("/score_features", "/what_if"):
        problem(client.post(path, json={}), 403, "insufficient-scope")
    frame = make_frame(DAYS[-1], seed=3)
    frame.loc[frame["account_id"] == "a-2", "csm_id"] = "c-1"  # it has changed hands
    frame.loc[frame["account_id"] == "a-1", "csm_id"] = None
    write_day(client.store, frame, DAYS[-1])
    results = client.post("/score", json={"account_ids": ["a-1", "a-2"]}).json()["results"]
    assert ["error" in result for result in results] == [True, False]
    assert len(client.post("/history", json={"account_id": "a-2"}).json()["days"]) == 4
