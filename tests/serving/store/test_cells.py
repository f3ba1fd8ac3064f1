"""Cells: whatever a cell holds, JSON can say it, or it is null."""

from __future__ import annotations

import datetime as dt
import json
import math
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.store.cells import plain, text_of

DECIMALS = st.decimals(-(10**300), 10**300, allow_nan=False, allow_infinity=False)


@settings(derandomize=True, deadline=None)
@given(st.floats() | st.none() | st.text() | st.integers() | st.booleans() | st.dates() | DECIMALS)
def test_plain_is_json(value: Any) -> None:
    told = json.loads(text_of(plain(value)))
    if isinstance(value, (float, Decimal)):
        assert told == (float(value) if math.isfinite(value) else None)
    else:
        assert told == (value.isoformat() if isinstance(value, dt.date) else value)


def test_numpy_and_pandas_cells_are_plain_too() -> None:
    cells = [
        np.float64(0.5),
        np.float64("inf"),
        np.int64(3),
        np.bool_(True),
        Decimal("sNaN"),
        pd.NA,
        pd.NaT,
        pd.Timestamp(2026, 2, 1, tz="UTC"),
    ]
    assert [plain(cell) for cell in cells] == [0.5, None, 3, True, None, None, None, "2026-02-01T00:00:00Z"]
