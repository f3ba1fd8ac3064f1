"""Declaration: a feature as somebody wrote it in; nothing out, or one sentence saying what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from features import algebra as a
from features.contract import CONTRACT
from features.errors import TenureError

if TYPE_CHECKING:
    from features.feature import Feature

__all__ = ["SHOWN", "STATE", "check_feature", "check_words"]

SHOWN = {
    "count": 1, "days": 0, "hours": 0, "age": 0, "percent": 0, "change": 0, "difference": 0, "until": 2, "after": 1,
    "whether": 2, "money": 0, "number": 0, "text": 0,
}  # fmt: skip
"""The ways of writing a value, as `training.kernel.sentences` knows them, and how many words of its own each needs."""

STATE = {
    **dict.fromkeys(("as_of", "created_on", "sold_on", "renews_on", "subscribed_on", "resubscribed_on"), "date"),
    **dict.fromkeys(("account_id", "name", "segment", "industry", "region", "touch_model", "plan"), "text"),
    **dict.fromkeys(("strategic", "active", "notice", "ever_paid", "trialed"), "number"),
    **dict.fromkeys(("employees", "mrr", "seats", "subscriptions", "term_months", "returns"), "number"),
    **dict.fromkeys(("seats_before", "mrr_first", "mrr_before", "upgrades_365d", "downgrades_365d"), "number"),
    **dict.fromkeys(("renewals_completed", "notices_withdrawn"), "number"),
}
"""What `State` can ask of an account: the columns of `features.subscriptions.account_states`, and their kinds."""

_KINDS = {"integer": "number", "money": "number", "boolean": "number", "time": "date"}
_NO_VALUES = ("empty", "filled", "due", "entitled", "core")
_USED = a.Condition("events", "at least", (1,))


def check_feature(feature: Feature) -> None:
    """Look at one declaration by itself.

    Raises
    ------
    TenureError : its name, measure, bounds or way of writing a value cannot be right.
    """
    say = f"Feature {feature.name}"
    if not isinstance(feature.name, str) or not re.fullmatch(r"[a-z][a-z0-9_]*", feature.name):
        raise TenureError(f"{say}: a name is small letters, digits and underscores and begins with a letter.")
    if feature.name in ("account_id", "as_of"):
        raise TenureError(f"{say}: rows have a column of that name already; choose another.")
    way, *words = str(feature.show).split("|")
    if way not in SHOWN:
        raise TenureError(f'{say}: show = "{feature.show}" is no way of writing a value; {_meant(way, SHOWN)}.')
    if len(words) < SHOWN[way]:
        raise TenureError(f'{say}: show = "{feature.show}" lacks words, as in "{way}{"|word" * SHOWN[way]}".')
    if feature.good not in ("high", "low", "neither"):
        raise TenureError(f'{say}: good = "{feature.good}" must be high, low or neither.')
    if feature.kind not in ("number", "category"):
        raise TenureError(f'{say}: kind = "{feature.kind}" must be number or category.')
    if feature.low is not None and feature.high is not None and feature.low >= feature.high:
        raise TenureError(f"{say}: low = {feature.low:g} must lie below high = {feature.high:g}.")
    found = _kind(say, feature.measure)
    if found != ("number" if feature.kind == "number" else "text"):
        raise TenureError(f'{say}: its measure is a {found}, which does not go with kind = "{feature.kind}".')


def check_words(feature: Feature, names: Iterable[str]) -> None:
    """Look at a declaration's sentences, among the features it may speak of.

    Raises
    ------
    TenureError : it does not show the value, or names a feature that is not there; or nothing says what is missing.
    """
    say, known = f"Feature {feature.name}", list(names)
    named = re.findall(r"\{([^{}]*)\}", feature.sentence)
    if re.search(r"[{}]", re.sub(r"\{[^{}]*\}", "", feature.sentence)):
        raise TenureError(f"{say}: its sentence has a brace without its fellow; write {{value}} for the value.")
    for name in named:
        if name != "value" and name not in known:
            raise TenureError(f"{say}: its sentence speaks of {{{name}}}, which is no feature; {_meant(name, known)}.")
    if "value" not in named:
        raise TenureError(f"{say}: its sentence does not show the value; write {{value}} where it belongs.")
    if not feature.missing.strip():
        raise TenureError(f"{say}: missing is empty; say in a sentence what it means that there is no value.")


def _kind(say: str, expression: Any) -> str:
    """What an expression comes to: number, text or date."""
    match expression:
        case a.State(column):
            if column not in STATE:
                raise TenureError(f"{say}: State has no column {column}; {_meant(column, STATE)}.")
            return STATE[column]
        case a.DaysUntil(date):
            return _of(say, expression, date, "date")
        case a.Included():
            return "number"
        case a.Ratio(one, other) | a.Change(one, other):
            _of(say, expression, one, "number")
            return _of(say, expression, other, "number")
        case a.Minus(one, other) | a.Least(one, other):
            first, second = _kind(say, one), _kind(say, other)
            if "text" in (first, second) or first != second:
                raise TenureError(f"{say}: {type(expression).__name__} cannot take a {first} and a {second} together.")
            return "number" if isinstance(expression, a.Minus) else first
        case a.Aggregate():
            return _aggregate(say, expression)
        case a.Window():
            raise TenureError(
                f"{say}: a window of {expression.table} is no measure by itself; say what of it, as in "
                f'Count(Window("{expression.table}")).'
            )
    raise TenureError(f"{say}: {expression!r} is no measure; write one of features.algebra, as in Count or Ratio.")


def _of(say: str, outer: Any, inner: Any, wanted: str) -> str:
    if (found := _kind(say, inner)) != wanted:
        raise TenureError(f"{say}: {type(outer).__name__} needs a {wanted}, and {_brief(inner)} is a {found}.")
    return "number"


def _aggregate(say: str, aggregate: a.Aggregate) -> str:
    window, name = aggregate.window, type(aggregate).__name__
    if not isinstance(window, a.Window):
        raise TenureError(f'{say}: {name} needs a window, as in {name}(Window("usage", days=28)), not {window!r}.')
    columns = _columns(say, window)
    use = window.table == "usage" and _USED in window.where
    match aggregate:
        case a.Sum(_, column) | a.Mean(_, column):
            kind = _column(say, window.table, column, columns)
            if kind != "number":
                raise TenureError(f"{say}: {name} needs numbers, and {column} of {window.table} is a {kind}.")
        case a.Latest(_, column):
            return _column(say, window.table, column, columns)
        case a.Distinct(_, column):
            _column(say, window.table, column, columns)
        case a.MedianHours(_, start, end):
            for column in (start, end):
                _dated(say, window.table, column, columns)
        case a.Regulars(_, column, at_least):
            if not use or column != "user_id" or window.days is None or window.days > 60 or at_least < 1:
                raise TenureError(
                    f"{say}: Regulars counts user_id over at most 60 days of usage rows with at least one event."
                )
        case a.LimitShare() if not use or window.days is None:
            raise TenureError(f"{say}: LimitShare needs a number of days of usage rows with at least one event.")
    per_plan = {"entitled", "core"} & {c.test for c in window.where}
    of_features = isinstance(aggregate, a.LimitShare) or (isinstance(aggregate, a.Distinct) and column == "feature")
    if per_plan and not (use and of_features):
        raise TenureError(
            f'{say}: "{min(per_plan)}" can be asked of Distinct features, in usage rows with at least one event.'
        )
    return "number"


def _columns(say: str, window: a.Window) -> dict[str, str]:
    """The columns of a window's table and their kinds."""
    if window.table not in CONTRACT:
        raise TenureError(f"{say}: there is no table {window.table}; {_meant(str(window.table), CONTRACT)}.")
    columns = {c.name: _KINDS.get(c.kind, c.kind) for c in CONTRACT[window.table].columns}
    if "account_id" not in columns:
        raise TenureError(f"{say}: table {window.table} has no account_id, so nothing in it belongs to an account.")
    for name, least in (("days", 1), ("until", 0)):
        days = getattr(window, name)
        if not (days is None and name == "days") and (not isinstance(days, int) or not least <= days <= 36_500):
            raise TenureError(
                f"{say}: its window of {window.table} has {name} = {days!r}, which must be a whole number of at least "
                f"{least} and at most 36500."
            )
    if window.at is not None:
        _dated(say, window.table, window.at, columns)
    if not isinstance(window.where, tuple) or not all(isinstance(c, a.Condition) for c in window.where):
        raise TenureError(f"{say}: where is a tuple of conditions, as in where=(Condition(...),), comma and all.")
    for condition in window.where:
        _condition(say, window.table, condition, columns)
    return columns


