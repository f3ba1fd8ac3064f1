"""Judges: what there is to learn from in; models that have each never seen the books that they judge out.

A CSM is judged by a model that was fitted without their own book: good care in the past would otherwise be what it
expects of everybody like that, and would raise the bar of whoever gave it. CSMs are dealt into groups, and the model
of a group learns from no row of an account that any of its CSMs has ever looked after.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from features.errors import TenureError
from features.settings import Settings
from training.dataset import Dataset, load_dataset
from training.forecasts import merged, refit, refit_learning
from training.hazards import FittedHazards, Learning, fit_hazards
from training.kernel import Kernel, load_kernel, save_kernel
from training.kernel.figures import nearest
from training.plan import Plan, make_plan
from training.recipe import Recipe
from training.sizes import Tilt, tilt_of
from training.unforeseen import NEAR, Unforeseen, unforeseen_of
from training.unseen import unseen_of

if TYPE_CHECKING:
    from features.history import History

__all__ = ["JUDGES_FOLDER", "Judges", "dealt", "fit_judges", "learn_judges", "load_judges", "save_judges"]

JUDGES_FOLDER = "judges"
"""Beside a version's kernel."""
_FILE = "judges.json"


@dataclass(frozen=True)
class Judges:
    """The models behind baselines.

    Parameters
    ----------
    everybody : fitted on all books; judges CSMs of whom it has seen nothing, and accounts of nobody.
    unforeseen : how far from what was expected things may come.
    kernels : by group, fitted without the books of its CSMs.
    groups : by CSM, the group that they belong to; who is in none had no book when the models were fitted.
    alone : CSMs with a book, none of which could be left out: there would have been too little to learn from.
    tilt : what the hazards of all models are put right by for accounts of other sizes, so that money adds up.
    """

    everybody: Kernel
    unforeseen: Unforeseen
    kernels: Mapping[int, Kernel] = field(default_factory=dict)
    groups: Mapping[str, int] = field(default_factory=dict)
    alone: frozenset[str] = frozenset()
    tilt: Tilt = field(default_factory=Tilt)

    def kernel_of(self, csm_id: str) -> tuple[Kernel, bool]:
        """The model that judges a CSM, and whether it has seen nothing of their book."""
        if csm_id in self.groups:
            return self.kernels[self.groups[csm_id]], True
        return self.everybody, csm_id not in self.alone


def dealt(books: pd.DataFrame, groups: int) -> dict[str, int]:
    """CSMs dealt into groups of about as many accounts: the largest book first, each to the smallest group.

    Parameters
    ----------
    books : account_id and csm_id, each pair once.

    >>> dealt(pd.DataFrame({"account_id": ["a", "b", "c"], "csm_id": ["x", "x", "y"]}), 2)
    {'x': 0, 'y': 1}
    """
    sizes = books.groupby("csm_id")["account_id"].nunique().sort_index()
    held = [0] * groups
    found = {}
    for csm_id, size in sizes.sort_values(ascending=False, kind="stable").items():
        place = held.index(min(held))
        held[place] += int(size)
        found[str(csm_id)] = place
    return found


def fit_judges(dataset: Dataset, plan: Plan, recipe: Recipe, settings: Settings, final: FittedHazards) -> Judges:
    """Fit a model without each group of books.

    Parameters
    ----------
    plan, recipe, final : of the model of everybody, which is fitted already.
    """
    books = dataset.books
    everyone = frozenset(books["csm_id"].astype(str))
    groups = min(settings.baselines.groups, len(everyone))
    kernels: dict[int, Kernel] = {}
    dealing = dealt(books, groups) if groups > 1 else {}
    learning = refit_learning(dataset, plan, settings.training.seed)
    seen = {group: _looked_after(dataset, dealing, group) for group in sorted(set(dealing.values()))}
    for group, mine in seen.items():
        try:
            with threadpool_limits(1, user_api="blas"):
                kernels[group] = _fit_without(dataset, plan.outcome, learning, mine, recipe).kernel
        except (TenureError, ValueError):  # too few of either kind are left
            continue
    known = {csm_id: group for csm_id, group in dealing.items() if group in kernels}
    horizon = nearest(final.kernel.horizons, NEAR)
    unseen = unseen_of(dataset, horizon, {group: (kernel, seen[group]) for group, kernel in kernels.items()})
    unforeseen = unforeseen_of(dataset, final, unseen)
    return Judges(final.kernel, unforeseen, kernels, known, everyone - frozenset(known), tilt_of(unseen))


