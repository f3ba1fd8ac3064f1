"""Figures that look finished; each takes plain frames and returns a matplotlib Figure that shows itself in a notebook.

matplotlib is imported when the first figure is drawn.
"""

from training.plots.account import account_drivers, account_horizons, account_life, what_if
from training.plots.book import dependence, importance_bars, points_by_value, unsure
from training.plots.history import churn_and_revenue, set_aside_bars, tables_over_time
from training.plots.recipes import paired_differences
from training.plots.search import search_history, search_slices
from training.plots.tables import shown

__all__ = [
    "account_drivers",
    "account_horizons",
    "account_life",
    "churn_and_revenue",
    "dependence",
    "importance_bars",
    "paired_differences",
    "points_by_value",
    "search_history",
    "search_slices",
    "set_aside_bars",
    "shown",
    "tables_over_time",
    "unsure",
    "what_if",
]
