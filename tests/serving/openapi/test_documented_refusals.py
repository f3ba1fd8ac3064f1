"""Each refusal that the document has, brought about and compared with its example."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest

from serving.bodies import MAX_FEATURES_BODY, MAX_SCORE_BODY, MAX_SMALL_BODY
from serving.openapi.routes import PATHS
from serving.requests import MAX_ROWS
from serving.store.errors import StoreUnreachableError, StoreVersionError

MakeService = Callable[..., Any]
Conforms = Callable[[list[str], Any], None]

BOOKS = ("/lists", "/blindsided", "/alerts")  # answered in threads of their own
WRONG = {
    "/feedback": {"verdict": "fine"},
    "/lists": {"list": "everything"},
    "/brief": {"account_id": ""},
    "/blindsided": {"until": "2025-12-31"},
    "/alerts": {"open": 1},
    "/roi": {"period": "2025Q5"},
    "/revenue": {"period": "Q4"},
}
LIMITS = {"/score": MAX_SCORE_BODY, "/score_features": MAX_FEATURES_BODY}


def method_of(path: str) -> str:
    return next(iter(PATHS[path])).upper()


def documented() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every refusal of the document: path, kind and its example."""
    for path, methods in PATHS.items():
        (operation,) = methods.values()
        for status, response in operation["responses"].items():
            for kind, example in response["content"].get("application/problem+json", {}).get("examples", {}).items():
                assert example["value"]["status"] == int(status)
                yield path, kind, example["value"]


