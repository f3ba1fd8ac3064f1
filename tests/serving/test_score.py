"""POST /score: stored rows, in order, each with a result or its own error."""

from __future__ import annotations

import datetime as dt
import json
import math
import random
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa

from serving.answers import encode
from serving.store.packing import pack
from serving.store.tables import scores
from serving.store.writing import write_day

DAY = dt.date(2026, 2, 1)
MakeClient = Callable[..., Any]
Problem = Callable[..., dict[str, Any]]


def test_stored_scores_are_answered_in_order_each_with_a_result_or_its_own_error(make_client: MakeClient) -> None:
    ids = ["a-1", "nobody", "a-5", "a-1", 7, None, ["a-1"], "a\x00b", "😀", "'; drop--\"", "../a-1", "\ud800", ""]
    body = json.dumps({"account_ids": ids, "explain": 2}).encode()
    response = make_client().post("/score", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 200
    assert response.headers["age"] == "3630"
    answer = response.json()
    assert (answer["as_of"], answer["model_version"]) == ("2026-02-01", "3")
    assert answer["computed_at"] == "2026-02-01T03:00:00Z"
    assert (answer["horizons"], answer["drivers_horizon"]) == ([30, 90, 365], 90)
    assert (answer["not_validated_in_time"], answer["rule_based"]) == (["churn_365d"], False)
    assert "trees' own uncertainty is not in it" in answer["interval"]
    results = answer["results"]
    assert results[0]["churn_30d"] < results[0]["churn_90d"] < results[0]["churn_365d"]
    assert results[0]["involuntary_30d"] == results[0]["churn_30d"] / 4
    assert results[0]["renewal_next"] == 0.75
    assert [r["account_id"] for r in results] == [i if isinstance(i, str) else None for i in ids]
    assert results[0]["status"] == "ok"
    assert results[0] == results[3]
    assert results[2]["status"] == "notice_given"
    assert results[2]["churn_90d"] is None
    assert results[2]["drivers"] == []
    assert results[2]["reason"] == "It gave notice."
    kinds = [r["error"]["type"].rpartition(":")[2] for r in results if "error" in r]
    assert kinds == ["unknown-account", *["bad-account-id"] * 3, *["unknown-account"] * 6]


@pytest.mark.parametrize("explain", [1, 3, 7, 8, 100])
def test_drivers_and_the_rest_add_up(make_client: MakeClient, explain: int) -> None:
    ids = [f"a-{n}" for n in range(5)]
    answer = make_client().post("/score", json={"account_ids": ids, "explain": explain}).json()
    for result in answer["results"]:
        points = [d["points"] for d in result["drivers"]]
        assert abs(result["typical_90d"] + math.fsum(points) - result["churn_90d"]) <= 1e-9
        cut = explain < 8
        assert len(points) == (explain + 1 if cut else 8)
        assert (result["drivers"][-1]["sentence"] == "Everything else") == cut
        assert [d["feature"] for d in result["drivers"][:explain]] == [f"feature_{k}" for k in range(min(explain, 8))]
        assert all(set(d) == set(result["drivers"][0]) for d in result["drivers"])


def test_drivers_are_five_unless_asked_and_none_for_zero(make_client: MakeClient) -> None:
    client = make_client()
    assert len(client.post("/score", json={"account_ids": ["a-1"]}).json()["results"][0]["drivers"]) == 6
    none = client.post("/score", json={"account_ids": ["a-1"], "explain": 0}).json()["results"][0]
    assert none["drivers"] == []
    assert none["churn_90d"] is not None


def test_an_account_has_the_same_bytes_alone_and_in_any_company(make_client: MakeClient) -> None:
    client = make_client()

    def parts(ids: list[str]) -> list[bytes]:
        content = client.post("/score", json={"account_ids": ids}).content
        head, _, tail = content.partition(b'"results":[')
        alone = [
            json.dumps(r, ensure_ascii=False, separators=(",", ":")).encode() for r in json.loads(content)["results"]
        ]
        assert tail == b",".join(alone) + b"]}"  # so that each part is what was sent, byte for byte
        return [head, *alone]

    company = ["a-3", "nobody", "a-1", "a-5", "a-1", "a-0"]
    together = parts(company)
    for place, account in enumerate(company):
        assert parts([account]) == [together[0], together[1 + place]]


def test_the_same_account_gets_the_same_bytes_on_both_databases(
    make_client: MakeClient, make_frame: Callable[..., pd.DataFrame], postgres: Any
) -> None:
    """Alone, in any company, from the store and from memory; in pairs of databases that hold the same day."""
    frame = make_frame(accounts=9, expansion=True)
    clients = [make_client(frame=frame, url=url) for url in (None, postgres.url(postgres.database()))]
    rng = random.Random(3)
    alone: dict[tuple[str, int], set[bytes]] = defaultdict(set)
    for _ in range(40):
        ids = rng.choices([f"a-{n}" for n in range(9)] + ["nobody", "a\x00b", "Zoë"], k=rng.randint(1, 12))
        explain = rng.choice([0, 2, 5, 100])
        contents = {c.post("/score", json={"account_ids": ids, "explain": explain}).content for c in clients}
        assert len(contents) == 1
        for account_id, result in zip(ids, json.loads(contents.pop())["results"], strict=True):
            alone[account_id, explain].add(encode(result))
    assert len(alone) > 30
    assert all(len(bodies) == 1 for bodies in alone.values())


def test_a_newly_scored_day_is_served_at_once(make_client: MakeClient, make_frame: Callable[..., pd.DataFrame]) -> None:
    client = make_client()
    assert client.post("/score", json={"account_ids": ["a-1"]}).json()["as_of"] == "2026-02-01"
    newer = dt.date(2026, 2, 2)
    write_day(client.store, make_frame(newer, version="4"), newer)
    answer = client.post("/score", json={"account_ids": ["a-1"]}).json()
    assert (answer["as_of"], answer["model_version"]) == ("2026-02-02", "4")
    assert client.get("/readyz").json()["scores"]["as_of"] == "2026-02-02"
    write_day(client.store, make_frame(newer, version="5"), newer)  # scored again
    assert client.post("/score", json={"account_ids": ["a-1"]}).json()["model_version"] == "5"
    write_day(client.store, make_frame(DAY, version="6"), DAY)  # an older day, scored later
    assert client.post("/score", json={"account_ids": ["a-1"]}).json()["model_version"] == "5"


def test_without_a_scored_day_it_says_what_to_do(problem: Problem, make_client: MakeClient) -> None:
    client = make_client(scored=False)
    document = problem(client.post("/score", json={"account_ids": ["a-1"]}), 503, "no-scores")
    assert "tenure score" in document["detail"]


def test_a_stored_row_with_foreign_drivers_does_not_fail_its_neighbours(make_client: MakeClient) -> None:
    client = make_client()
    foreign = ["{half", '[{"points": "much"}]', '[{"points": NaN}, {"points": 0.1}]', '["no object"]']
    with client.store.writing() as connection:
        for n, text in enumerate(foreign, start=1):
            changed = sa.update(scores).where(scores.c.account_id == f"a-{n}").values(drivers=pack(text))
            connection.execute(changed)
    results = client.post("/score", json={"account_ids": [f"a-{n}" for n in range(5)], "explain": 1}).json()["results"]
    assert ["error" in r for r in results] == [False, True, True, True, True]


def test_a_churned_account_keeps_its_last_score(
    make_client: MakeClient, make_frame: Callable[..., pd.DataFrame]
) -> None:
    client = make_client(frame=make_frame(expansion=True))
    before = client.post("/score", json={"account_ids": ["a-1"], "explain": 2}).json()["results"][0]
    for later in (dt.date(2026, 2, 2), dt.date(2026, 2, 3)):
        frame = make_frame(later, accounts=3, expansion=True)  # of which the last one has no score
        frame["account_id"] = ["a-0", "a-3", "a-1"]
        frame.loc[2, ["status", "reason"]] = ["churned", "The last paid subscription has ended."]
        frame.loc[2, "csm_id"] = None
        write_day(client.store, frame, later)
        now = client.post("/score", json={"account_ids": ["a-1"], "explain": 2}).json()["results"][0]
        assert (now["status"], now["churn_90d"], now["drivers"]) == ("churned", None, [])
        frozen = now["frozen"]
        assert frozen["as_of"] == "2026-02-01"
        for name in ("churn_30d", "churn_90d", "typical_90d", "expansion_90d", "drivers", "expansion_drivers"):
            assert frozen[name] == before[name]
    assert "frozen" not in client.post("/score", json={"account_ids": ["a-0"]}).json()["results"][0]


def test_expansion_has_drivers_of_its_own_that_add_up(
    make_client: MakeClient, make_frame: Callable[..., pd.DataFrame]
) -> None:
    client = make_client(frame=make_frame(expansion=True))
    for explain in (1, 5):
        body = {"account_ids": ["a-1", "a-5"], "explain": explain}
        answer = client.post("/score", json=body).json()
        assert answer["expansion_version"] == "2"
        scored, unscored = answer["results"]
        points = [d["points"] for d in scored["expansion_drivers"]]
        assert abs(scored["expansion_typical_90d"] + math.fsum(points) - scored["expansion_90d"]) <= 1e-9
        assert len(points) == 2
        assert (unscored["expansion_drivers"], unscored["expansion_90d"]) == ([], None)


def test_only_the_stored_horizon_is_explained(
    problem: Problem, make_client: MakeClient, make_rule_frame: Callable[..., pd.DataFrame]
) -> None:
    client = make_client()
    assert (
        client.post("/score", json={"account_ids": ["a-1"], "horizon": 90}).content
        == client.post("/score", json={"account_ids": ["a-1"]}).content
    )
    response = client.post("/score", json={"account_ids": ["a-1"], "horizon": 30})
    document = problem(response, 422, "horizon-not-stored")
    assert (document["drivers_horizon"], document["horizons"]) == (90, [30, 90, 365])
    assert "/score_features" in document["detail"]
    for horizon in (0, 1826, 30.5, True, "30", None):
        problem(client.post("/score", json={"account_ids": ["a-1"], "horizon": horizon}), 422, "bad-request")
    client = make_client(frame=make_rule_frame())
    response = client.post("/score", json={"account_ids": ["a-1"], "horizon": 90})
    assert "rule-based" in problem(response, 422, "horizon-not-stored")["detail"]


def test_a_day_of_health_by_rules_is_answered(
    make_client: MakeClient, make_rule_frame: Callable[..., pd.DataFrame]
) -> None:
    answer = make_client(frame=make_rule_frame()).post("/score", json={"account_ids": ["a-1", "a-5"]}).json()
    assert (answer["rule_based"], answer["model_version"], answer["drivers_horizon"]) == (True, None, None)
    assert answer["interval"] is None
    healthy, left = answer["results"]
    assert (healthy["health"], healthy["health_source"], healthy["status"]) == (10.0, "rule_based", "insufficient_data")
    assert (healthy["churn_90d"], healthy["drivers"], healthy["reason"]) == (None, [], "Too little history.")
    assert (left["health"], left["health_source"], left["status"]) == (None, None, "notice_given")
