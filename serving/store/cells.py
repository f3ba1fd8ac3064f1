"""Cells: values of a frame in; what JSON can say of them, and its text, out."""

from __future__ import annotations

import datetime as dt
import json
import math
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["plain", "plain_column", "text_of"]

_ENCODE = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def text_of(document: Any) -> str:
    """JSON as the store keeps and answers it: the same text for the same document.

    >>> text_of({"p": 0.25, "name": "Zoë"})
    '{"p":0.25,"name":"Zoë"}'
    """
    return _ENCODE(document)


def plain(value: Any) -> Any:
    """A cell as JSON can say it; what is not finite becomes null.

    >>> [plain(value) for value in (dt.date(2026, 2, 1), dt.datetime(2026, 2, 1, 3, tzinfo=dt.UTC), float("nan"))]
    ['2026-02-01', '2026-02-01T03:00:00Z', None]
    """
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, (str, int)):
        return value
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value) if value.is_finite() else None
    return plain(value.item()) if isinstance(value, np.generic) else str(value)


def plain_column(values: list[Any]) -> list[Any]:
    """`plain` of each; columns are of one type nearly always, and those of text, integers or bools are so already."""
    kinds = set(map(type, values)) - {type(None)}
    if kinds == {float}:
        return [value if value is not None and math.isfinite(value) else None for value in values]
    return values if kinds <= {str, int, bool} else [plain(value) for value in values]
