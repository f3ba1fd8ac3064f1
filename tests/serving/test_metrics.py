"""Metrics: what is counted, and what several workers show together."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import prometheus_client
import pytest
from prometheus_client.parser import text_string_to_metric_families

from serving.layout import STATUSES
from serving.metrics import Metrics

ROOT = Path(__file__).resolve().parents[2]
COMPUTED = dt.datetime(2026, 2, 1, 3, tzinfo=dt.UTC)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(prometheus_client, prometheus_client.CollectorRegistry())


def shown(metrics: Metrics) -> dict[str, float]:
    return parsed(metrics.exposition()[0].decode())


def parsed(text: str) -> dict[str, float]:
    values = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f"{key}={value}" for key, value in sorted(sample.labels.items()))
            values[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return values


def day(**statuses: int) -> Any:
    return SimpleNamespace(as_of=dt.date(2026, 2, 1), computed_at=COMPUTED, statuses=statuses)


def test_requests_are_counted_by_route_and_status_and_problems_by_kind(metrics: Metrics) -> None:
    for status, kind in ((200, None), (200, None), (422, "bad-request")):
        metrics.entered()
        metrics.answered("score", status, 0.002, kind)
    metrics.entered()
    values = shown(metrics)
    assert values["tenure_requests_total{route=score,status=200}"] == 2
    assert values["tenure_requests_total{route=score,status=422}"] == 1
    assert values["tenure_problems_total{kind=bad-request}"] == 1
    assert values["tenure_request_seconds_count{route=score}"] == 3
    assert values["tenure_request_seconds_sum{route=score}"] == pytest.approx(0.006)
    assert values["tenure_request_seconds_bucket{le=0.001,route=score}"] == 0
    assert values["tenure_request_seconds_bucket{le=0.0025,route=score}"] == 3
    assert values["tenure_in_flight"] == 1


def test_a_run_shows_its_age_its_accounts_and_how_many_should_have_a_score(metrics: Metrics) -> None:
    metrics.run(day(ok=6, stale=1, insufficient_data=2, error=1, churned=80, notice_given=10))
    values = shown(metrics)
    assert values["tenure_scores_computed_timestamp_seconds"] == COMPUTED.timestamp()
    midnight = dt.datetime(2026, 2, 1, tzinfo=dt.UTC)
    assert values["tenure_scores_as_of_timestamp_seconds"] == midnight.timestamp()
    assert values["tenure_accounts{status=churned}"] == 80
    assert values["tenure_unscored_share"] == pytest.approx(3 / 10)

    metrics.run(day(ok=4))
    values = shown(metrics)
    assert {status: values[f"tenure_accounts{{status={status}}}"] for status in STATUSES} == {
        **dict.fromkeys(STATUSES, 0),
        "ok": 4,
    }
    assert values["tenure_unscored_share"] == 0
    metrics.run(day())
    assert shown(metrics)["tenure_unscored_share"] == 0


def test_champions_and_the_store_say_how_they_are(metrics: Metrics) -> None:
    metrics.champion({"churn": "7", "expansion": None}, trouble=True)
    metrics.store(up=False)
    metrics.feedback("handled")
    values = shown(metrics)
    assert values["tenure_champion_version{outcome=churn}"] == 7
    assert values["tenure_champion_version{outcome=expansion}"] == 0
    assert (values["tenure_champion_trouble"], values["tenure_store_up"]) == (1, 0)
    assert values["tenure_feedback_total{verdict=handled}"] == 1
    metrics.champion({"churn": "custom", "expansion": "2"}, trouble=False)
    metrics.store(up=True)
    values = shown(metrics)
    assert values["tenure_champion_version{outcome=churn}"] == -1
    assert (values["tenure_champion_trouble"], values["tenure_store_up"]) == (0, 1)


WORKER = """
import datetime as dt, json, sys
from types import SimpleNamespace
import prometheus_client
from serving.metrics import Metrics

metrics = Metrics(prometheus_client)
print("ready", flush=True)
for line in sys.stdin:
    name, arguments = json.loads(line)
    if name == "run":
        now = dt.datetime.now(dt.UTC)
        arguments = [SimpleNamespace(as_of=now.date(), computed_at=now, statuses=arguments)]
    if name == "exposition":
        print(json.dumps(metrics.exposition()[0].decode()), flush=True)
    else:
        getattr(metrics, name)(*arguments)
        print("done", flush=True)
"""


class Worker:
    """A process with metrics of its own, beside others in one folder, as BentoML's workers are."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)},
        )

    def ready(self) -> bool:
        return self._answer() == "ready"

    def _answer(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().strip()

    def do(self, name: str, *arguments: Any) -> str:
        assert self._process.stdin
        self._process.stdin.write(json.dumps([name, arguments[0] if name == "run" else arguments]) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def shown(self) -> dict[str, float]:
        return parsed(json.loads(self.do("exposition")))

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(10)
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe
            pipe.close()


def test_workers_are_shown_together_and_a_killed_one_leaves_its_counts_alone(tmp_path: Path) -> None:
    first, second = Worker(tmp_path), Worker(tmp_path)
    try:
        assert [first.ready(), second.ready()] == [True, True]
        first.do("store", True)
        assert first.shown()["tenure_store_up"] == 1, "the other has only not looked yet"
        for worker in (first, second):
            worker.do("entered")
            worker.do("entered")
            worker.do("answered", "score", 200, 0.01)
            worker.do("store", True)
            worker.do("champion", {"churn": "3"}, False)
        first.do("champion", {"churn": "4"}, False)
        first.do("run", {"ok": 1, "error": 1})
        second.do("run", {"ok": 2})
        first.do("store", False)
        second.do("champion", {"churn": "3"}, True)
        for worker in (first, second):
            values = worker.shown()
            assert values["tenure_requests_total{route=score,status=200}"] == 2
            assert values["tenure_in_flight"] == 2
            assert values["tenure_store_up"] == 0, "the worst of all"
            assert values["tenure_champion_trouble"] == 1, "the worst of all"
            assert values["tenure_champion_version{outcome=churn}"] == 3, "the last that was told"
            assert values["tenure_accounts{status=ok}"] == 2, "the last that was told"
            assert values["tenure_accounts{status=error}"] == 0, "the last that was told"
        first.kill()
        values = second.shown()
        assert values["tenure_requests_total{route=score,status=200}"] == 2
        assert values["tenure_in_flight"] == 1
        assert values["tenure_store_up"] == 1
    finally:
        first.kill()
        second.kill()
