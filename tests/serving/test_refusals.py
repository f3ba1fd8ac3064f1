"""Requests that are none, and anything at all: a problem document, never a fault."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serving.bodies import MAX_FEATURES_BODY, MAX_SCORE_BODY
from serving.requests import MAX_ROWS
from serving.store.errors import StoreUnreachableError

DAY = dt.date(2026, 2, 1)
MakeClient = Callable[..., Any]
Problem = Callable[..., dict[str, Any]]


@pytest.mark.parametrize("path", ["/nope", "/score/", "/docs.json", "/schema.json", "/healthz", "/%00", "/score/x"])
def test_unknown_addresses_are_problems(problem: Problem, make_client: MakeClient, path: str) -> None:
    problem(make_client().get(path), 404)


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [("GET", "/score", "POST"), ("PUT", "/score_features", "POST"), ("DELETE", "/", "GET"), ("POST", "/livez", "GET")],
)
def test_wrong_methods_are_problems(
    problem: Problem, make_client: MakeClient, method: str, path: str, allow: str
) -> None:
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
def test_bodies_that_are_no_request(
    problem: Problem, make_client: MakeClient, path: str, body: bytes, status: int, kind: str
) -> None:
    problem(make_client().post(path, content=body, headers={"content-type": "application/json"}), status, kind)


@pytest.mark.parametrize(("path", "name", "item"), [("/score", "account_ids", "a-1"), ("/score_features", "rows", {})])
def test_lists_and_members_are_checked(
    problem: Problem, make_client: MakeClient, path: str, name: str, item: Any
) -> None:
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


def test_what_is_not_json_is_refused_by_its_media_type(problem: Problem, make_client: MakeClient) -> None:
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
    problem: Problem, make_client: MakeClient, path: str, start: bytes, limit: int, chunked: bool
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
    problem: Problem, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> bytes:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("serving.endpoints.score_answer", fail)
    response = make_client().post("/score", json={"account_ids": ["a-1"]})
    document = problem(response, 500, "internal")
    assert "secret" not in json.dumps(document)
    assert "secret detail" in caplog.text


def test_a_store_that_does_not_answer_is_said_by_every_route(
    problem: Problem, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make_client()
    assert client.post("/score", json={"account_ids": ["a-1"]}).status_code == 200

    def refuse(*_: Any) -> None:
        raise StoreUnreachableError("The score store db.local does not answer.")

    monkeypatch.setattr(client.store, "latest", refuse)
    for path in ("/score", "/score_features", "/what_if", "/history", "/feedback"):
        response = client.post(path, json={})
        problem(response, 503, "store-unreachable")
        assert response.headers["retry-after"] == "1"
    # Whoever watches is told so by the metrics, with the tokens that were known.
    assert client.get("/metrics").status_code == 200
    problem(client.get("/metrics", headers={"authorization": "Bearer nothing"}), 401, "unauthorized")
    ready = problem(client.get("/readyz"), 503, "not-ready")
    assert ready["scores"]["status"] == "unreachable"
    assert client.get("/livez").status_code == 200


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
def test_no_json_makes_the_service_fail(problem: Problem, client: Any, body: Any, path: str) -> None:
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
def test_no_bytes_make_the_service_fail(problem: Problem, client: Any, content: bytes, path: str) -> None:
    response = client.post(path, content=content)
    assert response.status_code in (400, 422)
    problem(response, response.status_code, response.json()["type"].rpartition(":")[2])
