"""Tuning: a dataset and a starting recipe in; the best recipe that a search found, and is kept under the home, out."""

from training.tuning.kept import Found, best_recipe, recipe_for
from training.tuning.search import Search, Trial, tune

__all__ = ["Found", "Search", "Trial", "best_recipe", "recipe_for", "tune"]
