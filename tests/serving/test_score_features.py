"""POST /score_features: rows scored with the champion, and what is said when it cannot."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from features.errors import TenureError
from serving.champion import ChampionHolder
from serving.problems import ProblemError

DAY = dt.date(2026, 2, 1)
MakeClient = Callable[..., Any]
Problem = Callable[..., dict[str, Any]]


ROW = {"account_id": "a-1", "as_of": "2026-02-01", "mrr": 512, "days_since_last_use": 64.0, "plan": "pro"}


def test_rows_are_scored_with_the_champion(make_client: MakeClient) -> None:
    response = make_client(scored=False).post("/score_features", json={"rows": [ROW, {"mrr": 0}], "explain": 2})
    assert response.status_code == 200
    answer = response.json()
    assert answer["model_version"] == "3"
    assert answer["catalogue_hash"] == "c0ffee" * 10
    assert answer["computed_at"] == "2026-02-01T04:00:30Z"
    first, second = answer["results"]
    assert first["churn_90d"] == 0.3 + 512 / 2**14 + 64 / 2**10 + 0.0625
    assert first["typical_90d"] == 0.3
    assert first["reading"] == "about 0.46 by 2026-05-02"
    assert (first["account_id"], first["as_of"], first["missing"], first["unseen"]) == (
        "a-1",
        "2026-02-01",
        ["active_share"],
        [],
    )
    assert [d["feature"] for d in first["drivers"]] == ["mrr", "days_since_last_use", None]
    assert first["drivers"][0]["value"] is None  # NaN from a library is null
    assert abs(0.3 + math.fsum(d["points"] for d in first["drivers"]) - first["churn_90d"]) <= 1e-9
    assert (second["account_id"], second["churn_90d"], second["as_of"]) == (None, 0.3, "2026-02-01")
    assert second["missing"] == ["days_since_last_use", "active_share", "plan"]


def test_every_figure_is_told_and_all_agree(make_client: MakeClient) -> None:
    row = {**ROW, "days_to_renewal": 89}
    answer = make_client().post("/score_features", json={"rows": [row, {"mrr": 1, "days_to_renewal": 365}]}).json()
    assert (answer["horizons"], answer["drivers_horizon"]) == ([30, 90, 365], 90)
    assert (answer["not_validated_in_time"], answer["expansion_version"]) == (["churn_365d"], None)
    assert "trees' own uncertainty is not in it" in answer["interval"]
    first, far = answer["results"]
    s = 512 / 2**14 + 64 / 2**10 + 0.0625
    assert [first[f"churn_{h}d"] for h in (30, 90, 365)] == [0.15 + s / 2, 0.3 + s, 0.65 + s / 2]
    for h in (30, 90, 365):
        p = first[f"churn_{h}d"]
        assert (first[f"churn_{h}d_low"], first[f"churn_{h}d_high"]) == (0.75 * p, p)
        assert first[f"involuntary_{h}d"] == p / 4
        assert first[f"expected_mrr_{h}d"] == pytest.approx(512 * (1 - p) * (1 + h / 1024), rel=1e-12)
    # Renewing on the 90th day, which 90 days cover.
    assert first["renewal_next"] == pytest.approx(1 - first["churn_90d"], abs=1e-12)
    assert first["renews_on"] == "2026-05-01"
    assert (far["renewal_next"], far["renews_on"]) == (None, "2027-02-01")  # beyond the last horizon
    assert "days_to_renewal" not in first["missing"]  # it is no input of the model
    assert not [name for name in first if name.startswith("expansion")]


def test_without_what_revenue_and_renewal_are_told_from_they_are_null(make_client: MakeClient) -> None:
    (result,) = make_client().post("/score_features", json={"rows": [{"plan": "pro"}]}).json()["results"]
    assert (result["expected_mrr_30d"], result["renewal_next"], result["renews_on"]) == (None, None, None)
    assert result["churn_30d"] == 0.15 + 0.0625 / 2


@pytest.mark.parametrize(("horizon", "expansion"), [(30, 30), (90, 30), (365, 180)])
def test_any_horizon_can_be_explained(
    make_client: MakeClient, make_champion: Callable[..., Any], horizon: int, expansion: int
) -> None:
    client = make_client(load=lambda: make_champion(expansion=True))
    body = {"rows": [ROW, {"plan": "pro", "mrr": 0}], "explain": 2, "horizon": horizon}
    answer = client.post("/score_features", json=body).json()
    assert (answer["drivers_horizon"], answer["expansion_version"]) == (horizon, "2")
    result, unpaid = answer["results"]
    assert (result["drivers_horizon"], result["expansion_drivers_horizon"]) == (horizon, expansion)
    points = math.fsum(d["points"] for d in result["drivers"])
    assert abs(result[f"typical_{horizon}d"] + points - result[f"churn_{horizon}d"]) <= 1e-9
    points = math.fsum(d["points"] for d in result["expansion_drivers"])
    assert abs(result[f"expansion_typical_{expansion}d"] + points - result[f"expansion_{expansion}d"]) <= 1e-9
    assert len(result["drivers"]) == len(result["expansion_drivers"]) == 3
    assert result["reading"].startswith(f"about {result[f'churn_{horizon}d']:.2f} by")
    # What pays nothing cannot grow by a tenth.
    assert (unpaid["expansion_30d"], unpaid["expansion_30d_low"], unpaid["expansion_drivers"]) == (None, None, [])
    assert unpaid["churn_30d"] == 0.15 + 0.0625 / 2


def test_a_horizon_that_the_champion_lacks_is_said(problem: Problem, make_client: MakeClient) -> None:
    client = make_client()
    document = problem(client.post("/score_features", json={"rows": [ROW], "horizon": 60}), 422, "unknown-horizon")
    assert document["horizons"] == [30, 90, 365]
    for horizon in (0, -90, 1826, 90.5, True, "90", None, [90]):
        problem(client.post("/score_features", json={"rows": [ROW], "horizon": horizon}), 422, "bad-request")


def test_a_row_has_the_same_bytes_alone_and_in_any_batch(
    make_client: MakeClient, make_champion: Callable[..., Any]
) -> None:
    client = make_client(load=lambda: make_champion(expansion=True))
    rows = [{"mrr": 37 * n, "days_since_last_use": n, "days_to_renewal": 31 * n, "plan": "pro"} for n in range(23)]
    together = client.post("/score_features", json={"rows": [*rows, {"mrr": "much"}]}).json()["results"]
    for row, result in zip(rows, together, strict=False):
        assert client.post("/score_features", json={"rows": [row]}).json()["results"] == [result]


@pytest.mark.parametrize(
    ("row", "kind", "says"),
    [
        ({"mrr": "512"}, "wrong-type", "mrr is a number"),
        ({"mrr": True}, "wrong-type", "mrr is a number"),
        ({"mrr": [1]}, "wrong-type", "mrr is a number"),
        ({"mrr": {}}, "wrong-type", "mrr is a number"),
        ({"mrr": math.nan}, "wrong-type", "mrr must be finite"),
        ({"mrr": -math.inf}, "wrong-type", "mrr must be finite"),
        ({"mrr": 10**400}, "wrong-type", "mrr must be finite"),
        ({"plan": 3}, "wrong-type", "plan is a category"),
        ({"plan": ["pro"]}, "wrong-type", "plan is a category"),
        ({"mrr": -1}, "out-of-bounds", "mrr = -1 is below 0"),
        ({"active_share": 17}, "out-of-bounds", "active_share = 17 is above 1"),
        ({"mrr": 1, "days_since_login": 2}, "unknown-feature", '"days_since_login"'),
        ({"mrr": 1, "x" * 5000: 2}, "unknown-feature", "xxx..."),
        ({"mrr": 1, "as_of": "yesterday"}, "bad-row", "as_of"),
        ({"mrr": 1, "as_of": "2026-02-31"}, "bad-row", "as_of"),
        ({"mrr": 1, "as_of": "9999-12-31"}, "bad-row", "as_of"),
        ({"mrr": 1, "as_of": 20260201}, "bad-row", "as_of"),
        ({"mrr": 1, "account_id": 5}, "bad-row", "account_id"),
        ({}, "no-features", "no feature"),
        ({"mrr": None, "account_id": "a"}, "no-features", "no feature"),
        ([], "bad-row", "object"),
        (None, "bad-row", "object"),
        ("a-1", "bad-row", "object"),
        ({"mrr": 666}, "not-scored", "failed on this row"),
    ],
)
def test_a_bad_row_has_its_own_error_and_its_neighbours_their_scores(
    make_client: MakeClient, row: Any, kind: str, says: str
) -> None:
    body = json.dumps({"rows": [ROW, row, ROW], "explain": 1})
    response = make_client().post("/score_features", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 200
    before, bad, after = response.json()["results"]
    assert before == after
    assert "churn_90d" in before
    assert bad["error"]["type"] == f"urn:tenure:problem:{kind}"
    assert says in bad["error"]["detail"]
    assert "churn_90d" not in bad
    alone = make_client().post("/score_features", json={"rows": [ROW], "explain": 1}).json()["results"]
    assert alone == [before]


def test_declared_features_outside_the_model_and_unseen_categories_are_taken(make_client: MakeClient) -> None:
    rows = [{"mrr": 1, "touches_90d": 4}, {"mrr": 1, "plan": "enterprise"}, {"mrr": 1, "plan": None}]
    known, unseen, null = make_client().post("/score_features", json={"rows": rows, "explain": 0}).json()["results"]
    assert known["churn_90d"] == unseen["churn_90d"] == null["churn_90d"]
    assert (known["unseen"], unseen["unseen"]) == ([], ["plan"])
    assert "plan" in null["missing"]
    assert "plan" not in unseen["missing"]
    assert known["drivers"] == []


def test_rows_speak_from_their_own_day(make_client: MakeClient) -> None:
    rows = [{"mrr": 1, "as_of": "2026-01-01"}, {"mrr": 1}, {"mrr": 1, "as_of": "2026-01-01"}]
    first, second, third = make_client().post("/score_features", json={"rows": rows}).json()["results"]
    assert first == third
    assert first["reading"].endswith("2026-04-01")
    assert second["reading"].endswith("2026-05-02")


def test_no_champion_says_what_to_do(problem: Problem, make_client: MakeClient) -> None:
    document = problem(make_client(load=lambda: None).post("/score_features", json={"rows": [ROW]}), 503, "no-champion")
    assert "tenure train" in document["detail"]
    assert "rule-based health" in document["detail"]


def test_a_champion_is_looked_for_again_but_not_by_every_request(make_champion: Callable[..., Any]) -> None:
    there: list[Any] = [None]
    asked: list[int] = []
    now = [100.0]

    def load() -> Any:
        asked.append(1)
        return there[0]

    holder = ChampionHolder(load, "c0ffee" * 10, monotonic=lambda: now[0])
    assert holder.status()["status"] == "loading"
    for _ in range(3):
        with pytest.raises(ProblemError, match="tenure train"):
            holder.get()
    assert len(asked) == 1
    assert holder.status()["status"] == "absent"
    there[0] = make_champion()
    now[0] += 5.0
    assert holder.get().version == "3"
    assert holder.get() is holder.get()
    assert len(asked) == 2
    assert holder.status() == {"status": "ready", "model_version": "3", "expansion_version": None}


def test_a_champion_of_another_catalogue_is_not_used(
    problem: Problem, make_client: MakeClient, make_champion: Callable[..., Any]
) -> None:
    client = make_client(load=lambda: make_champion(catalogue_hash="decaf" * 12, version="9"))
    document = problem(client.post("/score_features", json={"rows": [ROW]}), 503, "champion-outdated")
    assert "version 9" in document["detail"]
    assert "tenure train" in document["detail"]
    assert (document["model_catalogue_hash"], document["catalogue_hash"]) == ("decaf" * 12, "c0ffee" * 10)
    assert client.post("/score", json={"account_ids": ["a-1"]}).status_code == 200  # stored scores go on


@pytest.mark.parametrize(
    "fault", [TenureError("Version 3 is torn; run `tenure train`."), OSError("disk"), KeyError("x")]
)
def test_broken_model_files_are_said_and_stored_scores_go_on(
    problem: Problem, make_client: MakeClient, fault: Exception
) -> None:
    def load() -> None:
        raise fault

    client = make_client(load=load)
    document = problem(client.post("/score_features", json={"rows": [ROW]}), 503, "champion-broken")
    assert "tenure train" in document["detail"]
    assert "disk" not in document["detail"]
    assert client.post("/score", json={"account_ids": ["a-1"]}).status_code == 200
    assert client.get("/readyz").json()["champion"]["status"] == "broken"


def test_a_champion_that_cannot_explain_a_row_is_broken(
    problem: Problem, make_client: MakeClient, make_champion: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    champion = make_champion()

    def points(rows: pd.DataFrame, horizon: int) -> None:
        raise RuntimeError("no trees")

    monkeypatch.setattr(champion.forecast.churn.kernel, "points", points)
    problem(make_client(load=lambda: champion).post("/score_features", json={"rows": [ROW]}), 503, "champion-broken")


def test_only_so_many_wait_for_the_model_and_the_next_is_told_at_once(
    problem: Callable[..., dict[str, Any]], make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.endpoints.MODEL_PLACES", 0)
    client = make_client()
    for path in ("/score_features", "/what_if"):
        response = client.post(path, content=b"not read")
        problem(response, 429, "too-busy")
        assert response.headers["retry-after"] == "1"
    assert client.post("/score", json={"account_ids": ["a-1"]}).status_code == 200
    monkeypatch.undo()
    for _ in range(70):  # whatever becomes of a request, its place is free again
        assert client.post("/score_features", json={"rows": []}).status_code == 422
    assert client.post("/score_features", json={"rows": [{"mrr": 1}]}).status_code == 200
