"""Baselines: what was known on a day and the models of that day in; what was expected of every account out."""

from success.baselines.beginning import OBSERVED, first_expected
from success.baselines.expectation import COLUMNS, MONTHS, SHARED, Expectation, Moments, Months
from success.baselines.forecast import expect
from success.baselines.rates import Rates, rates_of
from success.baselines.subjects import GRACE, NOTICE, SCORED, subjects_of

__all__ = [
    "COLUMNS",
    "GRACE",
    "MONTHS",
    "NOTICE",
    "OBSERVED",
    "SCORED",
    "SHARED",
    "Expectation",
    "Moments",
    "Months",
    "Rates",
    "expect",
    "first_expected",
    "rates_of",
    "subjects_of",
]
