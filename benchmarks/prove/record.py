"""Record: results of single runs, kept as they come, so that a study stopped half-way goes on where it was."""

from __future__ import annotations

import ast
import hashlib
import json
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

__all__ = ["Record", "code_fingerprint"]

_ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("features", "training", "benchmarks/prove")
"""What a study depends on that neither stores scores nor serves them."""


def code_fingerprint(packages: Sequence[str] = PACKAGES) -> str:
    """SHA-256 over what can change a result: the programs, without comments and layout, and the lock."""
    total = hashlib.sha256()
    for file in sorted(file for name in packages for file in _ROOT.glob(f"{name}/**/*.py")):
        program = ast.dump(ast.parse(file.read_text(encoding="utf-8")))
        total.update(file.relative_to(_ROOT).as_posix().encode() + b"\0" + program.encode())
    total.update((_ROOT / "requirements.lock").read_bytes())
    return total.hexdigest()[:16]


class Record:
    """One study's file: runs by key, and a summary. Runs made by other code are dropped when it is opened.

    Parameters
    ----------
    packages : folders whose code the study depends on.
    """

    def __init__(self, file: Path, about: str, packages: Sequence[str] = PACKAGES) -> None:
        self.file = file
        self.content: dict[str, Any] = {"about": about, "code": code_fingerprint(packages), "summary": {}, "runs": {}}
        if file.exists():
            stored = json.loads(file.read_text(encoding="utf-8"))
            if stored.get("code") == self.content["code"]:
                self.content["runs"] = stored["runs"]

    def missing(self, seeds: Sequence[int]) -> list[int]:
        """The seeds without a result."""
        return [seed for seed in seeds if f"seed {seed}" not in self.content["runs"]]

    def runs(
        self, make: Callable[[int], dict[str, Any]], seeds: Sequence[int], at_once: int = 2
    ) -> list[dict[str, Any]]:
        """The result for each seed; those that are not there yet are made now, two at a time.

        Parameters
        ----------
        make : a function of a module, called in a process of its own.
        at_once : 1 where a study measures seconds, or needs the whole machine.
        """
        kept: dict[str, dict[str, Any]] = self.content["runs"]
        # Spawned, since a fork after OpenMP has started can hang.
        with ProcessPoolExecutor(at_once, mp_context=get_context("spawn")) as pool:
            started = {pool.submit(make, seed): seed for seed in self.missing(seeds)}
            for done in as_completed(started):
                kept[f"seed {started[done]}"] = done.result()
                self._write()
        return [kept[f"seed {seed}"] for seed in seeds]

    def close(self, seeds: Sequence[int], summary: dict[str, Any]) -> None:
        """Keep the runs of these seeds and the summary made of them."""
        self.content["runs"] = {f"seed {seed}": self.content["runs"][f"seed {seed}"] for seed in seeds}
        self.content["summary"] = summary
        self._write()

    def _write(self) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        draft = self.file.with_suffix(".part")
        draft.write_text(json.dumps(_plain(self.content), indent=1, allow_nan=False) + "\n", encoding="utf-8")
        draft.replace(self.file)


def _plain(value: Any) -> Any:
    """What JSON can say: a figure that is not defined is null."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
