"""A real server on a really trained and scored home: what a CS platform gets."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import httpx
import pandas as pd
import pytest

from features.build import build_features
from features.catalogue import CATALOGUE

if TYPE_CHECKING:
    from features.history import History


Ask = Callable[[str, Any], httpx.Response]


@pytest.fixture(scope="module")
def ask(server: str, bearer: dict[str, str]) -> Ask:
    """`ask(route, body)`: the service's answer to somebody who may ask for everything."""
    return lambda route, body: httpx.post(f"{server}{route}", json=body, headers=bearer, timeout=60)


def test_stored_scores_come_back_with_reasons_that_add_up(ask: Ask, stored_scores: pd.DataFrame) -> None:
    ids = stored_scores.loc[stored_scores["status"] == "ok", "account_id"].head(50).tolist()
    answer = ask("/score", {"account_ids": [*ids, "nobody"], "explain": 3})
    assert answer.status_code == 200
    assert answer.headers["age"].isdigit()
    *found, unknown = answer.json()["results"]
    assert unknown["error"]["type"].endswith("unknown-account")
    stored = stored_scores.set_index("account_id")
    for account_id, result in zip(ids, found, strict=True):
        assert result["churn_90d"] == stored.loc[account_id, "churn_90d"]
        assert result["churn_30d"] < result["churn_90d"] < result["churn_365d"]
        total = result["typical_90d"] + math.fsum(d["points"] for d in result["drivers"])
        assert total == pytest.approx(result["churn_90d"], abs=1e-9)
        assert len(result["drivers"]) == 4
        assert result["model_version"] == "1"


def test_sent_features_get_the_stored_answer(ask: Ask, stored_scores: pd.DataFrame, history: History) -> None:
    """Batch scoring and the endpoint share one path: the same features give the same bytes."""
    rows = build_features(history, [history.observed_until]).head(20)
    sent = []
    for row in rows.to_dict("records"):
        values = {k: row[k] for k in CATALOGUE.names if row[k] is not None and row[k] == row[k]}
        sent.append({"account_id": row["account_id"], "as_of": str(history.observed_until), **values})
    answer = ask("/score_features", {"rows": sent, "explain": 100})
    assert answer.status_code == 200
    stored = stored_scores.set_index("account_id")
    for result in answer.json()["results"]:
        row = stored.loc[result["account_id"]]
        for h in (30, 90, 365):
            for name in (f"churn_{h}d", f"churn_{h}d_low", f"churn_{h}d_high", f"typical_{h}d", f"involuntary_{h}d",
                         f"expected_mrr_{h}d"):  # fmt: skip
                assert result[name] == row[name]
        assert result["renewal_next"] == (None if pd.isna(row["renewal_next"]) else row["renewal_next"])
        assert result["renews_on"] == str(row["renews_on"])
        assert result["reading"] == row["reading"]
        assert result["drivers"] == sorted(json.loads(row["drivers"]), key=lambda d: not d["actionable"])


def test_another_horizon_is_explained_on_demand_only(ask: Ask, history: History) -> None:
    row = build_features(history, [history.observed_until]).iloc[0]
    values = {k: row[k] for k in CATALOGUE.names if row[k] is not None and row[k] == row[k]}
    answer = ask("/score_features", {"rows": [values], "explain": 3, "horizon": 365}).json()
    (result,) = answer["results"]
    assert (answer["drivers_horizon"], answer["not_validated_in_time"]) == (365, ["churn_365d"])
    total = result["typical_365d"] + math.fsum(d["points"] for d in result["drivers"])
    assert total == pytest.approx(result["churn_365d"], abs=1e-9)
    refused = ask("/score", {"account_ids": [row["account_id"]], "horizon": 365})
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:tenure:problem:horizon-not-stored")


@pytest.mark.parametrize(
    ("route", "body", "status"),
    [
        ("/score", {"account_ids": []}, 422),
        ("/score", {"account_ids": ["x"] * 10_001}, 413),
        ("/score", [], 422),
        ("/score_features", {"rows": []}, 422),
        ("/nowhere", {}, 404),
    ],
)
def test_bad_input_gets_a_problem(ask: Ask, route: str, body: Any, status: int) -> None:
    answer = ask(route, body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"].endswith(".")


def test_a_wrong_feature_fails_its_own_row_only(ask: Ask) -> None:
    rows = [{"mrr": "much"}, {"mrr": 100}, {"no_such_feature": 1}]
    wrong, fine, unknown = ask("/score_features", {"rows": rows}).json()["results"]
    assert "mrr is a number" in wrong["error"]["detail"]
    assert 0 < fine["churn_90d"] < 1
    assert "no_such_feature" in unknown["error"]["detail"]


def test_probes(server: str, bearer: dict[str, str]) -> None:
    assert httpx.get(f"{server}/livez").status_code == 200
    ready = httpx.get(f"{server}/readyz")
    assert ready.status_code == 200
    assert ready.json()["champion"]["status"] in ("ready", "loading")
    assert httpx.get(f"{server}/metrics").status_code == 401
    metrics = httpx.get(f"{server}/metrics", headers=bearer).text
    assert 'tenure_requests_total{route="livez",status="200"}' in metrics
    assert "tenure_store_up 1.0" in metrics