def _condition(say: str, table: str, condition: a.Condition, columns: dict[str, str]) -> None:
    column, test, values = condition.column, condition.test, condition.values
    kind = _column(say, table, column, columns)
    if test not in (*_NO_VALUES, "in", "at least", "at most", "after", "role"):
        raise TenureError(f'{say}: there is no test "{test}" of {column}; see Condition in features.algebra.')
    if not isinstance(values, tuple):
        raise TenureError(f"{say}: the values of {column} are a tuple, as in ({values!r},), comma and all.")
    wrong = ""
    match test:
        case "in" if not values:
            wrong = "needs the values that it allows"
        case "at least" | "at most" if kind != "number" or len(values) != 1 or isinstance(values[0], str):
            wrong = "needs a column of numbers and one number"
        case "due" if kind != "date":
            wrong = f"needs a date, and {column} is a {kind}"
        case "after":
            if len(values) != 1:
                wrong = "needs the name of one other column"
            else:
                for name in (column, str(values[0])):
                    _dated(say, table, name, columns)
        case "role" if column != "user_id":
            wrong = "is asked of user_id"
        case "entitled" | "core" if column != "feature":
            wrong = "is asked of feature"
    if wrong:
        raise TenureError(f'{say}: "{test}" on {column} of {table} {wrong}.')
    choices = CONTRACT[table].by_name[column].choices
    if test == "in" and choices and (unknown := [v for v in values if v not in choices]):
        raise TenureError(f"{say}: {column} of {table} is never {unknown[0]}; {_meant(str(unknown[0]), choices)}.")


def _column(say: str, table: str, column: str, columns: dict[str, str]) -> str:
    if column not in columns:
        raise TenureError(f"{say}: table {table} has no column {column}; {_meant(str(column), columns)}.")
    return columns[column]


def _dated(say: str, table: str, column: str, columns: dict[str, str]) -> None:
    if (kind := _column(say, table, column, columns)) != "date":
        raise TenureError(f"{say}: {column} of {table} is a {kind}, where a date or time is needed.")


def _meant(wrong: str, known: Iterable[str]) -> str:
    """What somebody may have meant."""
    names = list(known)
    near = get_close_matches(wrong, names, n=1)
    if near:
        return f"{near[0]} comes closest"
    return "there are " + ", ".join(names) if len(names) <= 25 else "see docs/features.md"


def _brief(expression: Any) -> str:
    match expression:
        case a.State(column):
            return f"State({column!r})"
        case a.Latest(window, column):
            return f"the latest {column} of {window.table}"
    return type(expression).__name__
