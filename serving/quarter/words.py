"""Words of the printed quarter: values, units and days in; what stands on paper out."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Mapping
from html import escape
from typing import Any

from success.brief.markup import one_line

__all__ = [
    "NONE",
    "amount",
    "between",
    "beyond_chance",
    "compact",
    "counted",
    "days_of",
    "figure",
    "is_number",
    "number",
    "points",
    "safe",
    "short_period",
    "signed",
    "told_day",
]

NONE = "\N{EN DASH}"
"""What stands where there is no value."""
_MINUS = "\N{MINUS SIGN}"
_THIN = "\N{NO-BREAK SPACE}"
_PERCENT = re.compile(r"(?<=\d) (?=%)")


def is_number(value: object) -> bool:
    """Whether it is a finite number; a truth value is none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def safe(text: object, most: int = 400) -> str:
    """Text from data as part of a line of HTML; no line breaks between a number and its percent sign.

    >>> safe("A & B\\n<i>")
    'A &amp; B &lt;i&gt;'
    """
    return escape(_PERCENT.sub(_THIN, one_line(text, most)))


def amount(value: float | None, digits: int = 0, sign: bool = False) -> str:
    """A number with groups of three and a true minus; a rounded 0 has no sign.

    >>> amount(-1234.5), amount(0.2, sign=True), amount(2345, sign=True), amount(None)
    ('−1,234', '0', '+2,345', '–')
    """
    if value is None or not is_number(value):
        return NONE
    rounded = round(float(value), digits) + 0.0
    text = f"{abs(rounded):,.{digits}f}"
    return (_MINUS if rounded < 0 else "+" if sign and rounded > 0 else "") + text


def compact(value: float | None, sign: bool = False) -> str:
    """An amount in few letters, for intervals and axes.

    >>> compact(-82667.0), compact(1_264_000.0), compact(4310.2, sign=True)
    ('−82.7k', '1.26M', '+4,310')
    """
    if value is None or not is_number(value) or abs(value) < 10_000:
        return amount(value, sign=sign)
    if abs(value) < 999_950:
        return amount(value / 1e3, 1 if abs(value) < 99_950 else 0, sign) + "k"
    return amount(value / 1e6, 2 if abs(value) < 9_995_000 else 1, sign) + "M"


def figure(value: float | None, unit: str, sign: bool = False) -> str:
    """A value in its unit.

    >>> figure(0.9412, "share"), figure(85.2, "per 1,000"), figure(1.5, "multiple"), figure(1200, "money")
    ('94.1\\xa0%', '85', '1.50×', '1,200')
    """
    if value is None or not is_number(value):
        return NONE
    if unit == "share":
        return f"{amount(100 * value, 1, sign)}{_THIN}%"
    if unit in ("multiple", "ratio"):
        return f"{amount(value, 2 if abs(value) < 10 else 1, sign)}\N{MULTIPLICATION SIGN}"
    whole = unit in ("money", "per 1,000", "") or unit.startswith("money") or float(value).is_integer()
    text = amount(value, 0 if whole else 1, sign)
    return f"{text}{_THIN}days" if unit == "days" else text


def points(value: float | None, sign: bool = True) -> str:
    """A share as a difference in points.

    >>> points(0.0312), points(-0.002)
    ('+3.1\\xa0%', '−0.2\\xa0%')
    """
    return figure(value, "share", sign)


def signed(fig: Mapping[str, Any] | None, digits: int = 0) -> str:
    """A figure's value with its sign."""
    return amount((fig or {}).get("value"), digits, sign=True)


def between(fig: Mapping[str, Any] | None, digits: int | None = None, sign: bool = True) -> str:
    """A figure's 90 % interval.

    Parameters
    ----------
    digits : after the point; amounts stand in few letters where it is None.

    >>> between({"value": 1.0, "low": -2.0, "high": 40_000.0}), between({"low": -0.25, "high": 0.5}, 1)
    ('−2 to +40.0k', '−0.2 to +0.5')
    """
    low, high = ((fig or {}).get(end) for end in ("low", "high"))
    if not (is_number(low) and is_number(high)):
        return NONE
    ends = [compact(end, sign) if digits is None else amount(end, digits, sign) for end in (low, high)]
    return " to ".join(ends)


def beyond_chance(fig: Mapping[str, Any] | None) -> int:
    """1 or -1 where a figure's interval lies above or below 0; 0 where it holds 0 or is not known."""
    low, high = ((fig or {}).get(end) for end in ("low", "high"))
    if not (is_number(low) and is_number(high)):
        return 0
    return 1 if float(low or 0) > 0 else -1 if float(high or 0) < 0 else 0


def number(count: float | None, sign: bool = False) -> str:
    """A count that may hold parts.

    >>> number(41.3333), number(42.0), number(-0.6, sign=True)
    ('41.3', '42', '−0.6')
    """
    whole = count is None or not is_number(count) or abs(count - round(count)) < 0.05
    return amount(count, 0 if whole else 1, sign)


def counted(count: float | None, thing: str) -> str:
    """A number with its noun.

    >>> counted(1, "account"), counted(2400, "account")
    ('1 account', '2,400 accounts')
    """
    return f"{number(count)} {thing}{'' if count == 1 else 's'}"


def told_day(day: str | dt.date) -> str:
    """A day as people write it.

    >>> told_day("2025-07-01")
    '1 July 2025'
    """
    date = dt.date.fromisoformat(day[:10]) if isinstance(day, str) else day
    return f"{date.day} {date:%B %Y}"


def short_period(name: str) -> str:
    """A period as an axis has it.

    >>> [short_period(name) for name in ("2024Q4", "2025-03", "2025")]
    ['Q4 24', '03/25', '2025']
    """
    if name[4:5] == "Q":
        return f"{name[4:]} {name[2:4]}"
    return f"{name[5:]}/{name[2:4]}" if "-" in name else name


def days_of(start: str, until: str) -> str:
    """The days `[start, until)` in words.

    >>> days_of("2025-07-01", "2025-10-01"), days_of("2024-12-01", "2025-03-01")
    ('1 July to 30 September 2025', '1 December 2024 to 28 February 2025')
    """
    first = dt.date.fromisoformat(start[:10])
    last = dt.date.fromisoformat(until[:10]) - dt.timedelta(days=1)
    begins = f"{first.day} {first:%B}" if first.year == last.year else told_day(first)
    return f"{begins} to {told_day(last)}"
