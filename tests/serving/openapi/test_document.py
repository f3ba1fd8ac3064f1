"""The OpenAPI document: well formed, true of the application, with examples that are real answers."""

from __future__ import annotations

import ast
import datetime as dt
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pandas as pd
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31

import serving
from serving.openapi import document
from serving.openapi.examples import EXAMPLES as TOLD
from serving.openapi.refused import KINDS, PROBLEM
from serving.openapi.routes import PATHS

Conforms = Callable[[list[str], Any], None]


def contents() -> Iterator[tuple[list[str], dict[str, Any]]]:
    """Every body that the document has, with where it stands."""
    for path, methods in PATHS.items():
        for method, operation in methods.items():
            at = ["paths", path, method]
            for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
                yield [*at, "requestBody", "content", media_type], content
            for status, response in operation["responses"].items():
                for media_type, content in response["content"].items():
                    yield [*at, "responses", status, "content", media_type], content


def test_it_is_openapi_3_1_and_all_it_points_to_is_there(strict: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator(OPENAPI_31).validate(strict)
    for name, schema in strict["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema.get("description") or name not in ("Problem", "AccountError")

    def point(node: Any) -> None:
        if isinstance(node, list):
            for inner in node:
                point(inner)
        elif isinstance(node, dict):
            if isinstance(target := node.get("$ref"), str):
                found: Any = strict
                for part in target.removeprefix("#/").split("/"):
                    found = found[part]
            for inner in node.values():
                point(inner)

    point(strict)
    used = json.dumps(strict)
    for kind in ("schemas", "headers", "parameters"):
        for name in strict["components"][kind]:
            assert name == "Problem" or f"#/components/{kind}/{name}" in used, f"nothing uses {kind}/{name}"


def test_it_is_plain_data_and_made_anew() -> None:
    first = document("1.2.3")
    assert json.loads(json.dumps(first, allow_nan=False)) == first
    assert first["info"]["version"] == "1.2.3"
    assert document("1.2.3") == first


def test_every_example_fits_its_schema(conforms: Conforms) -> None:
    seen = 0
    for at, content in contents():
        for example in content.get("examples", {}).values():
            conforms([*at, "schema"], example["value"])
            seen += 1
    assert seen > 80


def test_the_examples_figures_hang_together() -> None:
    def check(row: dict[str, Any]) -> None:
        told = sum(driver["points"] for driver in row["drivers"])
        assert row["typical_90d"] + told == row["churn_90d"]
        assert row["churn_30d"] <= row["churn_90d"] <= row["churn_365d"]
        for h in (30, 90, 365):
            assert row[f"churn_{h}d_low"] <= row[f"churn_{h}d"] <= row[f"churn_{h}d_high"]

    check(TOLD["ScoreAnswer"]["results"][0])
    check(TOLD["FeaturesAnswer"]["results"][0])
    what_if = TOLD["WhatIfAnswer"]
    moved = sum(driver["difference"] for driver in what_if["moved"])
    assert what_if["before"]["churn_90d"] + moved == what_if["after"]["churn_90d"]


def test_it_names_the_routes_of_the_application_and_nothing_else(service: Any) -> None:
    routes = {(route.path, method) for route in service.app.routes for method in route.methods - {"HEAD"}}
    assert routes == {(path, method.upper()) for path, methods in PATHS.items() for method in methods}


def test_it_is_served_as_it_is(service: Any, strict: dict[str, Any]) -> None:
    from importlib.metadata import version

    response = service.call("GET", "/openapi.json", token=None)
    assert response.headers["content-type"] == "application/json"
    served = response.json()
    assert served["info"]["version"] == version("tenure")
    served["info"]["version"] = "1.2.3"
    names = strict["components"]["schemas"]
    assert {**served, "components": 0} == {**json.loads(json.dumps(document("1.2.3"))), "components": 0}
    assert set(served["components"]["schemas"]) == set(names)
    assert served["components"]["schemas"]["Features"] == names["Features"]


def test_declared_features_are_named_with_their_bounds() -> None:
    from features.catalogue import CATALOGUE

    schemas = document("1", CATALOGUE.features)["components"]["schemas"]
    assert set(schemas["Features"]["properties"]) == {feature.name for feature in CATALOGUE.features}
    row = schemas["FeatureRow"]["properties"]
    assert row["seats_used_share"] == {"type": ["number", "null"], "minimum": 0}
    assert row["mrr"] == {"type": ["number", "null"]}
    assert row["plan"] == {"type": ["string", "null"]}
    assert set(row) == set(schemas["Features"]["properties"]) | {"account_id", "as_of"}
    assert schemas["FeatureRow"]["additionalProperties"] is False


def test_every_kind_of_problem_in_the_code_is_in_it_and_no_other() -> None:
    raised, texts = set(), set()
    root = Path(serving.__file__).parent
    for file in root.rglob("*.py"):
        if "openapi" in file.relative_to(root).parts:
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.add(node.value)
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "ProblemError" and len(node.args) > 1:
                status, kind = node.args[:2]
                if isinstance(kind, ast.Constant) and kind.value:
                    assert isinstance(status, ast.Constant), kind.value
                    assert kind.value in KINDS, f"{kind.value} of {file.name} is not in the document"
                    assert KINDS[kind.value].status == status.value, kind.value
                    raised.add(kind.value)
    assert len(raised) > 10
    assert set(KINDS) - texts == set(), "the document has problems that nothing raises"


def test_each_kind_is_in_some_operation() -> None:
    found = [content["examples"] for at, content in contents() if "problem" in at[-1]]
    assert {kind for examples in found for kind in examples} == set(KINDS)
    told = {name for examples in found for example in examples.values() for name in example["value"]}
    assert told == set(PROBLEM["properties"]), "a member that no problem has, or that is not described"


@pytest.mark.parametrize("path", ["/score", "/score_features", "/what_if", "/history", "/feedback"])
def test_the_example_of_a_request_is_answered_as_its_example_says(service: Any, conforms: Conforms, path: str) -> None:
    operation = PATHS[path]["post"]
    asked = operation["requestBody"]["content"]["application/json"]["examples"]["example"]["value"]
    if path == "/history":
        service.call("POST", "/feedback", {"account_id": "a-1", "verdict": "handled"})
    response = service.call("POST", path, asked)
    (status,) = [status for status in operation["responses"] if status < "300"]
    assert response.status_code == int(status), response.text
    conforms(["paths", path, "post", "responses", status, "content", "application/json", "schema"], response.json())
    told = operation["responses"][status]["content"]["application/json"]["examples"]["example"]["value"]
    # Stand-ins for the models explain without topics.
    assert {name for name in members(told) - members(response.json()) if not name.endswith(".features")} == set()


def members(answer: Any, at: str = "") -> set[str]:
    """The members of an answer, by where they stand."""
    if isinstance(answer, list):
        return set().union(*(members(inner, f"{at}[]") for inner in answer))
    if not isinstance(answer, dict):
        return set()
    return {f"{at}.{name}" for name in answer}.union(
        *(members(inner, f"{at}.{name}") for name, inner in answer.items())
    )


def test_the_example_of_a_score_is_what_its_row_is_answered_with(make_service: Callable[..., Any]) -> None:
    """The example goes into a store and comes out of the service, member by member and figure by figure."""
    answer = TOLD["ScoreAnswer"]
    row = dict(answer["results"][0])
    kept, rest = row["drivers"][:-1], row["drivers"][-1]["points"]
    row["drivers"] = json.dumps([*kept, {**kept[-1], "feature": "seats", "points": rest, "features": ["seats"]}])
    row["not_validated_in_time"] = json.dumps(answer["not_validated_in_time"])
    frame = pd.DataFrame([row]).assign(
        as_of=lambda it: pd.to_datetime(it["as_of"]).dt.date,
        renews_on=lambda it: pd.to_datetime(it["renews_on"]).dt.date,
        computed_at=lambda it: pd.to_datetime(it["computed_at"], utc=True),
        involuntary_30d=row["involuntary_30d"],
    )
    asked = PATHS["/score"]["post"]["requestBody"]["content"]["application/json"]["examples"]["example"]["value"]
    assert make_service(frame).call("POST", "/score", asked).json() == answer


def test_what_stands_in_for_a_score_is_documented_too(
    make_service: Callable[..., Any],
    make_frame: Callable[..., pd.DataFrame],
    make_rule_frame: Callable[..., pd.DataFrame],
    conforms: Conforms,
) -> None:
    """Accounts that churned, with the score that they had; an account that failed; health by rules."""
    frame = make_frame(expansion=True)
    gone = [name for name in frame.columns if any(name.startswith(f) for f in FIGURES)]
    churned = frame.copy()
    churned.loc[[1, 5], gone] = None
    churned.loc[[1, 5], ["status", "reason"]] = ["churned", "The last paid subscription has ended."]
    churned.loc[2, gone] = None
    churned.loc[2, ["status", "reason"]] = ["error", "The model failed on this account: no trees."]
    service = make_service(churned, earlier=make_frame(dt.date(2026, 1, 1), expansion=True))
    rows = fitting(service, conforms)
    assert [row["status"] for row in rows[:3]] == ["ok", "churned", "error"]
    assert rows[1]["frozen"]["as_of"] == "2026-01-01"
    assert rows[1]["frozen"]["churn_90d"] > 0
    assert rows[5]["frozen"] is None  # it never was scored

    rows = fitting(make_service(make_rule_frame(), load=lambda: None), conforms)
    assert (rows[1]["health"], rows[1]["health_adoption"], rows[1]["health_source"]) == (10.0, 10.0, "rule_based")


FIGURES = ("churn_", "typical_", "involuntary_", "expected_mrr_", "expansion_", "renewal_", "reading", "drivers",
           "mrr_at_risk")  # fmt: skip


def fitting(service: Any, conforms: Conforms) -> list[dict[str, Any]]:
    """The rows of all accounts, whose scores, histories and readiness fit the document."""

    def asked(method: str, path: str, body: Any = None) -> Any:
        answer = service.call(method, path, body)
        assert answer.status_code == 200, answer.text
        conforms(
            ["paths", path, method.lower(), "responses", "200", "content", "application/json", "schema"], answer.json()
        )
        return answer.json()

    ids = [f"a-{n}" for n in range(6)]
    rows: list[dict[str, Any]] = asked("POST", "/score", {"account_ids": ids})["results"]
    for account_id, row in zip(ids, rows, strict=True):
        assert asked("POST", "/history", {"account_id": account_id, "explain": 5})["days"][-1] == row
    asked("GET", "/readyz")
    return rows
