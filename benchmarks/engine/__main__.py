"""`make bench-features`: all features on 24 as_of days over much usage, against a raw scan of the same columns.

Prints a table and writes `bench-features.json`: every figure is a ratio within this run, of CPU and of wall time.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.engine.company import FIRST_DAY, write_company

DAYS = 730
CASES = ((1.0, DAYS, 24), (1.0, DAYS, 48), (0.5, DAYS // 2, 24))
"""Share of the rows, days of history and as_of days: the claim, twice the as_of days, and half the history."""


def main() -> None:
    """Make the companies, measure each case in a process of its own, print and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=20_000_000, help="usage rows of the full history")
    parser.add_argument("--runs", type=int, default=3, help="alternated runs of each case; medians are reported")
    parser.add_argument("--out", type=Path, default=Path("docs/evidence"))
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tenure-bench-") as scratch:
        folders = {}
        for share, days, _ in CASES:
            folders[days] = Path(scratch) / str(days)
            if not folders[days].exists():
                print(f"making {round(asked.rows * share):,} usage rows over {days} days", flush=True)
                write_company(folders[days], round(asked.rows * share), days)
        cases = [
            {"rows": round(asked.rows * share), "history_days": days, "as_of_days": n, "runs": []}
            for share, days, n in CASES
        ]
        for run in range(asked.runs):
            for case in cases:
                measured = _measure(folders[case["history_days"]], case["history_days"], case["as_of_days"])
                case["runs"].append(measured)
                print(
                    f"run {run + 1}: {case['history_days']} days, {case['as_of_days']} as_of days: {measured}",
                    flush=True,
                )
    report = _report(cases)
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / "bench-features.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    _print(report)


def _measure(folder: Path, days: int, as_ofs: int) -> dict[str, float]:
    """One case in a fresh process, so that peak memory is its own."""
    command = [sys.executable, "-m", "benchmarks.engine.measure", str(folder), str(days), str(as_ofs)]
    return dict(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def _median(runs: list[dict[str, float]], name: str) -> float:
    return sorted(run[name] for run in runs)[len(runs) // 2]


def _report(cases: list[dict]) -> dict:
    """Medians over the runs; multiples are taken within each run first."""
    rows = []
    for case in cases:
        for run in case["runs"]:
            for kind in ("cpu", "wall"):
                run[f"multiple_{kind}"] = (run[f"open_{kind}"] + run[f"build_{kind}"]) / run[f"raw_{kind}"]
                run[f"build_multiple_{kind}"] = run[f"build_{kind}"] / run[f"raw_{kind}"]
        names = sorted(case["runs"][0])
        rows.append({k: v for k, v in case.items() if k != "runs"} | {n: _median(case["runs"], n) for n in names})
    full, more_days, half = rows
    return {
        "about": "Medians of alternated runs, each in its own process on 2 threads. raw: sums over the usage columns "
        "in DuckDB, from the same Parquet files. open: reading, checking and rolling up every table. build: all "
        "features. multiple: open and build over raw.",
        "first_day": FIRST_DAY.isoformat(),
        "measured_on": dt.date.today().isoformat(),
        "cases": rows,
        "twice_the_as_of_days": {k: more_days[f"build_{k}"] / full[f"build_{k}"] for k in ("cpu", "wall")},
        "twice_the_history": {
            k: (full[f"open_{k}"] + full[f"build_{k}"]) / (half[f"open_{k}"] + half[f"build_{k}"])
            for k in ("cpu", "wall")
        },
    }


def _print(report: dict) -> None:
    heads = {"usage rows": 12, "days": 6, "as_of": 6, "features": 9, "x raw, CPU": 11, "x raw, wall": 12, "peak GB": 8}
    print("\n" + " ".join(f"{head:>{width}}" for head, width in heads.items()))
    for case in report["cases"]:
        print(
            f"{case['rows']:>12,} {case['history_days']:>6} {case['as_of_days']:>6} {case['features']:>9.0f} "
            f"{case['multiple_cpu']:>11.1f} {case['multiple_wall']:>12.1f} {case['peak_gb']:>8.2f}"
        )
    for name in ("twice_the_as_of_days", "twice_the_history"):
        cpu, wall = report[name]["cpu"], report[name]["wall"]
        print(f"{name.replace('_', ' ')}: {cpu:.2f} x the CPU seconds, {wall:.2f} x the time")


if __name__ == "__main__":
    main()
