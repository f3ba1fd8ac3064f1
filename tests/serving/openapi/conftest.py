"""A whole service in process, with a token of every kind, and its document with nothing left open."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, ClassVar

import httpx
import jsonschema
import pandas as pd
import prometheus_client
import pytest
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from serving.app import create_app
from serving.champion import Champion, ChampionHolder
from serving.latest import Latest
from serving.metrics import Metrics
from serving.openapi import document
from serving.openapi.examples_money import MONEY_ANSWERS
from serving.store.address import address_of
from serving.store.reports import Report, keep
from serving.store.store import Store
from serving.store.tokens import create, revoke
from serving.store.writing import write_day

DAY = dt.date(2026, 2, 1)
NOW = dt.datetime(2026, 2, 1, 4, 0, 30, tzinfo=dt.UTC)
HASH = "c0ffee" * 10

DECLARED = [
    SimpleNamespace(name="mrr", kind="number", low=0.0, high=None),
    SimpleNamespace(name="days_since_last_use", kind="number", low=0.0, high=None),
    SimpleNamespace(name="active_share", kind="number", low=0.0, high=1.0),
    SimpleNamespace(name="touches_90d", kind="number", low=0.0, high=None),  # declared, not in the model
    SimpleNamespace(name="days_to_renewal", kind="number", low=0.0, high=None),  # not in the model, yet read
    SimpleNamespace(name="plan", kind="category", low=None, high=None),
]


USUAL: dict[str, dict[str, Any]] = {
    "/score": {"account_ids": ["a-1"]},
    "/score_features": {"rows": [{"mrr": 1}]},
    "/what_if": {"account_id": "a-1", "changes": {"mrr": 1}},
    "/history": {"account_id": "a-1"},
    "/feedback": {"account_id": "a-1", "verdict": "handled"},
    "/lists": {"list": "health"},
    "/brief": {"account_id": "a-1"},
    "/blindsided": {"since": "2026-01-01", "until": "2026-01-31"},
    "/alerts": {},
    "/roi": {"period": "2025Q4"},
    "/revenue": {"period": "2025Q4"},
}


@dataclass(frozen=True)
class Service:
    """An application with what it answers from.

    Parameters
    ----------
    tokens : the header Authorization by kind: all, score, read, admin, bound, revoked, expired, unknown, wrong.
    """

    app: Any
    store: Store
    tokens: Mapping[str, str]
    usual: ClassVar[Mapping[str, dict[str, Any]]] = USUAL
    """A request by path that is answered."""

    @staticmethod
    def problem(response: httpx.Response) -> dict[str, Any]:
        """The problem that a request was refused with, without `instance`, which names the request."""
        document: dict[str, Any] = response.json()
        assert response.headers["content-type"] == "application/problem+json"
        assert document.pop("instance") == f"urn:tenure:request:{response.headers['x-request-id']}"
        assert document["status"] == response.status_code
        Service.sealed(response)
        return document

    @staticmethod
    def sealed(response: httpx.Response) -> None:
        """Check what every answer has in its headers."""
        headers = response.headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        assert len(headers["x-request-id"]) > 0

    def call(
        self, method: str, path: str, body: Any = None, *, token: str | None = "all", **options: Any
    ) -> httpx.Response:
        """What a request is answered with; `body` is sent as JSON, `options` go to httpx."""

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://tenure") as client:
                return await client.request(method, path, **options)

        if body is not None:
            options["json"] = body
        if token is not None:
            options["headers"] = {"Authorization": self.tokens[token], **options.get("headers", {})}
        return asyncio.run(ask())


MakeService = Callable[..., Service]


def closed(schema: Any) -> Any:
    """The document or schema with every object refusing members that it does not name."""
    if isinstance(schema, list):
        return [closed(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: closed(inner) if name not in ("examples", "enum") else inner for name, inner in schema.items()}
    if schema.get("type") == "object" and "properties" in schema:
        found.setdefault("additionalProperties", False)
    return found


@pytest.fixture(scope="session")
def strict() -> dict[str, Any]:
    """The document of the service below, every schema closed: what an answer tells beyond it is a fault."""
    return json.loads(json.dumps(closed(document("1.2.3", DECLARED))))


@pytest.fixture(scope="session")
def conforms(strict: dict[str, Any]) -> Callable[[list[str], Any], None]:
    """`conforms(path, value)`: the value fits the schema that stands at a path of the document."""
    resource = Resource(contents=strict, specification=DRAFT202012)
    registry: Any = Registry().with_resource("urn:document", resource)

    def check(path: list[str], value: Any) -> None:
        pointer = "/".join(part.replace("~", "~0").replace("/", "~1") for part in path)
        validator = jsonschema.Draft202012Validator({"$ref": f"urn:document#/{pointer}"}, registry=registry)
        error = jsonschema.exceptions.best_match(validator.iter_errors(value))
        assert error is None, f"{pointer}: {error.message} at {list(error.absolute_path)}"

    return check


@pytest.fixture(scope="session")
def make_service(
    tmp_path_factory: pytest.TempPathFactory,
    make_frame: Callable[..., pd.DataFrame],
    make_champion: Callable[..., Champion],
) -> Iterator[MakeService]:
    """`make_service()`: a service over a store of its own.

    `frame` ("older": of another catalogue; "without churned_on"; None: no day is scored) and `load` replace the day and
    the champion; `reach` gives the service its store;
    `earlier` is a day scored before.
    """

    opened: list[Store] = []

    def make(
        frame: pd.DataFrame | str | None = "usual",
        load: Callable[[], Champion | None] = lambda: make_champion(expansion=True),
        reach: Callable[[Store], Store] = lambda store: store,
        earlier: pd.DataFrame | None = None,
        **options: Any,
    ) -> Service:
        store = Store.open(address_of(tmp_path_factory.mktemp("service")))
        opened.append(store)
        if isinstance(frame, str):
            version = {"catalogue_hash": "decaf" * 12} if frame == "older" else {}
            lacking = ["churned_on"] if frame == "without churned_on" else []
            frame = usual_frame(make_frame).assign(**version).drop(columns=lacking)
        if earlier is not None:
            write_day(store, earlier, earlier["as_of"].iloc[0].date())
        if frame is not None:
            write_day(store, frame, DAY, usual_features(frame))
        keep(store, usual_reports())
        metrics = Metrics(prometheus_client, prometheus_client.CollectorRegistry())
        champion = ChampionHolder(load, HASH)
        latest = Latest(lambda: reach(store))
        app = create_app(latest, champion, declared=DECLARED, metrics=metrics, clock=lambda: NOW, **options)
        return Service(app, store, tokens_of(store))

    yield make
    for store in opened:
        store.close()


def usual_frame(make_frame: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    """Six accounts, of two CSMs; the last has given notice."""
    frame = make_frame(expansion=True)
    ours = frame.assign(csm_id=["c-7", "c-7", "c-8", "c-8", None, "c-7"], plan="team")
    health = [37.5, 61.25, 48.0, 12.0, 103.0, None]
    return ours.assign(
        stage=["adoption", "renewal", "onboarding", "expansion", "adoption", None],
        health=health,
        health_adoption=health,
        health_source="model",
        health_cell="mid, adoption",
        health_anchor=-2.5,
        points_to_double=10.0,
        band=["red", "green", "yellow", "red", "green", None],
        rule_health=[55.0, 20.0, None, 40.0, 100.0, None],
        churned_on=None,
        list_rank=pd.array([1, None, 1, 2, None, None], dtype="Int32"),
        moved=None,
    )


def usual_features(frame: pd.DataFrame) -> pd.DataFrame:
    accounts = pd.Index(frame["account_id"], name="account_id")
    return pd.DataFrame(
        {
            "mrr": [128.0 * n for n in range(len(frame))],
            "days_since_last_use": 64.0,
            "active_share": None,
            "days_to_renewal": 89.0,
            "plan": "pro",
        },
        index=accounts,
    )


def usual_reports() -> list[Report]:
    """Those that the document's examples tell."""
    roi, revenue = MONEY_ANSWERS["RoiAnswers"]["all"], MONEY_ANSWERS["RevenueAnswers"]
    told = [("roi", roi), *(("revenue", revenue[name]) for name in ("total", "csm"))]
    made = []
    for kind, answer in told:
        body = {name: value for name, value in answer.items() if name != "computed_at"}
        if kind == "roi":
            body["held_last"] = {row["account_id"]: csm["csm_id"] for csm in answer["csms"] for row in csm["explained"]}
        computed = dt.datetime.fromisoformat(answer["computed_at"])
        made.append(Report(kind, "2025Q4", answer.get("by") or "", DAY, computed, body))
    return made


def tokens_of(store: Store) -> dict[str, str]:
    before = NOW - dt.timedelta(days=30)
    made = {
        name: create(store, name, scopes, csm, expires, now=before)[1]
        for name, scopes, csm, expires in (
            ("all", ["score", "read", "admin"], None, None),
            ("score", ["score"], None, None),
            ("read", ["read"], None, None),
            ("admin", ["admin"], None, None),
            ("bound", ["read"], "c-7", None),
            ("revoked", ["score", "read"], None, None),
            ("expired", ["score", "read"], None, NOW),
        )
    }
    revoke(store, "revoked", now=before)
    made["unknown"] = f"tnr_{'0' * 12}_{'0' * 64}"
    made["wrong"] = re.sub(r"_[0-9a-f]{64}$", "_" + "0" * 64, made["all"])
    return {name: f"Bearer {text}" for name, text in made.items()}


@pytest.fixture(scope="session")
def service(make_service: MakeService) -> Service:
    """One for all tests that only ask."""
    return make_service()
