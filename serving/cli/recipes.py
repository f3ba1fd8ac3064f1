"""Recipes on the command line: the option that names one in, the recipe out."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from features.errors import TenureError

if TYPE_CHECKING:
    from training.recipe import Recipe

__all__ = ["BEST", "DEFAULT", "named_recipe", "recipe_option", "tuned_recipe"]

BEST, DEFAULT = "best", "default"
_TREES: dict[str, tuple[float, float, bool]] = {
    "num_leaves": (2, 1000, True),
    "max_depth": (1, 100, True),
    "learning_rate": (1e-6, 1, False),
    "feature_fraction": (1e-6, 1, False),
    "lambda_l2": (0, 1e9, False),
    "leaf_share": (0, 0.5, False),
    "category_smoothing": (0, 1e9, False),
    "max_bin": (2, 65_535, True),
    "max_trees": (1, 100_000, True),
    "patience": (1, 100_000, True),
    "folds": (2, 20, True),
}
"""By argument of the trees, the least and greatest value that can be fitted, and whether it is a whole number."""


def recipe_option(unless_said: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add --recipe to a command, with its default."""
    return click.option(
        "--recipe",
        "chosen",
        metavar="best|default|FILE",
        default=unless_said,
        show_default=True,
        help="The best that tenure tune found, the one that an outcome starts with, or one from a JSON file.",
    )


def named_recipe(chosen: str, outcome: str, seed: int) -> Recipe | None:
    """The recipe of a file, or the default one; None for the best.

    A file holds a recipe, or a document with one under "recipe", as search.json and evaluation.json do. What it does
    not say is as in the default.

    Raises
    ------
    TenureError : the file cannot be read, or holds no recipe that this version knows.
    """
    from training.recipe import Recipe

    if chosen == BEST:
        return None
    if chosen == DEFAULT:
        return Recipe.of(outcome, seed)
    try:
        document = json.loads(Path(chosen).read_text(encoding="utf-8"))
    except OSError as error:
        raise TenureError(
            f"The recipe {chosen} cannot be read ({error.strerror}); --recipe takes {BEST}, {DEFAULT} or a JSON file."
        ) from None
    except ValueError:
        raise TenureError(f"{chosen} is not a JSON file; --recipe takes {BEST}, {DEFAULT} or a JSON file.") from None
    found = document.get("recipe", document) if isinstance(document, dict) else None
    if not isinstance(found, dict) or not isinstance(found.get("trees", {}), dict):
        raise TenureError(f'{chosen} holds no recipe; one looks like {{"trees": {{"max_depth": 3}}, "one_way": true}}.')
    start = Recipe.of(outcome, seed).to_json()
    trees = {**start["trees"], **found.get("trees", {})}
    unknown = [*sorted(set(found) - set(start)), *sorted(set(trees) - set(start["trees"]))]
    wrong = f"names {unknown[0]}, which no recipe has" if unknown else _wrong({**start, **found, "trees": trees})
    if wrong:
        raise TenureError(f"The recipe in {chosen} {wrong}; mend the file, or leave out --recipe.")
    return Recipe.from_json({**start, **found, "trees": trees})


def _wrong(document: Mapping[str, Any]) -> str:
    """What keeps a document from being a recipe that can be fitted; empty where nothing does."""
    from features.catalogue import CATALOGUE

    for name, value in document["trees"].items():
        least, most, whole = _TREES[name]
        number = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
        if not number or not least <= value <= most:
            kind = "a whole number" if whole else "a number"
            return f"has {name} = {json.dumps(value)}, which must be {kind} from {least:g} to {most:g}"
    features, seed, one_way = document["features"], document["seed"], document["one_way"]
    known = {feature.name for feature in CATALOGUE}
    if not isinstance(features, list):
        return "has features that are no list of names"
    for feature in features:
        if not isinstance(feature, str) or feature not in known:
            return f"names the feature {feature}, which the catalogue does not have"
    if not isinstance(one_way, bool):
        return f"has one_way = {json.dumps(one_way)}, which must be true or false"
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**31:
        return f"has seed = {json.dumps(seed)}, which must be a whole number from 0 to {2**31 - 1}"
    return ""


def tuned_recipe(home: Path, outcome: str, seed: int) -> Recipe:
    """The best that the latest search found, for a look at the past that the search may have looked at, too.

    A warning on stderr says from which day on the look is fair.
    """
    from training.recipe import Recipe
    from training.tuning import best_recipe

    found = best_recipe(home, outcome, dt.date.max)
    if found is None or not found.better:
        return Recipe.of(outcome, seed)
    click.echo(
        f"Warning: the recipe of {outcome} was chosen by what was known until {found.known_until}; on days before that "
        "it looks better than it was.",
        err=True,
    )
    return found.recipe
