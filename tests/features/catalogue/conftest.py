"""Checks one feature on a literal company; DAY is 2024-06-30.

7 days reach back to 06-23, 28 to 06-02, 30 to 05-31, 56 to 05-05, 84 to 04-07, 90 to 04-01, 168 to 2024-01-14,
180 to 2024-01-02, 360 to 2023-07-06, 364 to 2023-07-02, 365 to 2023-07-01 and 392 to 2023-06-04.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping

import pandas as pd
import pytest

from features.build import build_features
from features.history import History

DAY = dt.date(2024, 6, 30)
COMPANY = {
    "accounts": """
        account_id, created_on
        A,          2022-12-01
        B,          2022-12-01
        C,          2022-12-01
        """,
    "subscriptions": """
        subscription_id, account_id, plan, started_on, mrr, seats
        s1,              A,          pro,  2023-01-01, 100, 10
        s2,              B,          pro,  2023-01-01, 100, 10
        s3,              C,          pro,  2023-01-01, 100, 10
        """,
    "usage": """
        account_id, day,        feature, events
        A,          2023-01-01, report,  0
        """,
}
"""Three customers with 10 seats each who pay 100 a month and have not used the product; a case's tables go on top."""

Check = Callable[[str, Mapping[str, str], Mapping[str, float | str | None]], None]


@pytest.fixture(scope="session")
def check(open_tables: Callable[..., History]) -> Check:
    """Compare a feature of some accounts with what a person reads off the tables; None means missing.

    Each company is opened once, and all features are computed together as they are for a real one.
    """
    built: dict[tuple[tuple[str, str], ...], pd.DataFrame] = {}

    def compare(name: str, tables: Mapping[str, str], wanted: Mapping[str, float | str | None]) -> None:
        key = tuple(sorted(tables.items()))
        if key not in built:
            built[key] = build_features(open_tables(COMPANY | dict(tables)), [DAY]).set_index("account_id")
        rows = built[key]
        for account, value in wanted.items():
            found = rows.loc[account, name]
            if isinstance(value, int | float):
                assert found == pytest.approx(value, rel=1e-12, abs=0), f"{name} of {account}"
            else:
                assert (None if pd.isna(found) else found) == value, f"{name} of {account}"

    return compare
