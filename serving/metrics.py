"""Metrics: what happens in this process in; counts, times and ages for Prometheus, over all workers, out."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from serving.layout import STATUSES

__all__ = ["Metrics", "Scored"]

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_OUTCOMES = ("churn", "expansion")

_NOT_TO_SCORE = ("churned", "notice_given")
_SCORED = ("ok", "stale")


class Scored(Protocol):
    """A scored day, as the store's `Run` is one."""

    @property
    def as_of(self) -> Any: ...
    @property
    def computed_at(self) -> Any: ...
    @property
    def statuses(self) -> Mapping[str, int]: ...


class Metrics:
    """The metrics of the service; every label is one of a few that the code knows.

    Parameters
    ----------
    client : the module `prometheus_client`, imported where PROMETHEUS_MULTIPROC_DIR is set already if there are
        several workers; gauges then show the worker that set them last, the sum or the worst, and dead workers none.
    registry : the client's own where None.
    """

    def __init__(self, client: Any, registry: Any = None) -> None:
        self._client, self._registry = client, registry or client.REGISTRY
        kept: dict[str, Any] = {"registry": self._registry}
        self._requests = client.Counter("tenure_requests_total", "Requests answered.", ("route", "status"), **kept)
        self._problems = client.Counter("tenure_problems_total", "Requests refused, by kind.", ("kind",), **kept)
        self._seconds = client.Histogram(
            "tenure_request_seconds", "Time from a request to its answer.", ("route",), buckets=_SECONDS, **kept
        )
        self._feedback = client.Counter("tenure_feedback_total", "Verdicts given on accounts.", ("verdict",), **kept)

        def gauge(name: str, says: str, mode: str, labels: tuple[str, ...] = ()) -> Any:
            return client.Gauge(name, says, labels, multiprocess_mode=mode, **kept)

        self._in_flight = gauge("tenure_in_flight", "Requests being answered now.", "livesum")
        last = "livemostrecent"
        self._computed = gauge("tenure_scores_computed_timestamp_seconds", "When the newest scores were made.", last)
        self._as_of = gauge("tenure_scores_as_of_timestamp_seconds", "The day that the newest scores are of.", last)
        self._accounts = gauge("tenure_accounts", "Accounts of the newest scores, by status.", last, ("status",))
        self._unscored = gauge(
            "tenure_unscored_share", "Share without a probability of the accounts that should have one.", last
        )
        self._version = gauge("tenure_champion_version", "The version in use; 0 for none.", last, ("outcome",))
        self._trouble = gauge("tenure_champion_trouble", "1 where a champion cannot be used.", "livemax")
        self._up = gauge("tenure_store_up", "0 where a worker cannot read the score store.", "livemin")
        self._up.set(1)  # until a look fails: a worker that nobody has asked yet would show the whole service as down
        self._children: dict[tuple[Any, ...], Any] = {}

    def entered(self) -> None:
        """A request has come."""
        self._in_flight.inc()

    def answered(self, route: str, status: int, seconds: float, kind: str | None = None) -> None:
        """It is answered; `kind` is that of its problem."""
        self._in_flight.dec()
        self._child(self._requests, route, status).inc()
        self._child(self._seconds, route).observe(seconds)
        if kind is not None:
            self._child(self._problems, kind).inc()

    def feedback(self, verdict: str) -> None:
        self._child(self._feedback, verdict).inc()

    def store(self, up: bool) -> None:
        """The store was looked at."""
        self._up.set(int(up))

    def run(self, run: Scored) -> None:
        """This is the newest run of the store."""
        day = run.as_of.toordinal() - 719163  # days since 1970-01-01
        self._computed.set(run.computed_at.timestamp())
        self._as_of.set(day * 86400)
        for status in STATUSES:  # all of them: what an earlier run had would stay otherwise
            self._child(self._accounts, status).set(run.statuses.get(status, 0))
        wanted = sum(count for status, count in run.statuses.items() if status not in _NOT_TO_SCORE)
        scored = sum(run.statuses.get(status, 0) for status in _SCORED)
        self._unscored.set((wanted - scored) / wanted if wanted else 0.0)

    def champion(self, versions: Mapping[str, str | None], trouble: bool) -> None:
        """These are the versions in use by outcome, and whether anything is wrong with the newest ones."""
        for outcome in _OUTCOMES:
            version = versions.get(outcome) or "0"
            self._child(self._version, outcome).set(int(version) if version.isdecimal() else -1)
        self._trouble.set(int(trouble))

    def exposition(self) -> tuple[bytes, str]:
        """All metrics of all workers as text, and its media type; reads files, so not for the event loop."""
        folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
        if not folder or self._registry is not self._client.REGISTRY:
            return self._client.generate_latest(self._registry), self._client.CONTENT_TYPE_LATEST
        from prometheus_client import multiprocess

        _forget_dead(Path(folder), multiprocess.mark_process_dead)
        together = self._client.CollectorRegistry()
        multiprocess.MultiProcessCollector(together)
        return self._client.generate_latest(together), self._client.CONTENT_TYPE_LATEST

    def _child(self, metric: Any, *labels: object) -> Any:
        # The client looks labels up under a lock and by text, for every request anew.
        key = (metric, *labels)
        found = self._children.get(key)
        if found is None:
            found = self._children[key] = metric.labels(*labels)
        return found


def _forget_dead(folder: Path, mark: Any) -> None:
    """Drop the gauges of workers that were killed, which had no time to do it: they would be added up for ever."""
    for file in folder.glob("gauge_live*.db"):
        if (found := re.search(r"_(\d+)\.db$", file.name)) and not _alive(int(found[1])):
            with contextlib.suppress(FileNotFoundError):  # another worker has just done it
                mark(int(found[1]))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
