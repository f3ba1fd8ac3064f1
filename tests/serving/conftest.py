"""Sample scores, a small kernel with known drivers, and the application over both."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from serving.app import create_app
from serving.champion import Champion
from serving.scores import write_day

DAY = dt.date(2026, 2, 1)
COMPUTED = dt.datetime(2026, 2, 1, 3, 0, tzinfo=dt.UTC)
NOW = dt.datetime(2026, 2, 1, 4, 0, 30, tzinfo=dt.UTC)
HASH = "c0ffee" * 10

DECLARED = [
    SimpleNamespace(name="mrr", kind="number", low=0.0, high=None),
    SimpleNamespace(name="days_since_last_use", kind="number", low=0.0, high=None),
    SimpleNamespace(name="active_share", kind="number", low=0.0, high=1.0),
    SimpleNamespace(name="touches_90d", kind="number", low=0.0, high=None),  # declared, not in the model
    SimpleNamespace(name="plan", kind="category", low=None, high=None),
]


def driver(name: str, points: float) -> dict[str, Any]:
    return {
        "feature": name,
        "sentence": f"About {name}",
        "value": 3.0,
        "unit": "days",
        "dimension": "engagement",
        "actionable": True,
        "points": points,
    }


def score_frame(as_of: dt.date = DAY, accounts: int = 6, version: str = "3", seed: int = 7) -> pd.DataFrame:
    """A day of scores in the agreed shape; the last account is not scored."""
    rng = np.random.default_rng(seed)
    rows = []
    for n in range(accounts):
        points = rng.normal(0, 0.01, 8)
        scored = n < accounts - 1
        drivers = [driver(f"feature_{k}", float(p)) for k, p in enumerate(points)]
        rows.append(
            {
                "account_id": f"a-{n}",
                "as_of": pd.Timestamp(as_of),
                "status": "ok" if scored else "notice_given",
                "churn_90d": 0.2 + float(sum(points)) if scored else None,
                "typical_90d": 0.2 if scored else None,
                "renews_on": dt.date(2026, 6, 1) if n else None,
                "mrr": 100.0 * n,
                "mrr_at_risk": 20.0 * n if scored else None,
                "name": "Zoë & Søns" if n == 1 else f"Account {n}",
                "segment": "mid",
                "reading": "about 1 in 5 accounts like this leave by 2 May 2026" if scored else None,
                "drivers": json.dumps(drivers) if scored else None,
                "model_version": version,
                "catalogue_hash": HASH,
                "computed_at": COMPUTED,
                "reason": None if scored else "It gave notice.",
            }
        )
    return pd.DataFrame(rows)


class LinearKernel:
    """A kernel whose drivers are known: p = 0.3 + sum of w x, with missing at no effect; all exact in float."""

    horizons = (90,)
    feature_names = ("mrr", "days_since_last_use", "active_share", "plan")
    categories: dict[str, list[str]] = {"plan": ["basic", "pro"]}  # noqa: RUF012 (a stand-in, never changed)
    weights = {"mrr": 2.0**-14, "days_since_last_use": 2.0**-10, "active_share": -(2.0**-4)}  # noqa: RUF012 (likewise)

    def points(self, rows: pd.DataFrame) -> np.ndarray:
        parts = []
        for name in self.feature_names:
            if name not in rows.columns:
                parts.append(np.zeros(len(rows)))
            elif name == "plan":
                parts.append(np.array([0.0625 if value == "pro" else 0.0 for value in rows[name]]))
            else:
                parts.append(self.weights[name] * rows[name].fillna(0.0).to_numpy())
        return np.column_stack(parts)

    def probabilities(self, rows: pd.DataFrame, horizon: int) -> np.ndarray:
        assert horizon == 90
        if (rows["mrr"] == 666).any():
            raise FloatingPointError("the model fails on this one")
        return np.clip(0.3 + self.points(rows).sum(axis=1), 0.0, 1.0)

    def explain(self, rows: pd.DataFrame, horizon: int) -> Any:
        return SimpleNamespace(typical_probability=0.3)


def fake_champion(catalogue_hash: str = HASH, version: str = "3") -> Champion:
    kernel = LinearKernel()

    def drivers(rows: pd.DataFrame, horizon: int) -> list[list[dict[str, Any]]]:
        # As a library would hand them over: numpy scalars, and NaN for a value that is missing.
        share = kernel.points(rows)
        return [
            [
                {**driver(name, 0.0), "points": np.float64(share[n, k]), "value": np.float64("nan")}
                for k, name in enumerate(kernel.feature_names)
            ]
            for n in range(len(rows))
        ]

    return Champion(
        version=version,
        catalogue_hash=catalogue_hash,
        kernel=kernel,
        drivers=drivers,
        reading=lambda p, as_of, horizon: f"about {p:.2f} by {as_of + dt.timedelta(days=horizon)}",
    )


class Client:
    """Calls the application in process; an exception that it lets through fails the test."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def call() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://tenure") as client:
                return await client.request(method, path, **options)

        return asyncio.run(call())

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.request("POST", path, **options)


@pytest.fixture(scope="session")
def make_frame() -> Callable[..., pd.DataFrame]:
    """`score_frame`, since test modules cannot import one another."""
    return score_frame


@pytest.fixture(scope="session")
def make_champion() -> Callable[..., Champion]:
    """`fake_champion`, likewise."""
    return fake_champion


@pytest.fixture
def make_client(tmp_path: Path) -> Callable[..., Client]:
    """A client over a home folder; `scored=False` has no day, `load` replaces the champion's loader.

    The application's lifespan does not run, so that nothing is loaded before it is asked for.
    """

    def make(
        *,
        scored: bool = True,
        load: Callable[[], Champion | None] = fake_champion,
        clock: Callable[[], dt.datetime] = lambda: NOW,
    ) -> Client:
        if scored:
            write_day(tmp_path, score_frame(), DAY)
        return Client(create_app(tmp_path, load_champion=load, declared=DECLARED, catalogue_hash=HASH, clock=clock))

    return make


@pytest.fixture(scope="session")
def problem() -> Callable[..., dict[str, Any]]:
    """`problem(response, status, kind)`: the problem document of a refusal, checked for its form."""
    return _problem


def _problem(response: httpx.Response, status: int, kind: str | None = None) -> dict[str, Any]:
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
