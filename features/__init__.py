"""Features: a company's history in, one row per account and as_of day out, and the labels that go with it.

These names are what a notebook needs of this package; docs/python.md shows them at work. Each is imported when it is
first asked for. What features are declared with is in `features.algebra`.
"""

from typing import TYPE_CHECKING

from features.lazy import lazily

if TYPE_CHECKING:
    from features.build import build_features
    from features.catalogue import CATALOGUE
    from features.cohort import account_statuses
    from features.errors import TenureError
    from features.feature import DIMENSIONS, Catalogue, Feature
    from features.history import History
    from features.labels import churn_labels
    from features.settings import (
        ChurnSettings,
        ExpansionSettings,
        HistorySettings,
        Settings,
        TrainingSettings,
        load_settings,
    )
    from features.simulation import simulate
    from features.sources.suggest import suggest
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "CATALOGUE": "catalogue",
            "DIMENSIONS": "feature",
            "Catalogue": "feature",
            "ChurnSettings": "settings",
            "ExpansionSettings": "settings",
            "Feature": "feature",
            "History": "history",
            "HistorySettings": "settings",
            "Settings": "settings",
            "TenureError": "errors",
            "TrainingSettings": "settings",
            "account_statuses": "cohort",
            "build_features": "build",
            "churn_labels": "labels",
            "load_settings": "settings",
            "simulate": "simulation",
            "suggest": "sources.suggest",
        },
    )

__all__ = [
    "CATALOGUE",
    "DIMENSIONS",
    "Catalogue",
    "ChurnSettings",
    "ExpansionSettings",
    "Feature",
    "History",
    "HistorySettings",
    "Settings",
    "TenureError",
    "TrainingSettings",
    "account_statuses",
    "build_features",
    "churn_labels",
    "load_settings",
    "simulate",
    "suggest",
]
