"""`python -m benchmarks.serving --out docs/evidence`: ours and theirs in turn, and what the medians say."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import datetime as dt
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.serving.homes import Home, crowd, feature_rows, made, opened, token
from benchmarks.serving.load import Plan
from benchmarks.serving.servers import Server, bare, load, plain, running, tenure

WORKERS = 1
"""Of every server. Two cores are assumed; the generator of load takes the other."""
CONNECTIONS = 64
WARM, ONCE = 500, 200
"""Accounts that are asked for again and again, and those of each run that were not asked for before."""
GOALS = {
    "look-ups, times a plain BentoML method": (1.8, "at least"),
    "look-ups, p99 against the bare application": (2.0, "at most"),
    "1,000 accounts in one request against 1": (20.0, "at most"),
    "explained on demand, against workers / one explanation": (0.85, "at least"),
    "errors": (0.0, "at most"),
}


def main() -> int:
    """Run all comparisons and write `bench-serving.json`; 1 if a request failed or an answer was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/evidence"))
    parser.add_argument("--scratch", type=Path, help="Keep the made-up company there, for the next time.")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--requests", type=int, default=2000, help="of a run of look-ups")
    parser.add_argument("--accounts", type=int, default=20_000)
    asked = parser.parse_args()
    with contextlib.ExitStack() as stack:
        scratch = asked.scratch or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tenure-bench-")))
        report = _measured(scratch.absolute(), asked.runs, asked.requests, asked.accounts)
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / "bench-serving.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({name: report[name] for name in report if name != "cases"}, indent=1))
    return 1 if report["summary"]["errors"] else 0


def _measured(scratch: Path, runs: int, requests: int, accounts: int) -> dict[str, Any]:
    began = time.monotonic()
    home = made(scratch, "[training]\nbootstrap = 200\n", accounts=1500, months=30, seed=1)
    _tell(began, "the company stands")
    field = _field(scratch, home, accounts, WARM + ONCE * runs)
    _tell(began, f"{accounts:,} accounts are stored")
    cases: dict[str, Any] = {}
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(running(tenure(field.home.folder, WORKERS), scratch))
        naked = stack.enter_context(running(bare(WORKERS), scratch, TENURE_HOME=str(field.home.folder)))
        theirs = stack.enter_context(running(plain(), scratch, PLAIN_ROWS=str(field.rows), PLAIN_WORKERS=str(WORKERS)))
        cases["look_ups"] = _look_ups(field, ours, theirs, naked, runs, requests)
        _tell(began, "look-ups")
        theirs.stop()
        cases["batches"] = _batches(field, ours, naked, runs)
        _tell(began, "batches")
        naked.stop()
        cases["on_demand"] = _on_demand(scratch, home, field, ours, runs)
        _tell(began, "on demand")
        cases["rows_on_demand"] = _rows_on_demand(field, ours, runs)
        _tell(began, "rows on demand")
    return _report(cases, runs, accounts, time.monotonic() - began)


def _tell(began: float, what: str) -> None:
    print(f"{time.monotonic() - began:5.0f} s  {what}", flush=True)


@dataclasses.dataclass(frozen=True)
class _Field:
    """What is asked for: a home with many accounts, its rows for the other side, a token, and rows of features."""

    home: Home
    ids: list[str]
    rows: Path
    headers: dict[str, str]
    features: list[dict[str, Any]]


def _field(scratch: Path, made_up: Home, accounts: int, asked: int) -> _Field:
    """A home of its own with many accounts, made of those that were scored; the other side gets those it is asked for.

    A dict answers as fast however much it holds, and parsed drivers of all accounts would be gigabytes.
    """
    from serving.answers import head_of
    from serving.store.writing import write_day

    rows = scratch / "rows.json"
    shutil.rmtree(scratch / "crowd", ignore_errors=True)
    home = made_up.without_scores(scratch / "crowd")
    frame = crowd(home.file, accounts)
    ids = frame["account_id"].tolist()
    stored = {}
    with opened(home.folder) as store:
        write_day(store, frame, home.as_of)
        run = store.latest()
        assert run is not None
        for account_id, row in store.rows(run, ids[:asked]).items():
            told = json.loads(row.figures)
            for name in ("drivers", "expansion_drivers"):
                if f"{name}_horizon" in told:
                    told[name] = json.loads(getattr(row, name) or "[]")
            if row.status == "churned":
                told["frozen"] = None  # this store has no day before
            stored[account_id] = told
        header = json.loads(head_of(run) + b"}")
        rows.write_text(json.dumps({"header": header, "rows": stored}), encoding="utf-8")
    return _Field(home, ids, rows, token(home.folder), feature_rows(made_up, 1500))


def _ids(ids: Sequence[str], explain: int = 5) -> str:
    return json.dumps({"account_ids": list(ids), "explain": explain})


def _rows(rows: Sequence[dict[str, Any]], explain: int = 5) -> str:
    return json.dumps({"rows": list(rows), "explain": explain}, separators=(",", ":"))


