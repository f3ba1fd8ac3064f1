"""Baselines: a history, its models and a period in; what was expected, frozen for good in the store, out."""

from serving.baselines.freezing import freeze_day
from serving.baselines.reconstructing import expectations_for

__all__ = ["expectations_for", "freeze_day"]
