"""Moves: the champion alias moved while clients ask for explained scores, to a good version and to a damaged one."""

from __future__ import annotations

import contextlib
import json
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.prove.serving.kills import explained, until_ready
from benchmarks.prove.serving.place import filled, studied
from benchmarks.serving.homes import Home, champion_is, token
from benchmarks.serving.load import Plan
from benchmarks.serving.servers import Load, Server, ask, load, running, tenure

__all__ = ["move_champion"]

_WITHIN = 10.0
"""Seconds within which every worker must serve the new champion."""


def move_champion(out: Path, seeds: int) -> bool:
    """Two moves of the champion under load: no failed request, and every answer is that of the version it names."""
    summary = studied(
        out / "champion-moves.json",
        "tenure serve with two workers under 4 connections of explained scores, 2 that open anew for each, and 4 of "
        "look-ups, while the champion alias moves to another version and back, and then to one whose files are "
        "damaged: every answer is compared with that of the version it names",
        _move,
        max(1, seeds // 7),
        _summary,
    )
    return bool(
        summary["failed"] + summary["wrong"] == 0
        and max(summary["seconds_until_all_workers"]) < _WITHIN
        and summary["workers_that_answered"] == 2 * summary["repetitions"]
        and summary["damaged_told"] == summary["repetitions"]
    )


def _move(home: Home, number: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as place:
        own = home.without_scores(Path(place) / "home")
        ids = filled(own, None, 600)["account_id"].tolist()
        with running(tenure(own.folder, 2), Path(place)) as server:
            return _moved(own, server, token(own.folder), ids, explained(home))


def _moved(home: Home, server: Server, headers: dict[str, str], ids: list[str], rows: list[str]) -> dict[str, Any]:
    stored = [json.dumps({"account_ids": [one], "explain": 5}) for one in ids[:300]]
    until_ready(server)
    first = _learned(server, "/score_features", rows, headers)
    champion_is(home.folder, 2)
    _until_version(server, "2")
    second = _learned(server, "/score_features", rows, headers)
    champion_is(home.folder, 1)
    _until_version(server, "1")
    right = [list(pair) for pair in zip(first, second, strict=True)]
    looked_up = [[text] for text in _learned(server, "/score", stored, headers)]
    versions = {json.loads(text)["model_version"] for text in (first[0], second[0])}

    seconds = 180.0  # it is told to stop before
    features = Plan(
        server.address, "/score_features", headers, rows, right, seconds=seconds, connections=4, timed=True
    )  # fmt: skip
    anew = Plan(
        server.address, "/score_features", headers, rows, right, seconds=seconds, connections=2, timed=True, fresh=True
    )
    look_ups = Plan(server.address, "/score", headers, stored, looked_up, seconds=seconds, connections=4)
    under_way = [Load(plan) for plan in (features, anew, look_ups)]
    time.sleep(3)
    busy = {worker.pid: worker.cpu_times().user for worker in server.workers()}
    moves = []
    for version in (2, 1):
        champion_is(home.folder, version)
        moves.append((time.time(), version))
        time.sleep(12)
    with _damaged(home, 2):
        champion_is(home.folder, 2)
        time.sleep(6)
        troubles = [json.loads(ask(server, "/readyz"))["champion"] for _ in range(20)]
        champion_is(home.folder, 1)
    told = [one.stop() for one in under_way]
    answered = [worker for worker in server.workers() if worker.cpu_times().user - busy.get(worker.pid, 1e9) > 1]
    verdicts = Counter(str(verdict) for one in told for *_, verdict in one["answers"])
    return {
        "verdicts": verdicts,
        "versions": sorted(versions),
        "workers_that_answered": len(answered),
        "moves": [_seen(at, version, told[:2]) for at, version in moves],
        "damaged": {
            "told": all(one["model_version"] == "1" and one.get("trouble") for one in troubles),
            "readiness": troubles[0],
        },
    }


def _learned(server: Server, path: str, bodies: list[str], headers: dict[str, str]) -> list[str]:
    texts = load(Plan(server.address, path, headers, bodies, requests=len(bodies), connections=4, keep=True))["texts"]
    return [texts[str(place)] for place in range(len(bodies))]


def _until_version(server: Server, version: str) -> None:
    """Wait until new connections have found this version twenty times in a row."""
    deadline, seen = time.monotonic() + 60, 0
    while seen < 20:
        if time.monotonic() > deadline:
            raise RuntimeError(f"Version {version} is not served: {server.log.read_text(errors='replace')[-2000:]}")
        champion = json.loads(ask(server, "/readyz"))["champion"]
        seen = seen + 1 if champion.get("model_version") == version else 0
        time.sleep(0.05)


def _seen(at: float, version: int, told: list[dict[str, Any]]) -> dict[str, Any]:
    """Seconds from a move until the first answer of the new version, and until the last request that got the old."""
    new, old = version - 1, 2 - version
    answers = [(one["began"] + sent, took, verdict) for one in told for sent, took, verdict in one["answers"]]
    around = [(sent - at, took, verdict) for sent, took, verdict in answers if 0 <= sent - at < 12]
    return {
        "to": version,
        "first_new": min((sent + took for sent, took, verdict in around if verdict == new), default=None),
        "last_old": max((sent for sent, _, verdict in around if verdict == old), default=0.0),
        "answers": len(around),
    }


@contextlib.contextmanager
def _damaged(home: Home, number: int) -> Iterator[None]:
    """A version whose files end in the middle, for as long as the context lasts."""
    from training.registry import version

    files = sorted(file for file in version(home.folder, number).folder.iterdir() if file.is_file())
    whole = {file: file.read_bytes() for file in files}
    try:
        for file, content in whole.items():
            file.write_bytes(content[: len(content) // 2])
        yield
    finally:
        for file, content in whole.items():
            file.write_bytes(content)


def _summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    verdicts: Counter[str] = Counter()
    for run in runs:
        verdicts.update(run["verdicts"])
    moves = [move for run in runs for move in run["moves"]]
    return {
        "repetitions": len(runs),
        "moves": len(moves),
        "answers": verdicts.total(),
        "wrong": verdicts["wrong"],
        "failed": sum(n for verdict, n in verdicts.items() if verdict not in ("0", "1", "wrong")),
        "verdicts": dict(verdicts),
        "seconds_until_all_workers": [
            round(move["last_old"], 1) if move["first_new"] is not None else 1e9 for move in moves
        ],
        "workers_that_answered": sum(run["workers_that_answered"] for run in runs),
        "damaged_told": sum(run["damaged"]["told"] for run in runs),
    }
