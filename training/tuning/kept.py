"""Kept: what a search found, as one small file a search under the home, and the file that a training may use."""

from __future__ import annotations

import datetime as dt
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from features.errors import TenureError
from training.plan import Plan
from training.recipe import Recipe
from training.tuning.origins import untouched

__all__ = ["Found", "best_recipe", "keep", "recipe_for"]


@dataclass(frozen=True)
class Found:
    """The result of one search.

    Parameters
    ----------
    known_until : nothing that became known on or after this day was looked at.
    recipe : the best one.
    better : whether it beats the recipe that the search started from beyond chance; if not, that one stays in use.
    horizon : days at which the recipes were compared.
    trials : how many were tried.
    log_loss, starting_log_loss : means over the origins, before calibration.
    study : the name in the store of trials.
    """

    outcome: str
    known_until: dt.date
    recipe: Recipe
    better: bool
    horizon: int
    trials: int
    log_loss: float
    starting_log_loss: float
    study: str

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**vars(self), "known_until": self.known_until.isoformat(), "recipe": self.recipe.to_json()}


def keep(home: Path, found: Found) -> Path:
    """Write what a search found, whole or not at all; a later search of the same day replaces it."""
    file = _folder(home) / f"{found.outcome}-{found.known_until}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(f".{os.getpid()}.part")
    draft.write_text(json.dumps(found.to_json(), indent=1) + "\n", encoding="utf-8")
    draft.replace(file)
    return file


def best_recipe(home: Path, outcome: str, before: dt.date) -> Found | None:
    """What the latest search found that looked at nothing from `before` on; None where there is none.

    Raises
    ------
    TenureError : its file cannot be read.
    """
    files = {}
    for file in _folder(home).glob(f"{outcome}-*.json"):
        try:
            files[dt.date.fromisoformat(file.stem.removeprefix(f"{outcome}-"))] = file
        except ValueError:
            continue
    days = [day for day in files if day <= before]
    return _read(files[max(days)]) if days else None


def recipe_for(home: Path, plan: Plan, seed: int) -> tuple[Recipe, str]:
    """The recipe that a training of a plan uses unless told otherwise, and where it comes from, in words.

    What a search found is only used where it looked at nothing from the first day of a holdout on: a recipe chosen by
    what happened there would be judged on what it was chosen by.
    """
    start = Recipe.of(plan.outcome, seed)
    before = untouched(plan)
    found = best_recipe(home, plan.outcome, before) if before else None
    if found is None:
        if best_recipe(home, plan.outcome, dt.date.max):
            return start, "the starting recipe, since what tenure tune found was chosen by days of this holdout"
        return start, "the starting recipe"
    looked = f"{found.trials} trials on what was known until {found.known_until}"
    if not found.better:
        return start, f"the starting recipe, which tenure tune did not beat beyond chance in {looked}"
    unkept = ", ".join(f"{h}" for h in plan.horizons if h not in plan.blocks)
    seen = f"; at {unkept} days it is judged on accounts that the search has seen" if unkept else ""
    return found.recipe, f"the best that tenure tune found in {looked}{seen}"


def _read(file: Path) -> Found:
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        recipe = Recipe.from_json(document.pop("recipe"))
        return Found(**{**document, "known_until": dt.date.fromisoformat(document["known_until"]), "recipe": recipe})
    except (OSError, ValueError, KeyError, TypeError, AttributeError, TenureError):
        raise TenureError(
            f"{file} does not hold a recipe that this version can read; remove it, or run tenure tune again."
        ) from None


def _folder(home: Path) -> Path:
    return Path(home) / "recipes"
