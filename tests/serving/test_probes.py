"""Probes and the page at the root."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

DAY = dt.date(2026, 2, 1)
MakeClient = Callable[..., Any]
Problem = Callable[..., dict[str, Any]]


def test_liveness_needs_nothing(make_client: MakeClient) -> None:
    response = make_client(scored=False, load=lambda: None).get("/livez")
    assert (response.status_code, response.json()) == (200, {"status": "alive"})


@pytest.mark.parametrize("scored", [True, False])
@pytest.mark.parametrize("champion", [True, False])
def test_readiness_needs_scores_or_a_champion_and_says_which_is_there(
    problem: Problem, make_client: MakeClient, make_champion: Callable[..., Any], scored: bool, champion: bool
) -> None:
    client = make_client(scored=scored, load=make_champion if champion else lambda: None)
    client.post("/score_features", json={"rows": [{"mrr": 100.0}]})  # has the champion looked for
    response = client.get("/readyz")
    if scored or champion:
        assert response.status_code == 200
        body = response.json()
        assert body["status"] == "ready"
        assert body["model_version"] == "3"
        assert body["as_of"] == ("2026-02-01" if scored else None)
    else:
        body = problem(response, 503, "not-ready")
        assert [("tenure score" in r, "tenure train" in r) for r in body["reasons"]] == [(True, False), (False, True)]
    assert body["scores"]["status"] == ("ready" if scored else "absent")
    assert body["champion"]["status"] == ("ready" if champion else "absent")
    if scored:
        assert (body["scores"]["as_of"], body["scores"]["accounts"]) == ("2026-02-01", 6)


def test_readiness_does_not_wait_for_a_load(problem: Problem, make_client: MakeClient) -> None:
    client = make_client(scored=False)
    document = problem(client.get("/readyz"), 503, "not-ready")
    assert document["champion"]["status"] == "loading"


def test_the_page_loads_nothing_from_elsewhere(make_client: MakeClient) -> None:
    response = make_client().get("/")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert "<script" not in response.text
    assert "://" not in response.text
