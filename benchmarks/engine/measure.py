"""One measurement: a raw scan, then opening a company and building every feature, as JSON of seconds and gigabytes."""

from __future__ import annotations

import datetime as dt
import json
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from benchmarks.engine.company import FIRST_DAY
from features.build import build_features
from features.history import History

RAW = (
    "SELECT sum(events), sum(minutes), sum(day - DATE '2000-01-01'), sum(strlen(account_id)), sum(strlen(user_id)), "
    "sum(strlen(feature)) FROM read_parquet('{}/usage/*.parquet')"
)
WARM_UP = 60
"""Days of history before the first as_of day."""


def main(folder: Path, days: int, as_ofs: int) -> dict[str, float]:
    """Seconds of CPU and of wall time for each part, and the peak of memory in GB."""
    spent: dict[str, float] = {}

    @contextmanager
    def timed(part: str) -> Iterator[None]:
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        spent[f"{part}_wall"], spent[f"{part}_cpu"] = time.perf_counter() - wall, time.process_time() - cpu

    con = duckdb.connect(config={"threads": 2})
    scans: list[tuple[float, float]] = []
    for _ in range(4):  # the first one also warms the files; the median of the others counts
        with timed("raw"):
            con.execute(RAW.format(folder)).fetchall()
        scans.append((spent["raw_wall"], spent["raw_cpu"]))
    spent["raw_wall"], spent["raw_cpu"] = (sorted(part)[1] for part in zip(*scans[1:], strict=True))
    con.close()
    with timed("open"):
        history = History.open(folder, threads=2)
    step = (days - WARM_UP) / as_ofs
    asked = [FIRST_DAY + dt.timedelta(days=WARM_UP + round(step * n)) for n in range(as_ofs)]
    with timed("build"):
        rows = build_features(history, asked)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {**spent, "peak_gb": peak, "features": len(rows.columns) - 2, "rows_built": len(rows)}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
