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
        assert ["`tenure score` to" in body["reasons"][0], "`tenure train`, which" in body["reasons"][1]] == [
            True,
            True,
        ]
    assert body["scores"]["status"] == ("ready" if scored else "absent")
    assert body["champion"]["status"] == ("ready" if champion else "absent")
    if scored:
        assert (body["scores"]["as_of"], body["scores"]["accounts"]) == ("2026-02-01", 6)


def test_health_by_rules_is_enough_to_be_ready_and_is_said(
    make_client: MakeClient, make_rule_frame: Callable[..., Any]
) -> None:
    client = make_client(frame=make_rule_frame(), load=lambda: None)
    client.post("/score_features", json={"rows": [{"mrr": 100.0}]})
    response = client.get("/readyz")
    assert response.status_code == 200
    body = response.json()
    assert (body["status"], body["rule_based"], body["model_version"]) == ("ready", True, None)
    assert body["scores"]["rule_based"] is True
    assert make_client().get("/readyz").json()["rule_based"] is False


def test_a_champion_of_expansion_that_cannot_be_used_is_said(
    make_client: MakeClient, make_champion: Callable[..., Any]
) -> None:
    import dataclasses

    champion = dataclasses.replace(make_champion(), trouble="The champion of expansion is torn.")
    client = make_client(load=lambda: champion)
    client.post("/score_features", json={"rows": [{"mrr": 100.0}]})
    said = client.get("/readyz").json()["champion"]
    assert said["trouble"] == "The champion of expansion is torn."
    assert (said["model_version"], said["expansion_version"]) == ("3", None)


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