class Refusals:
    """How each kind of refusal is brought about, on a route that has it."""

    def __init__(self, make_service: MakeService, make_champion: Callable[..., Any]) -> None:
        self._make, self._champion = make_service, make_champion
        self._made: dict[str, Any] = {"usual": make_service()}
        self._usual, self.problem = self._made["usual"].usual, self._made["usual"].problem

    def ask(self, path: str, kind: str) -> httpx.Response:
        """The answer to a request that ought to be refused so."""
        changed = getattr(self, kind.replace("-", "_"), None)
        service = self._service("usual" if kind == "too-slow" and path in BOOKS else kind)
        options = changed(path) if changed else {}
        if path in service.usual and not {"json", "content"} & set(options):
            options["json"] = service.usual[path]
        if not next(iter(PATHS[path].values()))["security"]:
            options["token"] = None
        return service.call(method_of(path), path, **options)

    def _service(self, kind: str) -> Any:
        if kind not in self._made:
            self._made[kind] = self._prepared(kind)
        return self._made.pop(kind) if kind == "too-slow" else self._made[kind]  # one is slow only once

    def _prepared(self, kind: str) -> Any:
        """The service on which it happens."""

        def unreachable(_: Any) -> Any:
            raise StoreUnreachableError("The score store postgresql://me@secret.local/tenure does not answer.")

        def unusable(_: Any) -> Any:
            raise StoreVersionError("The score store postgresql://me@secret.local/tenure is of a later version.")

        def broken() -> None:
            raise OSError("disk")

        def slow() -> None:
            time.sleep(0.3)

        if kind in ("champion-outdated", "snapshot-outdated"):
            other = self._champion(catalogue_hash="decaf" * 12)
        match kind:
            case "too-busy":
                return self._make(max_in_flight=0)
            case "store-unreachable":
                return self._make(reach=unreachable)
            case "no-scores":
                return self._make(None)
            case "store-unusable":
                return self._make(reach=unusable)
            case "not-ready":
                service = self._make(None, load=lambda: None)
                service.call("POST", "/score_features", service.usual["/score_features"])  # has the champion looked for
                return service
            case "no-champion":
                return self._make(load=lambda: None)
            case "champion-broken":
                return self._make(load=broken)
            case "too-slow":
                return self._make(load=slow)
            case "champion-outdated":
                return self._make(load=lambda: other)
            case "snapshot-outdated":
                return self._make("older")
            case "scores-outdated":
                return self._make("without churned_on")
            case "internal":
                return self._fails()
        return self._made["usual"]

    def _fails(self) -> Any:
        """A service whose every endpoint fails."""

        async def fail(*_: Any) -> None:
            raise RuntimeError("secret detail")

        service = self._make()
        for route in service.app.routes:
            route.endpoint.endpoint = fail
        return service

    def bad_json(self, path: str) -> dict[str, Any]:
        return {"content": b'{"account_ids": ['}

    def unauthorized(self, path: str) -> dict[str, Any]:
        return {"token": "unknown"}

    def insufficient_scope(self, path: str) -> dict[str, Any]:
        return {"token": "read" if path == "/metrics" else "admin"}

    def not_json(self, path: str) -> dict[str, Any]:
        return {"content": b"{}", "headers": {"Content-Type": "text/plain"}}

    def encoded(self, path: str) -> dict[str, Any]:
        return {"content": b"{}", "headers": {"Content-Encoding": "gzip"}}

    def body_too_large(self, path: str) -> dict[str, Any]:
        return {"content": b" " * (LIMITS.get(path, MAX_SMALL_BODY) + 1)}

    def bad_request(self, path: str) -> dict[str, Any]:
        return {"json": {**self._usual[path], **WRONG.get(path, {"explain": 101})}}

    def slow_body(self, path: str) -> dict[str, Any]:
        async def slowly() -> AsyncIterator[bytes]:
            yield b"{"
            await asyncio.sleep(0.3)
            yield b"}"

        return {"content": slowly()}

    def empty_list(self, path: str) -> dict[str, Any]:
        return {"json": {name: [] for name in self._usual[path]}}

    def too_many(self, path: str) -> dict[str, Any]:
        return {"json": {name: items * (MAX_ROWS + 1) for name, items in self._usual[path].items()}}

    def horizon_not_stored(self, path: str) -> dict[str, Any]:
        return {"json": {**self._usual[path], "horizon": 30}}

    def unknown_horizon(self, path: str) -> dict[str, Any]:
        return {"json": {**self._usual[path], "horizon": 60}}

    def unknown_account(self, path: str) -> dict[str, Any]:
        return {"json": {**self._usual[path], "account_id": "nobody"}}

    def unknown_day(self, path: str) -> dict[str, Any]:
        return {"json": {**self._usual[path], "as_of": "2020-01-06"}}

    def not_scored(self, path: str) -> dict[str, Any]:
        return {"json": {**self._usual[path], "account_id": "a-5"}}

    def unknown_feature(self, path: str) -> dict[str, Any]:
        return {"json": {**self._usual[path], "changes": {"logins": 3}}}

    def wrong_type(self, path: str) -> dict[str, Any]:
        return {"json": {**self._usual[path], "changes": {"mrr": "much"}}}

    def out_of_bounds(self, path: str) -> dict[str, Any]:
        return {"json": {**self._usual[path], "changes": {"mrr": -1}}}

    def no_report(self, path: str) -> dict[str, Any]:
        return {"json": {"period": "2024-Q1"}}

    def unknown_csm(self, path: str) -> dict[str, Any]:
        return {"json": {**self._usual[path], "csm_id": "nobody"}}

    def no_scores(self, path: str) -> dict[str, Any]:
        # Without a book an account's history is looked for in all runs, and an account of no run is unknown; and whose
        # accounts are whose by now, only a book asks.
        return {"token": "bound"} if path in ("/history", "/roi") else {}


@pytest.fixture(scope="module")
def refusals(make_service: MakeService, make_champion: Callable[..., Any]) -> Refusals:
    return Refusals(make_service, make_champion)


@pytest.mark.parametrize(
    ("path", "kind", "example"), [pytest.param(*one, id=f"{one[0]}-{one[1]}") for one in documented()]
)
def test_each_documented_refusal_is_given_as_it_is_documented(
    refusals: Refusals,
    conforms: Conforms,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    kind: str,
    example: dict[str, Any],
) -> None:
    monkeypatch.setattr("serving.endpoints.MODEL_SECONDS", 0.05 if kind == "too-slow" else 120)
    monkeypatch.setattr("serving.book_endpoints.BOOK_SECONDS", 0 if kind == "too-slow" else 30)
    monkeypatch.setattr("serving.bodies.BODY_SECONDS", 0.05 if kind == "slow-body" else 30)
    response = refusals.ask(path, kind)
    at = ["paths", path, method_of(path).lower(), "responses", str(response.status_code)]
    conforms([*at, "content", "application/problem+json", "schema"], response.json())
    told = refusals.problem(response)
    assert told == {name: value for name, value in example.items() if name != "instance"}
    assert ("www-authenticate" in response.headers) == (response.status_code in (401, 403))
    assert ("retry-after" in response.headers) == (kind in ("too-busy", "store-unreachable"))
    if kind.startswith("store-"):
        assert "secret.local" not in response.text