def _learned(server: Server, path: str, bodies: Sequence[str], headers: dict[str, str], at_once: int = 8) -> list[str]:
    """What a server answers to each body, once; every one must be an answer."""
    told = load(Plan(server.address, path, headers, bodies, requests=len(bodies), connections=at_once, keep=True))
    if any(verdict != 0 for _, _, verdict in told["answers"]):
        raise RuntimeError(f"{path} does not answer: {sorted({str(verdict) for _, _, verdict in told['answers']})}")
    return [told["texts"][str(number)] for number in range(len(bodies))]


def _run(server: Server, plan: Plan) -> dict[str, float]:
    """The figures of one run: requests a second, seconds of an answer, seconds on the processor, failures."""
    spent = server.cpu()
    told = load(plan)
    seconds = sorted(took for _, took, _ in told["answers"])
    return {
        "requests": len(seconds),
        "per_second": len(seconds) / told["wall"],
        "wall": told["wall"],
        "server_cpu": server.cpu() - spent,
        "client_cpu": told["cpu"],
        "median": statistics.median(seconds),
        "p99": seconds[min(len(seconds) - 1, int(0.99 * len(seconds)))],
        "most": seconds[-1],
        "errors": sum(not isinstance(verdict, int) for _, _, verdict in told["answers"]),
    }


Side = Callable[[int], dict[str, float]]


