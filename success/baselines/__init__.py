"""Baselines: what was known on a day and the models of that day in; what was expected of every account out."""

from success.baselines.expectation import COLUMNS, MONTHS, SHARED, Expectation, Moments, Months
from success.baselines.forecast import expect
from success.baselines.rates import Rates, rates_of
from success.baselines.subjects import GRACE, NOTICE, SCORED, subjects_of

__all__ = [
    "COLUMNS",
    "GRACE",
    "MONTHS",
    "NOTICE",
    "SCORED",
    "SHARED",
    "Expectation",
    "Moments",
    "Months",
    "Rates",
    "expect",
    "rates_of",
    "subjects_of",
]
