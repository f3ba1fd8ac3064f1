"""Worth: what was expected of accounts, frozen, and what came in; what each CSM's book was worth, out."""

from success.worth.definitions import DEFINITIONS
from success.worth.inputs import RoiInputs, gather
from success.worth.report import RoiReport, roi_report

__all__ = ["DEFINITIONS", "RoiInputs", "RoiReport", "gather", "roi_report"]
