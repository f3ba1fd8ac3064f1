"""`python -m benchmarks.prove --seeds 20 --out docs/evidence`: run every study, or go on with those begun."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from benchmarks.prove.alerts import replay_alerts
from benchmarks.prove.bands import health_bands
from benchmarks.prove.books import judge_books
from benchmarks.prove.monitoring import monitoring
from benchmarks.prove.replays import kill_scoring, replay_days
from benchmarks.prove.searches import kill_search
from benchmarks.prove.seeds import gate_null, gate_signal, horizons
from benchmarks.prove.serving.disks import fill_disk
from benchmarks.prove.serving.kills import kill_worker, kill_writing
from benchmarks.prove.serving.moves import move_champion
from benchmarks.prove.serving.outages import stop_postgres
from benchmarks.prove.serving.sameness import same_answers
from benchmarks.prove.serving.scorings import kill_scoring_on_postgres

STUDIES = (
    gate_null,
    gate_signal,
    horizons,
    monitoring,
    health_bands,
    judge_books,
    replay_days,
    kill_scoring,
    kill_search,
    kill_scoring_on_postgres,
    replay_alerts,
    kill_writing,
    kill_worker,
    stop_postgres,
    fill_disk,
    move_champion,
    same_answers,
)


def main() -> int:
    """0 if every study holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--out", type=Path, default=Path("docs/evidence"))
    parser.add_argument("--only", choices=[study.__name__ for study in STUDIES], action="append")
    asked = parser.parse_args()
    failed = []
    for study in STUDIES:
        if asked.only and study.__name__ not in asked.only:
            continue
        began = time.time()
        held = study(asked.out, asked.seeds)
        print(f"{study.__name__}: {'holds' if held else 'DOES NOT HOLD'} ({time.time() - began:.0f} s)", flush=True)
        if not held:
            failed.append(study.__name__)
            _tell(asked.out, began)
    return 1 if failed else 0


def _tell(out: Path, since: float) -> None:
    """Print what was measured, since the files may be gone with the machine that failed."""
    for file in out.glob("*.json"):
        if file.stat().st_mtime >= since - 1:
            print(f"  {file.name}: {json.dumps(json.loads(file.read_text()).get('summary'))}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
