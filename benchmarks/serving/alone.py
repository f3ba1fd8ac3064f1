"""Alone: the explained scoring of one row in process, with the same code, rows and champion as the service's.

`python -m benchmarks.serving.alone HOME BODIES` loads the champion, then answers each line of stdin, which holds a
number of requests and the place of the first, with a line of JSON: seconds of each, on the clock and on the processor,
of the whole answer and of telling the drivers of all outcomes alone.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from features.catalogue import CATALOGUE
from serving.forecast import Forecast
from serving.loading import Loader
from serving.on_demand import columns_of, feature_answer
from serving.requests import FeaturesRequest
from serving.rows import DeclaredFeature, check_row
from training.kernel.rows import Columns

__all__ = ["main"]


def main(home: Path, bodies: list[bytes]) -> None:
    """Measure until stdin ends."""
    champion = Loader(home).load()
    assert champion is not None
    declared = {feature.name: feature for feature in CATALOGUE.features}
    forecast = champion.forecast

    def whole(body: bytes) -> None:
        feature_answer(champion, FeaturesRequest.parse(body), declared, dt.datetime.now(dt.UTC))

    def drivers(row: Columns) -> None:
        for outcome, model in forecast.models.items():
            forecast.drivers(model.kernel, row, forecast.horizon_of(outcome, forecast.headline))

    for line in sys.stdin:
        count, since = json.loads(line)
        told = {"whole": _timed(whole, bodies, count, since)}
        rows = [
            _columns(forecast, body, declared)
            for body in (bodies[n % len(bodies)] for n in range(since, since + count))
        ]
        told["drivers"] = _timed(drivers, rows, len(rows), 0)
        print(json.dumps(told), flush=True)


def _timed(work: Callable[[Any], object], over: list[Any], count: int, since: int) -> dict[str, Any]:
    for number in range(20):  # whatever is made on first use is made now
        work(over[number % len(over)])
    wall, cpu = time.perf_counter(), time.process_time()
    for number in range(since, since + count):
        work(over[number % len(over)])
    return {"each": (time.perf_counter() - wall) / count, "cpu_each": (time.process_time() - cpu) / count}


def _columns(forecast: Forecast, body: bytes, declared: Mapping[str, DeclaredFeature]) -> Columns:
    """The row of a body as the kernels take it."""
    (row,) = FeaturesRequest.parse(body).rows
    return columns_of(forecast, [check_row(row, declared, dt.datetime.now(dt.UTC).date()).values])


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]).read_bytes().splitlines())
