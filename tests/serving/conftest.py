"""Sample scores, a small kernel with known drivers, and the application over both."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pandas as pd
import prometheus_client
import pytest

from serving.app import create_app
from serving.champion import Champion, ChampionHolder
from serving.forecast import Forecast, Model
from serving.latest import Latest
from serving.metrics import Metrics
from serving.store.address import address_of
from serving.store.store import Store
from serving.store.tokens import create
from serving.store.writing import write_day
from training.kernel.sentences import plain_wording

DAY = dt.date(2026, 2, 1)
COMPUTED = dt.datetime(2026, 2, 1, 3, 0, tzinfo=dt.UTC)
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


def score_frame(
    as_of: dt.date = DAY, accounts: int = 6, version: str = "3", seed: int = 7, expansion: bool = False
) -> pd.DataFrame:
    """A day of scores in the agreed shape, at 30, 90 and 365 days; the last account is not scored."""
    rng = np.random.default_rng(seed)
    rows = []
    for n in range(accounts):
        points = rng.normal(0, 0.01, 8)
        scored = n < accounts - 1
        drivers = [driver(f"feature_{k}", float(p)) for k, p in enumerate(points)]
        row: dict[str, Any] = {"account_id": f"a-{n}", "as_of": pd.Timestamp(as_of)}
        row["status"] = "ok" if scored else "notice_given"
        p90 = 0.2 + float(sum(points))
        for h, p, typical in ((30, p90 / 2, 0.1), (90, p90, 0.2), (365, (1 + p90) / 2, 0.6)):
            figures = {
                f"churn_{h}d": p,
                f"churn_{h}d_low": 0.9 * p,
                f"churn_{h}d_high": p,
                f"typical_{h}d": typical,
                f"involuntary_{h}d": p / 4,
                f"expected_mrr_{h}d": 100.0 * n * (1 - p),
            }
            if expansion:
                grown = {"": 0.3 - p / 8 + h / 1000, "_low": 0.0, "_high": 1.0}
                figures |= {f"expansion_{h}d{end}": value for end, value in grown.items()}
                figures[f"expansion_typical_{h}d"] = 0.25
            row |= {name: value if scored else None for name, value in figures.items()}
        row |= {
            "renewal_next": 0.75 if scored and n else None,
            "renews_on": dt.date(2026, 6, 1) if n else None,
            "mrr": 100.0 * n,
            "mrr_at_risk": 20.0 * n if scored else None,
            "name": "Zoë & Søns" if n == 1 else f"Account {n}",
            "segment": "mid",
            "csm_id": f"c-{n % 2}" if n else None,
            "reading": "about 1 in 5 accounts like this leave by 2 May 2026" if scored else None,
            "drivers": json.dumps(drivers) if scored else None,
            "drivers_horizon": 90,
            "not_validated_in_time": '["churn_365d"]',
            "model_version": version,
            "expansion_version": "2" if expansion else None,
            "catalogue_hash": HASH,
            "computed_at": COMPUTED,
            "reason": None if scored else "It gave notice.",
        }
        if expansion:
            grown = [driver("seats", 0.5), driver("users", row["expansion_90d"] - 0.75)] if scored else None
            row |= {"expansion_drivers": json.dumps(grown) if grown else None, "expansion_drivers_horizon": 90}
        rows.append(row)
    return pd.DataFrame(rows)


def rule_frame(as_of: dt.date = DAY, accounts: int = 6) -> pd.DataFrame:
    """A day of scores by rules: health, and probabilities that are null."""
    frame = score_frame(as_of, accounts)
    figures = ["churn", "typical", "involuntary", "expected_mrr"]
    nulls = [name for name in frame.columns if any(name.startswith(f"{figure}_") for figure in figures)]
    frame[nulls] = np.nan
    frame[["renewal_next", "mrr_at_risk"]] = np.nan
    frame[["reading", "drivers", "drivers_horizon", "not_validated_in_time", "model_version"]] = None
    frame.loc[frame["status"] == "ok", ["status", "reason"]] = ["insufficient_data", "Too little history."]
    health = np.where(frame["status"] == "insufficient_data", 10.0 * np.arange(accounts), np.nan)
    source = ["rule_based" if scored else None for scored in ~np.isnan(health)]
    return frame.assign(health=health, health_adoption=health, health_source=source)


class LinearKernel:
    """A kernel whose drivers are known: p = a + b times the sum of w x, with missing at no effect; exact in float.

    Parameters
    ----------
    lines : a and b by horizon; the probabilities must rise with it.
    """

    feature_names = ("mrr", "days_since_last_use", "active_share", "plan")
    categories: dict[str, list[str]] = {"plan": ["basic", "pro"]}  # noqa: RUF012 (a stand-in, never changed)
    weights = {"mrr": 2.0**-14, "days_since_last_use": 2.0**-10, "active_share": -(2.0**-4)}  # noqa: RUF012 (likewise)

    def __init__(self, lines: dict[int, tuple[float, float]], share: float | None, outcome: str = "churn") -> None:
        self.lines, self.outcome = lines, outcome
        self.horizons = tuple(lines)
        self.intervals = [SimpleNamespace(until=h, share=share, renewal_share=0.0) for h in lines]
        self.ratios = dict.fromkeys(lines, (1.0, 0.0)) if outcome == "churn" else {}
        self.words = {name: plain_wording(name, name in self.categories) for name in self.feature_names}

    def encode(self, rows: pd.DataFrame) -> pd.DataFrame:
        return rows

    def points(self, rows: pd.DataFrame, horizon: int = 90) -> np.ndarray:
        parts = []
        for name in self.feature_names:
            if name not in rows.columns:
                parts.append(np.zeros(len(rows)))
            elif name == "plan":
                parts.append(np.array([0.0625 if value == "pro" else 0.0 for value in rows[name]]))
            else:
                parts.append(self.weights[name] * np.nan_to_num(np.asarray(rows[name], dtype=np.float64)))
        return self.lines[horizon][1] * np.column_stack(parts)

    def probabilities(self, rows: pd.DataFrame, horizon: int) -> np.ndarray:
        if "mrr" in rows.columns and (rows["mrr"] == 666).any():
            raise FloatingPointError("the model fails on this one")
        p = self.lines[horizon][0] + self.points(rows, horizon).sum(axis=1)
        return np.clip(p, 2.0**-40, 1 - 2.0**-30)

    def hazards(self, rows: pd.DataFrame) -> np.ndarray:
        left, columns = np.ones(len(rows)), []
        for horizon in self.horizons:
            p = self.probabilities(rows, horizon)
            columns.append(1 - (1 - p) / left)
            left = 1 - p
        return np.column_stack(columns)

    def bounds(self, rows: pd.DataFrame, horizon: int) -> tuple[np.ndarray, np.ndarray]:
        p = self.probabilities(rows, horizon)
        return p * 0.75, p

    def involuntary(self, rows: pd.DataFrame, horizon: int) -> np.ndarray:
        return self.probabilities(rows, horizon) / 4

    def retained_ratio(self, rows: pd.DataFrame, horizon: int) -> np.ndarray:
        return np.full(len(rows), 1 + horizon / 1024)

    def typical_probability(self, horizon: int) -> float:
        return self.lines[horizon][0]


CHURN = {30: (0.15, 0.5), 90: (0.3, 1.0), 365: (0.65, 0.5)}
EXPANSION = {30: (0.125, 0.25), 180: (0.25, 0.5)}


def fake_champion(catalogue_hash: str = HASH, version: str = "3", expansion: bool = False) -> Champion:
    def drivers(kernel: Any, rows: Any, horizon: int, count: int | None = None) -> list[list[dict[str, Any]]]:
        # As a library would hand them over: numpy scalars, and NaN for a value that is missing.
        share = kernel.points(rows, horizon)
        return [
            [
                {**driver(name, 0.0), "points": np.float64(share[n, k]), "value": np.float64("nan")}
                for k, name in enumerate(kernel.feature_names)
            ]
            for n in range(len(rows))
        ]

    churn: Any = LinearKernel(CHURN, 0.25)
    grown: Any = LinearKernel(EXPANSION, None, "expansion")
    return Champion(
        version=version,
        catalogue_hash=catalogue_hash,
        forecast=Forecast(Model(version, churn, (365,)), Model("2", grown) if expansion else None, drivers),
        reading=lambda p, as_of, horizon: f"about {p:.2f} by {as_of + dt.timedelta(days=horizon)}",
    )


class Client:
    """Calls the application in process with a token of every scope; what it lets through as an exception fails."""

    def __init__(self, app: Any, store: Store, token: str) -> None:
        self.app, self.store, self.token = app, store, token

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
        options["headers"] = {**headers, **options.get("headers", {})}

        async def call() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
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
def make_rule_frame() -> Callable[..., pd.DataFrame]:
    """`rule_frame`, likewise."""
    return rule_frame


@pytest.fixture(scope="session")
def declared() -> list[SimpleNamespace]:
    """The features that a row may name."""
    return DECLARED


@pytest.fixture(scope="session")
def make_champion() -> Callable[..., Champion]:
    """`fake_champion`, likewise."""
    return fake_champion


@pytest.fixture
def make_client(tmp_path: Path) -> Iterator[Callable[..., Client]]:
    """A client over a store; `scored=False` has no day, `frame` and `load` replace the day and the champion.

    The application's lifespan does not run, so that nothing is loaded before it is asked for. The store is looked at
    for every request.
    """
    opened = []

    def make(
        *,
        scored: bool = True,
        frame: pd.DataFrame | None = None,
        features: pd.DataFrame | None = None,
        load: Callable[[], Champion | None] = fake_champion,
        clock: Callable[[], dt.datetime] = lambda: NOW,
        url: str | None = None,
        max_in_flight: int = 256,
    ) -> Client:
        store = Store.open(address_of(tmp_path, url))
        opened.append(store)
        if scored:
            write_day(store, score_frame() if frame is None else frame, DAY, features)
        _, token = create(store, "tests", ["score", "read", "admin"], now=NOW)
        app = create_app(
            Latest(lambda: store, max_age=0),
            ChampionHolder(load, HASH),
            declared=DECLARED,
            metrics=Metrics(prometheus_client, prometheus_client.CollectorRegistry()),
            clock=clock,
            max_in_flight=max_in_flight,
        )
        return Client(app, store, token)

    yield make
    for store in opened:
        store.close()


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
