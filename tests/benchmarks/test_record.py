"""A study that is stopped goes on where it was; what other code made is made again."""

from __future__ import annotations

import json
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from benchmarks.prove import record as module
from benchmarks.prove.record import Record


def made(seed: int) -> dict[str, Any]:
    return {"seed": seed, "undefined": float("nan")}


class Here:
    """Stands in for the pool of processes, which could not import a test."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self.asked: list[int] = []

    def __enter__(self) -> Here:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def submit(self, make: Any, seed: int) -> Any:
        future: Future[dict[str, Any]] = Future()
        calls.append(seed)
        future.set_result(make(seed))
        return future


calls: list[int] = []


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    calls.clear()
    monkeypatch.setattr(module, "ProcessPoolExecutor", Here)


def test_runs_that_are_there_are_not_made_again(tmp_path: Path) -> None:
    file = tmp_path / "study.json"
    Record(file, "a study").runs(made, range(3))
    assert calls == [0, 1, 2]
    again = Record(file, "a study")
    assert [run["seed"] for run in again.runs(made, range(5))] == [0, 1, 2, 3, 4]
    assert calls == [0, 1, 2, 3, 4]
    again.close(range(5), {"seeds": 5})
    stored = json.loads(file.read_text())
    assert stored["summary"] == {"seeds": 5}
    assert stored["runs"]["seed 4"] == {"seed": 4, "undefined": None}


def test_runs_of_other_code_are_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "study.json"
    Record(file, "a study").runs(made, range(2))
    monkeypatch.setattr(module, "code_fingerprint", lambda *_: "changed")
    Record(file, "a study").runs(made, range(2))
    assert calls == [0, 1, 0, 1]
