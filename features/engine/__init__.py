"""Engine: the catalogue's declarations turned into SQL and run on DuckDB, for many as_of days at once.

Counts and sums are taken over integers and decimals and divided last, so that no result depends on the order of rows
or on threads. A feature whose table or column the history lacks is missing, never zero.
"""

from features.engine.compute import compute_features

__all__ = ["compute_features"]