def learn_judges(history: History, settings: Settings, known_on: dt.date) -> Judges:
    """What could have been learned on a day: the recipe that every model starts with, fitted on what was known then.

    A recipe that a later search found has seen what came after.

    Raises
    ------
    TenureError : there was too little to learn from, with the numbers.
    """
    dataset = load_dataset(history, settings, known_on)
    plan = make_plan(dataset, "churn", settings)
    recipe = Recipe.of("churn", settings.training.seed)
    return fit_judges(dataset, plan, recipe, settings, refit(dataset, plan, recipe, settings))


def _looked_after(dataset: Dataset, dealing: Mapping[str, int], group: int) -> np.ndarray:
    """(n,) whether any CSM of a group was looking after the account of a row on its day, or had before.

    What comes after the row's day must not decide: only who stays for long is ever handed from one CSM to another, so
    that a model without all accounts that a group ever had would learn from too many that left early.
    """
    mine = dataset.books[dataset.books["csm_id"].map(dealing) == group]
    since = mine.groupby("account_id")["since"].min().reindex(dataset.accounts.astype(str))
    return np.asarray(since.to_numpy() <= dataset.as_of.astype("datetime64[us]"))


def _fit_without(
    dataset: Dataset, outcome: str, learning: Mapping[int, Learning], mine: np.ndarray, recipe: Recipe
) -> FittedHazards:
    left = {}
    for horizon, part in learning.items():
        train, later = (p.only(~mine[p.place]) for p in (part.train, part.calibration))
        left[horizon] = Learning(train, later)
    return fit_hazards(dataset, outcome, merged(dataset, outcome, left), recipe)


def save_judges(judges: Judges, folder: Path) -> None:
    """Write them beside the kernel in `folder`; the model of everybody is that kernel."""
    place = folder / JUDGES_FOLDER
    place.mkdir(parents=True)
    for group, kernel in judges.kernels.items():
        save_kernel(kernel, place / str(group))
    document = {
        "groups": dict(sorted(judges.groups.items())),
        "alone": sorted(judges.alone),
        "unforeseen": judges.unforeseen.to_json(),
        "tilt": judges.tilt.to_json(),
    }
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    (place / _FILE).write_text(text + "\n", encoding="utf-8")


def load_judges(folder: Path) -> Judges | None:
    """Read what stands beside a kernel; None where there is nothing, as with versions of earlier releases.

    Raises
    ------
    ValueError : it is damaged; the text is one plain sentence.
    """
    file = folder / JUDGES_FOLDER / _FILE
    try:
        document: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        raise ValueError(f"The file {file} cannot be read or is damaged; train again.") from None
    try:
        groups = {str(csm_id): _group(group) for csm_id, group in document["groups"].items()}
        kernels = {group: load_kernel(folder / JUDGES_FOLDER / str(group)) for group in sorted(set(groups.values()))}
        unforeseen = Unforeseen.from_json(document["unforeseen"])
        tilt = Tilt.from_json(document["tilt"])
        alone = frozenset(map(str, document["alone"]))
    except (KeyError, TypeError, AttributeError):
        raise ValueError(f"The file {file} is damaged: an entry is missing or has the wrong type.") from None
    return Judges(load_kernel(folder), unforeseen, kernels, groups, alone, tilt)


def _group(value: Any) -> int:
    """A whole number; `int` would also take text, and say in its own words what it does not take."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError
    return value