def _in_turn(sides: dict[str, Side], runs: int) -> dict[str, list[dict[str, float]]]:
    """Each side once, then each again, so that whatever else the machine does falls on all alike."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in sides}
    for number in range(runs):
        for name, side in sides.items():
            found[name].append(side(number))
    return found


def _look_ups(
    field: _Field, ours: Server, theirs: Server, naked: Server, runs: int, requests: int
) -> dict[str, list[dict[str, float]]]:
    warm = [_ids([one]) for one in field.ids[:WARM]]
    cold = [_ids([one]) for one in field.ids[WARM : WARM + ONCE * runs]]
    bodies = warm + cold
    right = _learned(naked, "/score", bodies, field.headers)
    said = {path: _learned(theirs, path, bodies, {}) for path in ("/score", "/score_async")}
    for answers in said.values():
        if any(json.loads(a) != json.loads(b) for a, b in zip(answers, right, strict=True)):
            raise RuntimeError("The two sides do not answer the same, so that comparing them means nothing.")

    def asking(server: Server, path: str, answers: list[str], headers: dict[str, str], again: bool) -> Side:
        at = slice(0, WARM) if again else slice(WARM, None)
        plan = Plan(
            server.address, path, headers, bodies[at], [[answer] for answer in answers[at]],
            requests=requests if again else ONCE, connections=CONNECTIONS,
        )  # fmt: skip
        if again:
            load(dataclasses.replace(plan, requests=WARM))
        return lambda number: _run(server, dataclasses.replace(plan, since=number * (requests if again else ONCE)))

    sides = {
        "ours": asking(ours, "/score", right, field.headers, True),
        "plain": asking(theirs, "/score", said["/score"], {}, True),
        "plain, async": asking(theirs, "/score_async", said["/score_async"], {}, True),
        "bare": asking(naked, "/score", right, field.headers, True),
        "ours, first time": asking(ours, "/score", right, field.headers, False),
        "plain, first time": asking(theirs, "/score", said["/score"], {}, False),
    }
    return _in_turn(sides, runs)


def _batches(field: _Field, ours: Server, naked: Server, runs: int) -> dict[str, list[dict[str, float]]]:
    """One connection; the same accounts asked for again, and each time with another number of drivers: never seen."""
    many = min(1000, len(field.ids) // 3)
    lots = [field.ids[n * many : (n + 1) * many] for n in range(3)]
    sides: dict[str, Side] = {}
    for name, groups, count in (("1 account", [[one] for one in field.ids[:200]], 200), ("1,000 accounts", lots, 6)):
        bodies = [_ids(group) for group in groups]
        right = [[answer] for answer in _learned(naked, "/score", bodies, field.headers)]
        again = Plan(ours.address, "/score", field.headers, bodies, right, requests=count)
        load(dataclasses.replace(again, requests=len(bodies)))
        sides[name] = lambda _, again=again: _run(ours, again)  # type: ignore[misc]  # of a lambda with a default

        def unseen(number: int, groups: list[list[str]] = groups) -> dict[str, float]:
            bodies = [_ids(group, 6 + number) for group in groups]
            right = [[answer] for answer in _learned(naked, "/score", bodies, field.headers)]
            return _run(ours, Plan(ours.address, "/score", field.headers, bodies, right, requests=len(bodies)))

        sides[f"{name}, first time"] = unseen
    return _in_turn(sides, runs)


def _rows_on_demand(field: _Field, ours: Server, runs: int) -> dict[str, list[dict[str, float]]]:
    """One connection; rows of features, one and a thousand, and once ten thousand, the most there may be."""
    given = field.features

    def asking(size: int, count: int) -> Side:
        around = [given[n % len(given)] for n in range(size + count)]
        bodies = [_rows(around[n : n + size]) for n in range(count)]
        right = [[answer] for answer in _learned(ours, "/score_features", bodies, field.headers, 1)]
        plan = Plan(ours.address, "/score_features", field.headers, bodies, right, requests=count, timed=True)
        return lambda _: _run(ours, plan)

    found = _in_turn({"1 row": asking(1, 50), "1,000 rows": asking(1000, 1)}, runs)
    return found | _in_turn({"10,000 rows": asking(10_000, 1)}, 1)


def _on_demand(scratch: Path, home: Home, field: _Field, ours: Server, runs: int) -> dict[str, list[dict[str, float]]]:
    bodies = [_rows([row]) for row in field.features[:1000]]
    right = [[answer] for answer in _learned(ours, "/score_features", bodies, field.headers)]
    plan = Plan(
        ours.address, "/score_features", field.headers, bodies, right, requests=300, connections=8, timed=True
    )  # fmt: skip
    with _alone(scratch, home, bodies) as alone:
        return _in_turn(
            {
                "ours": lambda number: _run(ours, dataclasses.replace(plan, since=300 * number)),
                "alone": lambda number: alone(300, 300 * number),
            },
            runs,
        )


@contextlib.contextmanager
def _alone(scratch: Path, home: Home, bodies: list[str]) -> Iterator[Callable[[int, int], dict[str, float]]]:
    """A process in which rows are scored without any service."""
    file = scratch / "bodies.jsonl"
    file.write_text("\n".join(bodies), encoding="utf-8")
    command = [sys.executable, "-m", "benchmarks.serving.alone", str(home.folder), str(file)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).resolve().parents[2],
        env={**os.environ},
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None

    def measure(count: int, since: int) -> dict[str, float]:
        print(json.dumps([count, since]), file=process.stdin, flush=True)
        told = json.loads(process.stdout.readline())  # type: ignore[union-attr]  # asserted above
        return {
            "per_second": WORKERS / told["whole"]["each"],
            "each": told["whole"]["each"],
            "cpu_each": told["whole"]["cpu_each"],
            "drivers_only": told["drivers"]["each"],
            "errors": 0,
        }

    try:
        measure(50, 0)
        yield measure
    finally:
        process.stdin.close()
        process.wait(30)


def _report(cases: dict[str, Any], runs: int, accounts: int, took: float) -> dict[str, Any]:
    def median(case: str, side: str, figure: str) -> float:
        return statistics.median(run[figure] for run in cases[case][side])

    def ratio(case: str, one: str, other: str, figure: str) -> float:
        return median(case, one, figure) / median(case, other, figure)

    medians = {
        case: {side: {figure: median(case, side, figure) for figure in found[0]} for side, found in sides.items()}
        for case, sides in cases.items()
    }
    summary = {
        "look-ups, times a plain BentoML method": ratio("look_ups", "ours", "plain", "per_second"),
        "look-ups, times the same method as async": ratio("look_ups", "ours", "plain, async", "per_second"),
        "look-ups, p99 against the bare application": ratio("look_ups", "ours", "bare", "p99"),
        "look-ups of accounts not asked for before, times a plain BentoML method": ratio(
            "look_ups", "ours, first time", "plain, first time", "per_second"
        ),
        "1,000 accounts in one request against 1": ratio("batches", "1,000 accounts", "1 account", "median"),
        "1,000 accounts in one request against 1, not asked for before": ratio(
            "batches", "1,000 accounts, first time", "1 account, first time", "median"
        ),
        "explained on demand, against workers / one explanation": ratio("on_demand", "ours", "alone", "per_second"),
        "share of an explanation that its drivers are": median("on_demand", "alone", "drivers_only")
        / median("on_demand", "alone", "each"),
        "1,000 rows of features in one request against 1": ratio("rows_on_demand", "1,000 rows", "1 row", "median"),
        "10,000 rows of features in one request against 1": ratio("rows_on_demand", "10,000 rows", "1 row", "median"),
        "errors": sum(run["errors"] for sides in cases.values() for found in sides.values() for run in found),
    }
    goals = {
        name: {"goal": f"{way} {goal:g}", "met": summary[name] >= goal if way == "at least" else summary[name] <= goal}
        for name, (goal, way) in GOALS.items()
    }
    return {
        "about": f"Medians of {runs} alternated runs on loopback, {WORKERS} worker a server and one process that sends "
        f"over {CONNECTIONS} connections and compares every answer byte by byte. ours: tenure serve with tokens, audit "
        "lines and metrics. plain: the same rows in a dict behind a BentoML method without any of these. bare: our "
        "application under uvicorn without BentoML. first time: accounts not asked for before. batches, rows: "
        "one connection. on demand: one row, 5 drivers, 8 connections; alone: the same rows and code without HTTP.",
        "measured_on": dt.date.today().isoformat(),
        "cores": os.cpu_count(),
        "workers": WORKERS,
        "accounts": accounts,
        "took_seconds": round(took),
        "summary": summary,
        "goals": goals,
        "medians": medians,
        "cases": cases,
    }


if __name__ == "__main__":
    sys.exit(main())
