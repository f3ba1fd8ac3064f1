"""The routes: what each answers, also to what nobody should send."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.errors import TenureError
from serving.champion import ChampionHolder
from serving.problems import ProblemError
from serving.requests import MAX_FEATURES_BODY, MAX_ROWS, MAX_SCORE_BODY
from serving.scores import scores_folder, write_day

DAY = dt.date(2026, 2, 1)
MakeClient = Callable[..., Any]


def problem(response: httpx.Response, status: int, kind: str | None = None) -> dict[str, Any]:
    """The problem document of a refusal, checked for its form."""
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    document = response.json()
    assert set(document) >= {"type", "title", "status", "detail"}
    assert document["status"] == status
    assert document["type"] == (f"urn:tenure:problem:{kind}" if kind else "about:blank")
    assert document["detail"].endswith(".")
    assert "Traceback" not in document["detail"]
    return document


# --- /score ----------------------------------------------------------------------------------------------


def test_stored_scores_are_answered_in_order_each_with_a_result_or_its_own_error(make_client: MakeClient) -> None:
    ids = ["a-1", "nobody", "a-5", "a-1", 7, None, ["a-1"], "a\x00b", "😀", "'; drop--\"", "../a-1", "\ud800", ""]
    body = json.dumps({"account_ids": ids, "explain": 2}).encode()
    response = make_client().post("/score", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 200
    assert response.headers["age"] == "3630"
    answer = response.json()
    assert (answer["as_of"], answer["model_version"]) == ("2026-02-01", "3")
    assert answer["computed_at"] == "2026-02-01T03:00:00Z"
    results = answer["results"]
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


def test_a_newly_scored_day_is_served_at_once_and_a_broken_one_is_not(
    make_client: MakeClient, tmp_path: Path, make_frame: Callable[..., pd.DataFrame]
) -> None:
    client = make_client()
    newer = dt.date(2026, 2, 2)
    (scores_folder(tmp_path) / "2026-02-02.parquet").write_bytes(b"PAR1 half")
    assert client.post("/score", json={"account_ids": ["a-1"]}).json()["as_of"] == "2026-02-01"
    ready = client.get("/readyz")
    assert ready.status_code == 200
    assert "2026-02-02.parquet" in ready.json()["trouble"][0]
    write_day(tmp_path, make_frame(newer, version="4"), newer)
    answer = client.post("/score", json={"account_ids": ["a-1"]}).json()
    assert (answer["as_of"], answer["model_version"]) == ("2026-02-02", "4")
    assert client.get("/readyz").json()["trouble"] == []


def test_without_a_scored_day_it_says_what_to_do(make_client: MakeClient, tmp_path: Path) -> None:
    client = make_client(scored=False)
    document = problem(client.post("/score", json={"account_ids": ["a-1"]}), 503, "no-scores")
    assert "tenure score" in document["detail"]
    scores_folder(tmp_path).mkdir()
    (scores_folder(tmp_path) / "2026-02-02.parquet").write_bytes(b"PAR1 half")
    document = problem(client.post("/score", json={"account_ids": ["a-1"]}), 503, "no-scores")
    assert "2026-02-02.parquet" in document["detail"]


def test_a_stored_row_with_foreign_drivers_does_not_fail_its_neighbours(
    make_client: MakeClient, tmp_path: Path, make_frame: Callable[..., pd.DataFrame]
) -> None:
    frame = make_frame()
    frame.loc[1, "drivers"] = "{half"
    frame.loc[2, "drivers"] = '[{"points": "much"}]'
    frame.loc[3, "drivers"] = '[{"points": NaN}, {"points": 0.1}]'
    frame.loc[4, "drivers"] = '[{"points": 0.1}]'
    client = make_client(scored=False)
    scores_folder(tmp_path).mkdir()
    frame.to_parquet(scores_folder(tmp_path) / "2026-02-01.parquet")
    results = client.post("/score", json={"account_ids": [f"a-{n}" for n in range(5)], "explain": 1}).json()["results"]
    assert ["error" in r for r in results] == [False, True, True, True, True]


# --- /score_features -------------------------------------------------------------------------------------

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


def test_no_champion_says_what_to_do(make_client: MakeClient) -> None:
    document = problem(make_client(load=lambda: None).post("/score_features", json={"rows": [ROW]}), 503, "no-champion")
    assert "tenure train" in document["detail"]


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
    assert holder.status() == {"status": "ready", "model_version": "3"}


def test_a_champion_of_another_catalogue_is_not_used(
    make_client: MakeClient, make_champion: Callable[..., Any]
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
def test_broken_model_files_are_said_and_stored_scores_go_on(make_client: MakeClient, fault: Exception) -> None:
    def load() -> None:
        raise fault

    client = make_client(load=load)
    document = problem(client.post("/score_features", json={"rows": [ROW]}), 503, "champion-broken")
    assert "tenure train" in document["detail"]
    assert "disk" not in document["detail"]
    assert client.post("/score", json={"account_ids": ["a-1"]}).status_code == 200
    assert client.get("/readyz").json()["champion"]["status"] == "broken"


def test_a_champion_that_cannot_explain_a_row_is_broken(
    make_client: MakeClient, make_champion: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    champion = make_champion()

    def explain(rows: pd.DataFrame, horizon: int) -> None:
        raise RuntimeError("no trees")

    monkeypatch.setattr(champion.kernel, "explain", explain, raising=False)
    problem(make_client(load=lambda: champion).post("/score_features", json={"rows": [ROW]}), 503, "champion-broken")


# --- probes and the page ---------------------------------------------------------------------------------


def test_liveness_needs_nothing(make_client: MakeClient) -> None:
    response = make_client(scored=False, load=lambda: None).get("/livez")
    assert (response.status_code, response.json()) == (200, {"status": "alive"})


@pytest.mark.parametrize("scored", [True, False])
@pytest.mark.parametrize("champion", [True, False])
def test_readiness_needs_scores_or_a_champion_and_says_which_is_there(
    make_client: MakeClient, make_champion: Callable[..., Any], scored: bool, champion: bool
) -> None:
    client = make_client(scored=scored, load=make_champion if champion else lambda: None)
    client.post("/score_features", json={"rows": [ROW]})  # has the champion looked for
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


def test_readiness_does_not_wait_for_a_load(make_client: MakeClient) -> None:
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


# --- bad requests ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/nope", "/score/", "/docs.json", "/schema.json", "/healthz", "/%00", "/score/x"])
def test_unknown_addresses_are_problems(make_client: MakeClient, path: str) -> None:
    problem(make_client().get(path), 404)


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [("GET", "/score", "POST"), ("PUT", "/score_features", "POST"), ("DELETE", "/", "GET"), ("POST", "/livez", "GET")],
)
def test_wrong_methods_are_problems(make_client: MakeClient, method: str, path: str, allow: str) -> None:
    response = make_client().request(method, path)
    problem(response, 405)
    assert allow in response.headers["allow"]


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        (b"", 400, "bad-json"),
        (b"{", 400, "bad-json"),
        (b"{'account_ids': ['a']}", 400, "bad-json"),
        (b'{"account_ids": ["\xff"]}', 400, "bad-json"),
        ('{"account_ids": ["a"]}'.encode("utf-16"), 400, "bad-json"),
        (b"[" * 100_000, 400, "bad-json"),
        (b'{"rows": ' * 100_000, 400, "bad-json"),
        (b'{"account_ids": [' + b"9" * 5000 + b"]}", 400, "bad-json"),
        (b"[]", 422, "bad-request"),
        (b"null", 422, "bad-request"),
        (b'"a-1"', 422, "bad-request"),
        (b"NaN", 422, "bad-request"),
        (b"{}", 422, "bad-request"),
    ],
)
@pytest.mark.parametrize("path", ["/score", "/score_features"])
def test_bodies_that_are_no_request(make_client: MakeClient, path: str, body: bytes, status: int, kind: str) -> None:
    problem(make_client().post(path, content=body, headers={"content-type": "application/json"}), status, kind)


@pytest.mark.parametrize(("path", "name", "item"), [("/score", "account_ids", "a-1"), ("/score_features", "rows", {})])
def test_lists_and_members_are_checked(make_client: MakeClient, path: str, name: str, item: Any) -> None:
    client = make_client()
    problem(client.post(path, json={name: []}), 422, "empty-list")
    problem(client.post(path, json={name: "a-1"}), 422, "bad-request")
    problem(client.post(path, json={name: None}), 422, "bad-request")
    document = problem(client.post(path, json={name: [item], "explian": 3}), 422, "bad-request")
    assert '"explian"' in document["detail"]
    for explain in (-1, 101, 2.5, True, "5", None, [5], 10**30):
        problem(client.post(path, json={name: [item], "explain": explain}), 422, "bad-request")
    assert client.post(path, json={name: [item] * MAX_ROWS, "explain": 0}).status_code == 200
    document = problem(client.post(path, json={name: [item] * (MAX_ROWS + 1)}), 413, "too-many")
    assert document["max_items"] == MAX_ROWS


def test_what_is_not_json_is_refused_by_its_media_type(make_client: MakeClient) -> None:
    client = make_client()
    content = b'{"account_ids": ["a-1"]}'
    for media_type in ("text/plain", "application/x-www-form-urlencoded", "application/vnd.bentoml+pickle", "json"):
        problem(client.post("/score", content=content, headers={"content-type": media_type}), 415, "not-json")
    for media_type in ("application/json; charset=utf-8", "Application/JSON", "application/vnd.api+json"):
        assert client.post("/score", content=content, headers={"content-type": media_type}).status_code == 200
    assert client.post("/score", content=content).status_code == 200  # says nothing, and is JSON
    problem(client.post("/score", content=content, headers={"content-encoding": "gzip"}), 415, "encoded")


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize(
    ("path", "start", "limit"),
    [
        ("/score", b'{"account_ids": ["a-1"]', MAX_SCORE_BODY),
        ("/score_features", b'{"rows": [{"mrr": 1}]', MAX_FEATURES_BODY),
    ],
)
def test_an_oversized_body_is_refused(
    make_client: MakeClient, path: str, start: bytes, limit: int, chunked: bool
) -> None:
    client = make_client()

    def body(size: int) -> Any:
        content = start + b" " * (size - len(start) - 1) + b"}"

        async def pieces() -> Any:
            for first in range(0, size, 2**20):
                yield content[first : first + 2**20]

        return pieces() if chunked else content

    assert client.post(path, content=body(limit)).status_code == 200
    document = problem(client.post(path, content=body(limit + 1)), 413, "body-too-large")
    assert document["max_bytes"] == limit


def test_an_unexpected_fault_is_a_problem_without_details_and_logged(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> bytes:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("serving.app.stored_answer", fail)
    response = make_client().post("/score", json={"account_ids": ["a-1"]})
    document = problem(response, 500, "internal")
    assert "secret" not in json.dumps(document)
    assert "secret detail" in caplog.text


def test_a_folder_that_cannot_be_listed_is_said(make_client: MakeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> list[str]:
        raise PermissionError(13, "Permission denied")

    client = make_client()
    monkeypatch.setattr("os.listdir", refuse)
    problem(client.post("/score", json={"account_ids": ["a-1"]}), 503, "scores-unreadable")


# --- anything at all -------------------------------------------------------------------------------------


@pytest.fixture
def client(make_client: MakeClient) -> Any:
    return make_client()


NAMES = ["account_ids", "rows", "explain", "account_id", "as_of", "mrr", "plan", "active_share", "a-1", "2026-02-01"]
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from(NAMES), st.text(max_size=8), st.just(10**400)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(st.sampled_from(NAMES), st.text(max_size=4)), inner)
    ),
    max_leaves=12,
)
BODIES = st.one_of(
    VALUES,
    st.fixed_dictionaries({"account_ids": st.lists(VALUES, max_size=4)}, optional={"explain": st.integers(0, 9)}),
    st.fixed_dictionaries(
        {
            "rows": st.lists(
                st.dictionaries(st.sampled_from(NAMES[3:8]), SCALARS, min_size=1, max_size=3), min_size=1, max_size=4
            )
        },
        optional={"explain": st.integers(0, 9)},
    ),
)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BODIES, path=st.sampled_from(["/score", "/score_features"]))
def test_no_json_makes_the_service_fail(client: Any, body: Any, path: str) -> None:
    content = json.dumps(body).encode()
    response = client.post(path, content=content, headers={"content-type": "application/json"})
    assert response.status_code in (200, 413, 422)

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    answer = json.loads(response.content, parse_constant=refuse)
    if response.status_code == 200:
        asked = body["account_ids"] if path == "/score" else body["rows"]
        assert len(answer["results"]) == len(asked)
    else:
        problem(response, response.status_code, answer["type"].rpartition(":")[2])


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=64), path=st.sampled_from(["/score", "/score_features"]))
def test_no_bytes_make_the_service_fail(client: Any, content: bytes, path: str) -> None:
    response = client.post(path, content=content)
    assert response.status_code in (400, 422)
    problem(response, response.status_code, response.json()["type"].rpartition(":")[2])
