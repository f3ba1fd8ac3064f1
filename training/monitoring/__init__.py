"""Monitoring: is the champion still right, what has changed since it was trained, and should it be trained again."""

from training.monitoring.judging import MonitorReport, Watched, judge
from training.monitoring.limits import Limits
from training.monitoring.reference import REFERENCE_FILE, make_reference
from training.monitoring.watching import monitor, watch

__all__ = ["REFERENCE_FILE", "Limits", "MonitorReport", "Watched", "judge", "make_reference", "monitor", "watch"]
