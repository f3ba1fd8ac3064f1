"""Schemathesis over the whole document: no fault, and no answer that the document does not have."""

from __future__ import annotations

import copy
import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from schemathesis.engine import events, from_schema
from schemathesis.python.asgi import shutdown_lifespans
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from serving.openapi.routes import PATHS

MakeService = Callable[..., Any]

OPERATIONS = {f"{method.upper()} {path}" for path, methods in PATHS.items() for method in methods}

# What is right by itself and yet cannot be answered: because of what is stored, of today, or of another member.
ELSEWHERE = ("horizon-not-stored", "unknown-horizon")
TOGETHER = ('"until" must be a day from today', '"until" lies before "since"', '"since" and "until" may span')


@schemathesis.check
def refused_only_for_a_reason_elsewhere(ctx: Any, response: Any, case: Any) -> bool | None:
    """A request that fits the document is answered."""
    if response.status_code == 422:
        problem = response.json()
        kind = problem["type"].rpartition(":")[2]
        if kind in ELSEWHERE or (kind == "bad-request" and problem["detail"].startswith(TOGETHER)):
            return None
    return positive_data_acceptance(ctx, response, case)


@schemathesis.check
def refused_or_an_error_in_its_place(ctx: Any, response: Any, case: Any) -> bool | None:
    """A request that breaks the document is refused; where only items of a list break it, they have errors."""
    results = response.json().get("results", ()) if case.method == "POST" and response.status_code == 200 else ()
    if any("error" in result for result in results):
        return None
    return negative_data_rejection(ctx, response, case)


def config(token: str | None, examples: int, *, coverage: bool) -> Any:
    return schemathesis.Config.from_dict(
        {
            "seed": 1,
            "headers": {"Authorization": token} if token else {},
            "generation": {"deterministic": True, "max-examples": examples, "database": "none"},
            "operations": [{"include-method": "GET", "generation": {"max-examples": 3}}],  # they take nothing
            "phases": {"coverage": {"enabled": coverage}, "stateful": {"enabled": False}},
            "checks": {
                # 500 and 504 are in the document too, since they can happen; here they would be faults.
                "not_a_server_error": {"expected-statuses": ["2xx", "4xx", "503"]},
                "negative_data_rejection": {
                    "enabled": False,
                    "expected-statuses": ["400", "401", "403", "404", "409", "413", "415", "422"],
                },
                "positive_data_acceptance": {"enabled": False},
            },
        }
    )


def run(document: dict[str, Any], app: Any, settings: Any) -> Counter[tuple[str, int]]:
    """Have schemathesis ask; how often each operation was answered with each status. Fails on the first failures."""
    schema = schemathesis.openapi.from_dict(document, config=settings)
    schema.app = app
    answered: Counter[tuple[str, int]] = Counter()
    failures: list[str] = []
    for event in from_schema(schema).execute():
        if isinstance(event, (events.NonFatalError, events.FatalError)):
            failures.append(repr(event))
        if not isinstance(event, events.ScenarioFinished):
            continue
        for interaction in event.recorder.interactions.values():
            assert interaction.response is not None
            answered[event.recorder.label, interaction.response.status_code] += 1
        for check in itertools.chain.from_iterable(event.recorder.checks.values()):
            if (found := check.failure_info) is not None:
                failures.append(f"{event.recorder.label}: {found.failure.title}\n{found.failure.message}")
                failures.append(found.code_sample)
    assert not failures, "\n".join(failures[:10])
    return answered


@pytest.fixture(scope="module")
def answerable(strict: dict[str, Any]) -> dict[str, Any]:
    """The document with the horizons that this service has: of any others, all there would be to see is a refusal."""
    found = copy.deepcopy(strict)
    for name, horizons in (
        ("ScoreRequest", [90]),
        ("FeaturesRequest", [30, 90, 365]),
        ("WhatIfRequest", [30, 90, 365]),
    ):
        found["components"]["schemas"][name]["properties"]["horizon"] = {"enum": horizons}
    return found


@pytest.fixture(scope="module")
def running(make_service: MakeService) -> Iterator[Any]:
    yield make_service()
    shutdown_lifespans()


def test_every_answer_is_documented(running: Any, answerable: dict[str, Any]) -> None:
    answered = run(answerable, running.app, config(running.tokens["all"], 20, coverage=True))
    assert {label for label, status in answered if status in (200, 201)} == OPERATIONS
    statuses = {status for _, status in answered}
    assert statuses >= {200, 201, 400, 401, 404, 405, 413, 415, 422}
    assert statuses.isdisjoint({500, 504})


@pytest.mark.parametrize("token", [None, "score", "read", "admin", "bound", "revoked"])
def test_every_answer_to_every_kind_of_token_is_documented(
    running: Any, strict: dict[str, Any], token: str | None
) -> None:
    answered = run(strict, running.app, config(token and running.tokens[token], 3, coverage=False))
    opened = {label for label, status in answered if status in (200, 201)}
    scopes = {"bound": "read"}.get(token or "", token)
    for path, methods in PATHS.items():
        for method, operation in methods.items():
            opens = not operation["security"] or scopes in {s for one in operation["security"] for s in one["token"]}
            assert (f"{method.upper()} {path}" in opened) == opens
