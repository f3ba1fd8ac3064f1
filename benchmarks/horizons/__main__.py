"""`python -m benchmarks.horizons --out docs/evidence`: fit each way on the same blocks, and keep the losses."""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.horizons.ways import WAYS, Blocked
from benchmarks.prove.seeds import LONG
from features.history import History
from features.settings import ChurnSettings, ExpansionSettings, Settings
from features.simulation import simulate
from training.dataset import OUTCOMES, Dataset, load_dataset
from training.evaluation import log_losses
from training.plan import make_plan

COMPANIES = ((36, 100), (36, 101), (36, 102), (60, 100), (60, 101))
"""Months and seed. The recipe was tuned on some of these, which favours none of the ways: they share it."""


def main() -> None:
    """Run all companies and write `bench-horizons.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/evidence"))
    parser.add_argument("--accounts", type=int, default=3000)
    parser.add_argument("--companies", type=int, default=len(COMPANIES))
    asked = parser.parse_args()
    runs: list[dict[str, Any]] = []
    for months, seed in COMPANIES[: asked.companies]:
        dataset = _dataset(asked.accounts, months, seed)
        for outcome in OUTCOMES:
            runs.append({"months": months, "seed": seed, "outcome": outcome, **_compared(dataset, outcome)})
            print(json.dumps(runs[-1]), flush=True)
    summary = {outcome: _summary([run for run in runs if run["outcome"] == outcome]) for outcome in OUTCOMES}
    asked.out.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"summary": summary, "runs": runs}, indent=1)
    (asked.out / "bench-horizons.json").write_text(text + "\n", encoding="utf-8")
    print(json.dumps(summary, indent=1))


def _dataset(accounts: int, months: int, seed: int) -> Dataset:
    settings = Settings(churn=ChurnSettings(horizons=LONG), expansion=ExpansionSettings(horizons=LONG))
    with tempfile.TemporaryDirectory() as folder:
        simulate(accounts=accounts, months=months, seed=seed).write(Path(folder))
        return load_dataset(History.open(Path(folder), settings, threads=1), settings)


def _compared(dataset: Dataset, outcome: str) -> dict[str, Any]:
    """Log loss by way and horizon on the holdout of the longest horizon that is validated in time, and CPU seconds."""
    plan = make_plan(dataset, outcome, Settings())
    longest = max(plan.blocks)
    blocked = Blocked.of(dataset, outcome, [h for h in plan.horizons if h <= longest], plan.blocks[longest])
    losses: dict[str, dict[str, float]] = {}
    seconds: dict[str, float] = {}
    for name, way in WAYS.items():
        began = time.process_time()
        p = way(blocked)
        seconds[name] = time.process_time() - began
        assert (np.diff(p, axis=1) >= -1e-12).all() or name == "one model a horizon, as they come"
        losses[name] = {
            str(h): float(log_losses(blocked.holdout_labels[:, k], p[:, k]).mean())
            for k, h in enumerate(blocked.horizons)
        }
        if name == "one model a horizon, as they come":
            losses[name]["rows out of order"] = float((np.diff(p, axis=1) < 0).any(axis=1).mean())
    return {"longest": longest, "rows": len(blocked.holdout_labels), "log_loss": losses, "cpu_seconds": seconds}


def _summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """By way: log loss minus that of the hazards, in percent of it, averaged over companies, by horizon."""
    found: dict[str, Any] = {}
    for name in WAYS:
        found[name] = {}
        for horizon in map(str, LONG):
            pairs = [(r["log_loss"][name][horizon], r["log_loss"]["hazards"][horizon]) for r in runs
                     if horizon in r["log_loss"][name]]  # fmt: skip
            found[name][f"{horizon} days, % above hazards"] = float(np.mean([100 * (a / b - 1) for a, b in pairs]))
        found[name]["cpu_seconds"] = float(np.mean([r["cpu_seconds"][name] for r in runs]))
    return found


if __name__ == "__main__":
    main()
