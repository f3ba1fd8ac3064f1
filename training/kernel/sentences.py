"""Sentences: a feature's wording and values in; plain English, as a customer success manager would say it, out."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["Wording", "is_missing", "named_in", "plain_wording", "sentence", "shown", "ways_are_known"]

_PLACE = re.compile(r"\{(\w+)\}")

Value = float | str | None

_WAYS = {
    "count": 1, "days": 0, "hours": 0, "age": 0, "percent": 0, "change": 0, "difference": 0, "until": 2, "after": 1,
    "whether": 2, "money": 0, "number": 0, "text": 0,
}  # fmt: skip
"""The ways of writing a value, and how many words each needs behind its name; `features.declaration` has them too."""


class Wording(NamedTuple):
    """What drivers say of one feature, as its declaration has it (`features.feature.Feature`).

    Attributes
    ----------
    sentence : `{value}` stands for the account's value and `{other_feature}` for another feature's.
    missing : the sentence where there is no value.
    show : how a value is written, see `shown`.
    unit, dimension, actionable : as declared.
    driver : the topic; features of one topic make one driver together.
    """

    sentence: str
    missing: str
    show: str
    unit: str
    dimension: str
    actionable: bool
    driver: str


def plain_wording(name: str, text: bool) -> Wording:
    """The words for a feature that nobody has declared; `text` where it is a category.

    >>> plain_wording("seats_left", False)[:3]
    ('Seats left: {value}', 'Seats left is not known', 'number')
    """
    words = re.sub(r"[_{}]", " ", name)
    words = words[:1].upper() + words[1:]
    return Wording(f"{words}: {{value}}", f"{words} is not known", "text" if text else "number", "", "", False, name)


def named_in(wording: Wording) -> list[str]:
    """The other features whose values a sentence tells."""
    return [name for name in _PLACE.findall(wording.sentence) if name != "value"]


def sentence(name: str, values: Mapping[str, Value], words: Mapping[str, Wording]) -> str:
    """The declared sentence with the account's values filled in; what the absence means where there is no value.

    Parameters
    ----------
    values : every feature's value by name; absent, None and NaN all mean missing.
    words : of this feature and of those that its sentence names.
    """
    if is_missing(values.get(name)):
        return words[name].missing
    pieces = list(_pieces(words[name].sentence))
    for place in range(1, len(pieces), 2):
        other = name if pieces[place] == "value" else pieces[place]
        value = values.get(other)
        pieces[place] = "an unknown number" if is_missing(value) else shown(words[other].show, value)
    text = "".join(pieces)
    return text[:1].upper() + text[1:]


@functools.lru_cache(maxsize=4096)
def _pieces(text: str) -> tuple[str, ...]:
    """A sentence cut at the names in it: text, name, text, ..., text."""
    return tuple(_PLACE.split(text))


@functools.lru_cache(maxsize=4096)
def _way(show: str) -> tuple[str, tuple[str, ...]]:
    """A way of writing a value, and its words."""
    kind, *words = show.split("|")
    return kind, tuple(words)


def is_missing(value: Value) -> bool:
    """Whether a value is not there."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def ways_are_known(show: str) -> bool:
    """Whether `shown` can write any value this way.

    >>> [ways_are_known(show) for show in ("count|ticket", "count", "days", "roman")]
    [True, False, True, False]
    """
    kind, *words = show.split("|")
    return kind in _WAYS and len(words) >= _WAYS[kind]


def shown(show: str, value: Value) -> str:
    """A value as people write it.

    Parameters
    ----------
    show : `count|one|many` (many is one with an s when not given), `days`, `hours`, `age` (days as months and
        years), `percent` and `change` (shares), `difference`, `until|will|did` (days to a date), `after|event` (days
        from an event), `whether|yes|no` (1 or 0), `money`, `number`, `text`.

    >>> [shown("count|ticket", n) for n in (0.0, 1.0, 1234.0)]
    ['no tickets', '1 ticket', '1,234 tickets']
    >>> [shown("change", s) for s in (-0.41, 0.0, 0.02, 4.2)]
    ['fell by 41 %', 'did not change', 'rose by 2 %', 'grew 5.2-fold']
    >>> [shown("until|expires|expired", d) for d in (12.0, 0.0, -1.0)]
    ['expires in 12 days', 'expires today', 'expired 1 day ago']
    >>> [shown("after|the sale", d) for d in (12.0, 0.0, -1.0)]
    ['12 days after the sale', 'on the day of the sale', '1 day before the sale']
    >>> [shown("whether|is|is not", v) for v in (1.0, 0.0)]
    ['is', 'is not']
    >>> shown("money", -20.5), shown("percent", -0.3)
    ('minus 20.50', 'minus 30 %')
    >>> [shown("age", d) for d in (9.0, 100.0, 800.0)]
    ['9 days', '3 months', '2 years and 2 months']
    """
    kind, words = _way(show)
    if kind == "text" or not isinstance(value, (int, float)):
        return str(value).replace("_", " ")
    match kind:
        case "count":
            one, many = words[0], words[1] if len(words) > 1 else f"{words[0]}s"
            return f"no {many}" if value == 0 else _quantity(value, one, many)
        case "days":
            return _quantity(value, "day", "days")
        case "hours":
            return _quantity(value / 24, "day", "days") if value >= 48 else _quantity(value, "hour", "hours")
        case "age":
            return _age(value)
        case "percent":
            return f"{_written(100 * value)} %"
        case "change":
            return _change(value)
        case "difference":
            return "stayed the same" if value == 0 else f"{'rose' if value > 0 else 'fell'} by {_written(abs(value))}"
        case "until":
            days = _quantity(abs(value), "day", "days")
            return f"{words[1]} {days} ago" if value < 0 else f"{words[0]} in {days}" if value else f"{words[0]} today"
        case "after":
            days = _quantity(abs(value), "day", "days")
            return f"{days} {'after' if value > 0 else 'before'} {words[0]}" if value else f"on the day of {words[0]}"
        case "whether":
            return words[0] if value else words[1]
        case "money":
            text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.2f}".removesuffix(".00")
            return "0" if text.strip("-0.") == "" else text.replace("-", "minus ")
        case "number":
            return _written(value)
    raise ValueError(f"There is no way {show!r} of writing a value.")


def _written(value: float) -> str:
    """Whole above a hundred, one decimal above one, two digits below; no tail of zeros."""
    if value < 0:
        return "just below 0" if value > -0.001 else f"minus {_written(-value)}"
    if value < 0.001:
        return "less than 0.001" if value else "0"
    if value == int(value) or value >= 100:
        return f"{value:,.0f}"
    text = f"{value:.1f}" if value >= 1 else f"{value:.2g}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _quantity(value: float, one: str, many: str) -> str:
    text = _written(value)
    return f"{text} {one if text in ('1', 'minus 1') else many}"


def _change(value: float) -> str:
    if value >= 1:
        return f"grew {_written(round(value + 1, 1))}-fold"
    percent = round(100 * abs(value))
    if percent == 0:
        return "did not change"
    return f"{'rose' if value > 0 else 'fell'} by {percent} %"


def _age(days: float) -> str:
    if days < 60:
        return _quantity(days, "day", "days")
    months = int(days / 30.4375)
    years, rest = divmod(months, 12)
    parts = [_quantity(years, "year", "years")] * (years > 0) + [_quantity(rest, "month", "months")] * (rest > 0)
    return " and ".join(parts)
